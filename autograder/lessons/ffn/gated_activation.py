"""ffn.gated_activation: a_i = act(q · g_i) (q · u_i), the coefficients of a gated FFN such as Llama's.

Shape letters: n queries, D width of the residual stream, F width of the feed-forward layer. The oracle is a
loop over neurons, and Llama's own module.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, nn, randn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.ffn.ffn_memory_problems import Activation, activation, size
from autograder.mutants import Mutant

ARGUMENTS = ("q", "W_gate", "W_up", "act")


def gate(value: Any, q: Tensor, W_gate: Tensor, W_up: Tensor, act: Activation) -> Tensor:
    return tensor_gate(value, (len(q), len(W_gate)), "(n, F)", "q", q.dtype)


def problem(g: Generator) -> tuple[Tensor, Tensor, Tensor, Activation]:
    n, D, F = size(g, 2, 5), size(g, 3, 7), size(g, 8, 13)
    q, W_gate, W_up = (randn(*shape, generator=g, dtype=torch.float64) for shape in ((n, D), (F, D), (F, D)))
    return q, W_gate, W_up, activation(g)


def one_by_one(q: Tensor, W_gate: Tensor, W_up: Tensor, act: Activation) -> Tensor:
    a = q.new_zeros(len(q), len(W_gate))
    for j in range(len(q)):
        for i in range(len(W_gate)):
            a[j, i] = act((q[j] * W_gate[i]).sum()) * (q[j] * W_up[i]).sum()
    return a


def two_keys(student: Student, g: Generator) -> Verdict:
    given = problem(g)
    return close(student(*given), one_by_one(*given), 1e-6, "a")


def closed_gate(student: Student, g: Generator) -> Verdict:
    """With ReLU: where q · g_i < 0 the neuron is silent, elsewhere a_i is the product of both matches."""
    q, W_gate, W_up, _ = problem(g)
    match, up = q @ W_gate.T, q @ W_up.T
    want = torch.where(match > 0, match * up, torch.zeros_like(up))
    return close(student(q, W_gate, W_up, nn.functional.relu), want, 1e-6, "a with act = ReLU")


def sign(student: Student, g: Generator) -> Verdict:
    """The second key turned round turns the sign of every coefficient, and twice its length doubles them."""
    q, W_gate, W_up, act = problem(g)
    want = one_by_one(q, W_gate, W_up, act)
    return every(
        close(student(q, W_gate, -W_up, act), -want, 1e-6, "a for -W_up"),
        close(student(q, W_gate, 2 * W_up, act), 2 * want, 1e-6, "a for 2 W_up"),
    )


def is_llamas(student: Student, g: Generator) -> Verdict:
    """What Llama's own module hands to its down projection, with random weights."""
    D, F = 2 * size(g, 2, 5), size(g, 9, 13)  # Llama wants an even width
    mlp, seen = LlamaMLP(LlamaConfig(hidden_size=D, intermediate_size=F, num_attention_heads=1)), []
    with torch.no_grad():
        for weight in mlp.parameters():
            weight.copy_(randn(weight.shape, generator=g))
        q = randn(3, D, generator=g)
        mlp.down_proj.register_forward_pre_hook(lambda module, given: seen.append(given[0].clone()))
        mlp(q)
    gates, ups = mlp.gate_proj.weight.detach().clone(), mlp.up_proj.weight.detach().clone()
    return close(student(q, gates, ups, mlp.act_fn), seen[0], 1e-4, "a")


CLAIMS = (
    Claim(
        "two keys",
        "a_i is act(q · g_i) times (q · u_i): the match with two keys",
        "Match the query with both keys of the neuron, apply act to the gate's match, and multiply.",
        two_keys,
        open=True,
    ),
    Claim(
        "closed gate",
        "With ReLU, a neuron whose gate does not match is silent, whatever its other key says",
        "The gate decides: act is applied to q · g_i, and to nothing else.",
        closed_gate,
        open=True,
    ),
    Claim(
        "sign",
        "a follows W_up in sign and size: -W_up gives -a, 2 W_up gives 2 a",
        "The second match enters as it is. It can be negative, and then the neuron speaks against its value.",
        sign,
    ),
    Claim(
        "Llama's own",
        "a is what Llama's own module weighs its values with",
        "Llama's module computes other coefficients from the same weights. Which matrix passes through act?",
        is_llamas,
    ),
)


def up_gated(q: Tensor, W_gate: Tensor, W_up: Tensor, act: Activation) -> Tensor:
    return (q @ W_gate.T) * act(q @ W_up.T)


MUTANTS = [
    Mutant(
        "swapped",
        "Gate and up are exchanged: the activation function belongs on q · g_i, the gate's match.",
        lambda: up_gated,
    ),
    Mutant(
        "both_activated",
        "You applied act to both matches. Only the gate passes through it, so that a coefficient can be "
        "negative.",
        lambda: lambda q, W_gate, W_up, act: act(q @ W_gate.T) * act(q @ W_up.T),
    ),
    Mutant(
        "act_of_product",
        "You applied act to the product. It belongs on the gate's match alone: act(q · g_i) (q · u_i).",
        lambda: lambda q, W_gate, W_up, act: act((q @ W_gate.T) * (q @ W_up.T)),
    ),
    Mutant(
        "no_activation",
        "The activation function is missing: without it a gate never closes.",
        lambda: lambda q, W_gate, W_up, act: (q @ W_gate.T) * (q @ W_up.T),
    ),
    Mutant(
        "added",
        "You added the two. A gate multiplies: where it is closed, nothing of q · u_i gets through.",
        lambda: lambda q, W_gate, W_up, act: act(q @ W_gate.T) + q @ W_up.T,
    ),
    Mutant(
        "gate_alone",
        "W_up is not used. This is the plain FFN of (5.6); a gated neuron multiplies by q · u_i as well.",
        lambda: lambda q, W_gate, W_up, act: act(q @ W_gate.T),
    ),
]

HINTS = (
    "Every neuron has two keys here. One opens and closes it, the other says how much, and with which sign.",
    "Compute both matches for all neurons at once, q @ W_gate.T and q @ W_up.T, each (n, F). Apply act to the "
    "first only, and multiply them entry by entry.",
    "match = q @ ...       # (n, F), the gate's\namount = q @ ...      # (n, F)\nreturn act(...) * ...",
)

EXPLANATION = (
    "The product is taken entry by entry: neuron i has one gate and one amount. Nothing is added up before "
    "W_out.",
    "Because q · u_i is not activated, a coefficient can be negative. Then the neuron makes the words of its "
    "value less likely, and a list of its strongest triggers must say whether it goes by sign or by size.",
)
