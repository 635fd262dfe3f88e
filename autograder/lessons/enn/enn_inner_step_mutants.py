"""Misconceptions about enn.enn_inner_step, each with its own sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.calls import Call
from autograder.lessons.enn.enn_inner_step_problems import Bowl
from autograder.mutants import Mutant

Step = Callable[[dict[str, Tensor], Any, Mapping[str, Any]], dict[str, Tensor]]


def gradients(params: Mapping[str, Tensor], loss: Any, second: bool = True) -> dict[str, Tensor]:
    found = torch.autograd.grad(
        loss(params), list(params.values()), create_graph=second, allow_unused=True, materialize_grads=True
    )
    return dict(zip(params, found, strict=True))


def stepping(
    move: Callable[[Tensor, Any, Tensor, list[Any]], Tensor], second: bool = True
) -> Callable[[], Step]:
    """A step in which `move(θ, rate, gradient, all rates)` makes each new tensor."""

    def enn_inner_step(params: dict[str, Tensor], loss: Any, lrs: Mapping[str, Any]) -> dict[str, Tensor]:
        grads = gradients(params, loss, second)
        rates = [lrs[name] for name in params]
        return {name: move(p, lrs[name], grads[name], rates) for name, p in params.items()}

    return lambda: enn_inner_step


def in_place(params: dict[str, Tensor], loss: Any, lrs: Mapping[str, Any]) -> dict[str, Tensor]:
    grads = gradients(params, loss)
    with torch.no_grad():
        for name, p in params.items():
            p -= lrs[name] * grads[name]
    return params


def all_must_be_used(params: dict[str, Tensor], loss: Any, lrs: Mapping[str, Any]) -> dict[str, Tensor]:
    grads = torch.autograd.grad(loss(params), list(params.values()), create_graph=True)
    return {name: p - lrs[name] * grad for (name, p), grad in zip(params.items(), grads, strict=True)}


def two_steps(params: dict[str, Tensor], loss: Any, lrs: Mapping[str, Any]) -> dict[str, Tensor]:
    for _ in range(2):
        grads = gradients(params, loss)
        params = {name: p - lrs[name] * grads[name] for name, p in params.items()}
    return params


def reached(call: Call) -> tuple[bool, bool, bool]:
    """Whether an outer gradient reaches the loss's own tensors, the parameters, and the rates' graph."""
    answer = call.value.get("W") if isinstance(call.value, dict) else None
    if call.stop is not None or not isinstance(answer, Tensor) or not answer.requires_grad:
        return (False, False, False)
    rate = call.args[2]["W"]
    leaves = [call.args[1].target["W"], *([rate] if isinstance(rate, Tensor) else [])]
    found = torch.autograd.grad(answer.sum(), leaves, allow_unused=True, retain_graph=True)
    return found[0] is not None, True, len(found) < 2 or found[1] is not None


def looks(wanted: tuple[bool, bool, bool]) -> Callable[[Sequence[Call]], bool]:
    """The right numbers, with these outer gradients. Only calls with a bowl for a loss tell."""

    def behaves(made: Sequence[Call]) -> bool:
        told = [call for call in made if isinstance(call.args[1], Bowl)]
        return bool(told) and all(right(call) for call in told) and _all(map(reached, told)) == wanted

    return behaves


def _all(found: Any) -> tuple[bool, bool, bool]:
    first, second, third = zip(*found, strict=True)
    return all(first), all(second), all(third)


def right(call: Call) -> bool:
    """Whether the numbers are those of the step."""
    params, loss, lrs = call.args
    if call.stop is not None or call.changed or not isinstance(call.value, dict):
        return False
    return all(
        isinstance(call.value.get(n), Tensor)
        and call.value[n].shape == params[n].shape
        and torch.allclose(call.value[n].detach(), (params[n] - lrs[n] * loss.slope(params, n)).detach())
        for n in loss.curve
    )


MUTANTS = [
    Mutant(
        "uphill",
        "You added the gradient: the loss gets larger. A step of descent is θ - lr ∇L.",
        stepping(lambda p, lr, grad, rates: p + lr * grad),
    ),
    Mutant(
        "first_order",
        "Your gradient is a constant to the outer loss: ask for it with create_graph=True. Without it the "
        "outer problem can't know how the step itself depends on θ.",
        stepping(lambda p, lr, grad, rates: p - lr * grad, second=False),
        behaves=looks((False, True, True)),
    ),
    Mutant(
        "cut_off",
        "Your new parameters are plain numbers, cut off from the old ones (detach, .data or no_grad). No "
        "outer "
        "loss can train through them.",
        stepping(lambda p, lr, grad, rates: (p - lr * grad).detach()),
        behaves=looks((False, False, False)),
    ),
    Mutant(
        "in_place",
        "You changed params in place, as an optimiser does. Make new tensors: the outer loss needs the old "
        "ones, too.",
        lambda: in_place,
    ),
    Mutant(
        "one_rate",
        "You used the first rate for every tensor. Each name has its own in lrs.",
        stepping(lambda p, lr, grad, rates: p - rates[0] * grad),
    ),
    Mutant(
        "rate_as_number",
        "You turned the rates into plain numbers. They are learned too: multiply by the tensors as they are.",
        stepping(lambda p, lr, grad, rates: p - float(lr) * grad),
        behaves=looks((True, True, False)),
    ),
    Mutant(
        "all_must_be_used",
        "Your code stops when the loss does not use one of the tensors. Such a tensor stays where it was: "
        "allow_unused=True, with materialize_grads=True, gives it a gradient of zeros.",
        lambda: all_must_be_used,
    ),
    Mutant(
        "two_steps",
        "You took two steps. One call is one step; whoever wants k of them calls k times.",
        lambda: two_steps,
    ),
    Mutant(
        "unit_gradient",
        "You scaled the gradient to length one. Its length belongs to the step.",
        stepping(lambda p, lr, grad, rates: p - lr * grad / grad.norm().clamp(min=1e-12)),
    ),
]
