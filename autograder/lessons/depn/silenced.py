"""What the checks of silence and promote share: activations of one layer, and which neurons are set.

Shape letters: n tokens, B batch, T tokens of a text, F neurons.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor, randn, randperm

from autograder.lessons.metrics.common import number


def activations(g: Generator, *front: int, F: int = 0) -> Tensor:
    """Activations of every size and sign, none of them 0."""
    a = 3 * randn(*front, F or number(g, 7, 12), generator=g)
    return torch.where(a.abs() < 0.05, torch.full_like(a, 0.5), a)


def some(g: Generator, F: int, most: int = 5) -> list[int]:
    """Two or more different neurons, in a drawn order, fewer than all."""
    return [int(i) for i in randperm(F, generator=g)[: number(g, 2, min(most, F - 2))]]


def one_by_one(a: Tensor, neurons: list[int], value: float) -> Tensor:
    """Number by number, in plain Python."""
    flat = a.reshape(-1, a.shape[-1]).tolist()
    for row in flat:
        for i in range(len(row)):
            if i in neurons:
                row[i] = value
    return torch.tensor(flat, dtype=a.dtype).reshape(a.shape)


def written(change: Callable[[Tensor, list[int]], Tensor]) -> Callable[..., Tensor]:
    """A function (a, neurons) that changes a copy of a by `change`."""
    return lambda a, neurons: change(a.clone(), list(neurons))
