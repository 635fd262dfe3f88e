"""Tensors on disk: written whole or not at all, read with one sentence when they can't be."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor


def write_tensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write a safetensors file by way of a temporary one: a run that breaks leaves nothing half-written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        temporary.touch()
        readable = (
            temporary.stat().st_mode
        )  # as the user's other files; safetensors would hide it from the group
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, temporary, dict(header))
        temporary.chmod(readable)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_tensors(path: Path, *names: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, or those among `names`. Raises ValueError when it is broken."""
    with _opened(path) as file:
        return {key: file.get_tensor(key) for key in file.keys() if key in names or not names}


def read_header(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file. Raises ValueError when it is broken."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


def _opened(path: Path) -> Any:
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} can't be read as a safetensors file ({error}): check the path.") from None
