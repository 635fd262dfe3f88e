"""ike.resistance: the mean share of an old belief that is left after being told (lesson 10).

Shape letter: n, facts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.ike.made_up import number
from autograder.lessons.metrics.common import refused
from autograder.mutants import Mutant

ARGUMENTS = ("p_old_plain", "p_old_told")

STUB = '''
def resistance(p_old_plain: Float[Tensor, " n"], p_old_told: Float[Tensor, " n"]) -> float:
    """How much of the old belief survives being told: the mean of clip(p_told / p_plain, 0, 1) over n facts.

    p_old_plain: the old answer's probability when the question is asked plainly; p_old_told: the same after
    the new fact. 1 = nothing was believed, 0 = the old belief is gone. Returns a float.
    Raises ValueError when there is no fact, and when an entry of p_old_plain is 0: no belief was there.
    """
'''


def gate(value: Any, p_old_plain: Tensor, p_old_told: Tensor) -> float:
    return number_gate(value)


def beliefs(g: Generator, n: int) -> Tensor:
    return 0.1 + 0.8 * rand(n, generator=g)


def judged(student: Student, plain: Tensor, told: Tensor) -> Verdict:
    """Against a loop over the facts, one number at a time."""
    total = 0.0
    for before, now in zip(plain.tolist(), told.tolist(), strict=True):
        total += min(now / before, 1.0)
    wanted = torch.tensor(total / len(plain), dtype=torch.float64)
    return close(
        torch.tensor(student(plain, told), dtype=torch.float64), wanted, 1e-5, f"over {len(plain)} facts"
    )


def one_fact(student: Student, g: Generator) -> Verdict:
    """A belief that is cut to a known share."""
    found = []
    for _ in range(3):
        plain, share = beliefs(g, 1), 0.05 + 0.9 * float(rand((), generator=g))
        found.append(judged(student, plain, share * plain))
    return every(*found)


def kept_or_given_up(student: Student, g: Generator) -> Verdict:
    """Some facts are kept entirely, the others given up entirely."""
    found = []
    for n in (5, 7, 9):
        plain, kept = beliefs(g, n), torch.arange(n) < number(g, 1, n - 1)
        found.append(judged(student, plain, torch.where(kept, plain, 0.0)))
    return every(*found)


def each_by_its_own(student: Student, g: Generator) -> Verdict:
    """Strong beliefs that go and weak ones that stay, the other way round as well."""
    found = []
    for strong_stays in (False, True):
        plain = torch.cat([0.9 + 0.09 * rand(3, generator=g), 0.001 + 0.01 * rand(4, generator=g)])
        stays = torch.tensor([strong_stays] * 3 + [not strong_stays] * 4)
        left = torch.where(stays, 0.7 + 0.2 * rand(7, generator=g), 0.1 * rand(7, generator=g))
        found.append(judged(student, plain, left * plain))
    return every(*found)


def grown_counts_as_one(student: Student, g: Generator) -> Verdict:
    """Some beliefs grow by being contradicted; the others shrink."""
    plain = 0.05 + 0.2 * rand(7, generator=g)
    factor = torch.cat([1.5 + 2 * rand(number(g, 2, 4), generator=g), 0.8 * rand(7, generator=g)])[:7]
    return judged(student, plain, factor * plain)


def no_belief(student: Student, g: Generator) -> Verdict:
    plain, told = beliefs(g, 4), 0.1 * beliefs(g, 4)
    gap = plain.clone()
    gap[number(g, 0, 3)] = 0.0
    empty = torch.zeros(0)
    return every(refused(student, empty, empty), refused(student, gap, told), judged(student, plain, told))


CLAIMS = (
    Claim(
        "one fact",
        "For one fact it is the share of the old probability that is left",
        "Divide the old answer's probability after the new fact by its probability before.",
        one_fact,
        open=True,
    ),
    Claim(
        "kept or given up",
        "Of beliefs kept or given up entirely, it is the share that was kept",
        "A kept belief counts 1, one that is gone counts 0; take the mean over facts.",
        kept_or_given_up,
        open=True,
    ),
    Claim(
        "each by its own",
        "Strong and weak beliefs count alike: each is compared with itself",
        "First divide, fact by fact, then take the mean.",
        each_by_its_own,
    ),
    Claim(
        "grown counts as one",
        "A belief that grew counts as kept, not as more than kept",
        "Limit each ratio to 1 before you take the mean.",
        grown_counts_as_one,
        open=True,
    ),
    Claim(
        "no belief",
        "Without facts, or with a belief of 0, there is nothing to resist: ValueError",
        "Raise ValueError for no facts and for an old probability of 0; nan or 0 would be averaged in "
        "unseen.",
        no_belief,
    ),
)


def measured(
    each: Callable[[Tensor, Tensor], Tensor] = lambda plain, told: (told / plain).clamp(0, 1),
    total: Callable[[Tensor], Tensor] = lambda shares: shares.mean(),
    refuses: bool = True,
) -> Callable[[Tensor, Tensor], float]:
    """The right function, with another share, another total, or without a look at the beliefs."""

    def resistance(p_old_plain: Tensor, p_old_told: Tensor) -> float:
        if refuses and (not len(p_old_plain) or not bool((p_old_plain > 0).all())):
            raise ValueError("no belief")
        shares = each(p_old_plain, p_old_told)
        return float(total(shares.double())) if len(shares) else 0.0

    return resistance


MUTANTS = [
    Mutant(
        "ratio_of_means",
        "You divided the mean by the mean. Then the facts that were believed most strongly decide alone: "
        "divide "
        "fact by fact, and take the mean of the ratios.",
        lambda: measured(lambda plain, told: (told.mean() / plain.mean()).clamp(0, 1).reshape(1)),
    ),
    Mutant(
        "no_clip",
        "You let a ratio exceed 1. A fact that is believed more than before would then make up for facts "
        "that "
        "were given up: clip to the range from 0 to 1.",
        lambda: measured(lambda plain, told: told / plain),
    ),
    Mutant(
        "clip_at_the_end",
        "You clipped the mean. Each fact's ratio has to be clipped by itself, before the mean.",
        lambda: measured(lambda plain, told: told / plain, lambda shares: shares.mean().clamp(0, 1)),
    ),
    Mutant(
        "given_up",
        "This is the share that was given up. Resistance is what is left: 1 minus yours.",
        lambda: measured(total=lambda shares: 1 - shares.mean()),
    ),
    Mutant(
        "difference",
        "You took the difference of the two probabilities. A belief of 0.02 that is gone would count as "
        "almost no change: take the ratio.",
        lambda: measured(lambda plain, told: (plain - told).clamp(0, 1)),
    ),
    Mutant(
        "upside_down",
        "You divided before by after. What is left of a belief is after divided by before.",
        lambda: measured(lambda plain, told: (plain / told).clamp(0, 1)),
    ),
    Mutant(
        "only_told",
        "You took the mean of p_old_told. Without p_old_plain, a fact that was never believed looks like one "
        "that was given up.",
        lambda: measured(lambda plain, told: told),
    ),
    Mutant(
        "sum",
        "You added the shares up. Divide by the number of facts.",
        lambda: measured(total=lambda shares: shares.sum()),
    ),
    Mutant(
        "accepts_no_belief",
        "You gave a number where no old belief was. Raise ValueError for no facts and for a p_old_plain of "
        "0.",
        lambda: measured(lambda plain, told: (told / plain).nan_to_num(0.0).clamp(0, 1), refuses=False),
    ),
]

HINTS = (
    "One number per fact first: which share of the old probability is left? Only then one number for all.",
    "told / plain is a tensor of n ratios. Limit it to the range from 0 to 1 (clamp), then take its mean and "
    "make it a float. Before that: is there a fact, and is every p_old_plain above 0?",
    "if len(p_old_plain) == 0 or ...:\n"
    "    raise ValueError(...)\n"
    "left = (p_old_told / ...).clamp(..., ...)\n"
    "return float(left.mean())",
)

EXPLANATION = (
    "The ratio compares each belief with itself, so a fact that the model held at 0.3 and one that it held "
    "at "
    "0.99 count alike.",
    "The clip keeps a fact that grew stronger from hiding one that was given up.",
)
