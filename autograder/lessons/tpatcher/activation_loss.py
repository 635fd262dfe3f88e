"""tpatcher.activation_loss: l_a = exp(-(q_e · k_p + b_p)), equation (5.9). D width of the residual stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("q_e", "k_p", "b_p")
STUB = '''def activation_loss(
    q_e: Float[Tensor, " D"], k_p: Float[Tensor, " D"], b_p: Float[Tensor, ""] | float
) -> Float[Tensor, ""]:
    """l_a, equation (5.9): how badly a patch fires at its own query q_e. A scalar tensor, never zero.

    It is small where the pre-activation of the patch at q_e is large, and grows fast where it is negative.
    """
'''


def gate(value: Any, q_e: Tensor, k_p: Tensor, b_p: Tensor | float) -> Tensor:
    return tensor_gate(value, (), "()", "q_e", None)


def match(q: Tensor, k: Tensor, b: Tensor | float) -> float:
    return sum(x * y for x, y in zip(q.tolist(), k.tolist(), strict=True)) + float(b)


def problem(g: Generator, wanted: float | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """A query, a key and a bias; the bias is set so that the pre-activation is `wanted`, if that is given."""
    D = int(randint(3, 9, (), generator=g))
    q, k = randn(D, generator=g, dtype=torch.float64), randn(D, generator=g, dtype=torch.float64)
    b = 0.5 + rand((), generator=g, dtype=torch.float64)
    return q, k, b if wanted is None else torch.tensor(wanted - match(q, k, 0.0), dtype=torch.float64)


def wanted_loss(q: Tensor, k: Tensor, b: Tensor | float) -> Tensor:
    return torch.tensor(math.exp(-match(q, k, b)), dtype=torch.float64)


def value(student: Student, g: Generator) -> Verdict:
    asked = [problem(g), problem(g, 0.7), problem(g, -0.9)]
    return every(*(close(student(*p), wanted_loss(*p), 1e-6, "l_a") for p in asked))


def step_by_step(student: Student, g: Generator) -> Verdict:
    """Every unit of bias divides the loss by e: from a patch that is silent to one that shouts."""
    below = 1 + 2 * float(rand((), generator=g))
    q, k, b = problem(g, -below)
    first = math.exp(below)
    asked = [close(student(q, k, b + n), torch.tensor(first / math.e**n), 1e-5, f"l_a with b_p + {n}")
             for n in (0, 1, 2, 5, 9)]  # fmt: skip
    return every(*asked)


def plain_bias(student: Student, g: Generator) -> Verdict:
    """b_p may be a plain number."""
    q, k, b = problem(g)
    return close(student(q, k, float(b)), wanted_loss(q, k, b), 1e-6, "l_a with a float b_p")


def gradient(student: Student, g: Generator) -> Verdict:
    """∂l_a/∂b_p = -l_a and ∂l_a/∂k_p = -l_a q_e: one step down the gradient makes the patch fire more."""
    q, k, b = problem(g)
    by_k, by_b = student.gradient(q, k, b, wrt=(1, 2))
    loss = wanted_loss(q, k, b)
    if by_k is None or by_b is None:
        return Verdict(False, "no gradient reaches k_p or b_p", f"∂l_a/∂k_p = {shown(-loss * q)}")
    return every(close(by_k, -loss * q, 1e-6, "∂l_a/∂k_p"), close(by_b, -loss, 1e-6, "∂l_a/∂b_p"))


CLAIMS = (
    Claim(
        "value",
        "l_a is exp of minus the pre-activation q_e · k_p + b_p (5.9)",
        "Compute the pre-activation of the patch at its own query, and then exp of minus that.",
        value,
        open=True,
    ),
    Claim(
        "step by step",
        "A unit more of bias divides the loss by e, and it never gets to zero",
        "l_a has no floor at which it stops: exp(-x) falls for every x, also where the patch already fires.",
        step_by_step,
    ),
    Claim(
        "plain bias",
        "b_p may be a plain number",
        "b_p can be a float as well as a tensor: don't call tensor methods on it.",
        plain_bias,
    ),
    Claim(
        "gradient",
        "The loss carries its gradient to k_p and b_p",
        "Training follows this gradient: no .item(), no .detach(), no math.exp on the way.",
        gradient,
        open=True,
    ),
)


def loss_of(cost: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor, Tensor], Tensor]:
    """A loss from the match and the bias."""
    return lambda q_e, k_p, b_p: cost(q_e @ k_p, torch.as_tensor(b_p, dtype=q_e.dtype))


MUTANTS = [
    Mutant(
        "sign",
        "Your loss grows when the patch fires. (5.9) has a minus sign: exp(-(q_e · k_p + b_p)).",
        lambda: loss_of(lambda match, b: (match + b).exp()),
    ),
    Mutant(
        "sign_of_bias",
        "The minus sign stands before both parts, the match and the bias: exp(-q_e · k_p - b_p).",
        lambda: loss_of(lambda match, b: (-match + b).exp()),
    ),
    Mutant(
        "no_bias",
        "b_p is missing: a patch can also learn to fire by raising its bias.",
        lambda: loss_of(lambda match, b: (-match).exp()),
    ),
    Mutant(
        "hinge",
        "You stopped at zero, as the memory losses do. (5.9) has no hinge: it always wants a little more.",
        lambda: loss_of(lambda match, b: (-(match + b)).clamp(min=0)),
    ),
    Mutant(
        "minus_the_match",
        "The exp is missing. Minus the pre-activation has no lower bound: training would never come to rest.",
        lambda: loss_of(lambda match, b: -(match + b)),
    ),
    Mutant(
        "detached",
        "The number is right but its gradient is cut off (.item(), .detach() or math.exp): no patch could "
        "learn.",
        lambda: loss_of(lambda match, b: (-(match + b)).exp().detach()),
    ),
]

HINTS = (
    "First the number that the patch compares with zero at its own query: how well does q_e match, and what "
    "does the bias add?",
    "The pre-activation is q_e @ k_p + b_p. (5.9) is exp of minus this whole sum.",
    "fires = q_e @ ... + ...\nreturn torch.exp(...)",
)

EXPLANATION = (
    "exp(-x) punishes a silent patch hard and a firing patch hardly at all. It never gets to zero, so "
    "there is "
    "always a little pull. That pull is what the memory losses have to hold against.",
)
