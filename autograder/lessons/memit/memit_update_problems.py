"""Problems for memit.memit_update, and what its answers are measured by.

Shape letters: D width of the residual stream, F width of the feed-forward layer, n facts.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, rand, randint, randn

Problem = tuple[Tensor, Tensor, Tensor, float]


def whole(low: int, high: int, g: Generator) -> int:
    return int(randint(low, high, (), generator=g))


def problem(g: Generator, n: int = 0, D: int = 0, F: int = 0, condition: float = 100.0) -> Problem:
    """A second moment of that condition number, n keys that share a direction, residuals, and a price."""
    D = D or whole(3, 8, g)
    F = F or D + whole(3, 8, g)
    n = n or whole(2, 5, g)
    Q = torch.linalg.qr(randn(F, F, generator=g, dtype=torch.float64)).Q
    spectrum = torch.logspace(0, -float(torch.tensor(condition).log10()), F, dtype=torch.float64)
    K = randn(F, n, generator=g, dtype=torch.float64) + randn(F, 1, generator=g, dtype=torch.float64)
    R = randn(D, n, generator=g, dtype=torch.float64)
    return (Q * spectrum) @ Q.T, K, R, 0.3 + 2 * float(rand((), generator=g))


def objective(delta: Tensor, C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
    """What MEMIT minimises: what new facts lack, and the price of what old keys feel."""
    return (delta @ K - R).square().sum() + lam * ((delta @ C) * delta).sum()


def slope(delta: Tensor, C: Tensor, K: Tensor, R: Tensor, lam: float) -> float:
    """How steep the objective is at an answer, by autograd; relative to its slope at no change at all."""
    steep = []
    for at in (delta.double(), torch.zeros_like(delta, dtype=torch.float64)):
        x = at.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(objective(x, C.double(), K.double(), R.double(), lam), x)
        steep.append(float(gradient.norm()))
    return steep[0] / steep[1]


def strength(C: Tensor, k: Tensor) -> Tensor:
    """s = k^T C^-1 k, by the eigenvectors of C: how far a key stands out among the old ones."""
    energies, U = torch.linalg.eigh(C.double())
    return ((U.T @ k.double()) ** 2 / energies).sum()
