"""Misconceptions about neurons.integrated_gradients: the sum with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from autograder.mutants import Mutant

Prob: TypeAlias = Callable[[Tensor], Tensor]


def slope(prob: Prob, x: Tensor) -> Tensor:
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(prob(x), x)
    return gradient


def summed(
    points: Callable[[int], Tensor] = lambda m: (torch.arange(m) + 0.5) / m,
    finish: Callable[[Tensor, Tensor, int], Tensor] = lambda total, a, m: a * total / m,
) -> Callable[[Prob, Tensor, int], Tensor]:
    def integrated_gradients(prob: Prob, a: Tensor, steps: int) -> Tensor:
        total = torch.zeros_like(a)
        for alpha in points(steps).tolist():
            total += slope(prob, alpha * a)
        return finish(total, a, steps)

    return integrated_gradients


def one_at_a_time(prob: Prob, a: Tensor, steps: int) -> Tensor:
    """Each neuron has a way of its own, while all others stay fully on."""
    attr = torch.zeros_like(a)
    for i in range(a.shape[-1]):
        for k in range(steps):
            x = a.clone()
            x[..., i] *= (k + 0.5) / steps
            attr[..., i] += slope(prob, x)[..., i] / steps
    return a * attr


MUTANTS = [
    Mutant(
        "gradient_at_the_end",
        "You took the gradient at a only. Where the probability has levelled off, it is close to zero for the "
        "very neurons that matter. Average it over the way from 0 to a.",
        lambda: lambda prob, a, steps: a * slope(prob, a),
    ),
    Mutant(
        "right_ends",
        "You read the gradient at the end of each step, j/m for j = 1 … m, as the paper prints it. The error "
        "falls with 1/m only. The middle of the step, (j + 1/2)/m, does far better.",
        lambda: summed(lambda m: (torch.arange(m) + 1) / m),
    ),
    Mutant(
        "left_ends",
        "You read the gradient at the start of each step, j/m for j = 0 … m-1, as the authors' code does. Read "
        "it in the middle, (j + 1/2)/m: the error falls with 1/m².",
        lambda: summed(lambda m: torch.arange(m) / m),
    ),
    Mutant(
        "both_ends",
        "linspace(0, 1, m) has m points but m - 1 steps between them, and you divide by m. Widely used code "
        "does this. Read the middles (j + 1/2)/m.",
        lambda: summed(lambda m: torch.linspace(0, 1, m)),
    ),
    Mutant(
        "not_multiplied",
        "This is the mean gradient. Multiply by a: a neuron that is off contributes nothing, however steep P is.",
        lambda: summed(finish=lambda total, a, m: total / m),
    ),
    Mutant(
        "not_divided",
        "You added up the gradients of the steps but did not divide by their number: with more steps the "
        "attributions would grow.",
        lambda: summed(finish=lambda total, a, m: a * total),
    ),
    Mutant(
        "one_at_a_time",
        "You turn up one neuron at a time and leave the others fully on. All neurons of the layer go the way "
        "together, from 0 to a; else the attributions don't add up to P(a) - P(0).",
        lambda: one_at_a_time,
    ),
    Mutant(
        "absolute",
        "You took absolute values. A neuron can speak against the answer; only with signs do the attributions "
        "add up.",
        lambda: summed(finish=lambda total, a, m: (a * total / m).abs()),
    ),
]
