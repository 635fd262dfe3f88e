"""mend.mend_update: Δ = - lr Σ_t δ~_t x~_t^T, textbook §5.2.2."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Generator, Tensor, nn, rand

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.mend.gradient_factors_problems import problem
from autograder.lessons.mend.gradient_from_factors import by_hand, factors
from autograder.mutants import Mutant

ARGUMENTS = ("x_t", "delta_t", "lr")


def gate(value: Any, x_t: Tensor, delta_t: Tensor, lr: float) -> Tensor:
    return tensor_gate(value, (delta_t.shape[1], x_t.shape[1]), "(d_out, d_in)", "x_t", x_t.dtype)


def rate(g: Generator) -> float:
    return 0.1 + 0.8 * float(rand((), generator=g))


def one_step_of_sgd(student: Student, g: Generator) -> Verdict:
    """With the factors as they are (an editor that is still the identity) it is torch's own SGD."""
    given, lr = problem(g), 0.01 * rate(g)
    layer = given.layer
    assert isinstance(layer, nn.Linear)
    before = layer.weight.detach().clone()
    x, delta = given.tokens(), given.delta()
    sgd = torch.optim.SGD([layer.weight], lr=lr)
    given.loss().backward()
    sgd.step()
    return close(student(x, delta, lr), layer.weight - before, 1e-6, "Δ")


def downhill(student: Student, g: Generator) -> Verdict:
    """A small step lowers the loss by about lr ‖∇W‖²; a step uphill raises it."""
    given, lr = problem(g), 1e-6
    layer = given.layer
    assert isinstance(layer, nn.Linear)
    delta = student(given.tokens(), given.delta(), lr)
    with torch.no_grad():
        before = float(given.loss())
        layer.weight += delta
        after = float(given.loss())
        layer.weight -= delta
    fall = lr * float(given.weight_gradient().square().sum())
    found = close(torch.tensor(after - before), torch.tensor(-fall), 0.05, "change of the loss")
    return replace(found, error=None)  # of the approximation, not of the answer


def square(student: Student, g: Generator) -> Verdict:
    x, delta = factors(g, square=True)
    lr = rate(g)
    return close(student(x, delta, lr), by_hand(x, delta) * (0 - lr), 1e-8, "Δ")


def rate_and_tokens(student: Student, g: Generator) -> Verdict:
    """Twice the rate is twice the change; the same tokens twice are, too."""
    x, delta = factors(g)
    lr = rate(g)
    wanted = by_hand(x, delta) * (0 - 2 * lr)
    return every(
        close(student(x, delta, 2 * lr), wanted, 1e-8, "Δ with 2 lr"),
        close(
            student(torch.cat([x, x]), torch.cat([delta, delta]), lr),
            wanted,
            1e-8,
            "Δ with every token twice",
        ),
    )


def silent(student: Student, g: Generator) -> Verdict:
    x, delta = factors(g, T=6)
    lr = rate(g)
    delta[[1, 4, 5]] = 0
    change = student(x, delta, lr)
    return every(
        close(change, by_hand(x[[0, 2, 3]], delta[[0, 2, 3]]) * (0 - lr), 1e-8, "Δ"),
        at_most(int(torch.linalg.matrix_rank(change)), 3, "rank of Δ", "at most 3, the tokens with δ ≠ 0"),
    )


def trains_the_editor(student: Student, g: Generator) -> Verdict:
    """Of ½‖Δ‖²: with G = Σ δ_t x_t^T, ∂/∂x_t = lr² G^T δ_t and ∂/∂δ_t = lr² G x_t, by calculus."""
    x, delta = factors(g)
    lr = rate(g)
    G = by_hand(x, delta)
    by_x, by_delta = student.gradient(x, delta, lr, wrt=(0, 1))
    wanted = torch.stack([lr**2 * G.T @ d for d in delta]), torch.stack([lr**2 * G @ v for v in x])
    if by_x is None or by_delta is None:
        name = "x_t" if by_x is None else "delta_t"
        return Verdict(False, f"no gradient reaches {name}", f"gradient: {shown(wanted[0])}")
    return every(
        close(by_x, wanted[0], 1e-6, "gradient by x_t"),
        close(by_delta, wanted[1], 1e-6, "gradient by delta_t"),
    )


CLAIMS = (
    Claim("one step of SGD", "With unchanged factors it is one step of plain gradient descent",
          "An editor that has learned nothing yet must behave like torch.optim.SGD.",
          one_step_of_sgd, open=True),
    Claim("downhill", "A small step makes the loss smaller",
          "A change of - lr times the gradient lowers the loss by lr ‖∇W‖². Which way does yours go?",
          downhill, open=True),
    Claim("square", "It holds for a square weight too, where shapes can't tell rows from columns",
          "With d_in = d_out a transposed answer has the right shape and is wrong.", square),
    Claim("rate and tokens", "Twice the rate, or every token twice, is twice the change",
          "The change is a sum over tokens times the rate. Nothing is divided or scaled.", rate_and_tokens),
    Claim("silent tokens", "Tokens with δ = 0 add nothing; the rank is at most the number of the others",
          "Padding must not count, not even in a denominator.", silent),
    Claim("trains the editor", "The change carries its gradient back to both factors, where the editor is",
          "The editor is trained through its update: no .detach(), no .item(), no torch.no_grad() on the "
          "way.",
          trains_the_editor),
)  # fmt: skip


Update = Callable[[Tensor, Tensor, float], Tensor]


def like(update: Update) -> Callable[[], Update]:
    return lambda: update


MUTANTS = [
    Mutant(
        "plus",
        "You added lr times the sum: that climbs the loss. The released code of the paper does this too, and "
        "leaves it to training to turn the sign round.",
        like(lambda x, delta, lr: lr * delta.T @ x),
    ),
    Mutant(
        "mean",
        "You divided by the number of tokens. The update is a sum, so that an untrained editor is a step "
        "of SGD.",
        like(lambda x, delta, lr: -lr * delta.T @ x / len(x)),
    ),
    Mutant(
        "transposed",
        "You built Σ x_t δ_t^T, of shape (d_in, d_out). The change has the shape of W: outputs are rows.",
        like(lambda x, delta, lr: -lr * x.T @ delta),
    ),
    Mutant(
        "no_rate",
        "You left out lr. Each matrix has a rate of its own, and it is learned.",
        like(lambda x, delta, lr: -delta.T @ x),
    ),
    Mutant(
        "one_outer_product",
        "You added up the tokens first, and took one outer product of the sums: rank one, and another "
        "change.",
        like(lambda x, delta, lr: -lr * torch.outer(delta.sum(0), x.sum(0))),
    ),
    Mutant(
        "cut_off",
        "Your change is right, but cut off from its factors by detach, item or no_grad. The outer loss could "
        "never train the editor.",
        like(lambda x, delta, lr: -lr * delta.detach().T @ x.detach()),
    ),
]

HINTS = (
    "You have built Σ δ_t x_t^T before. Which way must a weight go so that the loss falls?",
    "Minus, rate, sum of outer products. Keep it one expression of tensors, so that gradients flow back.",
    "return -... * delta_t.T @ ...",
)

EXPLANATION = (
    "With unchanged factors this is - lr ∇W, one step of SGD. So without normalisation an editor that starts "
    "as the identity starts from fine-tuning, and learns what to do better.",
    "The network gives factors, never Δ itself: T (d_in + d_out) numbers in place of d_in · d_out.",
)
