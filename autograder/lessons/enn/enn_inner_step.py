"""enn.enn_inner_step: θ' = θ - lr ∇L(θ), differentiable; the inner problem of equation (5.5).

The outer gradients are judged in closed form on L = ½ Σ (θ - a)^T A (θ - a), where a and the rates are leaves
that the check keeps, and θ is the leaf that the answer's graph ends in.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import torch
from torch import Generator, Tensor, nn, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import Refused, shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.enn.enn_inner_step_mutants import MUTANTS
from autograder.lessons.enn.enn_inner_step_problems import Bowl, leaf_like

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("params", "loss", "lrs")


def gate(value: Any, params: dict[str, Tensor], loss: Any, lrs: Any) -> dict[str, Tensor]:
    """The answer as it came, graph and all, once every tensor has its parameter's form."""
    if not isinstance(value, dict) or set(value) != set(params):
        came = f"names {sorted(value)}" if isinstance(value, dict) else type(value).__name__
        said = "Give back a dictionary with the same names as params, one tensor each."
        raise Refused(Verdict(False, came, f"names {sorted(params)}", said=said))
    for name, parameter in params.items():
        tensor_gate(value[name], parameter.shape, "the parameter's", f"params[{name!r}]", parameter.dtype)
    return {name: value[name] for name in params}


def width(g: Generator) -> int:
    return int(randint(3, 8, (), generator=g))


def bowl(g: Generator, names: tuple[str, ...] = ("W", "b", "c")) -> tuple[dict[str, Tensor], Bowl]:
    """A few vectors of unlike lengths, and the loss that pulls each to a point of its own."""
    params = {name: randn(width(g) + i, generator=g, dtype=torch.float64) for i, name in enumerate(names)}
    return {name: p.requires_grad_() for name, p in params.items()}, Bowl(params, g)


def rates(params: dict[str, Tensor], g: Generator) -> dict[str, float]:
    return {name: 0.1 + 0.4 * float(rand((), generator=g)) for name in params}


def against_the_gradient(student: Student, g: Generator) -> Verdict:
    """One tensor, one rate."""
    params, loss = bowl(g, ("W",))
    lrs = rates(params, g)
    wanted = params["W"] - lrs["W"] * loss.slope(params, "W")
    return close(student(params, loss, lrs)["W"], wanted, 1e-8, "θ'")


def own_rates(student: Student, g: Generator) -> Verdict:
    params, loss = bowl(g)
    lrs = rates(params, g)
    after = student(params, loss, lrs)
    return every(
        *(close(after[n], params[n] - lrs[n] * loss.slope(params, n), 1e-8, f"θ'[{n!r}]") for n in params)
    )


def is_sgd(student: Student, g: Generator) -> Verdict:
    """A small network, judged by torch.optim.SGD with a group per tensor."""
    d_in, d_out = width(g), width(g)
    x, y = (randn(6, d, generator=g, dtype=torch.float64) for d in (d_in, d_out))
    params = {"weight": randn(d_out, d_in, generator=g, dtype=torch.float64).requires_grad_(),
              "bias": randn(d_out, generator=g, dtype=torch.float64).requires_grad_()}  # fmt: skip
    lrs = rates(params, g)

    def loss(p: dict[str, Tensor]) -> Tensor:
        return (nn.functional.linear(x, p["weight"], p["bias"]).tanh() - y).square().mean()

    after = student(params, loss, lrs)
    own = {name: p.detach().clone().requires_grad_() for name, p in params.items()}
    sgd = torch.optim.SGD([{"params": [own[name]], "lr": lrs[name]} for name in own])
    with torch.enable_grad():
        loss(own).backward()
    sgd.step()
    return every(*(close(after[name], own[name], 1e-8, f"θ'[{name!r}]") for name in own))


def learns_through(student: Student, g: Generator) -> Verdict:
    """∂(c·θ')/∂a = lr A c: it exists only if the inner gradient kept its own graph."""
    params, loss = bowl(g, ("W",))
    lrs = rates(params, g)
    c = randn(len(params["W"]), generator=g, dtype=torch.float64)
    after = student(params, loss, lrs)["W"]
    found = outer(after, c, [loss.target["W"]])[0]
    wanted = lrs["W"] * loss.curve["W"] @ c
    moved = close(after, params["W"] - lrs["W"] * loss.slope(params, "W"), 1e-8, "θ'")
    return every(
        moved, judged("the loss's own tensors", found, wanted, "outer gradient")
    )


def second_order(student: Student, g: Generator) -> Verdict:
    """∂(c·θ')/∂θ = (I - lr A) c: the part with A is the second derivative."""
    params, loss = bowl(g, ("W",))
    lrs = rates(params, g)
    c = randn(len(params["W"]), generator=g, dtype=torch.float64)
    after = student(params, loss, lrs)["W"]
    leaf = leaf_like(after, params["W"])
    found = outer(after, c, [leaf])[0] if leaf is not None else None
    wanted = c - lrs["W"] * loss.curve["W"] @ c
    return judged("params", found, wanted, "∂(c·θ')/∂θ")


def learned_rates(student: Student, g: Generator) -> Verdict:
    """∂(c·θ')/∂lr = - c·∇L: the rates are trained too."""
    params, loss = bowl(g)
    lrs = {
        name: torch.tensor(lr, dtype=torch.float64, requires_grad=True)
        for name, lr in rates(params, g).items()
    }
    after = student(params, loss, MappingProxyType(lrs))
    found = []
    for name, p in params.items():
        c = randn(len(p), generator=g, dtype=torch.float64)
        slope = outer(after[name], c, [lrs[name]])[0]
        wanted = -(c @ loss.slope(params, name))
        found.append(
            judged(f"lrs[{name!r}]", slope, wanted, f"∂(c·θ')/∂lrs[{name!r}]")
        )
    return every(*found)


def unused(student: Student, g: Generator) -> Verdict:
    """A tensor that the loss does not read stays where it was, and the others still move."""
    params, loss = bowl(g)
    spare = randn(width(g), generator=g, dtype=torch.float64).requires_grad_()
    given = {"spare": spare, **params}
    after = student(given, loss, rates(given, g) | (lrs := rates(params, g)))
    return every(
        close(after["spare"], spare, 1e-12, "θ'['spare']"),
        *(close(after[n], params[n] - lrs[n] * loss.slope(params, n), 1e-8, f"θ'[{n!r}]") for n in params),
    )


def outer(after: Tensor, c: Tensor, leaves: list[Tensor]) -> tuple[Tensor | None, ...]:
    """The gradient of c·θ' by the leaves; None where nothing connects them."""
    if not after.requires_grad:
        return (None,) * len(leaves)
    with torch.enable_grad():
        return torch.autograd.grad((c * after).sum(), leaves, allow_unused=True, retain_graph=True)


def judged(name: str, found: Tensor | None, wanted: Tensor, what: str) -> Verdict:
    """`close` for an outer gradient, which may be missing."""
    if found is None:
        return Verdict(False, f"no gradient reaches {name}", f"{what} = {shown(wanted)}")
    return close(found, wanted, 1e-6, what)


CLAIMS = (
    Claim("against the gradient", "The step goes against the gradient of the loss, by the rate",
          "θ' = θ - lr ∇L(θ). Where is the minus, where is the rate?", against_the_gradient, open=True),
    Claim("own rates", "Every tensor moves with its own gradient and its own rate",
          "params, gradients and lrs belong together by name.", own_rates, open=True),
    Claim("learns through", "An outer loss can see through the step, and through the gradient in it",
          "Ask for the gradient with create_graph=True: without it the gradient is a constant to the "
          "outer loss.",
          learns_through, open=True),
    Claim("is SGD", "On a small network it is one step of torch.optim.SGD",
          "Only the gradient and the rate decide: no momentum, no scaling, one step.", is_sgd),
    Claim("second order", "The outer gradient by the parameters is (I - lr·Hessian) c",
          "The new parameters depend on the old ones twice: directly, and through the gradient.",
          second_order),
    Claim("learned rates", "The rates can be trained too",
          "Multiply by the tensors in lrs as they are: float(lr) or lr.item() cuts them off.", learned_rates),
    Claim("unused", "A tensor that the loss does not use stays where it was",
          "autograd.grad needs allow_unused=True, and gives None for such a tensor (or zeros, with "
          "materialize_grads=True).", unused),
)  # fmt: skip

STUB = '''def enn_inner_step(
    params: dict[str, Tensor],
    loss: Callable[[dict[str, Tensor]], Float[Tensor, ""]],
    lrs: Mapping[str, Float[Tensor, ""] | float],
) -> dict[str, Tensor]:
    """The parameters after one step of gradient descent on loss(params), each tensor with its own rate.

    params: tensors by name, all with requires_grad=True. lrs: a rate for every name. Returns new tensors
    under the same names, as a differentiable function of the parameters and the rates; `params` stays as it
    is. A tensor that the loss does not use stays where it was.
    """
'''

HINTS = (
    "An optimiser changes parameters in place and forgets how it got there. You need new tensors that "
    "remember. "
    "What must autograd be told so that a gradient can itself be differentiated?",
    "torch.autograd.grad(loss(params), list(params.values()), create_graph=True, allow_unused=True) gives "
    "one "
    "gradient per tensor, in order. Build a new dictionary: old tensor minus its rate times its gradient. A "
    "gradient that is None means: stay.",
    "grads = torch.autograd.grad(loss(params), list(params.values()), create_graph=..., allow_unused=True,\n"
    "                            materialize_grads=True)\n"
    "return {name: p - ... for (name, p), grad in zip(params.items(), grads)}",
)

EXPLANATION = (
    "create_graph=True keeps the graph of the gradient itself, so an outer loss can ask: how should θ be, "
    "so that "
    "a step from there is a good edit? The answer contains a second derivative, I - lr·Hessian.",
    "First-order variants drop that part. They cost less, and are exact where the edit loss is linear in θ.",
)
