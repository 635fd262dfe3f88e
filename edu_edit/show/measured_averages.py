"""The average causal trace that a bundled model's report holds: measured once, over 250 facts."""

import json

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM


def measured_average(lm: LM) -> tuple[dict[str, Float[Tensor, "6 L"]], int] | None:
    """The maps by kind (`mlp` and `attn`: windows of three layers) and the number of facts; None without one.

    The report lies beside the weights: `edu-edit world report` writes it.
    """
    path = lm.folder / "report.json" if lm.folder is not None else None
    if path is None or not path.is_file():
        return None
    trace = json.loads(path.read_text(encoding="utf-8"))["figures"].get("trace", {})
    if "maps" not in trace:
        return None
    return {kind: torch.tensor(rows) for kind, rows in trace["maps"].items()}, int(trace["facts"])
