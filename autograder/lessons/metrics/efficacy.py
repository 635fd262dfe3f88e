"""metrics.efficacy: CounterFact's ES and PS (NS with the arguments exchanged), the share of prompts where the
new object is strictly more probable than the true one.

Shape letters: n prompts.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import marks, number, refused, share, sizes
from autograder.lessons.metrics.efficacy_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("logp_new", "logp_true")


def gate(value: Any, logp_new: Tensor, logp_true: Tensor) -> float:
    return number_gate(value)


def problem(g: Generator, wins: list[bool]) -> tuple[Tensor, Tensor]:
    """Log-probabilities from -8 to -1; the new object is ahead where `wins` says so, by less than 1 nat or by
    some.
    """
    n = len(wins)
    base, gap = -2 - 5 * rand(n, generator=g), 0.05 + 0.9 * rand(n, generator=g)
    sign = torch.tensor([1.0 if win else -1.0 for win in wins])
    return base + sign * gap / 2, base - sign * gap / 2


def several(student: Student, g: Generator) -> Verdict:
    verdicts = []
    for n in sizes(g):
        wins = marks(g, n)
        verdicts.append(share(student(*problem(g, wins)), wins, "share"))
    return every(*verdicts)


def one_prompt(student: Student, g: Generator) -> Verdict:
    """ES: one prompt, asked twelve times."""
    return every(*(share(student(*problem(g, [win])), [win], "share") for win in marks(g, 12)))


def exchanged(student: Student, g: Generator) -> Verdict:
    """NS is the same function with the arguments exchanged: without ties the two shares add up to 1."""
    verdicts = []
    for n in sizes(g):
        wins = marks(g, n)
        new, true = problem(g, wins)
        verdicts.append(share(student(true, new), [not win for win in wins], "share, exchanged"))
    return every(*verdicts)


def far_ahead(student: Student, g: Generator) -> Verdict:
    """One prompt far ahead does not make up for many that are behind: only who is ahead counts."""
    verdicts = []
    for n in sizes(g):
        wins = [i == n - 1 for i in range(n)]
        new, true = problem(g, wins)
        true[-1] -= 40.0
        verdicts.append(share(student(new, true), wins, "share"))
        verdicts.append(share(student(true, new), [not win for win in wins], "share, exchanged"))
    return every(*verdicts)


def ties(student: Student, g: Generator) -> Verdict:
    """As probable is not more probable."""
    wins = marks(g, number(g, 6, 9))
    new, true = problem(g, wins)
    tied = wins.index(False)
    new[tied] = true[tied]
    also = wins.index(True)
    new[also] = true[also]
    wins[also] = False
    return every(
        share(student(new, true), wins, "share"),
        share(student(*problem(g, again := marks(g, 5))), again, "share"),
    )


def not_a_number(student: Student, g: Generator) -> Verdict:
    """A prompt whose value is nan is a failure, and it stays among the prompts."""
    verdicts = []
    for n in sizes(g):
        wins = [True, *marks(g, n - 1)]
        new, true = problem(g, wins)
        new[0] = torch.nan
        verdicts.append(share(student(new, true), [False, *wins[1:]], "share"))
    return every(*verdicts)


def no_prompts(student: Student, g: Generator) -> Verdict:
    wins = marks(g, number(g, 4, 7))
    new, true = problem(g, wins)
    return every(
        refused(student, new[:0], true[:0]),
        refused(student, new, true[:1]),
        refused(student, new[:-1], true),
        share(student(new, true), wins, "share"),
    )


CLAIMS = (
    Claim(
        "several",
        "It is the share of prompts where the new object is more probable than the true one",
        "Compare prompt by prompt, count, and divide by the number of prompts.",
        several,
        open=True,
    ),
    Claim(
        "one prompt",
        "With one prompt it is 1 or 0, however small both probabilities are",
        "Only the comparison counts: 1 where the new object is ahead of the true one, else 0.",
        one_prompt,
        open=True,
    ),
    Claim(
        "exchanged",
        "With the arguments exchanged it is NS: without ties the two add up to 1",
        "The function must treat its two arguments alike, but for the direction of the comparison.",
        exchanged,
    ),
    Claim(
        "far ahead",
        "How far ahead an object is makes no difference",
        "ES is a share, not a mean difference: that one is CounterFact's magnitude, EM.",
        far_ahead,
    ),
    Claim(
        "ties",
        "Equal probabilities are no success",
        "More probable means strictly more: > and not >=.",
        ties,
    ),
    Claim(
        "not a number",
        "A value that is not a number counts as a failure, not as a gap",
        "Skipping nan would drop exactly the prompts where the model broke: count them as failures.",
        not_a_number,
    ),
    Claim(
        "no prompts",
        "No prompt, or tensors of different lengths: ValueError",
        "Tensors of length 1 are broadcast in silence, and a mean of nothing is nan: raise ValueError.",
        no_prompts,
    ),
)


HINTS = (
    "For each prompt there is one question with the answer yes or no. Which comparison? The rate is the "
    "share of yes.",
    "`logp_new > logp_true` compares all prompts at once and gives False where one side is nan. Its mean as "
    "a float is the share. Look at the lengths first.",
    "if len(logp_new) != len(...) or len(logp_new) == 0:\n"
    "    raise ...\n"
    "return (logp_new > ...).double().mean().item()",
)

EXPLANATION = (
    "A comparison needs no decoding, so it moves earlier than the greedy answer: the new object can pass the "
    "true one while the model still says a third word.",
    "Both are mean log-probabilities per token; with sums, the object of fewer tokens would nearly always "
    "win. A comparison with nan is False, which is what a failure should be.",
)
