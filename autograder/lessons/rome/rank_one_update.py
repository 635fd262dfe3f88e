"""rome.rank_one_update: the change Δ that solves min ‖(W + Δ) K - V‖ subject to (W + Δ) k_* = v_*, (5.19)
to (5.21).

Shape letters: D width of the residual stream, F width of the feed-forward layer. Laws L1 (the pair is
inserted), L2 (least disturbance) and L3 (the scale of C does not matter) of the syllabus; the oracle
solves the Lagrange system of (5.19)-(5.20).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.rome.rank_one_update_mutants import MUTANTS
from autograder.lessons.rome.rank_one_update_problems import disturbance, lagrange, problem

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("W", "C", "k_star", "v_star")


def gate(value: Any, W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
    return tensor_gate(value, W.shape, "(D, F)", "W", W.dtype)


FIRST = "First make claim 1 hold: here, too, W + Δ does not send k_* to v_*."


def said(verdict: Verdict, sentence: str) -> Verdict:
    """The verdict with a sentence of its own where it is not kept."""
    return verdict if verdict.kept else replace(verdict, said=sentence)


def inserts_the_pair(student: Student, g: Generator) -> Verdict:
    W, C, k, v = problem(g)
    return close((W + student(W, C, k, v)) @ k, v, 1e-8, "(W + Δ) k_*")


def least_disturbance(student: Student, g: Generator) -> Verdict:
    """A feasible Δ moves the old keys at least as much as the optimum does; ours must not move them more."""
    W, C, k, v = problem(g)
    delta = student(W, C, k, v)
    least = float(disturbance(lagrange(W, C, k, v), C))
    return every(
        said(close((W + delta) @ k, v, 1e-6, "(W + Δ) k_*"), FIRST),
        at_most(
            float(disturbance(delta, C)),
            least * (1 + 1e-6),
            "‖(Ŵ - W) K‖",
            f"the least possible, {least:.4g}",
        ),
    )


def square(student: Student, g: Generator) -> Verdict:
    """With D = F no shape tells rows from columns."""
    D = int(randint(4, 9, (), generator=g))
    W, C, k, v = problem(g, D, D)
    delta = student(W, C, k, v)
    inserted = close((W + delta) @ k, v, 1e-8, "(W + Δ) k_*")
    turned = close((W + delta.T) @ k, v, 1e-8, "(W + Δᵀ) k_*").kept
    return inserted if turned else said(inserted, FIRST)


def other_keys(student: Student, g: Generator) -> Verdict:
    """The leak law: another key k_t feels Λ (u^T k_t) / (u^T k_*), with u = C^-1 k_*."""
    W, C, k, v = problem(g)
    others = randn(len(k), 5, generator=g, dtype=torch.float64)
    return close(student(W, C, k, v) @ others, lagrange(W, C, k, v) @ others, 1e-6, "Δ k for five other keys")


def scale_of_C(student: Student, g: Generator) -> Verdict:
    """C in other units is the same C: the optimum for C is the answer for 1000 C and for C / 1000."""
    W, C, k, v = problem(g)
    expected = lagrange(W, C, k, v)
    return every(
        close(student(W, 1000 * C, k, v), expected, 1e-6, "Δ for 1000 C"),
        close(student(W, C / 1000, k, v), expected, 1e-6, "Δ for C / 1000"),
    )


def ill_conditioned(student: Student, g: Generator) -> Verdict:
    """Condition number 1e9, as second moments of real layers have; float64 copes, float32 does not."""
    W, C, k, v = problem(g, F=14, condition=1e9)
    delta = student(W, C, k, v)
    least = float(disturbance(lagrange(W, C, k, v), C))
    return every(
        close((W + delta) @ k, v, 1e-5, "(W + Δ) k_*"),
        at_most(
            float(disturbance(delta, C)),
            least * (1 + 1e-3),
            "‖(Ŵ - W) K‖",
            f"the least possible, {least:.4g}",
        ),
    )


def mixed_precision(student: Student, g: Generator) -> Verdict:
    """Weights in float32, C in float64, as they come from a model: solve in float64, round once."""
    W, C, k, v = problem(g, F=12, condition=1e5)
    W, k, v = W.float(), k.float(), v.float()
    return close(student(W, C, k, v), lagrange(W, C, k, v), 1e-4, "Δ")


def single_row(student: Student, g: Generator) -> Verdict:
    """One output channel, and then one input channel: Δ = (v - W k) / k."""
    W, C, k, v = problem(g, D=1)
    narrow = problem(g, D=4, F=1)
    return every(
        close(student(W, C, k, v), lagrange(W, C, k, v), 1e-6, "Δ with D = 1"),
        close(
            student(*narrow), (narrow[3] - narrow[0] @ narrow[2])[:, None] / narrow[2], 1e-8, "Δ with F = 1"
        ),
    )


CLAIMS = (
    Claim(
        "inserts the pair",
        "W + Δ sends k_* to v_* (5.20)",
        "The constraint does not hold: Δ k_* must be exactly what is missing, v_* - W k_*.",
        inserts_the_pair,
        open=True,
    ),
    Claim(
        "least disturbance",
        "Old pairs move as little as they can (5.19)",
        "Old pairs move more than they must. Where does C^-1 enter (5.21)?",
        least_disturbance,
        open=True,
    ),
    Claim(
        "square",
        "It holds for a square W too, where shapes can't tell rows from columns",
        "With D = F a transposed answer has the right shape and is wrong: the column vector has length D, "
        "the row vector F.",
        square,
        open=True,
    ),
    Claim(
        "other keys",
        "Any other key k feels Λ (u^T k), with u = C^-1 k_*: the leak that (5.21) predicts",
        "Another key moves by more or less than (5.21) says: the row vector of Δ must point along C^-1 k_*.",
        other_keys,
    ),
    Claim(
        "scale of C",
        "C in other units gives the same Δ",
        "C appears in numerator and denominator, so its scale cancels. In yours it does not.",
        scale_of_C,
    ),
    Claim(
        "ill-conditioned",
        "An ill-conditioned C is solved in float64",
        "For a C of condition number 1e9 use torch.linalg.solve on float64 copies, not an inverse in "
        "float32.",
        ill_conditioned,
    ),
    Claim(
        "mixed precision",
        "A float32 W with a float64 C gives a float32 Δ, exact to its last digits",
        "Convert all four to float64, compute, and round once at the end: Δ has the dtype of W.",
        mixed_precision,
    ),
    Claim(
        "single row",
        "One row or one column is no special case",
        "With D = 1 or F = 1 a squeeze or a broadcast goes wrong: use an outer product of two vectors.",
        single_row,
    ),
)


HINTS = (
    "Δ is a column times a row. The column must make up what W k_* lacks of v_*; the row decides which "
    "other keys notice.",
    "u = C^-1 k_* (torch.linalg.solve, in float64) is the row. Apply Δ = a u^T to k_*: you get a (u^T "
    "k_*). Which a makes that equal to v_* - W k_*?",
    "k, v = k_star.double(), v_star.double()\n"
    "u = torch.linalg.solve(C.double(), ...)\n"
    "residual = ...          # (D,)\n"
    "delta = torch.outer(residual / ..., u)\n"
    "return delta.to(W.dtype)",
)

EXPLANATION = (
    "Minimise tr Δ C Δ^T subject to Δ k_* = r with r = v_* - W k_*. A multiplier μ (D,) gives Δ C = μ "
    "k_*^T, so Δ = μ u^T with u = C^-1 k_*; the constraint fixes μ = r / (u^T k_*). That is (5.21).",
    "C^-1 turns the row away from directions that many keys share. Scaling C or u changes nothing, "
    "because both stand above and below the line.",
    "solve is exact to float64's last digits where an inverse in float32 loses all of them; Δ is rounded "
    "once, at the end.",
)
