"""AnyEdit: a long answer is written chunk by chunk, each at the token before it.

Jiang et al. 2025 (AnyEdit, arXiv 2502.05628), lesson 11. One changed state reaches only so far: it calls up
the first tokens of a long answer, and leaves the rest to chance. So the answer Y = Y_1 ... Y_N to a prompt X
is cut into chunks (`chunking`), and the stream at the token before Y_n, the anchor, becomes a
state z_n that makes Y_n likely, one after the other, each searched with the earlier ones in place
(`chunk_states`). Then all z are written into the weights at once, as MEMIT does it: each layer takes an equal
share R of what the stream lacks still at the anchors, with keys K there, and the keys K_p of all other tokens
of the sequence are kept beside those of the moment C:

    Delta = R K^T (lam C + K_p K_p^T + K K^T)^-1

With one chunk this is the method of a single token. Shapes: T tokens, n anchors, p other tokens, D model
width, F FFN width.
"""

from collections.abc import Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import long_defaults
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.methods.chunk_states import Solve, States, chunk_state, chunk_states
from edu_edit.methods.chunking import (
    Chunks,
    chunk_by_sentence,
    chunk_by_window,
    chunk_logprobs,
    edit_positions,
    token_ranges,
)
from edu_edit.methods.memit import Update, memit_update
from edu_edit.methods.rome import moment_fingerprint
from edu_edit.methods.spreading import spread_residual, usable_moments
from edu_edit.tokens import pad_batch, target_ids
from edu_edit.tracing import Site, record

__all__ = ["anyedit", "chunk_by_sentence", "chunk_by_window", "chunk_logprobs", "edit_positions"]


@costed
def anyedit(
    lm: LM,
    prompt: str | Sequence[str],
    target: str | Sequence[str],
    chunks: int | str | Chunks | None = None,
    solve: Solve | None = None,
    update: Update | None = None,
    *,
    layers: Sequence[int] | None = None,
    C: Mapping[int, Float[Tensor, "F F"]] | str | None = None,
    lam: float | None = None,
    overlap: int = 0,
    anchor: str = "before",
    protect: bool = True,
    released_tail: bool = False,
) -> Edit:
    """The edit that makes the model continue the prompt with the target, however long that is.

    Several prompts with their targets, as two lists of one length, are written at once.
    chunks: the window's size in tokens (None = the model's own), "sentence", "whole" = one chunk and so one
    anchor, or ranges of the target's tokens. overlap: of neighbouring windows.
    solve: `chunk_state`, or your own: solve(lm, ids, position, target_ids, earlier) -> z (D,), the output of
    the last of the layers.
    update: `memit_update`, or your own: update(C, K, R, lam) -> change (D, F); lam is absolute, and the keys
    that are protected are part of C already.
    layers: written from the lowest up, None = the model's own. C: None = the model's moments, "identity", or
    {layer: tensor}. lam: the moment's weight, in multiples of F.
    protect: whether the other tokens of the sequence are kept.
    anchor: "before" = the token before each chunk; "last" = the chunk's own last token, as some descriptions
    have it, where nothing can be written: it is read too late to call its chunk up.
    released_tail: the released code's slip, see `chunk_by_window`; such a chunk is anchored one token late.
    No end of text is added: put it into the target if the answer is to stop there. The model stays as it is.
    Raises ValueError for texts, chunks, layers or settings that can't be used.
    """
    own = long_defaults(lm.name, lm.n_layers)
    texts = paired(prompt, target)
    layers = sorted(lm.checked(layer) for layer in (own.layers if layers is None else layers))
    weight = (own.lam if lam is None else lam) * lm.F
    if not layers or len(set(layers)) < len(layers) or not weight > 0 or anchor not in ("before", "last"):
        raise ValueError(
            f"layers={layers}, lam={lam}, anchor={anchor!r}: give a layer or more, each once, a lam above 0, "
            f"and the anchor 'before' or 'last'."
        )
    solve = partial(chunk_state, layer=layers[-1]) if solve is None else solve
    moments = usable_moments(lm, layers, C)
    rows, states, records = [], [], []
    for text, wanted in texts:
        asked, answer = list(lm.tok(text, verbose=False)["input_ids"]), target_ids(lm, wanted, text)
        ranges = token_ranges(lm, text, wanted, chunks, overlap, released_tail)
        lm.check_input(torch.tensor([asked + answer]))
        states.append(chunk_states(lm, asked, answer, ranges, solve, anchor))
        rows.append(asked + answer)
        records.append({"prompt": text, "target": wanted, "chunks": ranges, "positions": list(states[-1])})
    changes = written(lm, rows, states, layers, moments, weight, update or memit_update, protect)
    about = {
        "method": "anyedit", "layers": layers, "lam": weight / lm.F, "protect": protect, "anchor": anchor,
        "moments": [moment_fingerprint(moments[layer]) for layer in layers], "texts": records,
    }  # fmt: skip
    return Edit(lm, changes, record=about)


def written(
    lm: LM,
    rows: Sequence[Sequence[int]],
    states: Sequence[States],
    layers: Sequence[int],
    moments: Mapping[int, Float[Tensor, "F F"]],
    lam: float,
    update: Update,
    protect: bool,
) -> dict[int, Float[Tensor, "D F"]]:
    """The change of each layer that brings the stream after the last of them to the states, {anchor: z} of
    each row; keys and what is lacking are read anew for every layer.
    """
    ids, mask = (x.to(lm.device) for x in pad_batch(rows, lm.pad_id))
    anchors = torch.zeros_like(mask, dtype=torch.bool)
    for i, found in enumerate(states):
        anchors[i, list(found)] = True
    ordered = [found[at] for found in states for at in sorted(found)]  # as a mask picks them out
    Z = torch.stack(ordered).double().T
    changes: dict[int, Tensor] = {}
    for j, layer in enumerate(layers):
        key, out = Site("key", layer), Site("resid", layers[-1])
        with Edit(lm, changes):
            held = record(lm, (ids, mask), [key, out])
        K, K_p = (held[key][which].double().T for which in (anchors, mask.bool() & ~anchors))
        R = spread_residual(Z, held[out][anchors].double().T, len(layers) - j)
        kept = moments[layer] + K_p @ K_p.T / lam if protect else moments[layer]
        changes[layer] = update(kept, K, R, lam).double()
    return changes


def paired(prompt: str | Sequence[str], target: str | Sequence[str]) -> list[tuple[str, str]]:
    """Prompts with their targets; raises ValueError where there is none, or more of one than of the other."""
    prompts, targets = ([x] if isinstance(x, str) else list(x) for x in (prompt, target))
    if not prompts or len(prompts) != len(targets) or not all(prompts):
        raise ValueError(
            f"There are {len(prompts)} prompts and {len(targets)} targets: give a target for each prompt."
        )
    return list(zip(prompts, targets, strict=True))
