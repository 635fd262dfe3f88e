"""tracing.logit_lens: the next token's distribution as if the model ended after each layer.

Shape letters: L layers, D model width, V words. `norm` is given as a function, GPT-2's or Llama's in small.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.tracing.logit_lens_problems import (
    Norm,
    by_hand,
    layer_norm,
    layer_normed,
    planted,
    rms_norm,
    sizes,
)
from autograder.mutants import Mutant

ARGUMENTS = ("resid", "norm", "W_U")

STUB = '''def logit_lens(
    resid: Float[Tensor, "L D"], norm: Callable[[Tensor], Tensor], W_U: Float[Tensor, "V D"]
) -> Float[Tensor, "L V"]:
    """The next token's distribution as if the model ended after each layer.

    resid: the stream at one token after each layer. norm: the model's last norm, a function of vectors of
    length D (any number of them at once). W_U: the unembedding, one row of D numbers per word.
    """
'''


def gate(value: Any, resid: Tensor, norm: Norm, W_U: Tensor) -> Tensor:
    return tensor_gate(value, (len(resid), len(W_U)), "(L, V)", "resid", resid.dtype)


def without_norm(student: Student, g: Generator) -> Verdict:
    """A norm that changes nothing: what is left is the unembedding and the softmax."""
    L, D, V = sizes(g)
    resid, W_U = randn(L, D, generator=g), randn(V, D, generator=g)
    return close(student(resid, lambda h: h, W_U), by_hand(resid.tolist(), W_U), 1e-4, "P")


def with_norm(student: Student, g: Generator) -> Verdict:
    """Streams as a model has them: long vectors, far from mean 0, and a norm with gain and bias."""
    L, D, V = sizes(g)
    resid, W_U = 5 + 8 * randn(L, D, generator=g), randn(V, D, generator=g)
    gain, bias = 0.5 + rand(D, generator=g), randn(D, generator=g)
    expected = by_hand(layer_normed(resid, gain, bias), W_U)
    return close(student(resid, layer_norm(gain, bias), W_U), expected, 1e-3, "P")


def length(student: Student, g: Generator) -> Verdict:
    resid, norm, W_U, p = planted(g)
    return close(student(resid, norm, W_U), p, 1e-3, "P")


def last_row(student: Student, g: Generator) -> Verdict:
    """The last layer's row is what the whole model says: torch's own layers in a row, for that token."""
    L, D, V = sizes(g)
    head, gain = torch.nn.Linear(D, V, bias=False), 0.5 + rand(D, generator=g)
    W_U, resid = randn(V, D, generator=g), 10 * randn(L, D, generator=g)
    with torch.no_grad():
        head.weight.copy_(W_U)
        logits = head(torch.nn.functional.rms_norm(resid[-1], (D,), gain, 1e-8))
        said = torch.distributions.Categorical(logits=logits).probs
    return close(student(resid, rms_norm(gain), W_U)[-1], said, 1e-3, "P after the last layer")


def large_logits(student: Student, g: Generator) -> Verdict:
    """Logits of several hundred: each layer is sure of a word of its own, and nothing overflows."""
    L, D, _ = sizes(g)
    words = randint(0, D, (L,), generator=g)
    words[:2] = torch.tensor([0, D - 1])
    resid, W_U = torch.zeros(L, D), 400 * torch.eye(D)[torch.arange(D + 2) % D]
    W_U[D:] = 0
    resid[torch.arange(L), words] = 1
    expected = torch.zeros(L, D + 2)
    expected[torch.arange(L), words] = 1
    return close(student(resid, lambda h: h, W_U), expected, 1e-5, "P")


CLAIMS = (
    Claim(
        "unembedding",
        "Where the norm changes nothing: one dot product with every word's row, then softmax over the words",
        "logits[l, v] is the dot product of layer l's vector and row v of W_U; the softmax runs over v.",
        without_norm,
        open=True,
    ),
    Claim(
        "norm first",
        "The norm is applied to the stream, before W_U",
        "The model's own order is: norm, then W_U, then softmax. Every layer goes through all three.",
        with_norm,
        open=True,
    ),
    Claim(
        "length",
        "The length of the stream doesn't matter, its direction does",
        "The stream grows from layer to layer. The norm takes the length out before the words are compared.",
        length,
    ),
    Claim(
        "last row",
        "The last row is what the whole model says",
        "After the last layer the lens must agree with the model: same norm, same W_U, softmax over the words.",
        last_row,
    ),
    Claim(
        "large logits",
        "Large logits don't overflow",
        "exp(400) is too large for float32. torch.softmax takes the largest logit off first.",
        large_logits,
    ),
)


def lens(finish: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Norm, Tensor], Tensor]:
    return lambda resid, norm, W_U: finish(norm(resid) @ W_U.T)


MUTANTS = [
    Mutant(
        "no_norm",
        "The norm is missing. The model never gives its raw stream to W_U: without the norm long vectors look "
        "sure of themselves, and directions are wrong, too.",
        lambda: lambda resid, norm, W_U: (resid @ W_U.T).softmax(-1),
    ),
    Mutant(
        "norm_of_logits",
        "You applied the norm to the logits. It belongs to the stream: it takes vectors of length D, not V.",
        lambda: lambda resid, norm, W_U: norm(resid @ W_U.T).softmax(-1),
    ),
    Mutant(
        "raw_logits",
        "You gave back logits. Turn them into probabilities with a softmax over the words.",
        lambda: lens(lambda logits: logits),
    ),
    Mutant(
        "log_probs",
        "You gave back log-probabilities. Each row should add up to 1: softmax, not log_softmax.",
        lambda: lens(lambda logits: logits.log_softmax(-1)),
    ),
    Mutant(
        "over_layers",
        "Your softmax runs over the layers. Every layer has a distribution of its own, over the words: the last "
        "dimension.",
        lambda: lens(lambda logits: logits.softmax(0)),
    ),
    Mutant(
        "over_everything",
        "Your softmax runs over all layers and words together. Every row should add up to 1 by itself.",
        lambda: lens(lambda logits: logits.flatten().softmax(0).view_as(logits)),
    ),
    Mutant(
        "normed_words",
        "You applied the norm to the rows of W_U as well. The unembedding is used as it is.",
        lambda: lambda resid, norm, W_U: (norm(resid) @ norm(W_U).T).softmax(-1),
    ),
    Mutant(
        "plain_exp",
        "You took exp of the logits and divided by the sum. That is the definition, and it overflows: use "
        "torch.softmax.",
        lambda: lens(lambda logits: logits.exp() / logits.exp().sum(-1, keepdim=True)),
    ),
    Mutant(
        "last_layer_everywhere",
        "All your rows are the last layer's. Read every layer of the stream, each by itself.",
        lambda: lambda resid, norm, W_U: (norm(resid[-1:]) @ W_U.T).softmax(-1).repeat(len(resid), 1),
    ),
]

HINTS = (
    "What does the model do with the stream after its last block? Do the same after every block.",
    "Three steps: `norm(resid)` is (L, D); times the transpose of W_U it is (L, V), a logit for every word; a "
    "softmax over the last dimension makes each row a distribution.",
    "logits = norm(...) @ ...      # (L, V)\nreturn logits.softmax(...)",
)

EXPLANATION = (
    "The lens is the end of the model, moved forward: norm, unembedding, softmax. After the last layer it is the "
    "model's own answer; after earlier ones it is what the model would say if the remaining layers wrote nothing.",
    "Without the norm the logits grow with the length of the stream, so that late layers look surer than they "
    "are, and GPT-2's gain and bias are left out.",
)
