"""Misconceptions about alphaedit.alphaedit_update: a projector, a key or a price at the wrong place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Alpha = Callable[[Tensor, Tensor, Tensor, Tensor, float], Tensor]


def update(
    system: Callable[[Tensor, Tensor, Tensor, float], Tensor] | None = None,
    keys: Callable[[Tensor, Tensor], Tensor] = lambda P, K: P @ K,
    finish: Callable[[Tensor, Tensor], Tensor] = lambda delta, P: delta @ P,
) -> Alpha:
    """Δ A = R Qᵀ with one part exchanged; in float64, rounded to R's dtype."""

    def alphaedit_update(P: Tensor, K: Tensor, R: Tensor, C_prev: Tensor, ridge: float) -> Tensor:
        p, k, r, c = (x.double() for x in (P, K, R, C_prev))
        Q = keys(p, k)
        A = (system or ours)(p, Q, c, ridge)
        return finish(torch.linalg.lstsq(A, Q @ r.T, driver="gelsd").solution.T, p).to(R.dtype)

    return alphaedit_update


def one(P: Tensor) -> Tensor:
    return torch.eye(len(P), dtype=P.dtype)


def ours(P: Tensor, Q: Tensor, C: Tensor, ridge: float) -> Tensor:
    return Q @ Q.T + P @ C @ P + ridge * one(P)


def everywhere(P: Tensor, Q: Tensor, C: Tensor, ridge: float) -> Tensor:
    return Q @ Q.T + C + ridge * one(P)


def wrong_side(P: Tensor, K: Tensor, R: Tensor, C_prev: Tensor, ridge: float) -> Tensor:
    delta = update(everywhere, lambda P, K: K, lambda delta, P: delta)(P, K, R, C_prev, ridge)
    return (P.double() @ delta.double()).to(R.dtype)


def in_float32(P: Tensor, K: Tensor, R: Tensor, C_prev: Tensor, ridge: float) -> Tensor:
    p, k, r, c = (x.float() for x in (P, K, R, C_prev))
    Q = p @ k
    return (torch.linalg.solve(Q @ Q.T + p @ c @ p + ridge * one(p), Q @ r.T).T @ p).to(R.dtype)


MUTANTS = [
    Mutant(
        "no_projector",
        "P plays no part in yours: old keys are not protected at all. Each key must be seen as P leaves it, "
        "P K.",
        lambda: update(everywhere, lambda P, K: K, lambda delta, P: delta),
    ),
    Mutant(
        "wrong_side",
        "You multiplied by P from the left. P acts on keys (F), and Δ takes keys in from the right: Δ P. Only "
        "for D = F does P Δ have a shape at all.",
        lambda: wrong_side,
    ),
    Mutant(
        "projected_afterwards",
        "You solved without P and projected the result. What P cuts off is then lacking: the system itself must "
        "see P K, so that what is left can make up for it.",
        lambda: update(everywhere, lambda P, K: K),
    ),
    Mutant(
        "earlier_forgotten",
        "C_prev is missing. Keys of earlier edits are no old keys to P: without C_prev each new edit may "
        "overwrite them.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T + ridge * one(P)),
    ),
    Mutant(
        "ridge_forgotten",
        "The ridge is missing. Without it the system can't be solved in the directions that P removes, and a key "
        "that P leaves little of gets a huge change.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T + P @ C @ P),
    ),
    Mutant(
        "ridge_squared",
        "You squared the ridge. The objective has ridge ‖ΔP‖², so the system has ridge I.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T + P @ C @ P + ridge**2 * one(P)),
    ),
    Mutant(
        "earlier_subtracted",
        "You subtracted C_prev. Earlier keys are further squares that are to be small: they are added to K Kᵀ.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T - P @ C @ P + ridge * one(P)),
    ),
    Mutant(
        "price_on_earlier",
        "You multiplied C_prev by the ridge. They are two terms: C_prev stands beside K Kᵀ, and ridge I is "
        "added.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T + ridge * (P @ C @ P + one(P))),
    ),
    Mutant(
        "mean_over_facts",
        "You took means over the facts. The objective adds them up, so Q Qᵀ and R Qᵀ are sums.",
        lambda: update(lambda P, Q, C, ridge: Q @ Q.T + Q.shape[1] * (P @ C @ P + ridge * one(P))),
    ),
    Mutant(
        "transposed",
        "Your Δ is turned: solve gives Δᵀ, (F, D). W_out maps keys (F) to values (D), so Δ is (D, F).",
        lambda: update(finish=lambda delta, P: (delta @ P).T),
    ),
    Mutant(
        "float32",
        "You solved in float32. The ridge is small beside K Kᵀ, and that eats the digits: convert to float64 "
        "first, round once at the end.",
        lambda: in_float32,
    ),
]
