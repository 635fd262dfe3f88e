"""mend.gradient_factors: the inputs x_t of a layer and the gradients δ_t at its outputs, textbook §5.2.2.

Shape letters: B rows, S tokens of a row, T = B S. Law L10 of the syllabus.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate, tuple_gate
from autograder.judgement import Verdict
from autograder.lessons.mend.gradient_factors_mutants import MUTANTS
from autograder.lessons.mend.gradient_factors_problems import problem

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("layer", "loss_fn")


def gate(value: Any, layer: nn.Module, loss_fn: Any) -> tuple[Tensor, Tensor]:
    """Widths are those of the layer's bias and weight; T is left to the claims."""
    weight, bias = layer.get_parameter("weight"), layer.get_parameter("bias")
    d_out = len(bias)
    d_in = weight.numel() // d_out
    T = [int(part.shape[0]) if isinstance(part, Tensor) and part.dim() else 0 for part in _two(value)]
    return tuple_gate(
        value,
        lambda x: tensor_gate(x, (T[0], d_in), "(T, d_in)", "the layer's weight", weight.dtype),
        lambda delta: tensor_gate(delta, (T[0], d_out), "(T, d_out)", "the layer's weight", weight.dtype),
    )


def _two(value: Any) -> tuple[Any, Any]:
    return (value[0], value[1]) if isinstance(value, (tuple, list)) and len(value) == 2 else (None, None)


def same_size(yours: Tensor, expected: Tensor, what: str) -> Verdict:
    """`close`, after the number of tokens has been compared."""
    if len(yours) != len(expected):
        return Verdict(False, f"{what}: {len(yours)} tokens", f"{what}: {len(expected)} tokens")
    return close(yours, expected, 1e-8, what)


def plain_loss(student: Student, g: Generator) -> Verdict:
    """L = Σ c · output: then δ is c, and x is what was put in. No network is needed to know that."""
    given = problem(g)
    c = randn(*given.x.shape[:2], given.readout.shape[0], generator=g, dtype=torch.float64)
    x, delta = student(given.layer, lambda: (given.layer(given.x) * c).sum())
    return every(same_size(x, given.x[0], "x"), same_size(delta, c[0], "δ"))


def deep_loss(student: Student, g: Generator) -> Verdict:
    """Through what comes after the layer, tokens seeing earlier tokens included."""
    given = problem(g)
    x, delta = student(given.layer, given.loss)
    return every(same_size(x, given.tokens(), "x"), same_size(delta, given.delta(), "δ"))


def outer_products(student: Student, g: Generator) -> Verdict:
    """L10 for nn.Linear, square, so that no shape tells the two factors apart."""
    given = problem(g, square=True)
    x, delta = student(given.layer, given.loss)
    if len(x) != len(delta):
        return Verdict(False, f"{len(x)} inputs, {len(delta)} gradients", "one pair per token")
    total = sum(torch.outer(d, v) for d, v in zip(delta, x, strict=True))
    return every(
        close(torch.as_tensor(total), given.weight_gradient(), 1e-8, "Σ δ_t x_t^T"),
        same_size(x, given.tokens(), "x"),
    )


def conv1d(student: Student, g: Generator) -> Verdict:
    """GPT-2's Conv1D keeps its weight as (d_in, d_out); the factors don't notice."""
    given = problem(g, B=int(randint(1, 3, (), generator=g)), conv=True)
    x, delta = student(given.layer, given.loss)
    return every(
        same_size(x, given.tokens(), "x"),
        same_size(delta, given.delta(), "δ"),
        close(x.T @ delta, given.weight_gradient(), 1e-8, "Σ x_t δ_t^T, as Conv1D stores it"),
    )


def batch(student: Student, g: Generator) -> Verdict:
    """Several rows: T = B S tokens, row after row."""
    given = problem(g, B=int(randint(2, 5, (), generator=g)))
    x, delta = student(given.layer, given.loss)
    return every(same_size(x, given.tokens(), "x"), same_size(delta, given.delta(), "δ"))


def silent_tokens(student: Student, g: Generator) -> Verdict:
    """Padding, and what stands after the last judged token, keeps its place with δ = 0."""
    given = problem(g, B=3)
    S = given.x.shape[1]
    last = torch.tensor([S - 1, 1, S - 2])
    weight = given.weight * (torch.arange(S)[None] == last[:, None])
    given = given._replace(weight=weight)
    x, delta = student(given.layer, given.loss)
    heard = int((torch.arange(S)[None] <= last[:, None]).sum())
    found = every(same_size(x, given.tokens(), "x"), same_size(delta, given.delta(), "δ"))
    if not found.kept:
        return found
    rank = int(torch.linalg.matrix_rank(delta.T @ x))
    return at_most(rank, heard, "rank of Σ δ_t x_t^T", f"at most {heard}, the tokens with δ ≠ 0")


def leaves_no_trace(student: Student, g: Generator) -> Verdict:
    """No hook stays, no parameter has a `grad`, and the second answer is as good as the first."""
    given = problem(g)
    x, delta = student(given.layer, given.loss)
    hooks = len(given.layer._forward_hooks) + len(given.layer._backward_hooks)
    hooks += len(given.layer._forward_pre_hooks) + len(given.layer._backward_pre_hooks)
    grads = [name for name, p in given.layer.named_parameters() if p.grad is not None]
    other = given._replace(x=given.x.flip(1))
    again = student(given.layer, other.loss)
    return every(
        same_size(delta, given.delta(), "δ"),
        same_size(again[1], other.delta(), "δ, asked for a second time"),
        Verdict(not hooks, f"{hooks} hooks still on the layer", "no hook left"),
        Verdict(not grads, f".grad filled in: {', '.join(grads)}", "every .grad as it was: None"),
    )


CLAIMS = (
    Claim(
        "plain loss",
        "If the loss is a weighted sum of the layer's outputs, x is the input and δ is the weights",
        "With L = Σ c·output the gradient at the outputs is c itself, token by token.",
        plain_loss,
        open=True,
    ),
    Claim(
        "deep loss",
        "δ is the gradient at the layer's outputs, through everything that comes after the layer",
        "δ_t = ∂L/∂(output at token t): differentiate the loss by the output, not by anything else.",
        deep_loss,
        open=True,
    ),
    Claim(
        "outer products",
        "The sum of the outer products δ_t x_t^T is the gradient of the weight",
        "One pair (x_t, δ_t) per token. Their outer products must add up to what autograd gives for W.",
        outer_products,
        open=True,
    ),
    Claim(
        "conv1d",
        "It holds for GPT-2's Conv1D too, whose weight is stored the other way round",
        "Inputs and outputs are enough: the layer's weight, and how it is stored, should not be looked at.",
        conv1d,
    ),
    Claim(
        "batch",
        "Several rows give B·S tokens, row after row",
        "Batch and tokens become one dimension: reshape(-1, width) of both.",
        batch,
    ),
    Claim(
        "silent tokens",
        "Tokens that the loss does not depend on stay in their place, with δ = 0",
        "Keep every token. Padding has x ≠ 0 and δ = 0, so it adds nothing to the sum.",
        silent_tokens,
    ),
    Claim(
        "leaves no trace",
        "Afterwards no hook is left on the layer, and no parameter has a new .grad",
        "Remove the hook when the loss is there, and use torch.autograd.grad in place of loss.backward().",
        leaves_no_trace,
        open=True,
    ),
)

STUB = '''def gradient_factors(
    layer: nn.Module, loss_fn: Callable[[], Float[Tensor, ""]]
) -> tuple[Float[Tensor, "T d_in"], Float[Tensor, "T d_out"]]:
    """The inputs x of a linear layer, and the gradients delta of the loss at its outputs, token by token.

    loss_fn() runs the model, with the layer in it, and returns the loss. The layer's input has the shape
    (B, S, d_in); batch and tokens are flattened into T = B S, row after row. Every token is kept, those with
    delta = 0 too. Afterwards the layer has no hook left, and no parameter a new `grad`.
    Returns (x, delta), both without a graph.
    """
'''

HINTS = (
    "x is seen in the forward pass, δ only after the loss is known. What must you hold on to during the "
    "forward pass, so that you can ask for the gradient later?",
    "Register a forward hook that keeps `args[0]` and `output`. Run loss_fn, remove the hook. Then "
    "torch.autograd.grad(loss, output) gives δ and touches no .grad. Flatten both to two dimensions.",
    "kept = {}\n"
    "def keep(module, args, output):\n"
    "    kept['x'], kept['out'] = args[0], output\n"
    "handle = layer.register_forward_hook(keep)\n"
    "loss = loss_fn()\n"
    "handle.remove()\n"
    "(delta,) = torch.autograd.grad(loss, ...)\n"
    "return kept['x'].detach().reshape(-1, ...), delta.reshape(-1, ...)",
)

EXPLANATION = (
    "A linear layer sees the weight only through its outputs, so ∂L/∂W follows from the inputs and from "
    "∂L/∂output. Both are small: d_in + d_out numbers per token, where the gradient has d_in · d_out.",
    "The hook keeps the output tensor that is part of the graph; autograd.grad differentiates by it. A full "
    "backward hook sees the same δ. The `finally` takes the hook off even if the loss stops with an error.",
)
