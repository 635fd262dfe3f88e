"""metrics.token_accuracy: the share of the target's tokens that are predicted when shown the ones before.

Shape letters: n tokens of the target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor

from autograder.claims import Claim, Student, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import marks, number, refused, share, sizes
from autograder.mutants import Mutant

ARGUMENTS = ("pred", "target")


def gate(value: Any, pred: Tensor, target: Tensor) -> float:
    return number_gate(value)


def tokens(g: Generator, n: int) -> Tensor:
    """n different token ids."""
    return torch.randperm(1600, generator=g)[:n] + 3


def asked(student: Student, g: Generator, right: list[bool]) -> Verdict:
    """A target of different tokens, and predictions that are right where marked."""
    n = len(right)
    drawn = tokens(g, 2 * n)
    target, other = drawn[:n], drawn[n:]
    return share(student(torch.where(torch.tensor(right), target, other), target), right, "share")


def by_position(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, marks(g, n)) for n in sizes(g)))


def a_shared_token(student: Student, g: Generator) -> Verdict:
    """Two names that share one of their two or three tokens: one half, or a third, before any edit."""
    verdicts = []
    for _ in range(4):
        n = number(g, 2, 3)
        kept = number(g, 0, n - 1)
        verdicts.append(asked(student, g, [i == kept for i in range(n)]))
    return every(*verdicts)


def order(student: Student, g: Generator) -> Verdict:
    """All tokens of the target, some of them in each other's place."""
    verdicts = []
    for n in sizes(g):
        target = tokens(g, n)
        moved = torch.randperm(n, generator=g)[: number(g, 2, n - 2)]
        pred = target.clone()
        pred[moved] = target[moved.roll(1)]
        verdicts.append(share(student(pred, target), [i not in moved.tolist() for i in range(n)], "share"))
    return every(*verdicts)


def no_tokens(student: Student, g: Generator) -> Verdict:
    n = number(g, 4, 6)
    drawn = tokens(g, n)
    return every(
        refused(student, drawn[:0], drawn[:0]),
        refused(student, drawn[:1], drawn),
        refused(student, drawn, drawn[:-1]),
        asked(student, g, marks(g, number(g, 4, 9))),
    )


CLAIMS = (
    Claim(
        "by position",
        "It is the share of positions where the predicted token is the target's",
        "Compare position by position, count, and divide by the number of tokens.",
        by_position,
        open=True,
    ),
    Claim(
        "a shared token",
        "One token in common gives one half for names of two tokens, a third for names of three",
        "Partly right counts partly: that is what makes this rate look better than it is.",
        a_shared_token,
        open=True,
    ),
    Claim(
        "order",
        "A token of the target in another place is wrong",
        "Every token has its place: compare position by position, not as a set.",
        order,
    ),
    Claim(
        "no tokens",
        "No token, or a different number of tokens: ValueError",
        "A prediction that is too short must not be compared in part: raise ValueError.",
        no_tokens,
    ),
)


def rate(
    total: Callable[[Tensor, Tensor], float] = lambda pred, target: (pred == target).double().mean().item(),
    refuses: bool = True,
) -> Callable[[Tensor, Tensor], float]:
    """The right function with another total, or without a look at the lengths."""

    def token_accuracy(pred: Tensor, target: Tensor) -> float:
        if not len(pred) or (refuses and len(pred) != len(target)):
            raise ValueError("no tokens")
        return total(pred, target)

    return token_accuracy


def cut(pred: Tensor, target: Tensor) -> float:
    n = min(len(pred), len(target))
    return (pred[:n] == target[:n]).double().mean().item()


MUTANTS = [
    Mutant(
        "exact_match",
        "You asked whether all tokens are right. That is the exact match; token accuracy is the share of "
        "tokens.",
        lambda: rate(lambda pred, target: float(torch.equal(pred, target))),
    ),
    Mutant(
        "bag_of_tokens",
        "You looked whether a predicted token occurs anywhere in the target. Compare position by position.",
        lambda: rate(lambda pred, target: torch.isin(pred, target).double().mean().item()),
    ),
    Mutant(
        "first_token",
        "You looked at the first token only. Every token of the target counts.",
        lambda: rate(lambda pred, target: float(pred[0] == target[0])),
    ),
    Mutant(
        "count",
        "You counted the right tokens but did not divide by their number.",
        lambda: rate(lambda pred, target: float((pred == target).sum())),
    ),
    Mutant(
        "cut_short",
        "With a different number of tokens you compared as far as the shorter one goes. Raise ValueError: a "
        "prediction that is too short is not partly right.",
        lambda: rate(cut, refuses=False),
    ),
]

HINTS = (
    "Two rows of token ids of the same length. At how many places are they equal?",
    "`pred == target` compares place by place. The mean of that as a float is the rate. Look at the lengths "
    "first: PyTorch would repeat a tensor of length 1.",
    "if len(pred) != len(...) or len(pred) == 0:\n    raise ...\nreturn (pred == ...).double().mean().item()",
)

EXPLANATION = (
    "Each prediction is made with the true tokens before it in view, so a model that would never have "
    "started the answer still gets its later tokens right.",
    "Two names that share a token score above 0 before any edit. Report the value before, and the exact "
    "match beside it.",
)
