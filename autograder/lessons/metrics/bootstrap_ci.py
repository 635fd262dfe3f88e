"""metrics.bootstrap_ci: an interval for a mean, by drawing the values again (lesson 12).

Shape letters: n values, one for each fact. The oracles are exact: the mean of n draws from k ones and n - k
zeros is binomial, and the mean of many values is nearly normal.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn, randperm

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate, tuple_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.bootstrap_ci_mutants import MUTANTS
from autograder.lessons.metrics.common import number, refused

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("x", "draws", "seed", "level")
DRAWS = 2000
Z = {0.5: 0.6745, 0.8: 1.2816, 0.9: 1.6449, 0.95: 1.96}  # a normal variable is within Z of its mean

STUB = '''
def bootstrap_ci(
    x: Float[Tensor, " n"], draws: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """(lo, hi): an interval for the mean of x, by the bootstrap.

    Draw n of the n values *with replacement*, `draws` times; take the mean of each sample. Of these means the
    middle share `level` lies between lo and hi.
    The same seed gives the same interval. Raises ValueError if x is empty or level is not between 0 and 1.
    """
'''


def gate(value: Any, *args: Any) -> tuple[float, float]:
    lo, hi = tuple_gate(value, number_gate, number_gate)
    return lo, hi


def pair(values: tuple[float, float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def quantile(n: int, k: int, share: float) -> tuple[int, float]:
    """The number of ones below which a share of all samples lies, and how far the share is from its steps."""
    total, steps = 0.0, []
    for m in range(n + 1):
        total += math.comb(n, m) * (k / n) ** m * (1 - k / n) ** (n - m)
        steps.append(total)
    place = next(m for m, step in enumerate(steps) if step >= share or m == n)
    return place, min(abs(step - share) for step in steps)


def counted_out(g: Generator) -> tuple[Tensor, float, tuple[float, float]]:
    """n zeros and ones, a level, and their exact interval; its ends are so far from the distribution's steps
    that 2000 draws don't miss them (4.5 standard errors). About half of all choices are of this kind.
    """
    while True:
        n, level = number(g, 5, 12), (0.6, 0.7, 0.8, 0.9)[number(g, 0, 3)]
        k, tail = number(g, 1, n - 1), (1 - level) / 2
        (lo, low_gap), (hi, high_gap) = quantile(n, k, tail), quantile(n, k, 1 - tail)
        if min(low_gap, high_gap) > 4.5 * (tail * (1 - tail) / DRAWS) ** 0.5 and lo < k < hi:
            values = (torch.arange(n) < k).double()[randperm(n, generator=g)]
            return values, level, (lo / n, hi / n)


def seed_of(g: Generator) -> int:
    return number(g, 1, 10_000)


def zeros_and_ones(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(3):
        values, level, ends = counted_out(g)
        yours = pair(student(values, DRAWS, seed_of(g), level))
        found.append(close(yours, pair(ends), 1e-6, f"{level:.0%} of {len(values)} zeros and ones"))
    return every(*found)


def normal(yours: tuple[float, float], x: Tensor, level: float, tolerance: float) -> Verdict:
    """Kept when the interval is about as wide as that of a normal mean, and about in the same place."""
    error = float(x.std(correction=0)) / len(x) ** 0.5
    width, middle = yours[1] - yours[0], sum(yours) / 2 - float(x.mean())
    want = 2 * Z[level] * error
    kept = abs(width / want - 1) <= tolerance and abs(middle) <= 0.4 * error
    told = f"[{float(x.mean()) - want / 2:.3f}, {float(x.mean()) + want / 2:.3f}]"
    return Verdict(kept, f"[{yours[0]:.3f}, {yours[1]:.3f}]", f"about {told}")


def values_of(g: Generator, n: int) -> Tensor:
    """n values in some unit, about a mean that is not 0."""
    scale, place = number(g, 1, 9), number(g, 20, 60)
    return scale * randn(n, generator=g, dtype=torch.float64) + place


def many_values(student: Student, g: Generator) -> Verdict:
    """Four times the values give half the width."""
    found = []
    for n in (number(g, 60, 90), number(g, 250, 350)):
        x = values_of(g, n)
        found.append(normal(student(x, DRAWS, seed_of(g), 0.95), x, 0.95, 0.15))
    return every(*found)


def equal_values(student: Student, g: Generator) -> Verdict:
    """All values equal, and a single value: there is nothing that could vary. Different ones do vary."""
    value = number(g, 5, 99) / 100
    alike = torch.full((number(g, 3, 9),), value, dtype=torch.float64)
    x = values_of(g, number(g, 60, 90))
    return every(
        *(
            close(pair(student(v, 50, seed_of(g), 0.9)), pair((value, value)), 1e-6, f"{len(v)} equal values")
            for v in (alike, alike[:1])
        ),
        normal(student(x, DRAWS, seed_of(g), 0.9), x, 0.9, 0.15),
    )


def seeds(student: Student, g: Generator) -> Verdict:
    """The same seed twice, and another one. 60 draws are so few that seeds can be told apart."""
    x, seed = values_of(g, number(g, 30, 50)), seed_of(g)
    first = student(x, 60, seed, 0.8)
    again = student(x.clone(), 60, seed, 0.8)
    others = [student(x, 60, seed + i, 0.8) for i in (1, 2)]
    differ = all(other != first for other in others)
    return every(
        close(pair(again), pair(first), 0.0, "the same seed again"),
        Verdict(differ, f"{others[0]} for seed {seed + 1}", f"something else than {first}, for seed {seed}"),
        normal(student(x, DRAWS, seed, 0.8), x, 0.8, 0.2),
    )


def levels(student: Student, g: Generator) -> Verdict:
    """A higher level holds the lower ones; each has the width that it should have."""
    x, seed = values_of(g, number(g, 80, 120)), seed_of(g)
    found = {level: student(x, DRAWS, seed, level) for level in (0.5, 0.8, 0.95)}
    (a, b), (c, d), (e, f) = found.values()
    return every(
        Verdict(e < c < a < b < d < f, f"{found}", "each level inside the next"),
        *(normal(yours, x, level, 0.15) for level, yours in found.items()),
    )


def units(student: Student, g: Generator) -> Verdict:
    """Rates or percent, seconds or milliseconds: the interval turns along."""
    x = rand(number(g, 20, 30), generator=g, dtype=torch.float64).square()
    a, b, seed = number(g, 2, 100), number(g, 1, 9), seed_of(g)
    plain, other = student(x, 400, seed, 0.9), student(a * x + b, 400, seed, 0.9)
    many = values_of(g, 100)
    return every(
        close(pair(other), a * pair(plain) + b, 1e-5, f"of {a} x + {b}"),
        normal(student(many, DRAWS, seed, 0.9), many, 0.9, 0.15),
    )


def rare(student: Student, g: Generator) -> Verdict:
    """All but one or two succeed: no rate is above 1, and the interval is longer below."""
    found = []
    for left in (1, 2):
        n = number(g, 25, 40)
        values = (torch.arange(n) >= left).double()
        ends = [quantile(n, n - left, share)[0] / n for share in (0.025, 0.975)]
        lo, hi = student(values, DRAWS, seed_of(g), 0.95)
        near = abs(lo - ends[0]) <= 1.01 / n and abs(hi - ends[1]) <= 1e-6
        found.append(Verdict(near, f"[{lo:.3f}, {hi:.3f}]", f"[{ends[0]:.3f}, {ends[1]:.3f}]"))
    many = values_of(g, 90)
    return every(*found, normal(student(many, DRAWS, seed_of(g), 0.8), many, 0.8, 0.15))


def refuses(student: Student, g: Generator) -> Verdict:
    x = randint(0, 2, (9,), generator=g).double()
    many = values_of(g, 80)
    return every(
        refused(student, torch.zeros(0, dtype=torch.float64), 50, 0, 0.9),
        *(refused(student, x, 50, 0, wrong) for wrong in (0.0, 1.0, 95.0, -0.5)),
        normal(student(many, DRAWS, seed_of(g), 0.9), many, 0.9, 0.15),
    )


CLAIMS = (
    Claim(
        "zeros and ones",
        "Of zeros and ones it is the binomial distribution's middle, which can be counted out",
        "Each sample has n values, drawn with replacement. Cut off (1 - level) / 2 of the means at each end.",
        zeros_and_ones,
        open=True,
    ),
    Claim(
        "many values",
        "Of many values it is about mean ± 1.96 standard deviations / √n (at 95 %)",
        "The interval is for the mean of n values: it must get narrower with n.",
        many_values,
        open=True,
    ),
    Claim(
        "equal values",
        "Equal values leave nothing to vary: lo and hi are that value",
        "Every sample of equal values has the same mean.",
        equal_values,
    ),
    Claim(
        "seeds",
        "The same seed gives the same interval, another seed another one",
        "Draw with torch.Generator().manual_seed(seed), made inside the function.",
        seeds,
    ),
    Claim(
        "levels",
        "A higher level gives a wider interval around the narrower one",
        "Of level 0.8 a tenth is cut off at each end; of level 0.5 a quarter.",
        levels,
    ),
    Claim(
        "units",
        "In other units the interval turns along: a x + b has a · [lo, hi] + b",
        "The places that are drawn may depend on the seed and on n only.",
        units,
    ),
    Claim(
        "rare failures",
        "A rate never gets an interval that ends above 1, and near 1 it is longer below",
        "Take the quantiles of the resampled means themselves, not mean ± something.",
        rare,
    ),
    Claim(
        "refuses",
        "An empty x and a level outside (0, 1) are refused: ValueError",
        "Look at both first. A level of 95 is surely meant as 0.95: say so, rather than compute nonsense.",
        refuses,
    ),
)

HINTS = (
    "What if the facts had been drawn again? You can't draw new ones, but you can draw from those you have. "
    "torch.randint gives places.",
    "places = torch.randint(n, (draws, n), generator=...) has a sample in every row. x[places].mean(1) are "
    "the means. torch.quantile finds the two ends, at (1 - level) / 2 and (1 + level) / 2.",
    "generator = torch.Generator().manual_seed(...)\n"
    "places = torch.randint(len(x), (draws, ...), generator=generator)\n"
    "means = x.double()[places]...\n"
    "lo = torch.quantile(means, (1 - level) / ...).item()",
)

EXPLANATION = (
    "The percentile interval (Efron 1979). It assumes that the facts are a fair sample, and independent: the "
    "prompts of one fact are not, so x holds one value for each fact.",
    "It covers the sampling of facts only. Another model, other templates or another seed of the method are "
    "not in it.",
    "With 0 or n successes its width is 0, which is too sure of itself: 20 of 20 does not prove 1. Exact "
    "binomial intervals say more there.",
)
