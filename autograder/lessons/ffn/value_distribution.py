"""ffn.value_distribution: experiment 2, softmax(W_U norm(v)), the words that a value speaks for.

Shape letters: D width of the residual stream, V vocabulary. The oracle adds up exponentials word by word.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn, rand, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.ffn.ffn_memory_problems import size
from autograder.mutants import Mutant

ARGUMENTS = ("v", "W_U", "norm")
Norm = Callable[[Tensor], Tensor]


def gate(value: Any, v: Tensor, W_U: Tensor, norm: Norm | None) -> Tensor:
    return tensor_gate(value, (*v.shape[:-1], len(W_U)), "(..., V)", "v", v.dtype)


def problem(g: Generator, *rows: int) -> tuple[Tensor, Tensor]:
    D, V = size(g, 4, 8), size(g, 9, 15)
    return randn(*rows, D, generator=g, dtype=torch.float64), randn(V, D, generator=g, dtype=torch.float64)


def layer_norm(g: Generator, D: int) -> Norm:
    """A layer norm with a gain and a shift of its own, as a model's last one is."""
    gain, shift = 0.5 + rand(D, generator=g, dtype=torch.float64), randn(D, generator=g, dtype=torch.float64)

    def norm(x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return gain * centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() + shift

    return norm


def word_by_word(x: Tensor, W_U: Tensor) -> Tensor:
    """The softmax of one vector's scores, with plain floats."""
    scores = [sum(float(a) * float(b) for a, b in zip(x, word, strict=True)) for word in W_U]
    most = max(scores)
    powers = [math.exp(score - most) for score in scores]
    return torch.tensor([power / sum(powers) for power in powers], dtype=x.dtype)


def no_norm(student: Student, g: Generator) -> Verdict:
    v, W_U = problem(g)
    return close(student(v, W_U, None), word_by_word(v, W_U), 1e-6, "p")


def normed(student: Student, g: Generator) -> Verdict:
    v, W_U = problem(g)
    norm = layer_norm(g, len(v))
    return close(student(v, W_U, norm), word_by_word(norm(v), W_U), 1e-6, "p")


def many_values(student: Student, g: Generator) -> Verdict:
    """Values in two leading dimensions, every one its own distribution."""
    v, W_U = problem(g, 2, 3)
    want = torch.stack([torch.stack([word_by_word(x, W_U) for x in row]) for row in v])
    return close(student(v, W_U, None), want, 1e-6, "p")


def as_many_words_as_channels(student: Student, g: Generator) -> Verdict:
    """V = D: the shape of W_U tells nothing."""
    v, W_U = problem(g, 3)
    W_U = W_U[: v.shape[1]]
    want = torch.stack([word_by_word(x, W_U) for x in v])
    return close(student(v, W_U, None), want, 1e-6, "p")


def length(student: Student, g: Generator) -> Verdict:
    """Seven times as long: sharper without a norm, the same with one that takes the length off."""
    v, W_U = problem(g)
    rms: Norm = lambda x: x / x.square().mean(-1, keepdim=True).sqrt()  # noqa: E731
    return every(
        close(student(7 * v, W_U, rms), word_by_word(rms(v), W_U), 1e-6, "p of 7 v, with norm"),
        close(student(7 * v, W_U, None), word_by_word(7 * v, W_U), 1e-6, "p of 7 v, without norm"),
    )


def large_scores(student: Student, g: Generator) -> Verdict:
    """In float32 exp(89) overflows; scores of some hundreds are common."""
    v, W_U = problem(g, 2)
    v = 100 * v
    want = torch.stack([word_by_word(x, W_U) for x in v.float().double()])
    return close(student(v.float(), W_U.float(), None), want.float(), 1e-3, "p for scores in the hundreds")


CLAIMS = (
    Claim(
        "without a norm",
        "Without a norm, p is the softmax of the value's product with every word's row of W_U",
        "One score per word, W_U v, and then a softmax over the words.",
        no_norm,
        open=True,
    ),
    Claim(
        "with a norm",
        "With a norm, the value passes through it first, as the stream does before W_U",
        "The model reads its stream through the last norm. Apply `norm` to v before W_U, where one is given.",
        normed,
        open=True,
    ),
    Claim(
        "many values",
        "Each of many values gets its own distribution over the words",
        "The softmax runs over the last dimension, the words, whatever stands in front of it.",
        many_values,
        open=True,
    ),
    Claim(
        "V = D",
        "It holds where there are as many words as channels",
        "Words are the rows of W_U (V, D): with V = D a product with W_U itself fits, and is wrong.",
        as_many_words_as_channels,
    ),
    Claim(
        "length",
        "A longer value gives a sharper distribution without a norm, and the same one with it",
        "Use the norm exactly when it is given: None means none.",
        length,
    ),
    Claim(
        "large scores",
        "Scores in the hundreds do no harm in float32",
        "exp overflows at 89 in float32. torch.softmax subtracts the largest score first.",
        large_scores,
    ),
)


def through(v: Tensor, norm: Norm | None) -> Tensor:
    return v if norm is None else norm(v)


MUTANTS = [
    Mutant(
        "norm_left_out",
        "The norm is never applied. The model reads its stream through the last norm before W_U, so a value is "
        "read through it too.",
        lambda: lambda v, W_U, norm: torch.softmax(v @ W_U.T, -1),
    ),
    Mutant(
        "always_normed",
        "You normalise even when norm is None. Then the value is to be read as it is, as Geva et al. did in "
        "2021.",
        lambda: (
            lambda v, W_U, norm: torch.softmax(
                (nn.functional.layer_norm(v, v.shape[-1:]) if norm is None else norm(v)) @ W_U.T, -1
            )
        ),
    ),
    Mutant(
        "scores",
        "These are scores (logits). A softmax over the words makes them a distribution.",
        lambda: lambda v, W_U, norm: through(v, norm) @ W_U.T,
    ),
    Mutant(
        "logarithm",
        "These are log-probabilities. Wanted is the distribution itself, which adds up to 1.",
        lambda: lambda v, W_U, norm: torch.log_softmax(through(v, norm) @ W_U.T, -1),
    ),
    Mutant(
        "overflow",
        "exp of a large score is infinite in float32, and inf / inf is nan. torch.softmax takes off the largest "
        "score first.",
        lambda: lambda v, W_U, norm: (p := (through(v, norm) @ W_U.T).exp()) / p.sum(-1, keepdim=True),
    ),
    Mutant(
        "over_values",
        "Your softmax runs over the first dimension: over the values, where there are several. Each value has "
        "its own distribution over the words: dim=-1.",
        lambda: lambda v, W_U, norm: torch.softmax(through(v, norm) @ W_U.T, 0),
    ),
    Mutant(
        "transposed",
        "Words are the rows of W_U (V, D), so the scores of all words are v @ W_U.T.",
        lambda: lambda v, W_U, norm: torch.softmax(through(v, norm) @ W_U, -1),
    ),
]

HINTS = (
    "How does the model itself turn the stream's last vector into the next word? Do the same with a value.",
    "If there is a norm, apply it to v. Then every word's score is the product of its row of W_U with the "
    "result, v @ W_U.T, and a softmax over the last dimension makes the scores a distribution.",
    "if norm is not None:\n    v = ...\nscores = v @ ...          # (..., V)\nreturn torch.softmax(scores, dim=...)",
)

EXPLANATION = (
    "This is the logit lens of lesson 01, put to a column of W_out instead of the stream: what would the model "
    "say if this value were all that it had to say?",
    "The norm takes off the value's length, so a long and a short value that point the same way get the same "
    "words. Without it a longer value gives a sharper distribution, with the same first word.",
)
