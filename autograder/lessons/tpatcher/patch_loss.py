"""tpatcher.patch_loss: L = l_e + a l_a + m (l_m1 + l_m2), equations (5.8), (5.11) and (5.14)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("l_e", "l_a", "l_m1", "l_m2", "a", "m")
STUB = '''def patch_loss(
    l_e: Float[Tensor, ""],
    l_a: Float[Tensor, ""],
    l_m1: Float[Tensor, ""],
    l_m2: Float[Tensor, ""],
    a: float,
    m: float,
) -> Float[Tensor, ""]:
    """The whole loss of a patch, equations (5.8), (5.11) and (5.14), from its four terms: a scalar tensor.

    a weighs the activation loss l_a, m the two memory losses. The edit loss l_e has the weight 1.
    """
'''


def gate(value: Any, l_e: Tensor, l_a: Tensor, l_m1: Tensor, l_m2: Tensor, a: float, m: float) -> Tensor:
    return tensor_gate(value, (), "()", "l_e", None)


def problem(g: Generator) -> tuple[list[Tensor], float, float]:
    """Four terms, and two weights that are neither 1 nor near each other."""
    terms = [0.3 + rand((), generator=g, dtype=torch.float64) for _ in range(4)]
    return terms, 0.2 + 0.5 * float(rand((), generator=g)), 2 + 2 * float(rand((), generator=g))


def added_up(weights: list[float], terms: list[Tensor]) -> Tensor:
    total = sum(w * float(t) for w, t in zip(weights, terms, strict=True))
    return torch.tensor(total, dtype=torch.float64)


def all_terms(student: Student, g: Generator) -> Verdict:
    verdicts = []
    for _ in range(2):
        terms, a, m = problem(g)
        verdicts.append(close(student(*terms, a, m), added_up([1, a, m, m], terms), 1e-6, "L"))
    return every(*verdicts)


def without_activation(student: Student, g: Generator) -> Verdict:
    """a = 0 takes the activation loss away, and leaves the edit loss where it is."""
    terms, _, m = problem(g)
    return close(student(*terms, 0.0, m), added_up([1, 0, m, m], terms), 1e-6, "L with a = 0")


def without_memory(student: Student, g: Generator) -> Verdict:
    """m = 0 takes both memory losses away: what is left is (5.8), with the weight where (5.14) has it."""
    terms, a, _ = problem(g)
    return close(student(*terms, a, 0.0), added_up([1, a, 0, 0], terms), 1e-6, "L with m = 0")


def gradient(student: Student, g: Generator) -> Verdict:
    """∂L by each term is its weight: 1, a, m, m."""
    terms, a, m = problem(g)
    found = student.gradient(*terms, a, m, wrt=(0, 1, 2, 3))
    if any(by is None for by in found):
        return Verdict(False, "no gradient reaches one of the terms", "a gradient by each of the four")
    by = torch.stack([x for x in found if x is not None])
    return close(by, torch.tensor([1, a, m, m]), 1e-6, "∂L by the four terms")


CLAIMS = (
    Claim(
        "all terms",
        "L = l_e + a l_a + m (l_m1 + l_m2), (5.14)",
        "One of the terms or weights is not what (5.14) says.",
        all_terms,
        open=True,
    ),
    Claim(
        "without activation",
        "With a = 0 the activation loss is gone, and the edit loss is not",
        "a weighs l_a. The textbook prints α before l_e in (5.8), and before l_a in (5.14): its words say that it is the "
        "weight of l_a.",
        without_activation,
    ),
    Claim(
        "without memory",
        "With m = 0 both memory losses are gone, and nothing else",
        "m weighs both memory losses (5.11), and no other term.",
        without_memory,
    ),
    Claim(
        "gradient",
        "A small change of a term changes L by the term's weight: 1, a, m, m",
        "The gradient has to reach all four terms, through plain sums and products.",
        gradient,
        open=True,
    ),
)


def weighted(weights: Callable[[float, float], tuple[float, ...]]) -> Callable[..., Tensor]:
    """A sum of the four terms with these weights."""

    def patch_loss(l_e: Tensor, l_a: Tensor, l_m1: Tensor, l_m2: Tensor, a: float, m: float) -> Tensor:
        terms = (l_e, l_a, l_m1, l_m2)
        return torch.stack([w * t for w, t in zip(weights(a, m), terms, strict=True)]).sum()

    return patch_loss


MUTANTS = [
    Mutant(
        "as_5_8",
        "Your weight a stands before l_e, as the textbook prints (5.8). (5.14) has it before l_a, and so do the "
        "textbook's "
        "words and the released code.",
        lambda: weighted(lambda a, m: (a, 1, m, m)),
    ),
    Mutant(
        "one_memory_term",
        "m weighs only l_m1 here. (5.11) adds the two memory losses first, and (5.14) weighs their sum.",
        lambda: weighted(lambda a, m: (1, a, m, 1)),
    ),
    Mutant(
        "exchanged",
        "The two weights are exchanged: a belongs to the activation loss, m to the memory losses.",
        lambda: weighted(lambda a, m: (1, m, a, a)),
    ),
    Mutant(
        "accuracy_weighted",
        "a weighs both l_e and l_a here. The edit loss has the weight 1.",
        lambda: weighted(lambda a, m: (a, a, m, m)),
    ),
    Mutant(
        "no_weights",
        "You added the four terms without their weights a and m.",
        lambda: weighted(lambda a, m: (1, 1, 1, 1)),
    ),
    Mutant(
        "mean_of_memory",
        "You took the mean of the two memory losses. (5.11) adds them.",
        lambda: weighted(lambda a, m: (1, a, m / 2, m / 2)),
    ),
]

HINTS = (
    "Four numbers, two weights. Which term has none?",
    "l_e counts as it is. a goes with the activation loss l_a. m goes with both memory losses together.",
    "return l_e + a * ... + m * (... + ...)",
)

EXPLANATION = (
    "With the weight before l_e, a = 0 would train a patch that fires and says nothing useful. Before l_a, "
    "a = 0 "
    "still asks for the right answer.",
    "β in (5.14) is a weight, β in (5.12) a threshold. Two letters, a and m beside beta and gamma, keep "
    "them apart.",
)
