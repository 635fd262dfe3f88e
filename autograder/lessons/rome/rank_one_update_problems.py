"""Problems for rome.rank_one_update and their oracle: the Lagrange system of (5.19)-(5.20), as a whole.

Shape letters: D width of the residual stream, F width of the feed-forward layer.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, randint, randn

Problem = tuple[Tensor, Tensor, Tensor, Tensor]


def problem(g: Generator, D: int = 0, F: int = 0, condition: float = 1e3) -> Problem:
    """A weight, a second moment of the given condition number whose keys share a mean, a key and a value."""
    D = D or int(randint(3, 9, (), generator=g))
    F = F or D + int(randint(2, 9, (), generator=g))
    W, k, v = (randn(*size, generator=g, dtype=torch.float64) for size in ((D, F), (F,), (D,)))
    Q = torch.linalg.qr(randn(F, F, generator=g, dtype=torch.float64)).Q
    spectrum = torch.logspace(0, -float(torch.tensor(condition).log10()), F, dtype=torch.float64)
    return W, (Q * spectrum) @ Q.T, k, v


def lagrange(W: Tensor, C: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Minimise tr Δ C Δ^T subject to Δ k = v - W k: the system [C k; k^T 0] for all rows of Δ at once, in
    float64.
    """
    W, C, k, v = (x.double() for x in (W, C, k, v))
    F = len(k)
    scale = C.diagonal().mean()
    system = torch.zeros(F + 1, F + 1, dtype=torch.float64)
    system[:F, :F], system[:F, F], system[F, :F] = C / scale, k, k
    right = torch.zeros(F + 1, len(v), dtype=torch.float64)
    right[F] = v - W @ k
    return torch.linalg.solve(system, right)[:F].T


def disturbance(delta: Tensor, C: Tensor) -> Tensor:
    """How much the old pairs move, (mean of ‖Δ k‖² over the corpus)^½ = (tr Δ C Δ^T)^½."""
    delta, C = delta.double(), C.double()
    return ((delta @ C) * delta).sum().clamp(min=0).sqrt()
