"""How weight edits come and go without a trace.

Undo never subtracts: (W + Delta) - Delta is not W in floating point. Each parameter is saved once, before its
first change, and always rebuilt as

    saved base + sum of the changes that are on

added in float64 and rounded once. With no change left it is the saved copy, bit for bit, in whatever order
edits went. Shapes: D model width, F FFN width.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from edu_edit.lm import LM


def down_parameter(lm: LM, layer: int) -> tuple[str, bool]:
    """The name of the down projection's weight in `layer`, and whether it is stored as (F, D)."""
    down = lm.ffn(layer).down
    name = next(name for name, module in lm.model.named_modules() if module is down)
    return f"{name}.weight", isinstance(down, Conv1D)


def save_bases(lm: LM, names: list[str]) -> None:
    """Keep an unedited copy of the parameters. Raises ValueError for one that is not in memory."""
    parameters = dict(lm.model.named_parameters())
    for name in names:
        if parameters[name].is_meta:
            raise ValueError(f"{name} is offloaded from memory: load {lm.name} where all of it has room.")
        lm.saved.setdefault(name, parameters[name].detach().clone())


@torch.no_grad()
def rebuild(lm: LM, names: list[str]) -> float:
    """Set the parameters to base + changes that are on. Returns the largest share of a change that rounding
    swallows.

    Raises ValueError, with every parameter as it was, when a sum doesn't fit into the parameter's precision.
    """
    parameters = dict(lm.model.named_parameters())
    lost = 0.0
    rounded: dict[str, Tensor] = {}
    for name in names:
        changes = [edit.changes[name] for edit in lm.edits if name in edit.changes]
        if not changes:
            continue
        total = added(lm.saved[name], *changes)
        rounded[name] = total.to(parameters[name].dtype)
        if not bool(torch.isfinite(rounded[name]).all()):
            raise ValueError(
                f"The edited {name} does not fit into {rounded[name].dtype}: load it in float32."
            )
        size = float((total - lm.saved[name].to(total)).norm())
        lost = max(lost, float((rounded[name].to(total) - total).norm()) / size if size else 0.0)
    for name in names:
        if name in rounded:
            parameters[name].copy_(rounded[name])
        elif name in lm.saved:
            parameters[name].copy_(lm.saved.pop(name))
    return lost


def added(base: Float[Tensor, "*shape"], *changes: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """base + changes in float64, on the base's device (on the CPU for Apple's, which has no float64)."""
    total = base.detach().to("cpu" if base.device.type == "mps" else base.device).double()
    for change in changes:
        total = total + change.detach().to(total.device).double()
    return total
