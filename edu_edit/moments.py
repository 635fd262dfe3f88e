"""Second moments of keys: C = E[k k^T], uncentred, over the real tokens of many texts.

Meng et al. 2022 (ROME), textbook (5.19)-(5.21): C stands for everything else that the layer has learned, and
weighs how an update may leak. "Uncentred" means that the mean is not taken off, whatever the word covariance
suggests. A moment belongs to exact weights and texts: it is shipped with a bundled model, or cached on disk
under a hash of the weights up to its layer, the model's shape, the dtype, and the texts.
Shapes: n keys of a batch, F FFN width.
"""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.storage import read_header, read_tensors, write_tensors
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, intervene

BATCH = 32  # texts read at once


class _Enough(Exception):
    """Raised in a hook once the keys are known: the layers above need not run."""


def second_moment(batches: Iterable[Float[Tensor, "n F"]]) -> Float[Tensor, "F F"]:
    """C = 1/n sum_i k_i k_i^T over the keys of all batches, streamed: only one batch is held at a time.

    Accumulated and returned in float64; the mean is not taken off. Raises ValueError when there is no key.
    """
    total: Tensor | None = None
    count = 0
    for keys in batches:
        k = keys.double()
        total = k.T @ k if total is None else total + k.T @ k
        count += len(k)
    if total is None or count == 0:
        raise ValueError("There is no key to average: give at least one text with a token.")
    return total / count


def moment(lm: LM, layer: int) -> Float[Tensor, "F F"]:
    """The second moment of `layer`'s keys: shipped with the model, or collected earlier on this machine.

    Of several that were collected from different texts, the one over most tokens counts. Raises ValueError
    with the command that makes one when there is none; nothing is ever downloaded, or replaced by the
    identity.
    """
    lm.checked(layer)
    if lm.folder is not None and (lm.folder / "moments.safetensors").is_file():
        shipped = read_tensors(lm.folder / "moments.safetensors", f"layer.{layer}")
        if shipped:
            return from_triangle(shipped[f"layer.{layer}"]).to(lm.device)
    found = sorted(_folder(lm, layer).glob("*.safetensors"))
    if not found:
        raise ValueError(
            f"No second moment of layer {layer} of {lm.name} is at hand: "
            f"run `edu-edit moments {lm.name} --layer {layer}`."
        )
    largest = max(found, key=lambda path: int(read_header(path)["tokens"]))
    return read_tensors(largest)["C"].to(lm.device)


def triangle(C: Float[Tensor, "F F"]) -> Float[Tensor, " n"]:
    """The upper triangle of a symmetric matrix, row by row, in float32: how moments are shipped."""
    return C[*torch.triu_indices(len(C), len(C))].float()


def from_triangle(upper: Float[Tensor, " n"]) -> Float[Tensor, "F F"]:
    """The symmetric matrix that `triangle` took apart, in float64."""
    size = int((8 * len(upper) + 1) ** 0.5) // 2
    C = torch.zeros(size, size, dtype=torch.float64)
    rows, columns = torch.triu_indices(size, size)
    C[rows, columns] = C[columns, rows] = upper.double()
    return C


def collect_moment(
    lm: LM, layer: int, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> Float[Tensor, "F F"]:
    """The second moment of `layer`'s keys over the texts, from the cache or by reading them all.

    progress(done, total) is called as texts are read. Long texts are read in pieces of the model's context.
    Raises ValueError when edits are on (C describes the unedited model), and OSError where the cache can't be
    written.
    """
    lm.checked(layer)
    if lm.edits:
        raise ValueError("A second moment describes the unedited model: switch its edits off first.")
    if isinstance(texts, str):
        raise ValueError("Give the texts as a list of strings, not as one string.")
    path = _folder(lm, layer) / f"{_digest(json.dumps(list(texts)).encode())}.safetensors"
    if path.is_file():
        return read_tensors(path)["C"].to(lm.device)
    try:  # an unwritable cache shows before the work, not after it
        path.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path.parent).close()
    except OSError as error:
        raise OSError(f"The cache {cache_folder()} can't be written ({error}): set EDU_EDIT_CACHE.") from None
    count = 0

    def counted() -> Iterator[Tensor]:
        nonlocal count
        for keys in _keys(lm, layer, texts, progress):
            count += len(keys)
            yield keys

    C = second_moment(counted())
    write_tensors(path, {"C": C}, {"tokens": str(count), "texts": str(len(texts)), "model": lm.name})
    return C


def moment_hash(lm: LM, layer: int) -> str:
    """A hash of what a layer's moment depends on: unedited weights up to `layer`, model shape, dtype."""
    config = {
        k: v for k, v in lm.model.config.to_dict().items() if not k.startswith("_") and k not in _VOLATILE
    }
    parts = [json.dumps(config, sort_keys=True, default=str).encode(), str(lm.W_U.dtype).encode()]
    used = {
        id(p)
        for module in (lm.model.get_input_embeddings(), *lm.blocks[: layer + 1])
        for p in module.parameters()
    }
    wpe = getattr(getattr(lm.model, "transformer", None), "wpe", None)
    used |= {id(p) for p in wpe.parameters()} if wpe is not None else set()
    for name, parameter in lm.model.named_parameters():
        if id(parameter) in used:
            weight = lm.saved.get(name, parameter).detach().cpu().contiguous()
            parts += [name.encode(), weight.view(torch.uint8).numpy().tobytes()]
    return _digest(*parts)


_VOLATILE = ("transformers_version", "dtype", "torch_dtype", "architectures", "use_cache")


def _keys(
    lm: LM, layer: int, texts: Sequence[str], progress: Callable[[int, int], None] | None
) -> Iterator[Tensor]:
    """The keys (n, F) of the real tokens, batch by batch; texts without a character are left out."""
    for start in range(0, len(texts), BATCH):
        rows = [
            lm.tok(text, verbose=False)["input_ids"] for text in texts[start : start + BATCH] if text.strip()
        ]
        pieces = [row[i : i + lm.context] for row in rows for i in range(0, len(row), lm.context)]
        for first in range(0, len(pieces), BATCH):
            yield keys_at(lm, layer, *pad_batch(pieces[first : first + BATCH], lm.pad_id))
        if progress is not None:
            progress(min(start + BATCH, len(texts)), len(texts))


@torch.no_grad()
def keys_at(lm: LM, layer: int, ids: Int[Tensor, "B T"], mask: Int[Tensor, "B T"]) -> Float[Tensor, "n F"]:
    """The keys of a batch's real tokens at a layer. The pass stops there, as nothing above is needed."""
    found: list[Tensor] = []

    def stop(k: Tensor) -> Tensor:
        found.append(k[mask.bool().to(k.device)])
        raise _Enough

    with intervene(lm, {Site("key", layer): stop}), suppress(_Enough):
        lm.forward(ids.to(lm.device), mask.to(lm.device))
    return found[0]


def _folder(lm: LM, layer: int) -> Path:
    return cache_folder() / "moments" / moment_hash(lm, layer) / str(layer)


def cache_folder() -> Path:
    """Where computed statistics are kept: $EDU_EDIT_CACHE, or edu-edit in the user's cache folder."""
    if os.environ.get("EDU_EDIT_CACHE"):
        return Path(os.environ["EDU_EDIT_CACHE"])
    home = {"win32": "AppData/Local", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / home) / "edu-edit"


def _digest(*parts: bytes) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
