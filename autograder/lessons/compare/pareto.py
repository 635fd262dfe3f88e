"""compare.pareto: which methods no other method beats (lesson 12).

Shape letters: n points (methods), d criteria (rates; all are to be high).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randperm

from autograder.claims import Claim, Student, equal, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant

ARGUMENTS = ("points",)

STUB = '''
def pareto(points: Float[Tensor, "n d"]) -> Bool[Tensor, " n"]:
    """Which points no other point beats: a tensor of n truth values (torch.bool).

    A point beats another if it is at least as high in all d criteria, and higher in at least one.
    All criteria are to be high. Of equal points neither beats the other.
    """
'''


def gate(value: Any, points: Tensor) -> Tensor:
    return tensor_gate(value, (len(points),), "(n,)", "a comparison (torch.bool)", torch.bool)


def beats(a: list[float], b: list[float]) -> bool:
    """Whether a is nowhere lower than b, and somewhere higher."""
    pairs = list(zip(a, b, strict=True))
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def brute(points: Tensor) -> list[bool]:
    """Every point against every other one."""
    rows = points.tolist()
    return [not any(beats(other, row) for other in rows) for row in rows]


def judged(student: Student, *problems: Tensor) -> Verdict:
    return every(
        *(equal(student(p).tolist(), brute(p), f"front of {len(p)} points in {p.shape[1]}") for p in problems)
    )


def shuffled(points: Tensor, g: Generator) -> Tensor:
    return points[randperm(len(points), generator=g)]


def cloud(g: Generator, n: int, d: int) -> Tensor:
    """Points of which some, but not all, are on the front."""
    while True:
        points = rand(n, d, generator=g)
        if 1 < sum(brute(points)) < n:
            return points


def two_criteria(student: Student, g: Generator) -> Verdict:
    """Drawn points, and among others one that beats all."""
    champion = torch.cat([rand(number(g, 4, 8), 2, generator=g) * 0.9, torch.tensor([[0.95, 0.95]])])
    return judged(student, *(cloud(g, number(g, 12, 20), 2) for _ in range(3)), shuffled(champion, g))


def specialists(student: Student, g: Generator) -> Verdict:
    """An all-rounder that is best in nothing, two one-sided points, and points that the all-rounder beats."""
    found = []
    for _ in range(2):
        low = rand(number(g, 6, 9), 2, generator=g) * 0.5
        good = torch.tensor([[0.7, 0.7], [1.0, 0.05], [0.05, 1.0]]) + 0.04 * rand(3, 2, generator=g)
        found.append(shuffled(torch.cat([low, good]), g))
    return judged(student, *found)


def equal_points(student: Student, g: Generator) -> Verdict:
    """Every point twice."""
    points = cloud(g, number(g, 7, 10), 2)
    return judged(student, shuffled(torch.cat([points, points]), g), cloud(g, 12, 3))


def ties(student: Student, g: Generator) -> Verdict:
    """Few different values: points that are equal in one criterion and lower in another."""
    found: list[Tensor] = []
    while len(found) < 3:
        points = randint(0, 3, (number(g, 10, 14), 2), generator=g) / 2
        if 0 < sum(brute(points)) < len(points) - 2:
            found.append(points)
    return judged(student, *found)


def many_criteria(student: Student, g: Generator) -> Verdict:
    one = rand(9, 1, generator=g)
    return judged(student, cloud(g, 24, 3), cloud(g, 30, 4), one)


def order_and_scale(student: Student, g: Generator) -> Verdict:
    """Another order of the points turns the answer along; another unit of a criterion changes nothing."""
    points = cloud(g, 15, 3)
    order = randperm(15, generator=g)
    units = torch.tensor([0.01, 1.0, 1000.0])
    return every(
        judged(student, points),
        equal(student(points[order]).tolist(), student(points)[order].tolist(), "the order turned"),
        equal(student(points * units - 5).tolist(), brute(points), "in other units"),
    )


CLAIMS = (
    Claim(
        "two criteria",
        "A point is on the front if no other is at least as high in both criteria and higher in one",
        "Compare every point with every other: the front holds those that nobody beats.",
        two_criteria,
        open=True,
    ),
    Claim(
        "specialists",
        "Who is best in one criterion is on the front, and so is an all-rounder that nobody beats",
        "The front needs no first place and no high sum: only that no single other point beats it.",
        specialists,
        open=True,
    ),
    Claim(
        "equal points",
        "Equal points stay together: on the front or off it",
        "A point doesn't beat its equal: being at least as high everywhere is not enough, one must be higher.",
        equal_points,
    ),
    Claim(
        "ties",
        "A point that is equal in one criterion and lower in the other is beaten",
        "At least as high in all (>=), higher in one (>): both comparisons are needed.",
        ties,
    ),
    Claim(
        "many criteria",
        "With one, three or four criteria the rule is the same",
        "all(...) and any(...) run over the criteria, the last dimension.",
        many_criteria,
    ),
    Claim(
        "order and scale",
        "The order of the points and the unit of a criterion don't matter",
        "Compare criterion by criterion: never add or average what has different units.",
        order_and_scale,
    ),
)


def front(beaten: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function with another idea of beaten; it gets all pairs (other, mine), (n, n, d) each."""

    def pareto(points: Tensor) -> Tensor:
        n = len(points)
        other, mine = points[:, None].expand(n, n, -1), points[None].expand(n, n, -1)
        return ~beaten(other, mine).any(0)

    return pareto


def once(points: Tensor) -> Tensor:
    """The front, but of equal points only the first."""
    kept, seen = [], []
    for row, on in zip(points.tolist(), brute(points), strict=True):
        kept.append(on and row not in seen)
        seen.append(row)
    return torch.tensor(kept)


MUTANTS = [
    Mutant(
        "equals_beat_each_other",
        "Here a point is beaten by its equal, even by itself. Ask for one criterion that is strictly higher.",
        lambda: front(lambda other, mine: (other >= mine).all(-1)),
    ),
    Mutant(
        "higher_in_all",
        "You call a point beaten only if another is strictly higher in every criterion. Equal in one and lower "
        "in the other is beaten too.",
        lambda: front(lambda other, mine: (other > mine).all(-1)),
    ),
    Mutant(
        "beaten_in_one",
        "You call a point beaten as soon as another is higher in one criterion. Then hardly anything is left: "
        "higher everywhere does not exist.",
        lambda: front(lambda other, mine: (other > mine).any(-1)),
    ),
    Mutant(
        "best_sum",
        "You took the point with the highest sum. A sum has to say what a point of locality is worth in points "
        "of generality; the front says nothing of the kind.",
        lambda: lambda points: points.sum(1) == points.sum(1).max(),
    ),
    Mutant(
        "best_in_one",
        "You took the points that are best in some criterion. An all-rounder that nobody beats is on the front "
        "too.",
        lambda: lambda points: (points == points.max(0).values).any(1),
    ),
    Mutant(
        "low_is_good",
        "You kept the points that are low. All criteria here are rates that are to be high.",
        lambda: front(lambda other, mine: (other <= mine).all(-1) & (other < mine).any(-1)),
    ),
    Mutant(
        "one_of_each",
        "Of equal points you kept the first only. Two methods with equal rates are both on the front.",
        lambda: once,
    ),
    Mutant(
        "the_beaten",
        "These are the points that are beaten. The front holds the others: ~.",
        lambda: lambda points: ~torch.tensor(brute(points)),
    ),
]

HINTS = (
    "Ask of each point: is there another one that beats it? A table of all pairs, (n, n), answers that for all "
    "at once.",
    "points[:, None] and points[None] have the shapes (n, 1, d) and (1, n, d): a comparison of the two looks "
    "at all pairs. Put all(-1) of >= and any(-1) of > together with &. Then: is a column beaten by any row?",
    "other, mine = points[:, None], points[None]\n"
    "beaten = (other >= mine).all(...) & (other > mine)...\n"
    "return ~beaten.any(...)",
)

EXPLANATION = (
    "n² pairs of d numbers: for the 20 methods of this lesson that is nothing. For millions of points one "
    "sorts first.",
    "In floating point two rates from the same number of prompts are equal exactly when their counts are. "
    "Noise does not stop at equality, though: whether a point is on the front can change when the facts are "
    "drawn again, and the lesson does that.",
)
