"""Problems of mend.gradient_factors: a linear layer inside a small network, and a loss that runs it.

Shape letters: B rows, S tokens of a row, T = B S tokens in all. Every problem keeps its network, so the
oracle can write the layer's output as a leaf and let autograd differentiate by it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn, randint, randn
from transformers.pytorch_utils import Conv1D


class Problem(NamedTuple):
    """A layer, the input it gets (B, S, d_in), and weights of the loss (B, S) of which some may be zero."""

    layer: nn.Module
    x: Tensor
    readout: Tensor
    weight: Tensor
    mixed: bool

    def after(self, output: Tensor) -> Tensor:
        """The loss, from the layer's output on; with `mixed`, a token also sees the tokens before it."""
        seen = output.tanh()
        if self.mixed:
            seen = seen + seen.cumsum(1)
        return (((seen @ self.readout) ** 2).sum(-1) * self.weight).sum()

    def loss(self) -> Tensor:
        """What the student gets as loss_fn: runs the layer."""
        return self.after(self.layer(self.x))

    def delta(self) -> Tensor:
        """∂L/∂output (T, d_out), by making the output a leaf."""
        with torch.enable_grad():
            output = self.layer(self.x).detach().requires_grad_()
            (gradient,) = torch.autograd.grad(self.after(output), output)
        return gradient.flatten(0, 1)

    def tokens(self) -> Tensor:
        """The inputs (T, d_in), written out row by row."""
        return torch.stack([token for row in self.x for token in row])

    def weight_gradient(self) -> Tensor:
        """∂L/∂W as autograd has it, in the layer's own layout."""
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad(self.loss(), self.layer.get_parameter("weight"))
        return gradient


def problem(
    g: Generator, B: int = 1, conv: bool = False, mixed: bool = True, square: bool = False
) -> Problem:
    """3 to 6 tokens a row; d_in and d_out differ unless `square`; float64."""
    S, d_in = (int(randint(low, high, (), generator=g)) for low, high in ((3, 7), (4, 8)))
    d_out = d_in if square else d_in + int(randint(1, 4, (), generator=g))
    layer: nn.Module = Conv1D(d_out, d_in) if conv else nn.Linear(d_in, d_out)
    layer = layer.double()
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.copy_(0.5 * randn(parameter.shape, generator=g, dtype=torch.float64))
    x = randn(B, S, d_in, generator=g, dtype=torch.float64)
    readout = randn(d_out, 3, generator=g, dtype=torch.float64)
    weight = 0.5 + torch.rand(B, S, generator=g, dtype=torch.float64)
    return Problem(layer, x, readout, weight, mixed)
