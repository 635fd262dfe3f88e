"""AlphaEdit: write new facts only where the old ones have nothing to say.

Fang et al. 2025 (arXiv 2410.02355); textbook section 5.4.3, end. MEMIT pays a price for moving old values,
AlphaEdit forbids it: with C = U S U^T, P projects onto the directions in which old keys have no energy to
speak of (S <= tol), and a change Delta P gives every old key nothing. What is left to choose is fitted to the
new keys K_1, and kept at 0 on the keys K_p of the edits made before:

    minimise |Delta P K_1 - R|^2 + |Delta P K_p|^2 + ridge |Delta P|^2
    Delta^T = (P (K_1 K_1^T + K_p K_p^T) + ridge I)^-1 P K_1 R^T

A C from more tokens than F has full rank: there is no exact null space, only one up to a tolerance. `tol` is
relative to the largest eigenvalue and `ridge` to the median of k^T P k, since absolute ones (as released)
depend on the scale of the activations: they can leave nothing protected, or nothing to write in.
Shapes: n facts, D model width, F FFN width.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import spread_defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.null_space import Projector, null_projector, projectors
from edu_edit.methods.spreading import (
    in_batches,
    layers_and_search,
    read_keys,
    reading,
    write_over_layers,
)

__all__ = ["alphaedit", "alphaedit_update", "null_projector"]

Update = Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]


def alphaedit_update(
    P: Float[Tensor, "F F"],
    K: Float[Tensor, "F n"],
    R: Float[Tensor, "D n"],
    C_prev: Float[Tensor, "F F"],
    ridge: float,
) -> Float[Tensor, "D F"]:
    """Delta = R K^T P (P (K K^T + C_prev) P + ridge I)^-1: what the keys lack, written in the range of P.

    C_prev: sum of k k^T over the keys of earlier edits. The matrix is the symmetric twin of the paper's,
    with the same solution for a projector P. Solved in float64, rounded once to R's dtype. Raises ValueError
    for a ridge that is not above 0.
    """
    if not ridge > 0:
        raise ValueError(f"ridge={ridge}: give more than 0, or what P removes can't be solved for.")
    P_, PK = P.double(), P.double() @ K.double()
    A = PK @ PK.T + P_ @ C_prev.double() @ P_ + ridge * torch.eye(len(P_), dtype=P_.dtype, device=P_.device)
    Delta = torch.cholesky_solve(PK @ R.double().T, torch.linalg.cholesky(A)).T
    return (Delta @ P_).to(R.dtype)  # rounding must not leak out of the null space


class NullSpaceEdit(Edit):
    """What `alphaedit` returns: an edit that knows what later ones have to leave alone.

    keys: {layer: (F, n)} of its facts, read with the edit on. projectors: {layer: Projector}, for the next
    edit to take over. Neither is saved with the edit.
    """

    keys: dict[int, Tensor]
    projectors: dict[int, Projector]


@costed
def alphaedit(
    lm: LM,
    facts: Fact | Sequence[Fact],
    layers: int | Sequence[int] | None = None,
    tol: float = 0.02,
    ridge: float = 0.1,
    previous: Edit | Fact | Sequence[Edit | Fact] = (),
    relative: bool = True,
    C: Mapping[int, Tensor] | str | None = None,
    P: Mapping[int, Tensor] | None = None,
    prefixes: int | Sequence[str] | None = None,
    kl: float | None = None,
    wd: float | None = None,
    steps: int | None = None,
    lr: float | None = None,
    clamp: float | None = None,
    key: str = "averaged",
    keep: str | Sequence[str] = "essence",
    batch: int | None = None,
    update: Update = alphaedit_update,
    generator: torch.Generator | None = None,
) -> NullSpaceEdit:
    """The edit that makes the model answer every fact's `target_new`, in the null space of what it knows.

    tol: of the largest eigenvalue of C. ridge: of the median k^T P k. relative=False: both absolute, as in
    released code.
    previous: what was written before and is to stay, switched on while this edit is computed. Edits that
    `alphaedit` made bring their keys (and projectors) along; Facts, edited by any method or none, have their
    keys read now.
    P: {layer: projector (F, F)}; None = `null_projector` of C.
    batch: facts written at once, one batch after the other, each protecting those before; None = all. A long
    sequence in one call makes the projectors once and keeps one change per layer.
    update: `alphaedit_update`, or your own. The other options are those of `memit`.
    The model stays as it is. Raises ValueError, in one sentence, for anything that can't be used.
    """
    batches = in_batches(facts, batch)
    if not ridge > 0:
        raise ValueError(f"ridge={ridge}: give more than 0, what a change costs beside the keys it must fit.")
    settings = {"kl": kl, "wd": wd, "steps": steps, "lr": lr, "clamp": clamp}
    chosen, search = layers_and_search(lm, layers, settings)
    own = spread_defaults(lm.name, lm.n_layers)
    templates = prompt_templates(lm, own.prefixes if prefixes is None else prefixes, generator)
    before = [previous] if isinstance(previous, Edit | Fact) else list(previous)
    edits = [one for one in before if isinstance(one, NullSpaceEdit)]
    spaces = projectors(lm, chosen, tol, relative, C, P, [one.projectors for one in edits])
    keys = _previous_keys(lm, before, chosen, templates, key)
    protected = {layer: k @ k.T for layer, k in keys.items()}  # K_p K_p^T
    mine: dict[int, list[Tensor]] = {layer: [] for layer in chosen}
    ridges: list[float] = []

    def insert(layer: int, K: Tensor, R: Tensor) -> Tensor:
        Q = spaces[layer].P
        seen = (K.to(Q) * (Q @ K.to(Q))).sum(0)  # k^T P k
        ridges.append(ridge * float(seen.median()) if relative else ridge)
        if not bool(seen.any()):  # nothing of these keys is in the null space
            return torch.zeros(lm.D, lm.F, dtype=Q.dtype, device=Q.device)
        return update(Q, K.to(Q), R.to(Q), protected[layer].to(Q), ridges[-1])

    total: dict[int, Tensor] = {}
    written: list[dict[str, Any]] = []
    for part in batches:
        with Edit(lm, total):
            changes, after, about = write_over_layers(lm, part, chosen, templates, keep, search, key, insert)
        total = {layer: total.get(layer, 0) + change for layer, change in changes.items()}
        for layer, k in after.items():
            mine[layer].append(k)
            protected[layer] = protected[layer] + k @ k.T
        written.append(about | {"ridges": ridges[-len(chosen) :]})
    edit = NullSpaceEdit(lm, total, record={
        "method": "alphaedit", "layers": chosen, "tol": tol, "ridge": ridge, "relative": relative,
        "rank": [round(float(spaces[layer].P.trace())) for layer in chosen],
        "energy": [spaces[layer].energy for layer in chosen],
        "key": key, "keep": keep, "prefixes": templates, **asdict(search),
        "seed": None if generator is None else generator.initial_seed(),
        "moments": [spaces[layer].made_from[0] for layer in chosen], "batches": written,
        "protected": {layer: k.shape[1] for layer, k in keys.items()},
    })  # fmt: skip
    edit.keys = {layer: torch.cat(parts, 1) for layer, parts in mine.items()}
    edit.projectors = spaces
    return edit


def _previous_keys(
    lm: LM, previous: Sequence[Edit | Fact], layers: Sequence[int], templates: Sequence[str], key: str
) -> dict[int, Float[Tensor, "F _"]]:
    """The keys that are to be left alone, at each layer. Raises ValueError for what brings none."""
    facts = [one for one in previous if isinstance(one, Fact)]
    parts = {layer: [torch.zeros(lm.F, 0, dtype=torch.float64, device=lm.device)] for layer in layers}
    for one in previous:
        if isinstance(one, Fact):
            continue
        if not isinstance(one, NullSpaceEdit) or not set(layers) <= set(one.keys):
            raise ValueError(
                f"previous holds {one!r:.40}, which has no keys for layers {list(layers)}: "
                "give edits that alphaedit made in these layers, or the Facts themselves."
            )
        for layer in layers:
            parts[layer].append(one.keys[layer])
    if facts:
        read, _ = read_keys(lm, reading(lm, facts, templates, key), layers, layers[-1])
        for layer in layers:
            parts[layer].append(read[layer])
    return {layer: torch.cat(found, 1) for layer, found in parts.items()}
