"""causal.noise_std: three times the standard deviation of all entries of the subjects' token embeddings.

Shape letters: N tokens of subjects, D width of the residual stream.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("embeddings", "times")
TOLERANCE = 2e-3  # dividing by N·D or by N·D - 1 makes no difference that counts


def gate(value: Any, embeddings: Tensor, times: float = 3.0) -> float:
    return number_gate(value)


def by_hand(embeddings: Tensor) -> float:
    """Mean squared distance of every number from the mean of all numbers, then the root."""
    numbers = embeddings.double().flatten().tolist()
    mean = sum(numbers) / len(numbers)
    return float((sum((x - mean) ** 2 for x in numbers) / len(numbers)) ** 0.5)


def judged(student: Student, embeddings: Tensor, *times: float) -> Verdict:
    expected = (times[0] if times else 3.0) * by_hand(embeddings)
    got = student(embeddings, *times)
    return close(torch.tensor(got), torch.tensor(expected), TOLERANCE, "noise")


def table(g: Generator) -> Tensor:
    """Embeddings of one common spread, between 0.02 and 1."""
    N, D = int(randint(20, 40, (), generator=g)), int(randint(24, 48, (), generator=g))
    return (0.02 + float(rand((), generator=g))) * randn(N, D, generator=g)


def three_times(student: Student, g: Generator) -> Verdict:
    return judged(student, table(g))


def other_times(student: Student, g: Generator) -> Verdict:
    return every(*(judged(student, table(g), 0.5 + 5 * float(rand((), generator=g))) for _ in range(2)))


def all_together(student: Student, g: Generator) -> Verdict:
    """Channels with different means and tokens of different lengths: only all entries together give this."""
    embeddings = table(g)
    channels, tokens = randn(embeddings.shape[1], generator=g), rand(len(embeddings), 1, generator=g)
    return judged(student, (embeddings + channels) * (0.2 + 2 * tokens))


def about_the_mean(student: Student, g: Generator) -> Verdict:
    """The same number added to every entry changes no distance from the mean."""
    embeddings = table(g)
    return every(judged(student, embeddings + 2 + float(rand((), generator=g))), judged(student, embeddings))


CLAIMS = (
    Claim(
        "three times",
        "The noise is three times the standard deviation of the embeddings' entries",
        "Take the standard deviation of the entries of `embeddings` and multiply it by `times`, which is 3 "
        "if nobody says otherwise.",
        three_times,
        open=True,
    ),
    Claim(
        "other times",
        "Another `times` scales the noise",
        "`times` is an argument: multiply by it, not by 3.",
        other_times,
        open=True,
    ),
    Claim(
        "all together",
        "All N·D entries count together, as one long list of numbers",
        "One standard deviation over all entries: not one per channel or per token, averaged afterwards.",
        all_together,
    ),
    Claim(
        "about the mean",
        "A number added to all entries changes nothing: the spread is measured about the mean",
        "A standard deviation is about the mean: take the mean of all entries off first.",
        about_the_mean,
    ),
)

MUTANTS = [
    Mutant(
        "without_times",
        "You gave back the standard deviation itself. The noise is `times` as large.",
        lambda: lambda embeddings, times=3.0: embeddings.std().item(),
    ),
    Mutant(
        "per_channel",
        "You took one standard deviation per channel and averaged them. All N·D entries are one set of numbers.",
        lambda: lambda embeddings, times=3.0: times * embeddings.std(0).mean().item(),
    ),
    Mutant(
        "per_token",
        "You took one standard deviation per token and averaged them. All N·D entries are one set of numbers.",
        lambda: lambda embeddings, times=3.0: times * embeddings.std(1).mean().item(),
    ),
    Mutant(
        "variance",
        "You used the variance. The standard deviation is its square root, in the units of the embeddings.",
        lambda: lambda embeddings, times=3.0: times * embeddings.var().item(),
    ),
    Mutant(
        "root_mean_square",
        "You took the root of the mean square without taking the mean off: that is a length, not a spread.",
        lambda: lambda embeddings, times=3.0: times * embeddings.square().mean().sqrt().item(),
    ),
    Mutant(
        "length_of_a_token",
        "You used the mean length of an embedding vector. It grows with √D; the noise is added to each entry.",
        lambda: lambda embeddings, times=3.0: times * embeddings.norm(dim=1).mean().item(),
    ),
    Mutant(
        "always_three",
        "You multiplied by 3, whatever `times` says.",
        lambda: lambda embeddings, times=3.0: 3 * embeddings.std().item(),
    ),
]

HINTS = (
    "How large must noise be to drown an embedding? As large as the numbers in embeddings usually differ, "
    "and then some.",
    "`embeddings.std()` without a dimension treats all N·D entries as one list of numbers. Multiply by "
    "`times`; `.item()` makes a float of a tensor with one number.",
    "spread = embeddings.std(...)     # one number: which dimensions?\nreturn (times * ...).item()",
)

EXPLANATION = (
    "One spread for all entries, because the noise is drawn with one spread for all entries.",
    "It is measured on the subjects of the whole set of facts, so every fact meets noise of the same size "
    "and their effects can be averaged.",
)
