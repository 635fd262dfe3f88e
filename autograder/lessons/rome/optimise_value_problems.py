"""Losses for rome.optimise_value whose best way is known: a plane, which never ends, and a bowl.

Shape letter: D, width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Generator, Tensor, randint, randn

Loss = Callable[[Tensor], Tensor]


def slope(g: Generator, D: int) -> tuple[Tensor, Loss]:
    """A plane: its gradient is the same everywhere, so Adam moves each coordinate by lr a step, against
    its sign.
    """
    gradient = randn(D, generator=g)
    gradient = gradient + 0.5 * gradient.sign()
    return gradient, lambda v: 1e4 + (gradient * v).sum()


def bowl(bottom: Tensor, steepness: Tensor) -> Loss:
    return lambda v: 1 + (steepness * (v - bottom) ** 2).sum()


def start(g: Generator, length: float) -> Tensor:
    v0 = randn(int(randint(5, 12, (), generator=g)), generator=g)
    return length * v0 / v0.norm()


def start_like(v0: Tensor, g: Generator, length: float) -> Tensor:
    direction = randn(len(v0), generator=g)
    return length * direction / direction.norm()
