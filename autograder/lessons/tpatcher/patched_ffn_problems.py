"""Problems for tpatcher.patched_ffn: feed-forward networks with random weights, and patches beside them.

Shape letters: n queries, R patches, D width of the residual stream, F width of the feed-forward layer.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn, randint, randn
from transformers import GPT2Config, LlamaConfig
from transformers.models.gpt2.modeling_gpt2 import GPT2MLP
from transformers.models.llama.modeling_llama import LlamaMLP

from edu_edit.feedforward import FFN


class Problem(NamedTuple):
    """The five arguments."""

    q: Tensor
    ffn: FFN
    k_p: Tensor
    b_p: Tensor
    v_p: Tensor


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def filled(mlp: nn.Module, g: Generator) -> nn.Module:
    """The module in float64, in evaluation mode, with random weights that ask for no gradient."""
    mlp = mlp.double().eval().requires_grad_(False)
    for weight in mlp.parameters():
        weight.copy_(0.5 * randn(weight.shape, generator=g, dtype=torch.float64))
    return mlp


def gpt2_ffn(g: Generator, D: int, F: int, act: str = "gelu_new") -> FFN:
    return FFN(
        filled(GPT2MLP(F, GPT2Config(n_embd=D, n_head=1, resid_pdrop=0.0, activation_function=act)), g)
    )


def llama_ffn(g: Generator, D: int, F: int) -> FFN:
    return FFN(filled(LlamaMLP(LlamaConfig(hidden_size=D, intermediate_size=F, num_attention_heads=1)), g))


def problem(g: Generator, R: int = 0, gated: bool = False, act: str = "gelu_new") -> Problem:
    """Between 2 and 4 queries, R patches (else 2 to 4), widths of 4 to 8 and 9 to 12, float64."""
    n, D, F = size(g, 2, 5), 2 * size(g, 2, 5), size(g, 9, 13)
    ffn = llama_ffn(g, D, F) if gated else gpt2_ffn(g, D, F, act)
    R = R or size(g, 2, 5)
    q, k_p, b_p, v_p = (
        randn(*shape, generator=g, dtype=torch.float64) for shape in ((n, D), (R, D), (R,), (R, D))
    )
    return Problem(q, ffn, k_p, b_p, v_p)


def one_by_one(p: Problem) -> Tensor:
    """Query by query and patch by patch, on top of what the module itself says."""
    out = p.ffn.forward(p.q).clone()
    for j in range(len(p.q)):
        for r in range(len(p.k_p)):
            match = sum(float(x) * float(y) for x, y in zip(p.q[j], p.k_p[r], strict=True))
            out[j] += p.ffn.act(torch.tensor(match, dtype=torch.float64) + p.b_p[r]) * p.v_p[r]
    return out


def widened(p: Problem, act: str) -> Tensor:
    """GPT-2's own module with R neurons more: keys and values of the patches put into its two matrices."""
    D, F, R = p.q.shape[1], len(p.ffn.W_in), len(p.k_p)
    config = GPT2Config(n_embd=D, n_head=1, resid_pdrop=0.0, activation_function=act)
    mlp = GPT2MLP(F + R, config).double().eval().requires_grad_(False)
    b_in, b_out = p.ffn.b_in, p.ffn.b_out
    assert b_in is not None and b_out is not None  # GPT-2 has both
    mlp.c_fc.weight.copy_(torch.cat([p.ffn.W_in.T, p.k_p.T], dim=1))
    mlp.c_fc.bias.copy_(torch.cat([b_in, p.b_p]))
    mlp.c_proj.weight.copy_(torch.cat([p.ffn.W_out.T, p.v_p]))
    mlp.c_proj.bias.copy_(b_out)
    return mlp(p.q)
