"""compare.edit_lifetime: after how many edits a curve is below the floor for good (lesson 12).

Shape letters: n edits, one after the other; curve[i] is measured after i + 1 of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, equal, every
from autograder.gates import whole_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant

ARGUMENTS = ("curve", "floor")

STUB = '''
def edit_lifetime(curve: Float[Tensor, " n"], floor: float) -> int:
    """The number of edits that the model bears: after it the curve stays below the floor for good.

    curve[i] is measured after i + 1 edits. A dip below the floor that it recovers from does not count.
    n if the curve ends at the floor or above it; 0 if it was never there.
    """
'''


def gate(value: Any, curve: Tensor, floor: float) -> int:
    return whole_gate(value)


def walked(curve: Tensor, floor: float) -> int:
    """From the end backwards, as long as it is below the floor."""
    left = len(curve)
    while left and float(curve[left - 1]) < floor:
        left -= 1
    return left


def judged(student: Student, *problems: tuple[Tensor, float]) -> Verdict:
    return every(
        *(equal(student(c, f), walked(c, f), f"{len(c)} edits, floor {f:g}") for c, f in problems)
    )


def falling(g: Generator, n: int) -> Tensor:
    """A curve that falls from 1, never rising, all values different."""
    steps = 0.2 + rand(n, generator=g, dtype=torch.float64)
    return 1 - steps.cumsum(0) / steps.sum()


def floor_of(curve: Tensor, g: Generator) -> float:
    """A floor between two neighbours somewhere in the middle of a falling curve."""
    i = number(g, len(curve) // 4, len(curve) // 2)
    return float(curve[i] + curve[i + 1]) / 2


def only_falls(student: Student, g: Generator) -> Verdict:
    problems = []
    for _ in range(3):
        curve = falling(g, number(g, 15, 40))
        problems.append((curve, floor_of(curve, g)))
    return judged(student, *problems)


def dips(student: Student, g: Generator) -> Verdict:
    """Below the floor early, and back above it."""
    problems = []
    for _ in range(3):
        curve = falling(g, number(g, 20, 40))
        floor = floor_of(curve, g)
        curve[number(g, 0, 2) : number(g, 3, 4)] = floor - 0.1
        problems.append((curve, floor))
    return judged(student, *problems)


def last_gasp(student: Student, g: Generator) -> Verdict:
    """After a long time below the floor it comes back once more."""
    problems = []
    for _ in range(3):
        curve = falling(g, number(g, 20, 40))
        floor = floor_of(curve, g)
        curve[-number(g, 2, 5)] = floor + 0.05
        problems.append((curve, floor))
    return judged(student, *problems)


def at_the_floor(student: Student, g: Generator) -> Verdict:
    """The floor is a value of the curve: there it still holds."""
    problems = []
    for _ in range(3):
        curve = falling(g, number(g, 15, 30))
        problems.append((curve, float(curve[number(g, 4, len(curve) - 4)])))
    return judged(student, *problems)


def never(student: Student, g: Generator) -> Verdict:
    """Never below: n. Always below: 0. Only the last one above: n."""
    n, m, k = number(g, 5, 9), number(g, 10, 15), number(g, 16, 30)
    last = falling(g, m) - 2
    last[-1] = 0.5
    return judged(
        student, (falling(g, n) + 1, 0.9), (falling(g, m) - 2, 0.5), (last, 0.5), (falling(g, k) + 1, 0.9)
    )


CLAIMS = (
    Claim(
        "only falls",
        "Of a curve that only falls: how many edits it stays at the floor or above",
        "curve[i] belongs to i + 1 edits.",
        only_falls,
        open=True,
    ),
    Claim(
        "dips",
        "A dip that the curve recovers from ends nothing",
        "Look for the last place at the floor or above it, not for the first one below.",
        dips,
        open=True,
    ),
    Claim(
        "last gasp",
        "However long it was below: if it comes back once more, it lived until then",
        "For good means: no later value is at the floor or above it.",
        last_gasp,
    ),
    Claim(
        "at the floor",
        "A value on the floor is not below it",
        "At or above: >=.",
        at_the_floor,
    ),
    Claim(
        "never",
        "n if it ends at the floor or above it, 0 if it was never there",
        "Where no value is at the floor or above it there is no last one: answer 0.",
        never,
    ),
)


def lived(count: Callable[[Tensor, float], int]) -> Callable[[Tensor, float], int]:
    def edit_lifetime(curve: Tensor, floor: float) -> int:
        return count(torch.as_tensor(curve), floor)

    return edit_lifetime


def last(alive: Tensor, plus: int = 1, none: int = 0) -> int:
    """The last place that is set, in edits."""
    places = alive.nonzero().flatten().tolist()
    return places[-1] + plus if places else none


def first_below(curve: Tensor, floor: float) -> int:
    below = (curve < floor).nonzero().flatten().tolist()
    return below[0] if below else len(curve)


MUTANTS = [
    Mutant(
        "first_crossing",
        "You stopped at the first value below the floor. Curves over edits are noisy: a dip that it recovers "
        "from is not the end.",
        lambda: lived(first_below),
    ),
    Mutant(
        "index",
        "You gave back the index of the last good value. After curve[i] there were i + 1 edits.",
        lambda: lived(lambda c, f: last(c >= f, plus=0)),
    ),
    Mutant(
        "one_more",
        "That is one edit too many: you counted the first edit after which it is below for good.",
        lambda: lived(lambda c, f: last(c >= f, plus=2, none=1)),
    ),
    Mutant(
        "strictly_above",
        "You counted a value on the floor as below it.",
        lambda: lived(lambda c, f: last(c > f)),
    ),
    Mutant(
        "days_alive",
        "You counted how often the curve is at the floor or above it. A lifetime is a place on the curve: dips "
        "before it count as lived through.",
        lambda: lived(lambda c, f: int((c >= f).sum())),
    ),
    Mutant(
        "never_is_zero",
        "A curve that never falls below the floor came out as 0, as if it had never lived: it lives all n "
        "edits.",
        lambda: lived(lambda c, f: last(c >= f) if bool((c < f).any()) else 0),
    ),
]

HINTS = (
    "Read the curve from its end. Where is the last value that is still good?",
    "(curve >= floor).nonzero() holds the places where it is good. The last of them, plus 1, is the number of "
    "edits. There may be none.",
    "alive = (curve >= floor).nonzero()\nreturn int(alive[...]) + 1 if len(alive) else ...",
)

EXPLANATION = (
    "For good can only be said of the curve that was measured: with 300 edits, a lifetime of 300 means at least "
    "300.",
    "One number for a curve: it depends on the floor as a level depends on its cuts. Say the floor with it.",
)
