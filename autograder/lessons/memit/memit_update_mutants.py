"""Misconceptions about memit.memit_update: the normal equation with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

System = Callable[[Tensor, Tensor, float], Tensor]


def update(
    system: System = lambda C, K, lam: lam * C + K @ K.T,
    right: Callable[[Tensor, Tensor], Tensor] = lambda K, R: K @ R.T,
    finish: Callable[[Tensor], Tensor] = lambda X: X.T,
) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    """Solve A X = K Rᵀ and turn X, with one part exchanged; in float64, rounded to R's dtype."""

    def memit_update(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        c, k, r = C.double(), K.double(), R.double()
        return finish(torch.linalg.solve(system(c, k, lam), right(k, r))).to(R.dtype)

    return memit_update


def rome_in_a_loop(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    k = K.double()
    U = torch.linalg.solve(C.double(), k)
    return (R.double() / (U * k).sum(0) @ U.T).to(R.dtype)


def hard_constraint(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    return (R.double() @ torch.linalg.pinv(K.double())).to(R.dtype)


def in_float64(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    return update()(C, K.double(), R.double(), lam)


def in_float32(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    k = K.float()
    return torch.linalg.solve(lam * C.float() + k @ k.T, k @ R.float().T).T.to(R.dtype)


MUTANTS = [
    Mutant(
        "identity",
        "This is what you get with C = I: the price counts all directions alike. Put the layer's C beside λ: "
        "directions that old keys use must cost more.",
        lambda: update(system=lambda C, K, lam: lam * torch.eye(len(C)).double() + K @ K.T),
    ),
    Mutant(
        "rome_in_a_loop",
        "You added up one ROME update for each fact. Facts whose keys look alike then push each other off: "
        "solve for all of them at once, with K Kᵀ.",
        lambda: rome_in_a_loop,
    ),
    Mutant(
        "hard_constraint",
        "You demand ΔK = R and leave C and λ out. MEMIT trades: add λ C to K Kᵀ, so that old keys have a say.",
        lambda: hard_constraint,
    ),
    Mutant(
        "price_ignored",
        "λ is missing, so C counts as if λ were 1. Multiply C by lam.",
        lambda: update(system=lambda C, K, lam: C + K @ K.T),
    ),
    Mutant(
        "price_on_new_facts",
        "λ stands before K Kᵀ. It is the price of moving old keys, so it multiplies C.",
        lambda: update(system=lambda C, K, lam: C + lam * K @ K.T),
    ),
    Mutant(
        "mean_over_facts",
        "You took means over the facts. The objective adds them up, so K Kᵀ and R Kᵀ are sums: with means, λ "
        "would count n times.",
        lambda: update(
            system=lambda C, K, lam: lam * C + K @ K.T / K.shape[1],
            right=lambda K, R: K @ R.T / K.shape[1],
        ),
    ),
    Mutant(
        "price_times_F",
        "You multiplied lam by F. `memit` counts its lam in multiples of F and has done that already: here lam "
        "is used as it is.",
        lambda: update(system=lambda C, K, lam: lam * len(C) * C + K @ K.T),
    ),
    Mutant(
        "transposed",
        "Your Δ is turned: solve gives Δᵀ, (F, D). W_out maps keys (F) to values (D), so Δ is (D, F).",
        lambda: update(finish=lambda X: X),
    ),
    Mutant(
        "wrong_sign",
        "The sign is wrong: ΔK must come near R, and yours comes near -R.",
        lambda: update(finish=lambda X: -X.T),
    ),
    Mutant(
        "float32",
        "You solved in float32. λ C + K Kᵀ is badly conditioned, and that eats the digits: convert to float64 "
        "first, round once at the end.",
        lambda: in_float32,
    ),
    Mutant(
        "in_float64",
        "The numbers are right, but Δ is float64 for a float32 R. Round once, at the end, to the dtype of R.",
        lambda: in_float64,
    ),
]
