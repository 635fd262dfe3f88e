"""Misconceptions about mend.gradient_factors, each with its own sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from autograder.calls import Call
from autograder.mutants import Mutant

Factors = tuple[Tensor, Tensor]


def factors(
    finish: Callable[[Tensor, Tensor, Tensor, Tensor], Factors],
) -> Callable[[nn.Module, Any], Factors]:
    """A right run; `finish` makes the answer of input, output (B, S, .), and the gradients at both."""

    def gradient_factors(layer: nn.Module, loss_fn: Callable[[], Tensor]) -> Factors:
        kept: list[Tensor] = []

        def before(_: nn.Module, args: tuple[Tensor]) -> tuple[Tensor]:
            kept.append(args[0].detach().requires_grad_())
            return (kept[0],)

        def after(_: nn.Module, args: tuple[Tensor], output: Tensor) -> None:
            kept.append(output)

        handles = layer.register_forward_pre_hook(before), layer.register_forward_hook(after)
        try:
            loss = loss_fn()
        finally:
            for handle in handles:
                handle.remove()
        at_input, at_output = torch.autograd.grad(loss, kept[:2])
        return finish(kept[0].detach(), kept[1].detach(), at_input, at_output)

    return gradient_factors


def flat(x: Tensor, delta: Tensor) -> Factors:
    return x.reshape(-1, x.shape[-1]), delta.reshape(-1, delta.shape[-1])


def with_trace(by_backward: bool) -> Callable[[nn.Module, Any], Factors]:
    """Right numbers, but a hook stays on the layer, or loss.backward() fills every .grad."""

    def gradient_factors(layer: nn.Module, loss_fn: Callable[[], Tensor]) -> Factors:
        kept: list[tuple[Tensor, Tensor]] = []
        handle = layer.register_forward_hook(lambda _, args, output: kept.append((args[0], output)))
        loss = loss_fn()
        x, output = kept[-1]
        if not by_backward:
            return flat(x.detach(), torch.autograd.grad(loss, output)[0])
        handle.remove()
        output.retain_grad()
        loss.backward()
        assert output.grad is not None
        return flat(x.detach(), output.grad)

    return gradient_factors


def hooked(made: Sequence[Call]) -> bool:
    return any(call.stop is None and call.args[0]._forward_hooks for call in made)


def filled(made: Sequence[Call]) -> bool:
    return any(p.grad is not None for call in made if call.stop is None for p in call.args[0].parameters())


MUTANTS = [
    Mutant(
        "one_pair",
        "You added the tokens up and gave back one pair. That is the slip 'the gradient of one example has "
        "rank one': it has rank one per token. Keep a pair for every token.",
        lambda: factors(lambda x, y, dx, dy: (x.flatten(0, 1).sum(0)[None], dy.flatten(0, 1).sum(0)[None])),
    ),
    Mutant(
        "hook_left",
        "Your hook is still on the layer. Every later run would feed it: call handle.remove() as soon as the "
        "loss is there.",
        lambda: with_trace(False),
        behaves=hooked,
    ),
    Mutant(
        "backward",
        "You called loss.backward(), which writes into the .grad of every parameter. Use "
        "torch.autograd.grad(loss, output): only δ is wanted.",
        lambda: with_trace(True),
        behaves=filled,
    ),
    Mutant(
        "last_token",
        "You kept the last token only. A loss at the last token still reaches earlier tokens, because "
        "attention carries their outputs forward.",
        lambda: factors(lambda x, y, dx, dy: (x[:, -1], dy[:, -1])),
    ),
    Mutant(
        "gradient_at_the_input",
        "δ is the gradient at the layer's output. You gave the one at its input, which is already multiplied "
        "by the weight.",
        lambda: factors(lambda x, y, dx, dy: flat(x, dx)),
    ),
    Mutant(
        "output_for_input",
        "You gave the layer's output as x. The outer product needs what went into the layer.",
        lambda: factors(lambda x, y, dx, dy: flat(y, dy)),
    ),
    Mutant(
        "swapped",
        "You gave back (δ, x). The order is x first, then δ.",
        lambda: factors(lambda x, y, dx, dy: flat(dy, x)),
    ),
    Mutant(
        "first_row",
        "You kept the first row of the batch only. Flatten batch and tokens into one dimension.",
        lambda: factors(lambda x, y, dx, dy: (x[0], dy[0])),
    ),
    Mutant(
        "token_after_token",
        "You flattened tokens before rows. T runs through the first row, then the second: reshape "
        "(B, S, width) as it is.",
        lambda: factors(lambda x, y, dx, dy: flat(x.transpose(0, 1), dy.transpose(0, 1))),
    ),
    Mutant(
        "silent_dropped",
        "You left out the tokens with δ = 0. They add nothing to the gradient, but they keep the place of "
        "the "
        "others; MEND drops them later.",
        lambda: factors(lambda x, y, dx, dy: (x[dy.abs().amax(-1) > 0], dy[dy.abs().amax(-1) > 0])),
    ),
]
