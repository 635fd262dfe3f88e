"""Problems of ffn.ffn_memory and their answers: neuron by neuron, and by GPT-2's own module.

Shape letters: n queries, D width of the residual stream, F width of the feed-forward layer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Generator, Tensor, nn, randint, randn
from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP

Activation: TypeAlias = Callable[[Tensor], Tensor]
Problem: TypeAlias = tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor | None, Activation]
ACTIVATIONS: tuple[Activation, ...] = (nn.functional.relu, nn.functional.gelu, nn.functional.silu)


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def activation(g: Generator) -> Activation:
    return ACTIVATIONS[size(g, 0, len(ACTIVATIONS))]


def problem(g: Generator, D: int = 0, F: int = 0) -> Problem:
    """Between 2 and 4 queries, widths of 3 to 6 and 8 to 12, float64."""
    n, D, F = size(g, 2, 5), D or size(g, 3, 7), F or size(g, 8, 13)
    q, W_in, b_in, W_out, b_out = (
        randn(*shape, generator=g, dtype=torch.float64) for shape in ((n, D), (F, D), (F,), (D, F), (D,))
    )
    return q, W_in, b_in, W_out, b_out, activation(g)


def one_by_one(
    q: Tensor, W_in: Tensor, b_in: Tensor | None, W_out: Tensor, b_out: Tensor | None, act: Activation
) -> tuple[Tensor, Tensor]:
    """Query by query and neuron by neuron."""
    n, (F, D) = len(q), W_in.shape
    a = q.new_zeros(n, F)
    out = q.new_zeros(n, D) if b_out is None else b_out.repeat(n, 1)
    for j in range(n):
        for i in range(F):
            score = (q[j] * W_in[i]).sum()
            a[j, i] = act(score if b_in is None else score + b_in[i])
            out[j] += a[j, i] * W_out[:, i]
    return a, out


def gpt2_module(g: Generator) -> tuple[Problem, Tensor]:
    """A GPT-2 module's weights in our orientation, queries, and what the module makes of them."""
    D, F = size(g, 4, 7), size(g, 8, 13)
    mlp = GPT2MLP(F, GPT2Config(n_embd=D, resid_pdrop=0.0)).eval()
    with torch.no_grad():
        for weight in mlp.parameters():
            weight.copy_(randn(weight.shape, generator=g))
        q = randn(3, D, generator=g)
        up, down = mlp.c_fc, mlp.c_proj
        parts = (q, up.weight.T, up.bias, down.weight.T, down.bias)
        return (*(part.detach().clone() for part in parts), mlp.act), mlp(q)
