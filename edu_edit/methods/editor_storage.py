"""Trained editors on disk: saved, read for the model they were trained on, and shipped with bundled models.

An editor knows one model's gradients. Its file therefore bears a hash of that model's weights, and is refused
for any other: a model trained again needs its editors trained again (`edu_edit.world.editors`).
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.storage import read_header, read_tensors, write_tensors


def weights_hash(lm: LM) -> str:
    """A hash of every unedited parameter, rounded to bfloat16.

    The rounding makes it the same in whatever precision the model was loaded.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name, parameter in lm.model.named_parameters():
        weight = lm.saved.get(name, parameter).detach().cpu().to(torch.bfloat16).contiguous()
        digest.update(name.encode() + weight.view(torch.int16).numpy().tobytes())
    return digest.hexdigest()


def save_editor(
    lm: LM, path: str | Path, kind: str, tensors: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write an editor of `kind` ("mend", "ke" or "enn"): its tensors, and what made it as JSON in the header.

    Raises OSError where nothing can be written.
    """
    header = {"editor": kind, "model": lm.name, "weights": weights_hash(lm), "about": json.dumps(about)}
    write_tensors(Path(path), tensors, header)


def read_editor(lm: LM, path: str | Path, kind: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors, in float32 at least, and what `save_editor` was told about them.

    Raises ValueError for a file that is no such editor, and for one trained on other weights.
    """
    header = read_header(Path(path))
    if header.get("editor") != kind:
        raise ValueError(f"{path} holds no editor of kind {kind!r}: give a file that its save wrote.")
    if header["weights"] != weights_hash(lm):
        raise ValueError(
            f"{path} was trained on {header['model']} with other weights than this {lm.name}: "
            f"train it again with train_{kind}."
        )
    tensors = {
        name: tensor if tensor.dtype == torch.float64 else tensor.float()
        for name, tensor in read_tensors(Path(path)).items()
    }
    return tensors, json.loads(header["about"])


def shipped_editor(lm: LM, kind: str) -> Path:
    """The file of the editor that came with the model.

    Raises ValueError, naming the function that trains one, where there is none.
    """
    path = None if lm.folder is None else lm.folder / f"{kind}.safetensors"
    if path is None or not path.is_file():
        raise ValueError(
            f"No trained {kind.upper()} came with {lm.name}: train one with "
            f"train_{kind}(lm, facts, keep), which gives a function of facts."
        )
    return path
