"""tpatcher.memory_loss: l_m1 = mean of max(0, q_i · k_p + b_p - β), equation (5.12) with its hinge.

Shape letters: m remembered queries, D width of the residual stream. Law L8: bounded below by zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from autograder.claims import Claim, Student, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.tpatcher.hinge_problems import hinged, lined_up, mean_of, size, with_one_far
from autograder.lessons.tpatcher.memory_loss_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("M", "k_p", "b_p", "beta")
STUB = '''def memory_loss(
    M: Float[Tensor, "m D"], k_p: Float[Tensor, " D"], b_p: Float[Tensor, ""] | float, beta: float
) -> Float[Tensor, ""]:
    """l_m1, equation (5.12) with its hinge: how far the m remembered queries get above the threshold beta.

    A remembered query whose pre-activation is beta or less costs nothing. The mean is over all m. A scalar
    tensor.
    """
'''


def gate(value: Any, M: Tensor, k_p: Tensor, b_p: Tensor | float, beta: float) -> Tensor:
    return tensor_gate(value, (), "()", "M", None)


def problem(g: Generator, excess: list[float]) -> tuple[Tensor, Tensor, Tensor, float]:
    """Queries whose pre-activations lie above β by just these numbers (below it, where they are negative)."""
    beta = -1.0 - float(torch.rand((), generator=g))
    b = torch.randn((), generator=g, dtype=torch.float64)
    M, k = lined_up(g, [beta + x - float(b) for x in excess])
    return M, k, b, beta


def some_above(student: Student, g: Generator) -> Verdict:
    verdicts = []
    for _ in range(2):
        excess = with_one_far(hinged(g, above=size(g, 2, 5), below=size(g, 2, 7)))
        verdicts.append(close(student(*problem(g, excess)), mean_of(excess), 1e-6, "l_m1"))
    return every(*verdicts)


def satisfied(student: Student, g: Generator) -> Verdict:
    """All below β: zero. One of them lifted above it by x: x / m."""
    excess = hinged(g, above=0, below=size(g, 4, 8))
    lifted = [*excess[:-1], 0.3 + 2 * float(torch.rand((), generator=g))]
    return every(
        close(student(*problem(g, excess)), torch.tensor(0.0), 1e-9, "l_m1, all below β"),
        close(student(*problem(g, lifted)), mean_of(lifted), 1e-6, "l_m1, one above β"),
    )


def bounded(student: Student, g: Generator) -> Verdict:
    """b_p = -10⁶ silences the patch for good. As printed, (5.12) would pay -999 997 for it with β = -3."""
    excess = hinged(g, above=3, below=4)
    M, k, b, beta = problem(g, excess)
    return every(
        close(student(M, k, b, beta), mean_of(excess), 1e-6, "l_m1"),
        close(student(M, k, torch.tensor(-1e6, dtype=b.dtype), -3.0), torch.tensor(0.0), 1e-9,
              "l_m1 at b_p = -10⁶"),
    )  # fmt: skip


def threshold(student: Student, g: Generator) -> Verdict:
    """β shifts the threshold: bias and β raised together change nothing, β raised alone frees queries."""
    excess = hinged(g, above=5, below=3)
    M, k, b, beta = problem(g, excess)
    return every(
        close(student(M, k, b + 2.5, beta + 2.5), mean_of(excess), 1e-6, "l_m1, b_p and β raised alike"),
        close(student(M, k, b, beta + 1.1), mean_of([x - 1.1 for x in excess]), 1e-6, "l_m1, β raised alone"),
    )


def gradient(student: Student, g: Generator) -> Verdict:
    """∂l_m1/∂b_p is the share of the queries above β, and ∂l_m1/∂k_p is their sum divided by m."""
    excess = hinged(g, above=2, below=size(g, 3, 7))
    M, k, b, beta = problem(g, excess)
    by_k, by_b = student.gradient(M, k, b, beta, wrt=(1, 2))
    above = torch.tensor(excess) > 0
    want_k, want_b = M[above].sum(0) / len(M), torch.tensor(2 / len(M))
    if by_k is None or by_b is None:
        return Verdict(False, "no gradient reaches k_p or b_p", f"∂l_m1/∂k_p = {shown(want_k)}")
    return every(close(by_k, want_k, 1e-6, "∂l_m1/∂k_p"), close(by_b, want_b, 1e-6, "∂l_m1/∂b_p"))


CLAIMS = (
    Claim(
        "some above",
        "The loss is the mean of what each remembered query has above β, over all m (5.12)",
        "For each query take the pre-activation minus β. What is negative counts as 0. Then the mean over "
        "all m.",
        some_above,
        open=True,
    ),
    Claim(
        "satisfied",
        "It is 0 when all are below β, and x / m when one of m is above it by x",
        "A query that is silent enough earns nothing and costs nothing. It still counts in the mean.",
        satisfied,
        open=True,
    ),
    Claim(
        "bounded",
        "It is never negative, however far the patch is silenced",
        "Without the hinge a patch that never fires again is paid without end.",
        bounded,
    ),
    Claim(
        "threshold",
        "β is a threshold: it is compared with the pre-activation and multiplies nothing",
        "β is subtracted from the pre-activation q_i · k_p + b_p, before the hinge. The weight of this loss "
        "comes later, in patch_loss.",
        threshold,
    ),
    Claim(
        "gradient",
        "Only queries above β pull at the patch",
        "The gradient must reach k_p and b_p, from the queries above β alone.",
        gradient,
    ),
)

HINTS = (
    "Ask one remembered query first: how far is it above the threshold? If it is below, it has nothing to "
    "complain about, and it must not be able to make up for others.",
    "All pre-activations are M @ k_p + b_p, of shape (m,). Subtract beta, cut off at zero from below "
    "(`clamp(min=0)`), and only then take the mean.",
    "excess = M @ ... + ... - ...      # (m,)\nreturn excess.clamp(...).mean()",
)

EXPLANATION = (
    "The hinge comes before the mean. A query at -50 can't pay for another at +2, and nothing is won by "
    "silencing the patch altogether.",
    "β = -3 asks for more than silence at 0: GELU is not exactly 0 at small negative numbers, and the "
    "distance "
    "leaves room for queries that were not in the memory.",
)
