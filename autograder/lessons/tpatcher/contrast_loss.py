"""tpatcher.contrast_loss: l_m2 = mean of max(0, (q_i - q_e) · k_p - γ), equation (5.13) with its hinge.

Shape letters: m remembered queries, D width of the residual stream. Law L8: bounded below by zero.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.tpatcher.contrast_loss_mutants import MUTANTS
from autograder.lessons.tpatcher.hinge_problems import hinged, lined_up, mean_of, size, with_one_far

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("M", "q_e", "k_p", "gamma")
STUB = '''def contrast_loss(
    M: Float[Tensor, "m D"], q_e: Float[Tensor, " D"], k_p: Float[Tensor, " D"], gamma: float
) -> Float[Tensor, ""]:
    """l_m2, equation (5.13) with its hinge: how much too near to q_e m remembered queries are, along k_p.

    gamma is negative: gamma = -3 asks that each match lies at least 3 below that of q_e. A remembered query
    that does so costs nothing. The mean is over all m. A scalar tensor.
    """
'''


def gate(value: Any, M: Tensor, q_e: Tensor, k_p: Tensor, gamma: float) -> Tensor:
    return tensor_gate(value, (), "()", "M", None)


def problem(g: Generator, excess: list[float]) -> tuple[Tensor, Tensor, Tensor, float]:
    """Queries whose differences to the own one lie above γ by just these numbers."""
    gamma, own = -1.0 - float(rand((), generator=g)), 1.0 + float(rand((), generator=g))
    M, k = lined_up(g, [own + gamma + x for x in excess])
    q = randn(len(k), generator=g, dtype=torch.float64)
    return M, q + (own - q @ k) * k / (k @ k), k, gamma


def some_near(student: Student, g: Generator) -> Verdict:
    verdicts = []
    for _ in range(2):
        excess = with_one_far(hinged(g, above=size(g, 2, 5), below=size(g, 2, 7)))
        verdicts.append(close(student(*problem(g, excess)), mean_of(excess), 1e-6, "l_m2"))
    return every(*verdicts)


def satisfied(student: Student, g: Generator) -> Verdict:
    """All far enough: zero. One of them moved nearer by x: x / m."""
    excess = hinged(g, above=0, below=size(g, 4, 8))
    moved = [*excess[:-1], 0.3 + 2 * float(rand((), generator=g))]
    return every(
        close(student(*problem(g, excess)), torch.tensor(0.0), 1e-9, "l_m2, all far enough"),
        close(student(*problem(g, moved)), mean_of(moved), 1e-6, "l_m2, one too near"),
    )


def bounded(student: Student, g: Generator) -> Verdict:
    """A key a million times longer puts every query far below the own one. No loss is negative for that."""
    excess = hinged(g, above=3, below=4)
    M, q, k, gamma = problem(g, excess)
    low = M - (M @ k - (q @ k - 1))[:, None] * k / (k @ k)  # each one exactly 1 below
    return every(
        close(student(M, q, k, gamma), mean_of(excess), 1e-6, "l_m2"),
        close(student(low, q, 1e6 * k, gamma), torch.tensor(0.0), 1e-9, "l_m2 with 10⁶ k_p"),
    )


def itself(student: Student, g: Generator) -> Verdict:
    """The own query in its own memory is 0 away from itself, where -γ is asked for: it costs exactly -γ."""
    M, q, k, gamma = problem(g, hinged(g, above=1, below=4))
    same = q.repeat(3, 1)
    return every(
        close(student(same, q, k, gamma), torch.tensor(-gamma), 1e-6, "l_m2 where M holds q_e three times"),
        close(student(same, q, k, 2 * gamma), torch.tensor(-2 * gamma), 1e-6, "l_m2, the same with 2 γ"),
    )


def shifted(student: Student, g: Generator) -> Verdict:
    """Only differences count: one vector added to all queries, the own one too, changes nothing."""
    excess = hinged(g, above=3, below=3)
    M, q, k, gamma = problem(g, excess)
    shift = 5 * randn(len(q), generator=g, dtype=torch.float64)
    return close(student(M + shift, q + shift, k, gamma), mean_of(excess), 1e-6, "l_m2, all queries shifted")


def gradient(student: Student, g: Generator) -> Verdict:
    """∂l_m2/∂k_p is the sum of the differences that are too small, divided by m."""
    excess = hinged(g, above=2, below=size(g, 3, 7))
    M, q, k, gamma = problem(g, excess)
    (by_k,) = student.gradient(M, q, k, gamma, wrt=(2,))
    want = (M - q)[torch.tensor(excess) > 0].sum(0) / len(M)
    if by_k is None:
        return Verdict(False, "no gradient reaches k_p", f"∂l_m2/∂k_p = {shown(want)}")
    return close(by_k, want, 1e-6, "∂l_m2/∂k_p")


CLAIMS = (
    Claim(
        "some near",
        "The loss is the mean of what each difference (q_i - q_e) · k_p has above γ, over all m (5.13)",
        "For each remembered query take its match minus the match of q_e, minus γ. What is negative counts "
        "as 0. "
        "Then the mean over all m.",
        some_near,
        open=True,
    ),
    Claim(
        "satisfied",
        "It is 0 when all are far enough below q_e, and x / m when one of m is too near by x",
        "A query that is far enough earns nothing and costs nothing. It still counts in the mean.",
        satisfied,
        open=True,
    ),
    Claim(
        "bounded",
        "It is never negative, however long the key gets",
        "Without the hinge a longer and longer key is paid without end.",
        bounded,
    ),
    Claim(
        "the own query",
        "A copy of q_e in the memory costs exactly -γ",
        "Its difference is 0, and γ is negative: 0 - γ is what it is short of the distance asked for.",
        itself,
    ),
    Claim(
        "shifted",
        "Only differences of queries count",
        "Subtract q_e from every row of M, then multiply by the key.",
        shifted,
    ),
    Claim(
        "gradient",
        "Only queries that are too near pull at the key",
        "The gradient must reach k_p, from the queries above γ alone.",
        gradient,
    ),
)

HINTS = (
    "Here each remembered query is compared with the patch's own query, not with a fixed threshold. Which "
    "of the "
    "two should match the key better, and by how much?",
    "(M - q_e) @ k_p gives all m differences: PyTorch subtracts q_e from every row. They should be gamma or "
    "less. What is above costs its excess, the rest costs 0. Mean at the end.",
    "excess = (M - ...) @ ... - ...    # (m,)\nreturn excess.clamp(...).mean()",
)

EXPLANATION = (
    "A bias would move the own query and all others alike, so it can't change their distance. That is why "
    "b_p is "
    "no argument: it cancels in the difference.",
    "memory_loss and contrast_loss divide the work. The bias can satisfy the first; only the direction and "
    "the "
    "length of the key can satisfy the second.",
)
