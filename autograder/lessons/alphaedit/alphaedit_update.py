"""alphaedit.alphaedit_update: Δ = R Kᵀ P (P (K Kᵀ + C_prev) P + ridge I)⁻¹, MEMIT inside a null space.

Shape letters: D width of the residual stream, F width of the feed-forward layer, n new facts, m old keys. Law
L6 (ΔK₀ = 0) of the syllabus; the oracle is a stacked least-squares problem, solved by lstsq.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, eye, float64, rand, randn, zeros

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.alphaedit.alphaedit_update_mutants import MUTANTS
from autograder.lessons.memit.memit_update_problems import whole

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("P", "K", "R", "C_prev", "ridge")
Problem = tuple[Tensor, Tensor, Tensor, Tensor, float]


def gate(value: Any, P: Tensor, K: Tensor, R: Tensor, C_prev: Tensor, ridge: float) -> Tensor:
    return tensor_gate(value, (len(R), len(P)), "(D, F)", "R", R.dtype)


def problem(
    g: Generator, n: int = 0, D: int = 0, F: int = 0, earlier: int = 2
) -> tuple[Problem, Tensor, Tensor]:
    """P keeps F - 4 directions; keys of new facts, of earlier edits (their sum k kᵀ is C_prev), and the old
    keys K0 that P removes."""
    F = F or whole(9, 13, g)
    D = D or whole(4, 7, g)
    n = n or whole(2, 4, g)
    K0 = randn(F, 4, generator=g, dtype=float64)
    P = eye(F, dtype=float64) - K0 @ torch.linalg.pinv(K0)
    K, K_p = (randn(F, count, generator=g, dtype=float64) for count in (n, earlier))
    R, ridge = randn(D, n, generator=g, dtype=float64), 0.5 + float(rand((), generator=g))
    return ((P + P.T) / 2, K, R, K_p @ K_p.T, ridge), K_p, K0


def stacked(P: Tensor, K: Tensor, R: Tensor, K_p: Tensor, ridge: float) -> Tensor:
    """The three squares of the objective as rows of one system: new keys get R, earlier ones and all else 0."""
    P, K, R, K_p = (x.double() for x in (P, K, R, K_p))
    rows = torch.cat([(P @ K).T, (P @ K_p).T, ridge**0.5 * eye(len(P), dtype=float64)])
    right = torch.cat([R.T, zeros(K_p.shape[1] + len(P), len(R), dtype=float64)])
    return torch.linalg.lstsq(rows, right, driver="gelsd").solution.T @ P


def least_squares(student: Student, g: Generator) -> Verdict:
    asked, K_p, _ = problem(g)
    P, K, R, _, ridge = asked
    return close(student(*asked), stacked(P, K, R, K_p, ridge), 1e-8, "Δ")


def old_keys(student: Student, g: Generator) -> Verdict:
    """ΔK₀ = 0 for the keys that P removes, while a new fact gets the share q / (q + ridge), q = kᵀ P k."""
    (P, K, R, none, ridge), _, K0 = problem(g, n=1, earlier=0)
    delta = student(P, K, R, none, ridge)
    q = float((P @ K).square().sum())
    return every(
        at_most(float((delta @ K0).norm()), 1e-8, "‖ΔK₀‖", "0: no old key feels the change"),
        close(delta @ K, R * q / (q + ridge), 1e-8, "Δk, the share q / (q + ridge) of what the fact lacks"),
    )


def square(student: Student, g: Generator) -> Verdict:
    """With D = F a projector on the wrong side has the right shape."""
    F = whole(8, 11, g)
    asked, K_p, K0 = problem(g, D=F, F=F)
    P, K, R, _, ridge = asked
    delta = student(*asked)
    return every(
        at_most(float((delta @ K0).norm()), 1e-8, "‖ΔK₀‖", "0: no old key feels the change"),
        close(delta, stacked(P, K, R, K_p, ridge), 1e-8, "Δ"),
    )


def all_free(student: Student, g: Generator) -> Verdict:
    """P = I and no earlier edit: ridge regression, here from the side of the facts, with an (n, n) matrix."""
    (_, K, R, none, ridge), _, _ = problem(g, earlier=0)
    side = K.T @ K + ridge * eye(K.shape[1], dtype=float64)
    expected = R @ torch.linalg.solve(side, K.T)
    return close(student(eye(len(K), dtype=float64), K, R, none, ridge), expected, 1e-8, "Δ for P = I")


def earlier_edits(student: Student, g: Generator) -> Verdict:
    """Earlier edits that count a million times: their keys, too, feel nothing to speak of."""
    (P, K, R, C_prev, ridge), K_p, _ = problem(g)
    heavy = student(P, K, R, 1e6 * C_prev, ridge)
    return every(
        at_most(float((heavy @ K_p).norm()), 1e-3, "‖Δ K_p‖ for keys of earlier edits", "almost 0"),
        close(heavy, stacked(P, K, R, 1e3 * K_p, ridge), 1e-6, "Δ"),
    )


def facts_that_meet(student: Student, g: Generator) -> Verdict:
    """One key with two values: their mean, at half the ridge."""
    (P, K, R, none, ridge), _, _ = problem(g, n=2, earlier=0)
    k, q = K[:, :1], float((P @ K[:, :1]).square().sum())
    mean = (R[:, :1] + R[:, 1:]) / 2
    got = student(P, k.repeat(1, 2), R, none, ridge) @ k
    return close(got, mean * q / (q + ridge / 2), 1e-8, "Δk for one key with two values")


def mixed_precision(student: Student, g: Generator) -> Verdict:
    """float32 keys and residuals at a small ridge; the null space must stay one to float32's last digits."""
    (P, K, R, C_prev, _), K_p, K0 = problem(g, F=24)
    K, R = K.float(), R.float()
    delta = student(P, K, R, C_prev, 1e-5)
    return every(
        close(delta, stacked(P, K, R, K_p, 1e-5), 1e-4, "Δ"),
        at_most(float((delta.double() @ K0).norm() / delta.norm()), 1e-5, "‖ΔK₀‖ / ‖Δ‖", "0"),
    )


CLAIMS = (
    Claim(
        "least squares",
        "New keys get what they lack, earlier ones nothing, as well as P and the ridge allow",
        "Δ is not the least of ‖ΔPK - R‖² + ‖ΔPK_p‖² + ridge ‖ΔP‖². Which of its parts is missing in yours?",
        least_squares,
        open=True,
    ),
    Claim(
        "old keys",
        "ΔK₀ = 0 for the old keys, and one new fact gets the share q / (q + ridge), q = kᵀ P k",
        "Each row of Δ must lie in the range of P, and the system must see the keys as P leaves them: P K.",
        old_keys,
        open=True,
    ),
    Claim(
        "square",
        "It holds for D = F too, where P would fit on either side",
        "P acts on keys, which Δ takes in from the right: Δ P, never P Δ.",
        square,
        open=True,
    ),
    Claim(
        "all free",
        "With P = I and no earlier edits it is ridge regression",
        "With P = I your Δ should be R Kᵀ (K Kᵀ + ridge I)⁻¹: MEMIT with ridge I in the place of λ C.",
        all_free,
    ),
    Claim(
        "earlier edits",
        "The keys of earlier edits are left alone, the more the more they weigh",
        "C_prev = K_p K_pᵀ stands beside K Kᵀ in the system and nowhere else: for these keys nothing is to be "
        "added.",
        earlier_edits,
    ),
    Claim(
        "facts that meet",
        "One key with two values gets their mean",
        "Equal keys are no error: K Kᵀ adds them up. Don't invert it alone, and take no means.",
        facts_that_meet,
    ),
    Claim(
        "mixed precision",
        "float32 keys give a float32 Δ that is right to its last digits, null space included",
        "Convert everything to float64, solve, multiply by P once more, and round once at the end.",
        mixed_precision,
    ),
)

HINTS = (
    "It is MEMIT's formula with two replacements: the keys are P K, and λ C has become P C_prev P + ridge I.",
    "Let Q = P K. The system is A = Q Qᵀ + P C_prev P + ridge I, (F, F) and symmetric, and Δ A = R Qᵀ. As "
    "before, torch.linalg.solve(A, Q Rᵀ) gives Δᵀ. Work in float64.",
    "P_, K_, R_ = P.double(), K.double(), R.double()\n"
    "Q = ...                                        # the keys that P lets through\n"
    "A = Q @ Q.T + ... + ridge * torch.eye(len(P_), dtype=P_.dtype)\n"
    "delta = torch.linalg.solve(A, ...).T           # (D, F)\n"
    "return (delta @ P_).to(R.dtype)                # rounding must not leak out",
)

EXPLANATION = (
    "Every change that is allowed has the form Δ P. Put that into MEMIT's objective: the keys become P K, old "
    "keys drop out, and the price of length, ridge ‖ΔP‖², keeps the system solvable.",
    "C_prev counts keys of earlier edits with a residual of zero: what was written before is to stay.",
    "Q Qᵀ has P on both sides and ridge I treats all directions alike, so Δ lies in the range of P by itself. "
    "The last product with P only removes what rounding has added.",
)

STUB = '''def alphaedit_update(
    P: Float[Tensor, "F F"],
    K: Float[Tensor, "F n"],
    R: Float[Tensor, "D n"],
    C_prev: Float[Tensor, "F F"],
    ridge: float,
) -> Float[Tensor, "D F"]:
    """The change Δ in the range of P that writes n facts: Δ = R Kᵀ P (P (K Kᵀ + C_prev) P + ridge I)⁻¹.

    P: projector onto what old keys leave free. K: the facts' keys, one per column. R: what W K lacks, one column
    per fact. C_prev: sum of k kᵀ over the keys of earlier edits. ridge: above 0, the price of length.
    Returns Δ, in the dtype of R; solved in float64. The arguments stay as they are.
    """
    raise NotImplementedError("Your code here")
'''
