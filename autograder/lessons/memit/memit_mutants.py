"""Misconceptions about the whole of MEMIT. An edit takes a second or more, so each is told by its features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.calls import Call
from autograder.lessons.memit.memit_problems import LESSON, Step, spread_error, steps, within
from autograder.mutants import Mutant
from edu_edit import LM, Edit, Fact
from edu_edit.defaults import spread_defaults
from edu_edit.methods.many_values import find_pairs
from edu_edit.methods.memit import memit_update
from edu_edit.methods.rome import rome
from edu_edit.methods.spreading import layers_and_search, read_keys, reading, usable_moments

Layers = tuple[int, ...]
NONE = {"kl": None, "wd": None, "steps": None, "lr": None, "clamp": None}


def ours(
    keys_once: bool = False,
    share: Callable[[Tensor, Tensor, Tensor, int, int], Tensor] = lambda z, h, h0, left, n: (z - h) / left,
    C: str | None = None,
    times_F: bool = True,
    finish: Callable[[LM, int, Tensor], Tensor] = lambda lm, layer, change: change,
    only: slice = slice(None),
    first_C: bool = False,
) -> Callable[[LM, list[Fact], Layers], Edit]:
    """MEMIT as the lesson writes it, with one part exchanged."""

    def memit(lm: LM, facts: list[Fact], layers: Layers) -> Edit:
        facts, templates, top = list(facts)[only], [prefix + "{}" for prefix in LESSON], layers[-1]
        search = layers_and_search(lm, layers, NONE)[1]
        pairs = find_pairs(lm, facts, top, templates, "essence", search)
        gain = torch.stack([pair.v_star.double() - pair.o_0.double() for pair in pairs], 1)
        texts, moments = reading(lm, facts, templates, "averaged"), usable_moments(lm, layers, C)
        lam = spread_defaults(lm.name, lm.n_layers).lam * (lm.F if times_F else 1)
        first, h0 = read_keys(lm, texts, layers, top)
        changes: dict[int, Tensor] = {}
        for j, layer in enumerate(layers):
            with Edit(lm, changes):
                keys, h = read_keys(lm, texts, [layer], top)
            K = first[layer] if keys_once else keys[layer]
            R = share(h0 + gain, h, h0, len(layers) - j, len(layers))
            C_used = moments[layers[0] if first_C else layer]
            changes[layer] = finish(lm, layer, memit_update(C_used, K, R, lam))
        return Edit(lm, changes)

    return memit


def rome_in_a_loop(lm: LM, facts: list[Fact], layers: Layers) -> Edit:
    return rome(lm, facts, layers[-1], prefixes=[prefix + "{}" for prefix in LESSON])


def left_on(lm: LM, facts: list[Fact], layers: Layers) -> Edit:
    return ours()(lm, facts, layers).on()


def default_layers(lm: LM, facts: list[Fact], layers: Layers) -> Edit:
    return ours()(lm, facts, spread_defaults(lm.name, lm.n_layers).layers)


def whole_weight(lm: LM, layer: int, change: Tensor) -> Tensor:
    return change + lm.ffn(layer).W_out.detach().double()


def edits(made: Sequence[Call]) -> list[tuple[LM, list[Fact], Layers, Edit]]:
    return [(*call.args, call.value) for call in made if isinstance(call.value, Edit)]


def walks(made: Sequence[Call]) -> list[list[Step]]:
    """The edits layer by layer; none where one of them has other layers than were asked for, or is nothing."""
    found = edits(made)
    if not all(
        sorted(edit.delta) == list(layers) and all(bool(change.any()) for change in edit.delta.values())
        for _, _, layers, edit in found
    ):
        return []
    return [steps(lm, tuple(facts), Edit(lm, edit.delta)) for lm, facts, _, edit in found]


def every_walk(made: Sequence[Call], holds: Callable[[list[Step]], bool]) -> bool:
    found = walks(made)
    return bool(found) and all(holds(walk) for walk in found)


def runs_along_the_keys(walk: list[Step]) -> bool:
    return all(within(step.change, step.keys) > 0.999 for step in walk[:1])


def old_keys_above(walk: list[Step]) -> bool:
    return all(within(s.change @ s.C, s.before) > within(s.change @ s.C, s.keys) for s in walk[1:])


def weights_themselves(made: Sequence[Call]) -> bool:
    found = edits(made)
    return bool(found) and all(
        float((change - lm.ffn(layer).W_out.detach()).norm()) < 0.99 * float(change.norm())
        and int(torch.linalg.matrix_rank(change.double(), rtol=1e-3)) > len(facts)
        for lm, facts, _, edit in found
        for layer, change in edit.delta.items()
    )


def whole_residual_everywhere(walk: list[Step]) -> bool:
    """R = z - h at every layer: R' = R - (h' - h)."""
    far = [
        float((above.R - here.R + above.h - here.h).norm() / above.R.norm())
        for here, above in zip(walk, walk[1:], strict=False)
    ]
    return max(far) < 0.2


def same_share_everywhere(walk: list[Step]) -> bool:
    """R = (z - h0) / layers: the same at every layer."""
    far = [float((a.R - b.R).norm() / a.R.norm()) for a, b in zip(walk, walk[1:], strict=False)]
    return max(far) < 0.2


def same_gain_everywhere(walk: list[Step]) -> bool:
    """R = gain / layers left: R times the layers left is the same at every layer."""
    whole = [(len(walk) - j) * step.R for j, step in enumerate(walk)]
    return max(float((a - whole[0]).norm() / whole[0].norm()) for a in whole) < 0.05


def first_moment_everywhere(walk: list[Step]) -> bool:
    return all(within(s.change @ walk[0].C, s.keys) > 0.999 > within(s.change @ s.C, s.keys) for s in walk[1:])


def price_absolute(walk: list[Step]) -> bool:
    """With almost no price, what is inserted is the whole share: (ΔK) is (z - h) / layers left."""
    exact = [Step(s.change, s.C, s.keys, s.before, s.h, s.change @ s.keys) for s in walk]
    return spread_error(exact) < 0.05 < spread_error(walk)


MUTANTS = [
    Mutant(
        "left_on",
        "Your function leaves an edit switched on. Read keys inside `with Edit(lm, changes):`, and give back the "
        "last Edit as it is made.",
        lambda: left_on,
        lambda made: bool(made) and all(call.changed == (0,) for call in made),
    ),
    Mutant(
        "rome_in_a_loop",
        "You changed one layer only. MEMIT is not ROME in a loop: it writes all facts at once, and spreads the "
        "work over all `layers`.",
        lambda: rome_in_a_loop,
        lambda made: bool(edits(made)) and all(len(e.delta) == 1 < len(ls) for _, _, ls, e in edits(made)),
    ),
    Mutant(
        "ignores_layers",
        "You edit the model's own layers whatever `layers` says.",
        lambda: default_layers,
        lambda made: (
            any(sorted(e.delta) != list(ls) for _, _, ls, e in edits(made))
            and all(
                tuple(sorted(e.delta)) == spread_defaults(lm.name, lm.n_layers).layers
                for lm, _, _, e in edits(made)
            )
        ),
    ),
    Mutant(
        "first_fact_only",
        "Your changes have rank one: only one fact was written. K and R need a column for each fact.",
        lambda: ours(only=slice(1)),
        lambda made: every_walk(
            made, lambda walk: all(int(torch.linalg.matrix_rank(s.change, rtol=1e-3)) == 1 for s in walk)
        ),
    ),
    Mutant(
        "whole_weight",
        "Your Edit holds new weights W + Δ. `Edit(lm, {layer: Δ})` takes the changes alone, and adds them to W.",
        lambda: ours(finish=whole_weight),
        weights_themselves,
    ),
    Mutant(
        "identity",
        "Your changes run along the keys themselves: that is what you get with C = I. Take each layer's second "
        "moment, `moment(lm, layer)`.",
        lambda: ours(C="identity"),
        lambda made: every_walk(made, runs_along_the_keys),
    ),
    Mutant(
        "keys_once",
        "You read the keys of all layers before the first change. Editing a layer moves what the layers above it "
        "see: read them again, inside `with Edit(lm, changes)`.",
        lambda: ours(keys_once=True),
        lambda made: every_walk(made, old_keys_above),
    ),
    Mutant(
        "price_absolute",
        "Your λ is lam itself, hardly a price at all. lam counts in multiples of F: give memit_update lam · lm.F.",
        lambda: ours(times_F=False),
        lambda made: every_walk(made, price_absolute),
    ),
    Mutant(
        "whole_residual",
        "Every layer tries to write all that is lacking, so the lowest does nearly everything. Divide by the "
        "layers that are left: spread_residual(z, h, len(layers) - j).",
        lambda: ours(share=lambda z, h, h0, left, n: z - h),
        lambda made: every_walk(made, whole_residual_everywhere),
    ),
    Mutant(
        "z_again",
        "You set z = h + gain anew at every layer, so the goal runs ahead of what the layers below have written. "
        "Set z once, at the first layer.",
        lambda: ours(share=lambda z, h, h0, left, n: (z - h0) / left),
        lambda made: every_walk(made, same_gain_everywhere),
    ),
    Mutant(
        "first_moment",
        "You used the first layer's C for all layers. Each layer has old keys of its own: `moment(lm, layer)`.",
        lambda: ours(first_C=True),
        lambda made: every_walk(made, first_moment_everywhere),
    ),
    Mutant(
        "stream_once",
        "Every layer gets the same share of what was lacking at the start. Read the stream h again: what the "
        "layers below did not manage is to be shared among those above.",
        lambda: ours(share=lambda z, h, h0, left, n: (z - h0) / n),
        lambda made: every_walk(made, same_share_everywhere),
    ),
]
