"""compare.level: a rate as 低, 中 or 高 (lesson 12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Generator, rand, randperm

from autograder.claims import Claim, Student, equal, every
from autograder.gates import Refused, text_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number, refused
from autograder.mutants import Mutant
from autograder.sentences import say

ARGUMENTS = ("x", "cuts")
LEVELS = ("低", "中", "高")
THIRDS = (1 / 3, 2 / 3)
Cuts = tuple[float, float]

STUB = '''
def level(x: float, cuts: tuple[float, float] = (1 / 3, 2 / 3)) -> str:
    """低 (low) below the first cut, 高 (high) from the second cut on, 中 (medium) between them.

    A value that lies exactly on a cut has the higher level.
    Raises ValueError if x is not a number (nan), or if the second cut is below the first.
    """
'''


def gate(value: Any, *args: Any) -> str:
    answer = text_gate(value)
    if answer not in LEVELS:
        raise Refused(Verdict(False, repr(answer), " or ".join(LEVELS), said=say("text")))
    return answer


def counted(x: float, cuts: Cuts) -> str:
    """The number of cuts that x has reached says which level it is."""
    return LEVELS[sum(1 for cut in cuts if not x < cut)]


def judged(student: Student, values: list[float], cuts: Cuts | None, g: Generator) -> Verdict:
    """All values, in a drawn order; cuts None = those of the default."""
    order = [values[i] for i in randperm(len(values), generator=g).tolist()]
    args = [(x,) if cuts is None else (x, cuts) for x in order]
    return every(*(equal(student(*a), counted(a[0], cuts or THIRDS), f"level{a}") for a in args))


def between(g: Generator, low: float, high: float, n: int) -> list[float]:
    """n drawn numbers well between two others."""
    return [low + (high - low) * (0.1 + 0.8 * float(x)) for x in rand(n, generator=g)]


def drawn_cuts(g: Generator) -> Cuts:
    """Two cuts, of which neither is a third."""
    low = number(g, 36, 55) / 100
    return low, low + number(g, 20, 30) / 100


def spread(g: Generator, cuts: Cuts) -> list[float]:
    """Four values of each level."""
    low, high = cuts
    return between(g, 0, low, 4) + between(g, low, high, 4) + between(g, high, 1, 4)


def thirds(student: Student, g: Generator) -> Verdict:
    return judged(student, spread(g, THIRDS), None, g)


def at_a_cut(student: Student, g: Generator) -> Verdict:
    """The cuts themselves, which binary numbers hold exactly, and their neighbours on both sides."""
    low = number(g, 2, 7) / 16
    high = low + number(g, 2, 7) / 16
    values = [low, high, low - 1 / 64, low + 1 / 64, high - 1 / 64, high + 1 / 64]
    return every(judged(student, values * 2, (low, high), g), judged(student, [*THIRDS, 0.0, 1.0], None, g))


def other_cuts(student: Student, g: Generator) -> Verdict:
    return every(*(judged(student, spread(g, cuts), cuts, g) for cuts in (drawn_cuts(g), drawn_cuts(g))))


def one_cut(student: Student, g: Generator) -> Verdict:
    """Two equal cuts leave no room for a medium level."""
    cut = number(g, 5, 11) / 16
    return judged(student, [cut, cut, *between(g, 0, cut, 5), *between(g, cut, 1, 5)], (cut, cut), g)


def refuses(student: Student, g: Generator) -> Verdict:
    low, high = drawn_cuts(g)
    return every(
        refused(student, float("nan"), (low, high)),
        refused(student, number(g, 1, 9) / 10, (high, low)),
        judged(student, spread(g, (low, high)), (low, high), g),
    )


CLAIMS = (
    Claim(
        "thirds",
        "A rate below a third is 低, from a third 中, from two thirds 高",
        "Compare x with the first cut, then with the second.",
        thirds,
        open=True,
    ),
    Claim(
        "at a cut",
        "A value on a cut has the higher level",
        "Below a cut means strictly below: x < cut.",
        at_a_cut,
        open=True,
    ),
    Claim(
        "other cuts",
        "Other cuts give other levels",
        "Use the two numbers in `cuts`, not a third and two thirds.",
        other_cuts,
    ),
    Claim(
        "one cut",
        "Two equal cuts leave no medium level",
        "A value that reaches both cuts is 高.",
        one_cut,
    ),
    Claim(
        "refuses",
        "What is not a number has no level, and falling cuts are refused: ValueError",
        "Every comparison with nan is False, so an if/else chain lets it fall through to its last level.",
        refuses,
    ),
)


def leveled(
    choose: Callable[[float, Cuts], str] = counted, refuses: bool = True
) -> Callable[[float, Cuts], str]:
    """The function with another choice, or without a look at what came in."""

    def level(x: float, cuts: Cuts = THIRDS) -> str:
        if refuses and (x != x or cuts[1] < cuts[0]):
            raise ValueError("no number, or falling cuts")
        return choose(x, cuts)

    return level


MUTANTS = [
    Mutant(
        "cut_belongs_below",
        "You gave a value on a cut the lower level. The rule here is inclusive: two thirds is 高.",
        lambda: leveled(lambda x, cuts: LEVELS[sum(1 for cut in cuts if x > cut)]),
    ),
    Mutant(
        "own_cuts",
        "You cut at thirds, whatever `cuts` says. The book's cuts are not laws of nature: let the caller "
        "choose.",
        lambda: leveled(lambda x, cuts: counted(x, THIRDS)),
    ),
    Mutant(
        "nan_is_high",
        "Not a number came out as a level. Comparisons with nan are all False, so the last branch takes it: "
        "a method that was never measured gets a level.",
        lambda: leveled(lambda x, cuts: "低" if x < cuts[0] else "中" if x < cuts[1] else "高", refuses=False),
    ),
    Mutant(
        "turned_round",
        "The levels are upside down: 高 is high, 低 is low.",
        lambda: leveled(lambda x, cuts: LEVELS[2 - sum(1 for cut in cuts if not x < cut)]),
    ),
    Mutant(
        "only_the_second_inclusive",
        "A value on the first cut came out as 低, one on the second as 高. Both cuts count alike.",
        lambda: leveled(lambda x, cuts: "低" if x <= cuts[0] else "中" if x < cuts[1] else "高"),
    ),
]

HINTS = (
    "Two comparisons are enough: is x below the first cut? If not, is it below the second?",
    'First the two refusals. nan is the only number that is not equal to itself: x != x. Then "低" if x is '
    'below cuts[0], "中" if it is below cuts[1], else "高".',
    'low, high = cuts\nif x != x or ...:\n    raise ValueError(...)\nreturn "低" if x < ... else ...',
)

EXPLANATION = (
    "not (low <= high) refuses cuts that are nan as well, which high < low would let pass.",
    "A level throws most of a rate away: .34 and .66 become equal, .66 and .67 different. So keep the rate "
    "and its interval beside it.",
)
