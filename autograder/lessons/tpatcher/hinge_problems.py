"""Problems for the two memory losses: queries that lie where one wants them along a key.

Shape letters: m remembered queries, D width of the residual stream.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor, rand, randint, randn, randperm


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def hinged(g: Generator, above: int, below: int) -> list[float]:
    """So many numbers between 0.3 and 2.8, and so many between -3.4 and -0.3, shuffled."""
    numbers = [0.3 + 2.5 * float(rand((), generator=g)) for _ in range(above)]
    numbers += [-0.3 - 3.1 * float(rand((), generator=g)) for _ in range(below)]
    return [numbers[i] for i in randperm(len(numbers), generator=g).tolist()]


def with_one_far(excess: list[float]) -> list[float]:
    """One more, so far above 0 that the mean is above 0, too: a hinge after the mean then leaves a number of
    its own, and is not taken for another slip that makes everything 0.
    """
    return [*excess, 5.0 - sum(x for x in excess if x < 0)]


def lined_up(g: Generator, matches: list[float]) -> tuple[Tensor, Tensor]:
    """A key (D,), and queries (m, D) whose products with it are these numbers; elsewhere they are random."""
    D = size(g, 3, 8)
    k = randn(D, generator=g, dtype=torch.float64)
    M = randn(len(matches), D, generator=g, dtype=torch.float64)
    want = torch.tensor(matches, dtype=torch.float64)
    return M + (want - M @ k)[:, None] * k / (k @ k), k


def mean_of(excess: list[float]) -> Tensor:
    """The mean of the positive parts, number by number."""
    return torch.tensor(sum(x if x > 0 else 0.0 for x in excess) / len(excess), dtype=torch.float64)
