"""Misconceptions about rome.rank_one_update: (5.21) with one part exchanged, and the sentence that each
must trigger.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant


def update(
    row: Callable[[Tensor, Tensor], Tensor] = lambda C, k: torch.linalg.solve(C, k),
    below: Callable[[Tensor, Tensor], Tensor] = lambda u, k: u @ k,
    residual: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda W, k, v: v - W @ k,
    finish: Callable[[Tensor, Tensor], Tensor] = lambda delta, W: delta,
    unit: str = "",
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """(5.21) with one part exchanged, computed in float64 and rounded to W's dtype; unit: where u gets
    length 1.
    """

    def rank_one_update(W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
        w, c, k, v = W.double(), C.double(), k_star.double(), v_star.double()
        u = row(c, k)
        denominator = below(u / u.norm() if unit == "below" else u, k)
        u = u / u.norm() if unit == "above" else u
        return finish(torch.outer(residual(w, k, v) / denominator, u), w).to(W.dtype)

    return rank_one_update


def inverse_in_float32(W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
    u = torch.linalg.inv(C.float()) @ k_star.float()
    return torch.outer((v_star.float() - W.float() @ k_star.float()) / (u @ k_star.float()), u).to(W.dtype)


def written_into_W(W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
    delta = update()(W, C, k_star, v_star)
    W += delta
    return delta


def in_float64(W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
    return update()(W.double(), C, k_star, v_star)


MUTANTS = [
    Mutant(
        "identity",
        "This is exactly what you get with C = I: the pair is inserted, but along k_* itself, where many "
        "old keys lie. u = C^-1 k_* points where few of them do.",
        lambda: update(row=lambda C, k: k),
    ),
    Mutant(
        "new_weight",
        "You returned the new weight W + Δ. What is asked for is the change Δ alone.",
        lambda: update(finish=lambda delta, W: W + delta),
    ),
    Mutant(
        "no_residual",
        "You inserted v_* on top of what W already says about k_*. Only what is missing may be added: v_* "
        "- W k_*.",
        lambda: update(residual=lambda W, k, v: v),
    ),
    Mutant(
        "one_normalised",
        "You normalised u in the numerator and used the unnormalised one in the denominator. Use the same "
        "u in both: its length then cancels.",
        lambda: update(unit="above"),
    ),
    Mutant(
        "one_normalised_below",
        "You normalised u in the denominator and used the unnormalised one in the outer product. Use the "
        "same u in both: its length then cancels.",
        lambda: update(unit="below"),
    ),
    Mutant(
        "denominator_k",
        "Your denominator is k^T k. In (5.21) it is (C^-1 k_*)^T k_*, with the same C^-1 k_* as above it.",
        lambda: update(below=lambda u, k: k @ k),
    ),
    Mutant(
        "no_denominator",
        "The division by (C^-1 k_*)^T k_* is missing: Δ k_* is the residual times that number.",
        lambda: update(below=lambda u, k: torch.ones((), dtype=u.dtype)),
    ),
    Mutant(
        "C_itself",
        "You multiplied by C instead of C^-1: the change then runs along the directions that old keys use "
        "most.",
        lambda: update(row=lambda C, k: C @ k),
    ),
    Mutant(
        "transposed",
        "Your Δ is transposed: it has the key's vector as its column. W_out maps keys (F) to values (D), "
        "so Δ is outer(residual, u), (D, F).",
        lambda: update(finish=lambda delta, W: delta.T),
    ),
    Mutant(
        "wrong_sign",
        "The sign is wrong: Δ k_* = W k_* - v_* leads away from v_*.",
        lambda: update(residual=lambda W, k, v: W @ k - v),
    ),
    Mutant(
        "float32_inverse",
        "You inverted C in float32. Its condition number eats all seven digits: solve in float64, round "
        "once.",
        lambda: inverse_in_float32,
    ),
    Mutant(
        "written_into_W",
        "You wrote the update into W. The function gives back the change; W belongs to the caller, and "
        "`Edit` must be able to undo it.",
        lambda: written_into_W,
    ),
    Mutant(
        "in_float64",
        "The numbers are right, but Δ is float64 for a float32 W. Round once, at the end, to the dtype of W.",
        lambda: in_float64,
    ),
]
