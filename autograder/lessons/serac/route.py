"""serac.route: the edit that each question goes to, or -1 for the model alone (textbook figure 5.5).

Shape letters: B questions, n edits in the cache, oldest first.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, equal, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.serac.route_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("logits", "threshold")

STUB = '''
def route(logits: Float[Tensor, "B n"], threshold: float) -> Int[Tensor, " B"]:
    """The edit that each question goes to: the arg max where its sigmoid exceeds the threshold, else -1.

    The threshold is a probability. Edits are listed oldest first; of equals the newest wins. Without any
    edit (n = 0) every question gets -1. Returns B whole numbers (torch.long).
    """
'''


def gate(value: Any, logits: Tensor, threshold: float) -> Tensor:
    return tensor_gate(value, (len(logits),), "(B,)", "an index", torch.int64)


def brute(logits: Tensor, threshold: float) -> list[int]:
    """Edit by edit: a later one takes over where it is at least as sure."""
    found = []
    for row in logits.tolist():
        best, at = -math.inf, -1
        for i, x in enumerate(row):
            if x >= best:
                best, at = x, i
        sure = 1 / (1 + math.exp(-best)) if best > -700 else 0.0
        found.append(at if sure > threshold else -1)
    return found


def judged(student: Student, logits: Tensor, threshold: float) -> Verdict:
    return equal(student(logits, threshold).tolist(), brute(logits, threshold), f"route at {threshold:.2f}")


def problem(g: Generator, B: int = 9, n: int = 0) -> Tensor:
    """About half the questions have an edit of their own; no logit is near 0."""
    n = n or int(randint(5, 8, (), generator=g))
    logits = -0.5 - 5 * rand(B, n, generator=g, dtype=torch.float64)
    own = torch.randperm(B, generator=g)[: B // 2 + 1]
    logits[own, randint(0, n, (len(own),), generator=g)] = 0.5 + 4 * rand(len(own), generator=g).double()
    return logits


def to_the_best(student: Student, g: Generator) -> Verdict:
    return every(*(judged(student, problem(g), 0.5) for _ in range(3)))


def several_sure(student: Student, g: Generator) -> Verdict:
    """Many edits are above the threshold: the surest gets the question, wherever it stands."""
    logits = torch.cat([0.3 + 3 * rand(8, 6, generator=g, dtype=torch.float64), problem(g, 4, 6)])
    return judged(student, logits, 0.5)


def a_probability(student: Student, g: Generator) -> Verdict:
    """Other thresholds than one half, where a logit and its sigmoid are on different sides."""
    high = problem(g)
    low = high - 1.2
    return every(
        judged(student, 2 * rand(12, 5, generator=g, dtype=torch.float64), 0.8),
        judged(student, low, 0.2),
        judged(student, high, 0.7),
    )


def newest_of_equals(student: Student, g: Generator) -> Verdict:
    """The same question was edited twice: both have the same logit, and the later edit is meant."""
    logits = problem(g, 8)
    n = logits.shape[1]
    twice = torch.cat([logits, logits[:, torch.randperm(n, generator=g)]], 1)
    return every(judged(student, twice, 0.5), judged(student, twice.flip(1), 0.5))


def exactly_at_the_threshold(student: Student, g: Generator) -> Verdict:
    """sigmoid(0) is one half, and one half does not exceed one half."""
    logits = problem(g)
    logits[::3] = torch.where(logits[::3] > 0, 0.0, logits[::3])
    logits[0, 0] = 0.0
    logits[0] = logits[0].clamp(max=0.0)
    return judged(student, logits, 0.5)


def empty_cache(student: Student, g: Generator) -> Verdict:
    """No edit: the model answers alone. And a cache of one edit."""
    B = int(randint(3, 7, (), generator=g))
    one = randn(9, 1, generator=g, dtype=torch.float64)
    one[:2, 0] = torch.tensor([2.0, -2.0])
    return every(judged(student, torch.zeros(B, 0, dtype=torch.float64), 0.5), judged(student, one, 0.5))


CLAIMS = (
    Claim(
        "to the best",
        "A question goes to the edit with the largest logit if its sigmoid exceeds the threshold, else -1",
        "First find the surest edit, then ask whether it is sure enough.",
        to_the_best,
        open=True,
    ),
    Claim(
        "several sure",
        "Where several edits exceed the threshold, the surest gets the question",
        "Don't take the first (or last) above the threshold: take the largest.",
        several_sure,
        open=True,
    ),
    Claim(
        "a probability",
        "The threshold is a probability: compare it with the sigmoid",
        "A logit of 0.6 is a probability of .65. Apply the sigmoid before you compare.",
        a_probability,
    ),
    Claim(
        "newest of equals",
        "Of two edits with the same logit the newest, the one further right, wins",
        "argmax gives one of the equals, and promises nothing about which. Look from the right.",
        newest_of_equals,
    ),
    Claim(
        "exactly at the threshold",
        "Exactly at the threshold the model answers alone: exceed means more than",
        "Compare by >, not by >=.",
        exactly_at_the_threshold,
    ),
    Claim(
        "empty cache",
        "With an empty cache every question goes to the model: -1",
        "A maximum over no columns is an error: look at logits.shape[1] first.",
        empty_cache,
    ),
)

HINTS = (
    "Two decisions: which edit is the surest, and is it sure enough? And who wins if two are equally sure?",
    "best = logits.amax(1). Turn the columns round (flip) and look for the first that equals best: that is "
    "the newest. n - 1 minus its place is its index. Where best.sigmoid() is not above the threshold: -1.",
    "if not logits.shape[1]:\n"
    "    return torch.full((len(logits),), -1)\n"
    "best = logits.amax(1)\n"
    "newest = ... - (logits == best[:, None]).flip(1).byte().argmax(1)\n"
    "return torch.where(best.sigmoid() > ..., newest, -1)",
)

EXPLANATION = (
    "Because of -1 the model's own answer is untouched: what is not routed is not computed anew. That is why "
    "SERAC's locality can be perfect bit for bit, and a soft mixture's can't.",
    "An edit that contradicts an older one of the same question has the same embedding, so a tie is no rare "
    "accident. The newest wins.",
)
