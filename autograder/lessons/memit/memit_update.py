"""memit.memit_update: Δ = R Kᵀ (λ C + K Kᵀ)⁻¹, the least of ‖ΔK - R‖² + λ tr Δ C Δᵀ.

Shape letters: D width of the residual stream, F width of the feed-forward layer, n facts. Laws L4 (one fact
is a share of ROME) and L5 (stationary point) of the syllabus; slopes are autograd's, shares closed forms, the
limit is the Lagrange system of lesson 05.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.memit.memit_update_mutants import MUTANTS
from autograder.lessons.memit.memit_update_problems import Problem, problem, slope, strength, whole
from autograder.lessons.rome.rank_one_update_problems import lagrange

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("C", "K", "R", "lam")
LEVEL = "slope of the objective at Δ, as a share of its slope at 0"


def gate(value: Any, C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    return tensor_gate(value, (len(R), len(C)), "(D, F)", "R", R.dtype)


def flat(student: Student, asked: Problem, bound: float = 1e-8) -> Verdict:
    return at_most(slope(student(*asked), *asked), bound, LEVEL, "0: no small change makes it better")


def stationary(student: Student, g: Generator) -> Verdict:
    return flat(student, problem(g))


def one_fact(student: Student, g: Generator) -> Verdict:
    """One key gets the share s / (s + λ) of its residual, for a low price and for a high one."""
    C, K, R, lam = problem(g, n=1)
    s = float(strength(C, K[:, 0]))
    return every(
        *(
            close(student(C, K, R, price) @ K, R * s / (s + price), 1e-8, f"Δ k for λ = {price:.3g}")
            for price in (lam, 3 * s)
        )
    )


def square(student: Student, g: Generator) -> Verdict:
    """With D = F no shape tells rows from columns."""
    D = whole(4, 8, g)
    return flat(student, problem(g, D=D, F=D))


def romes_limit(student: Student, g: Generator) -> Verdict:
    """One fact at almost no price: the change that the Lagrange system of (5.19)-(5.20) gives."""
    C, K, R, _ = problem(g, n=1, condition=10.0)
    W = randn(len(R), len(C), generator=g, dtype=torch.float64)
    expected = lagrange(W, C, K[:, 0], W @ K[:, 0] + R[:, 0])
    return close(student(C, K, R, 1e-6 * float(strength(C, K[:, 0]))), expected, 1e-5, "Δ for λ → 0")


def all_exactly(student: Student, g: Generator) -> Verdict:
    """Several independent keys at almost no price: each gets what it lacks."""
    C, K, R, _ = problem(g, n=3, condition=10.0)
    return close(student(C, K, R, 1e-7) @ K, R, 1e-4, "ΔK for λ → 0")


def facts_that_meet(student: Student, g: Generator) -> Verdict:
    """One key with two values: their mean, at half the price. The same fact twice: the fact, at half the price."""
    C, K, R, lam = problem(g, n=2)
    k, s = K[:, :1], float(strength(C, K[:, 0]))
    mean = (R[:, :1] + R[:, 1:]) / 2
    share = s / (s + lam / 2)
    twice = R[:, :1].repeat(1, 2)
    return every(
        close(student(C, k.repeat(1, 2), R, lam) @ k, mean * share, 1e-8, "Δk for one key with two values"),
        close(student(C, k.repeat(1, 2), twice, lam) @ k, twice[:, :1] * share, 1e-8, "Δk for a fact twice"),
    )


def crowded(student: Student, g: Generator) -> Verdict:
    """More facts than F: no Δ can serve them all, and the least of the objective is still the answer."""
    F = whole(6, 10, g)
    return flat(student, problem(g, n=2 * F, F=F, D=4))


def mixed_precision(student: Student, g: Generator) -> Verdict:
    """Keys and residuals in float32, C in float64 and of condition number 1e6, at a low price."""
    C, K, R, _ = problem(g, n=3, F=12, condition=1e6)
    lam = 1e-3 * (1 + float(rand((), generator=g)))
    K, R = K.float(), R.float()
    Q = torch.linalg.solve(torch.linalg.cholesky(C), K.double())
    expected = torch.linalg.solve(lam * torch.eye(3).double() + Q.T @ Q, R.double().T).T @ (
        torch.linalg.solve(C, K.double()).T
    )
    return close(student(C, K, R, lam), expected, 1e-5, "Δ")


CLAIMS = (
    Claim(
        "stationary",
        "Δ is the least of ‖ΔK - R‖² + λ tr Δ C Δᵀ: no small change makes it better",
        "The objective can still fall. Set its derivative by Δ to zero: (ΔK - R) Kᵀ + λ Δ C = 0.",
        stationary,
        open=True,
    ),
    Claim(
        "one fact",
        "One fact gets the share s / (s + λ) of what it lacks, with s = kᵀ C⁻¹ k",
        "With n = 1 the share that is inserted should be s / (s + λ). Where do λ and C stand in yours?",
        one_fact,
        open=True,
    ),
    Claim(
        "square",
        "It holds for D = F too, where shapes can't tell rows from columns",
        "With D = F a transposed answer has the right shape and is wrong: Δ maps keys (F) to values (D).",
        square,
        open=True,
    ),
    Claim(
        "rome's limit",
        "One fact at almost no price is ROME's change (5.21)",
        "For n = 1 and λ → 0 the change must become ROME's. Is it C that λ multiplies?",
        romes_limit,
    ),
    Claim(
        "all exactly",
        "At almost no price, independent facts all get what they lack: ΔK = R",
        "With λ → 0 each of n independent keys should get its whole residual. Facts must know of each other.",
        all_exactly,
    ),
    Claim(
        "facts that meet",
        "A fact given twice counts as one at half the price; one key with two values gets their mean",
        "Equal keys are no error: K Kᵀ adds them up. Don't invert K Kᵀ alone, and take no means.",
        facts_that_meet,
    ),
    Claim(
        "crowded",
        "With more facts than F, Δ is still the least of the objective",
        "K Kᵀ is (F, F) for any number of facts n. Does yours need n to be small?",
        crowded,
    ),
    Claim(
        "mixed precision",
        "float32 keys with a float64 C give a float32 Δ that is right to its last digits",
        "Convert everything to float64, solve, and round once at the end to the dtype of R.",
        mixed_precision,
    ),
)

HINTS = (
    "Two squared errors are added. Take the derivative of each by Δ, set the sum to zero, and collect what "
    "multiplies Δ from the right.",
    "(ΔK - R) Kᵀ + λ Δ C = 0 gives Δ A = R Kᵀ with A = λ C + K Kᵀ, (F, F) and symmetric. "
    "torch.linalg.solve(A, B) solves A X = B, so ask it for X = Δᵀ. Work in float64.",
    "C, K_ = C.double(), K.double()\n"
    "A = lam * ... + ...              # (F, F)\n"
    "B = K_ @ R.double().T            # (F, D)\n"
    "delta = torch.linalg.solve(A, B)...   # turn it: (D, F)\n"
    "return delta.to(R.dtype)",
)

EXPLANATION = (
    "The derivative of the objective by Δ is 2 (ΔK - R) Kᵀ + 2 λ Δ C. Set to zero it is a linear equation, "
    "Δ (λ C + K Kᵀ) = R Kᵀ, and both matrices are symmetric, so solve(A, K Rᵀ) gives Δᵀ.",
    "With n = 1 it is ROME's change times s / (s + λ). A key that old ones know well (small s) gets a smaller "
    "share: writing there would cost more than it brings.",
    "The library's version solves the same equation by the singular values of L⁻¹K with C = L Lᵀ. It squares "
    "nothing, so even λ = 0 costs no digits. For the prices that are used, solve in float64 is exact enough.",
)

STUB = '''def memit_update(
    C: Float[Tensor, "F F"], K: Float[Tensor, "F n"], R: Float[Tensor, "D n"], lam: float
) -> Float[Tensor, "D F"]:
    """The change Δ that writes n facts at once: Δ = R Kᵀ (λ C + K Kᵀ)⁻¹.

    C: second moment of the layer's keys. K: the facts' keys, one per column. R: what W K lacks, one column per
    fact. lam: λ > 0, the price of moving what the layer gives to old keys.
    Returns Δ, in the dtype of R; solved in float64. C, K and R stay as they are.
    """
    raise NotImplementedError("Your code here")
'''
