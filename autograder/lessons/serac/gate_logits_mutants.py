"""Misconceptions about serac.gate_logits: the formula with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from autograder.mutants import Mutant

Gate = Callable[[Tensor, Tensor, Any, Any], Tensor]


def squared(e: Tensor, cache: Tensor) -> Tensor:
    return (e[:, None] - cache[None]).square().sum(-1)


def by(formula: Callable[[Tensor, Any, Any], Tensor], compare: Any = squared) -> Callable[[], Gate]:
    """The gate with another comparison, or another formula of it."""
    return lambda: lambda e, cache, scale, bias: formula(compare(e, cache), scale, bias)


def right(d2: Tensor, scale: Any, bias: Any) -> Tensor:
    return bias - scale * d2


def expanded(e: Tensor, cache: Tensor) -> Tensor:
    return e.square().sum(-1)[:, None] - 2 * e @ cache.T + cache.square().sum(-1)[None]


MUTANTS = [
    Mutant(
        "distance",
        "You did not square the distance: the gate has |e - c|², and no square root.",
        by(right, lambda e, cache: squared(e, cache).sqrt()),
    ),
    Mutant(
        "sign",
        "Your logits grow with the distance. What is far away must be less likely: bias minus scale times it.",
        by(lambda d2, scale, bias: bias + scale * d2),
    ),
    Mutant(
        "sigmoid_too_early",
        "You applied the sigmoid already. Logits are wanted: the losses and the route take it themselves.",
        by(lambda d2, scale, bias: right(d2, scale, bias).sigmoid()),
    ),
    Mutant(
        "dot_product",
        "You compared by the dot product. Long embeddings then match everything: take the distance.",
        by(lambda dot, scale, bias: bias + scale * dot, lambda e, cache: e @ cache.T),
    ),
    Mutant(
        "mean_over_d",
        "You took the mean over d. |e - c|² is the sum of the squares.",
        by(right, lambda e, cache: (e[:, None] - cache[None]).square().mean(-1)),
    ),
    Mutant(
        "scale_squared",
        "Your scale is inside the square. It stands before |e - c|², once.",
        by(lambda d2, scale, bias: bias - scale**2 * d2),
    ),
    Mutant(
        "bias_inside",
        "Your bias is multiplied by the scale. It is added by itself.",
        by(lambda d2, scale, bias: scale * (bias - d2)),
    ),
    Mutant(
        "transposed",
        "Rows and columns are exchanged. Row b is a question, column i an edit.",
        by(lambda d2, scale, bias: right(d2, scale, bias).T),
    ),
    Mutant(
        "expansion",
        "You computed |e|² - 2 e·c + |c|². In float32 the small difference of large numbers is lost: subtract "
        "first.",
        by(right, expanded),
    ),
    Mutant(
        "detached",
        "The numbers are right, but the gradient to scale and bias is cut off (float() or .item()).",
        by(lambda d2, scale, bias: right(d2.detach(), float(scale), float(bias))),
    ),
]
