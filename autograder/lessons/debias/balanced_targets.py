"""debias.balanced_targets: half-way between two values, LSDM's right-hand side (lesson 13).

Shape letters: D width of the residual stream, F width of the feed-forward layer, n subjects.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, float64, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant
from edu_edit.methods.memit import memit_update

ARGUMENTS = ("v_a", "v_b")

STUB = '''def balanced_targets(v_a: Float[Tensor, "D n"], v_b: Float[Tensor, "D n"]) -> Float[Tensor, "D n"]:
    """For each of n subjects, the value that speaks for both answers alike.

    v_a, v_b: the values, a column per subject, that make the first or the second answer follow.
    """
'''


def gate(value: Any, v_a: Tensor, v_b: Tensor) -> Tensor:
    return tensor_gate(value, v_a.shape, "(D, n)", "v_a", v_a.dtype)


def values(g: Generator) -> tuple[Tensor, Tensor]:
    D, n = number(g, 5, 9), number(g, 3, 5)
    return randn(D, n, generator=g, dtype=float64), 2 * randn(D, n, generator=g, dtype=float64)


def middle(v_a: Tensor, v_b: Tensor) -> Tensor:
    """Entry by entry."""
    out = torch.empty_like(v_a)
    for d in range(v_a.shape[0]):
        for i in range(v_a.shape[1]):
            out[d, i] = float(v_b[d, i]) + 0.5 * (float(v_a[d, i]) - float(v_b[d, i]))
    return out


def half_way(student: Student, g: Generator) -> Verdict:
    """On the line between both, and equally far from either."""
    v_a, v_b = values(g)
    got = student(v_a, v_b)
    return every(
        close(
            (got - v_a).norm(dim=0),
            (got - v_b).norm(dim=0),
            1e-8,
            "distances from v_a (should be those from v_b)",
        ),
        close(got, middle(v_a, v_b), 1e-9, "targets"),
    )


def either_way_round(student: Student, g: Generator) -> Verdict:
    """Neither answer comes first; where both values are the same, so is the target."""
    v_a, v_b = values(g)
    v_b[:, 0] = v_a[:, 0]
    wanted = middle(v_a, v_b)
    return every(
        close(student(v_a, v_b), wanted, 1e-9, "targets"),
        close(student(v_b, v_a), wanted, 1e-9, "targets, the values exchanged"),
    )


def in_the_layer(student: Student, g: Generator) -> Verdict:
    """LSDM: with MEMIT's update of lesson 06 (λ = 0), Ŵ sends each subject's key half-way between its "
    "values."""
    v_a, v_b = values(g)
    F = number(g, 10, 14)
    W, K = randn(len(v_a), F, generator=g, dtype=float64), randn(F, v_a.shape[1], generator=g, dtype=float64)
    old = randn(F, 4 * F, generator=g, dtype=float64)
    delta = memit_update(old @ old.T / old.shape[1], K, student(v_a, v_b) - W @ K, 0.0)
    return close((W + delta) @ K, middle(v_a, v_b), 1e-7, "ŴK after memit_update")


CLAIMS = (
    Claim(
        "half-way",
        "Each target lies half-way between its two values",
        "Add the two values of a subject and halve.",
        half_way,
        open=True,
    ),
    Claim(
        "either way round",
        "Neither of the two answers is preferred; subject by subject",
        "Exchanging v_a and v_b must change nothing, and no subject may see another's values.",
        either_way_round,
    ),
    Claim(
        "in the layer",
        "With MEMIT's update it is LSDM: Ŵ sends every subject's key to its target",
        "The targets are absolute values, what W' k should be; the residual is made from them outside.",
        in_the_layer,
    ),
)


def made(change: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Callable[[Tensor, Tensor], Tensor]]:
    return lambda: change


MUTANTS = [
    Mutant(
        "sum",
        "You added the two values and did not halve. The FFN would then speak for both, twice as loud.",
        made(lambda v_a, v_b: v_a + v_b),
    ),
    Mutant(
        "difference",
        "You took half of the difference. That is the direction of the bias itself; wanted is what both "
        "have in "
        "common.",
        made(lambda v_a, v_b: (v_a - v_b) / 2),
    ),
    Mutant(
        "one_for_all",
        "You gave all subjects one target, the mean over all. A nurse and a pilot are then the same to "
        "the layers "
        "above: average the two values of each subject only.",
        made(lambda v_a, v_b: ((v_a + v_b) / 2).mean(1, keepdim=True).expand_as(v_a).clone()),
    ),
    Mutant(
        "unit_length",
        "You made the targets one long. A value has its length for a reason: it is what the stream gets.",
        made(lambda v_a, v_b: (v_a + v_b) / (v_a + v_b).norm(dim=0).clamp(min=1e-9)),
    ),
    Mutant(
        "other_side",
        "You gave every subject the other answer's value. That turns the bias round and does not end it.",
        made(lambda v_a, v_b: v_b.clone()),
    ),
    Mutant(
        "zeros",
        "You asked for nothing at all. A value of 0 also takes away what the two have in common: that "
        "the word is a "
        "profession.",
        made(lambda v_a, v_b: torch.zeros_like(v_a)),
    ),
]

HINTS = (
    "One value makes 'he' follow, the other 'she'. Which value is equally far from both?",
    "The middle between two points is half of their sum, column by column.",
    "return (... + ...) / ...",
)

EXPLANATION = (
    "Half-way between the two values is not exactly half-way between the two probabilities: above this "
    "layer the model "
    "is not linear. How near it comes has to be measured.",
    "LSDM's code is not public. With MEMIT's update for λ → 0, ŴK = targets holds exactly, and old keys "
    "move as little "
    "as they can: this is our reconstruction.",
)
