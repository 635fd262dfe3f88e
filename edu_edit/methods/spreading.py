"""A residual that is spread over layers: what MEMIT and AlphaEdit share.

Meng et al. 2023 (MEMIT, arXiv 2210.07229) section 4.3 and algorithm 1; textbook section 5.4.3, end. For each
fact i the stream at the subject's last token, after the last edited layer, is to become z_i. What it lacks is
not put into one matrix: every layer on the way takes an equal share of what is lacking *still*,

    R_l = (Z - H_l) / (layers from l on),   H_l the stream with the layers below l edited already,

so that the last layer takes all that the others missed. Keys are read anew, too: editing a layer moves what
the ones above it see.
Shapes: n facts, N prefixes, D model width, F FFN width.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.defaults import spread_defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.many_values import find_pairs
from edu_edit.methods.rome import usable_moment
from edu_edit.methods.value import Search
from edu_edit.requests import requested
from edu_edit.tokens import encode, pad_batch
from edu_edit.tracing import Site, record

KEYS = ("averaged", "halved", "prompt")
ROWS_AT_ONCE = 256

Insert = Callable[[int, Float[Tensor, "F n"], Float[Tensor, "D n"]], Float[Tensor, "D F"]]


def spread_residual(
    z: Float[Tensor, "D n"], h: Float[Tensor, "D n"], layers_left: int
) -> Float[Tensor, "D n"]:
    """This layer's share of what the stream h lacks to become z: (z - h) / layers_left.

    layers_left counts this layer and those above it that are still to be edited; the last one takes all.
    Raises ValueError when there is none.
    """
    if layers_left < 1:
        raise ValueError(f"layers_left={layers_left}: give 1 for the last layer, 2 for the one below, ...")
    return (z - h) / layers_left


class Reading(NamedTuple):
    """Where keys are read: every fact's contexts, then its plain prompt, up to the subject's last token.

    weights: how much each of a fact's texts counts in its key.
    """

    rows: list[list[int]]
    facts: int
    weights: Float[Tensor, " N+1"]


def reading(lm: LM, facts: Sequence[Fact], templates: Sequence[str], key: str) -> Reading:
    """The texts that the facts' keys are read from.

    key: "averaged" = every context counts the same, "prompt" = the plain prompt alone, "halved" = half the
    plain prompt's and half the mean of the contexts that have a prefix, as in released code.
    """
    if key not in KEYS:
        raise ValueError(f"key={key!r}: choose {', '.join(map(repr, KEYS))}.")
    rows = []
    for fact in facts:
        for template in (*templates, "{}"):
            text = encode(lm, template.replace("{}", fact.prompt), fact.subject)
            rows.append(text.ids[: text.span[1]])
    counted = torch.tensor([template != "{}" or key == "averaged" for template in templates]).double()
    if key == "prompt" or not counted.any():
        counted, plain = torch.zeros(len(templates)).double(), 1.0
    else:
        plain = 0.5 if key == "halved" else 0.0
        counted = (1 - plain) * counted / counted.sum()
    return Reading(rows, len(facts), torch.cat([counted, torch.tensor([plain]).double()]))


def read_keys(
    lm: LM, texts: Reading, layers: Sequence[int], top: int
) -> tuple[dict[int, Float[Tensor, "F n"]], Float[Tensor, "D n"]]:
    """The facts' keys at each of the layers, and the stream after layer `top` in their plain prompts.

    In float64, of the model as it is now.
    """
    sites = [*(Site("key", layer, -1) for layer in layers), Site("resid", top, -1)]
    found: dict[Site, list[Tensor]] = {site: [] for site in sites}
    for first in range(0, len(texts.rows), ROWS_AT_ONCE):
        ids, mask = pad_batch(texts.rows[first : first + ROWS_AT_ONCE], lm.pad_id)
        for site, h in record(lm, (ids.to(lm.device), mask.to(lm.device)), sites).items():
            found[site].append(h)
    per_fact = {
        site: torch.cat(parts).double().unflatten(0, (texts.facts, -1)) for site, parts in found.items()
    }
    keys = {
        site.layer: torch.einsum("ncf,c->fn", per_fact[site], texts.weights.to(per_fact[site].device))
        for site in sites[:-1]
    }
    return keys, per_fact[sites[-1]][:, -1].T


def write_over_layers(
    lm: LM,
    facts: Sequence[Fact],
    layers: Sequence[int],
    templates: Sequence[str],
    keep: str | Sequence[str],
    search: Search,
    key: str,
    insert: Insert,
) -> tuple[dict[int, Float[Tensor, "D F"]], dict[int, Float[Tensor, "F n"]], dict[str, Any]]:
    """The change of each layer that writes all the facts at once, the keys after it, and a record of it.

    All in float64. insert(layer, K, R): the change of one layer, for keys K (F, n) and residuals R (D, n).
    The record: per fact its texts and losses; `lacking` = |Z - H| before the first layer and after each;
    `inserted` = per layer the median share of a fact's residual that the change adds at its key.
    """
    texts = reading(lm, facts, templates, key)
    pairs = find_pairs(lm, facts, layers[-1], templates, keep, search)
    delta = torch.stack([pair.v_star.double() - pair.o_0.double() for pair in pairs], 1)
    changes: dict[int, Tensor] = {}
    z, lacking, inserted = delta, [], []
    for j, layer in enumerate(layers):
        with Edit(lm, changes):  # what the layers below have become
            keys, h = read_keys(lm, texts, [layer], layers[-1])
        z = h + delta if j == 0 else z  # not v_star itself, which another batch read: no delta, no residual
        R = spread_residual(z, h, len(layers) - j).to(keys[layer])
        changes[layer] = insert(layer, keys[layer], R).double()
        lacking.append(float((z - h).norm()))
        share = (changes[layer] @ keys[layer] * R).sum(0) / (R * R).sum(0)
        inserted.append(float(share.nan_to_num().median()))
    with Edit(lm, changes):
        after, h = read_keys(lm, texts, layers, layers[-1])
    about = {
        "facts": [pair.record for pair in pairs],
        "lacking": [*lacking, float((z - h).norm())],
        "inserted": inserted,
    }
    return changes, after, about


def layers_and_search(
    lm: LM, layers: int | Sequence[int] | None, given: Mapping[str, float | None]
) -> tuple[list[int], Search]:
    """The layers from below to above, and the search; what is None is the model's own, from `defaults`.

    Raises ValueError for a layer that is not there or given twice, and where there is none.
    """
    own = spread_defaults(lm.name, lm.n_layers)
    listed = [layers] if isinstance(layers, int) else list(own.layers if layers is None else layers)
    if not listed or len(set(listed)) < len(listed):
        raise ValueError(f"layers={listed}: give one layer or more, each once.")
    settings = {name: getattr(own, name) if value is None else value for name, value in given.items()}
    return sorted(map(lm.checked, listed)), Search(**settings, site="resid")  # type: ignore[arg-type]


def usable_moments(
    lm: LM, layers: Sequence[int], C: Mapping[int, Tensor] | str | None
) -> dict[int, Float[Tensor, "F F"]]:
    """Each layer's second moment: the model's for None, "identity", or {layer: tensor} for all of them."""
    if not isinstance(C, Mapping):
        return {layer: usable_moment(lm, layer, C) for layer in layers}
    lacking = [layer for layer in layers if layer not in C]
    if lacking:
        raise ValueError(f"C has no second moment for layers {lacking}: give one for each of {list(layers)}.")
    return {layer: usable_moment(lm, layer, C[layer]) for layer in layers}


def in_batches(facts: Fact | Sequence[Fact], batch: int | None) -> list[list[Fact]]:
    """The facts in batches of the size that is written at once; None = all of them.

    Raises ValueError for a size below 1, and when a batch asks one question twice.
    """
    listed = requested(facts)
    if batch is not None and batch < 1:
        raise ValueError(f"batch={batch}: give the number of facts to write at once, or None for all.")
    size = batch or len(listed)
    return [requested(listed[i : i + size], at_once=True) for i in range(0, len(listed), size)]
