"""metrics.harmonic: one number for several rates that forgives no weakness (lesson 12)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import torch
from torch import Generator, randint, randperm

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number, refused
from autograder.mutants import Mutant

ARGUMENTS = tuple(f"rate {i}" for i in range(1, 10))

STUB = '''
def harmonic(*rates: float) -> float:
    """Harmonic mean of one or more rates: their number, divided by the sum of their reciprocals.

    0 if any rate is 0. Raises ValueError if there is no rate, or a negative one.
    """
'''


def gate(value: Any, *rates: float) -> float:
    return number_gate(value)


def counted(parts: Sequence[Fraction]) -> Fraction:
    """As fractions, without any rounding."""
    return Fraction(0) if 0 in parts else len(parts) / sum((1 / part for part in parts), Fraction(0))


def judged(student: Student, *problems: list[Fraction]) -> Verdict:
    found = []
    for parts in problems:
        yours = torch.tensor(student(*map(float, parts)), dtype=torch.float64)
        want = torch.tensor(float(counted(parts)), dtype=torch.float64)
        told = ", ".join(f"{float(part):.3g}" for part in parts)
        found.append(close(yours, want, 1e-6, f"harmonic({told})"))
    return every(*found)


def drawn(g: Generator, n: int) -> list[Fraction]:
    """n different rates of 60 facts, none of them 0."""
    return [Fraction(int(i) + 1, 60) for i in randperm(60, generator=g)[:n]]


def several(student: Student, g: Generator) -> Verdict:
    return judged(student, drawn(g, 2), drawn(g, 3), drawn(g, 3))


def one_and_many(student: Student, g: Generator) -> Verdict:
    """One rate is its own mean; n equal ones too."""
    (one,) = drawn(g, 1)
    return judged(student, [one], [one] * number(g, 2, 6), drawn(g, number(g, 5, 8)))


def a_zero(student: Student, g: Generator) -> Verdict:
    """With a zero it is 0, wherever the zero stands; and the same rates without it are not."""
    parts = drawn(g, 3)
    place = int(randint(0, 4, (), generator=g))
    with_zero = [*parts[:place], Fraction(0), *parts[place:]]
    return judged(student, with_zero, parts, [Fraction(0)], drawn(g, 2))


def below_the_mean(student: Student, g: Generator) -> Verdict:
    """Never above the arithmetic mean, and never above n times the smallest."""
    parts = [Fraction(1, 100 + number(g, 0, 99)), *drawn(g, 2)]
    value = student(*map(float, parts))
    return every(
        at_most(value, 3 * float(min(parts)), "the mean of three, one of them tiny"), judged(student, parts)
    )


def percent(student: Student, g: Generator) -> Verdict:
    """Of percentages it is the percentage; the order does not matter."""
    parts = drawn(g, 3)
    return judged(student, [100 * part for part in parts], parts[::-1], parts)


def refuses(student: Student, g: Generator) -> Verdict:
    parts = drawn(g, 2)
    return every(
        refused(student),
        refused(student, float(parts[0]), -float(parts[1])),
        judged(student, parts),
    )


CLAIMS = (
    Claim(
        "several rates",
        "n rates have the mean n / (1/r₁ + … + 1/rₙ)",
        "Add the reciprocals, and divide the number of rates by that sum.",
        several,
        open=True,
    ),
    Claim(
        "a zero",
        "If one rate is 0, so is the mean",
        "1/0 can't be computed: look for a zero first. And don't leave it out.",
        a_zero,
        open=True,
    ),
    Claim(
        "one and many",
        "One rate is its own mean, and so is a rate that is given several times",
        "The number of rates stands above the sum, whatever it is: len(rates), not 3.",
        one_and_many,
    ),
    Claim(
        "below the mean",
        "A tiny rate pulls it down: it is at most n times the smallest rate",
        "The arithmetic mean of 1, 1 and 0.01 is 0.67; the harmonic one is 0.03.",
        below_the_mean,
    ),
    Claim(
        "percent",
        "In percent it is the same number in percent, and the order does not matter",
        "Nothing here knows that a rate ends at 1.",
        percent,
    ),
    Claim(
        "refuses",
        "No rate and a negative rate are refused: ValueError",
        "Look at the rates first, and raise ValueError where they make no sense.",
        refuses,
    ),
)


def mean(
    of: Callable[[tuple[float, ...]], float], zero: bool = True, refuses: bool = True
) -> Callable[..., float]:
    """The function with another mean, or without a look at what came in."""

    def harmonic(*rates: float) -> float:
        if refuses and (not rates or min(rates) < 0):
            raise ValueError("no rates")
        return 0.0 if zero and rates and min(rates) == 0 else of(rates)

    return harmonic


def right(rates: tuple[float, ...]) -> float:
    return len(rates) / sum(1 / r for r in rates)


def without_zeros(rates: tuple[float, ...]) -> float:
    known = tuple(r for r in rates if r)
    return right(known) if known else 0.0


MUTANTS = [
    Mutant(
        "arithmetic",
        "That is the arithmetic mean. It lets a method that wrecks everything else make up for it with a "
        "perfect efficacy.",
        lambda: mean(lambda r: sum(r) / len(r), zero=False),
    ),
    Mutant(
        "geometric",
        "That is the geometric mean (the n-th root of the product). The harmonic one adds reciprocals.",
        lambda: mean(lambda r: math.prod(r) ** (1 / len(r))),
    ),
    Mutant(
        "without_n",
        "You left out the number of rates: n equal rates must give that rate.",
        lambda: mean(lambda r: 1 / sum(1 / x for x in r)),
    ),
    Mutant(
        "always_three",
        "You wrote 3 where the number of rates belongs. CounterFact's S has three, this function takes any "
        "number.",
        lambda: mean(lambda r: 3 / sum(1 / x for x in r)),
    ),
    Mutant(
        "zeros_left_out",
        "You left the zeros out. A rate of 0 is a measurement, the worst there is, and no gap.",
        lambda: mean(without_zeros, zero=False),
    ),
    Mutant(
        "smallest",
        "You took the smallest rate. The harmonic mean stays near it, but the others count too.",
        lambda: mean(min),
    ),
    Mutant(
        "takes_anything",
        "No rate, or a negative one, was not refused as it should be. Raise ValueError before anything is "
        "divided.",
        lambda: mean(right, refuses=False),
    ),
]

HINTS = (
    "How long do you need for a way there and back, if you go at r₁ and return at r₂? Times add up, speeds "
    "don't.",
    "First the refusals: no rates, or min(rates) below 0. Then the zero. Then len(rates) over the sum of 1/r.",
    "if not rates or min(rates) < 0:\n    raise ...\n"
    "return 0.0 if min(rates) == 0 else len(rates) / sum(...)",
)

EXPLANATION = (
    "CounterFact's score S is the harmonic mean of ES, PS and NS, each first averaged over all facts. The mean "
    "of every fact's own S is another number.",
    "The zero is no special case but the limit: as one rate goes to 0, so does the whole.",
)
