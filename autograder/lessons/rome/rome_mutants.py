"""Misconceptions about the whole of ROME. An edit takes a second or more, so each is told by its features.

`behaves` looks at the Edits that the student's function gave back: their layer, rank, row vector and column.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.calls import Call
from autograder.lessons.rome.rome_problems import SHIFT, likeness, mean_move, shifted_bias, subject_key
from autograder.mutants import Mutant
from edu_edit import LM, Edit, Fact


def ours(**options: Any) -> Callable[..., Edit]:
    """The reference with one option changed."""

    def rome(lm: LM, fact: Fact, layer: int) -> Edit:
        from edu_edit.methods.rome import rome as reference

        return reference(lm, fact, layer=layer, generator=torch.Generator().manual_seed(0), **options)

    return rome


def with_update(change: Callable[..., Tensor]) -> Callable[..., Edit]:
    """The reference with its last step exchanged; `change(lm, fact, layer, W, C, k, v)` gives Δ."""

    def rome(lm: LM, fact: Fact, layer: int) -> Edit:
        return ours(update=lambda W, C, k, v: change(lm, fact, layer, W, C, k, v))(lm, fact, layer)

    return rome


def insert(W: Tensor, C: Tensor, k: Tensor, v: Tensor) -> Tensor:
    u = torch.linalg.solve(C.double(), k.double())
    return (torch.outer(v.double() - W.double() @ k.double(), u) / (u @ k.double())).to(W.dtype)


def bias_forgotten(lm: LM, fact: Fact, layer: int, W: Tensor, C: Tensor, k: Tensor, v: Tensor) -> Tensor:
    bias = lm.ffn(layer).b_out
    return insert(W, C, k, v if bias is None else v + bias.detach())


def at_the_last_token(lm: LM, fact: Fact, layer: int, W: Tensor, C: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return insert(W, C, subject_key(lm, fact, layer, last=True).to(k.dtype), v)


def whole_weight(lm: LM, fact: Fact, layer: int, W: Tensor, C: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return W.detach() + insert(W, C, k, v)


def always_default(lm: LM, fact: Fact, layer: int) -> Edit:
    return ours()(lm, fact, lm.default_layer)


def left_on(lm: LM, fact: Fact, layer: int) -> Edit:
    return ours()(lm, fact, layer).on()


def edits(made: Sequence[Call]) -> list[tuple[LM, Fact, int, Edit]]:
    return [(*call.args, call.value) for call in made if isinstance(call.value, Edit)]


def every_edit(made: Sequence[Call], holds: Callable[[LM, Fact, int, Edit], bool]) -> bool:
    """Whether there are edits and all of them look that way."""
    found = edits(made)
    return bool(found) and all(
        set(edit.delta) == {layer} and holds(lm, fact, layer, edit) for lm, fact, layer, edit in found
    )


def row_along_the_key(lm: LM, fact: Fact, layer: int, edit: Edit) -> bool:
    as_it_is, times_C = likeness(lm, fact, layer, edit)
    return as_it_is > times_C


def answers_to_the_last_token(lm: LM, fact: Fact, layer: int, edit: Edit) -> bool:
    delta = edit.delta[layer].double()
    here, there = (float((delta @ subject_key(lm, fact, layer, last)).norm()) for last in (False, True))
    return there > here


def is_the_weight(lm: LM, fact: Fact, layer: int, edit: Edit) -> bool:
    rest = torch.linalg.svdvals((edit.delta[layer] - lm.ffn(layer).W_out.detach()).double())
    return float(rest[1]) < 1e-3 * float(rest[0])


def makes_the_bias_again(made: Sequence[Call]) -> bool:
    shifted = [
        found for found in edits(made) if found[0] is shifted_bias() and set(found[3].delta) == {found[2]}
    ]
    return any(SHIFT / 2 < mean_move(edit, lm, fact) < 2 * SHIFT for lm, fact, _, edit in shifted)


MUTANTS = [
    Mutant(
        "left_on",
        "Your function leaves the edit switched on. Give back the Edit as it is made; `with edit:` "
        "switches it.",
        lambda: left_on,
        lambda made: bool(made) and all(call.changed == (0,) for call in made),
    ),
    Mutant(
        "ignores_layer",
        "You edit the model's default layer whatever `layer` says. The key, W, C and the Edit all belong "
        "to `layer`.",
        lambda: always_default,
        lambda made: (
            any(set(e.delta) != {at} for _, _, at, e in edits(made))
            and all(set(e.delta) == {lm.default_layer} for lm, _, _, e in edits(made))
        ),
    ),
    Mutant(
        "whole_weight",
        "Your Edit holds the new weight W + Δ. `Edit(lm, {layer: Δ})` takes the change alone, and adds it "
        "to W.",
        lambda: with_update(whole_weight),
        lambda made: every_edit(made, is_the_weight),
    ),
    Mutant(
        "last_token",
        "Your key is the one at the prompt's last token. ROME edits where the subject ends: the last "
        "token of the subject.",
        lambda: with_update(at_the_last_token),
        lambda made: every_edit(made, answers_to_the_last_token),
    ),
    Mutant(
        "identity",
        "Your Δ runs along k_* itself: that is what you get with C = I. Take the layer's second moment, "
        "`moment(lm, layer)`.",
        lambda: ours(C="identity"),
        lambda made: every_edit(made, row_along_the_key),
    ),
    Mutant(
        "bias_forgotten",
        "The output bias is counted twice. The layer gives W_out k + b_out, and v is that whole output: "
        "insert v - b_out. (Llama has no bias, so there the mistake does not show.)",
        lambda: with_update(bias_forgotten),
        makes_the_bias_again,
    ),
]
