"""tokens.next_token_probs: the distribution of the next token, read at the last real token of each row.

Shape letters: B texts in a batch, T tokens, V words of the vocabulary. Problems are planted: a distribution
is chosen first, its logarithm is put where the answer must be read, and everything else is noise.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("logits", "mask")

STUB = '''def next_token_probs(
    logits: Float[Tensor, "B T V"], mask: Int[Tensor, "B T"]
) -> Float[Tensor, "B V"]:
    """The distribution of the next token: softmax of the logits at the last real token of each row.

    logits: what the model says after every token of every row. mask: 1 at a real token, 0 at padding; the
    padding may stand on the right or on the left. Every row has at least one real token.
    """
'''


def gate(value: Any, logits: Tensor, mask: Tensor) -> Tensor:
    return tensor_gate(value, (logits.shape[0], logits.shape[2]), "(B, V)", "logits", None)


def sizes(g: Generator) -> tuple[int, int, int]:
    """Between 3 and 5 texts, 6 and 9 tokens, 5 and 11 words."""
    B, T, V = (int(randint(low, high, (), generator=g)) for low, high in ((3, 6), (6, 10), (5, 12)))
    return B, T, V


def planted(mask: Tensor, V: int, g: Generator, shift: float = 3.0) -> tuple[Tensor, Tensor]:
    """Logits whose last real token of each row holds log p + shift, noise elsewhere; and the p."""
    p = 0.05 + rand(len(mask), V, generator=g)
    p /= p.sum(1, keepdim=True)
    logits = 4 * randn(*mask.shape, V, generator=g)
    for row, real in enumerate(mask.tolist()):
        last = max(t for t, one in enumerate(real) if one)
        for v in range(V):
            logits[row, last, v] = math.log(p[row, v]) + shift
    return logits, p


def masks(lengths: list[int], T: int, left: list[int]) -> Tensor:
    """Row i has `left[i]` padding tokens, then `lengths[i]` real ones, then padding up to T."""
    return torch.tensor([[int(a <= t < a + n) for t in range(T)] for n, a in zip(lengths, left, strict=True)])


def no_padding(student: Student, g: Generator) -> Verdict:
    B, T, V = sizes(g)
    mask = torch.ones(B, T, dtype=torch.long)
    logits, p = planted(mask, V, g)
    return close(student(logits, mask), p, 1e-4, "p")


def right_padding(student: Student, g: Generator) -> Verdict:
    """The first row is short, so its last column is padding; the second is the longest."""
    B, T, V = sizes(g)
    lengths = [T - 3, T, *(int(n) for n in randint(2, T, (B - 2,), generator=g))]
    mask = masks(lengths, T, [0] * B)
    logits, p = planted(mask, V, g)
    return close(student(logits, mask), p, 1e-4, "p")


def left_padding(student: Student, g: Generator) -> Verdict:
    B, T, V = sizes(g)
    lengths = [T, T - 3, *(int(n) for n in randint(2, T, (B - 2,), generator=g))]
    mask = masks(lengths, T, [T - n for n in lengths])
    logits, p = planted(mask, V, g)
    return close(student(logits, mask), p, 1e-4, "p")


def both_sides(student: Student, g: Generator) -> Verdict:
    """A row of one single real token, and rows with padding in front and after."""
    B, T, V = sizes(g)
    lengths = [1, *(int(n) for n in randint(2, T - 2, (B - 1,), generator=g))]
    left = [int(a) for a in randint(1, 3, (B,), generator=g)]
    mask = masks(lengths, T, left)
    logits, p = planted(mask, V, g)
    return close(student(logits, mask), p, 1e-4, "p")


def shifted(student: Student, g: Generator) -> Verdict:
    """A constant added to all logits changes no probability, and exp(500) overflows in float32."""
    B, T, V = sizes(g)
    mask = masks([T - 1] * B, T, [0] * B)
    logits, p = planted(mask, V, g, shift=500.0)
    return close(student(logits, mask), p, 1e-3, "p")


CLAIMS = (
    Claim(
        "no padding",
        "Without padding, the answer is the softmax of the logits at the last token",
        "Take logits[i, T-1] for every row i, and turn these V numbers into probabilities with softmax.",
        no_padding,
        open=True,
    ),
    Claim(
        "right padding",
        "With padding on the right, each row is read at its own last real token",
        "A short row ends before the last column: what stands there is padding, and what the model says "
        "after padding means nothing.",
        right_padding,
        open=True,
    ),
    Claim(
        "left padding",
        "With padding on the left, each row is read at its own last real token",
        "The last real token is the last index whose mask is 1. Counting the ones gives it only where the "
        "padding stands on the right.",
        left_padding,
    ),
    Claim(
        "both sides",
        "With padding on both sides, and for a row of one real token, too",
        "Look for the last index whose mask is 1, whatever stands before and after it.",
        both_sides,
    ),
    Claim(
        "shifted",
        "A constant added to all logits changes nothing, however large it is",
        "exp of a large logit overflows. torch.softmax takes the largest logit off first.",
        shifted,
    ),
)


def ends(mask: Tensor) -> Tensor:
    return mask.shape[1] - 1 - mask.flip(1).argmax(1)


def at(logits: Tensor, where: Tensor) -> Tensor:
    return logits[torch.arange(len(logits)), where]


MUTANTS = [
    Mutant(
        "last_column",
        "You read the last column of the batch. For a row that was padded on the right that column is "
        "padding: ask the mask where the row ends.",
        lambda: lambda logits, mask: logits[:, -1].softmax(-1),
    ),
    Mutant(
        "count_minus_one",
        "You took the number of real tokens minus one as the place. That is right only while all padding "
        "stands on the right: look for the last index whose mask is 1.",
        lambda: lambda logits, mask: at(logits, mask.sum(1) - 1).softmax(-1),
    ),
    Mutant(
        "raw_logits",
        "You gave back logits. They are scores, not probabilities: a softmax is missing.",
        lambda: lambda logits, mask: at(logits, ends(mask)),
    ),
    Mutant(
        "log_probs",
        "You gave back log-probabilities. The sum of the answer should be 1: take softmax, not log_softmax.",
        lambda: lambda logits, mask: at(logits, ends(mask)).log_softmax(-1),
    ),
    Mutant(
        "over_tokens",
        "Your softmax runs over the tokens of the text. It has to run over the V words of the vocabulary, "
        "the last dimension.",
        lambda: lambda logits, mask: at(logits.softmax(1), ends(mask)),
    ),
    Mutant(
        "over_batch",
        "Your softmax runs over the rows of the batch. Each text has its own distribution over the "
        "vocabulary, the last dimension.",
        lambda: lambda logits, mask: at(logits, ends(mask)).softmax(0),
    ),
    Mutant(
        "one_before",
        "You read one token too early. What follows the text is said at its last real token itself.",
        lambda: lambda logits, mask: at(logits, (ends(mask) - 1).clamp(min=0)).softmax(-1),
    ),
    Mutant(
        "first_token",
        "You read at the first real token. The mask's argmax is its first 1, and you need its last.",
        lambda: lambda logits, mask: at(logits, mask.argmax(1)).softmax(-1),
    ),
    Mutant(
        "mean_of_tokens",
        "You averaged over the real tokens. Only the last one has read the whole text, so only it can say "
        "what comes next.",
        lambda: (
            lambda logits, mask: ((logits * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)).softmax(-1)
        ),
    ),
    Mutant(
        "plain_exp",
        "You took exp of the logits and divided by the sum. That is the definition, and it overflows: use "
        "torch.softmax, which takes the largest logit off first.",
        lambda: (
            lambda logits, mask: (
                at(logits, ends(mask)).exp() / at(logits, ends(mask)).exp().sum(-1, keepdim=True)
            )
        ),
    ),
]

HINTS = (
    "In every row you need one of the T places. Which one, says the mask. Then it is an ordinary softmax over "
    "the vocabulary.",
    "The last index whose mask is 1: number the columns 0, 1, …, T-1, multiply by the mask, and take the "
    "largest. (Or turn the mask round with `flip(1)`: `argmax` finds the first 1.) Then "
    "`logits[rows, last]` with two index tensors picks one place per row.",
    "last = (mask * torch.arange(...)).argmax(1)    # (B,)\n"
    "rows = torch.arange(len(logits))\n"
    "return logits[..., ...].softmax(...)           # (B, V)",
)

EXPLANATION = (
    "The model says something after every token. Only what it says after the last real token is about what "
    "follows the text; so the whole exercise is to find that place.",
    "It is the last index whose mask is 1. A count of ones finds it for padding on the right, and the last "
    "column finds it for padding on the left; code that will meet both should use neither.",
)
