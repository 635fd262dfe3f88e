"""ike.kinds: how many demonstrations of each kind, by the method of the largest remainder (lesson 10)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import product
from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, text_gate
from autograder.judgement import Verdict
from autograder.lessons.ike.made_up import number
from autograder.lessons.metrics.common import refused
from autograder.mutants import Mutant

ARGUMENTS = ("k", "ratio")
NAMES = ("copy", "update", "retain")
Ratio = tuple[int, int, int]

STUB = '''
def kinds(k: int, ratio: tuple[int, int, int] = (1, 3, 4)) -> list[str]:
    """The kinds of k demonstrations, copy : update : retain as in `ratio`, in this order.

    Largest remainder: each kind gets the whole part of its share of k. What is left over goes, one by one, to
    the kinds whose share had the largest fraction; of equal fractions to the earlier kind.
    Returns a list of k strings: all "copy", then all "update", then all "retain".
    Raises ValueError for a negative k, a negative part of the ratio, and a ratio of zeros.
    """
'''


def gate(value: Any, k: int, ratio: Ratio) -> list[str]:
    return list_gate(value, text_gate, "kinds")


def best(k: int, ratio: Ratio) -> list[str]:
    """Of all ways to write k as three numbers the one nearest to the shares; of equals the one with most
    copy, then most update.
    """
    shares = [Fraction(k * part, sum(ratio)) for part in ratio]
    ways = [counts for counts in product(range(k + 1), repeat=3) if sum(counts) == k]

    def how_far(counts: tuple[int, ...]) -> tuple[Fraction, int, int]:
        far = sum(((c - s) ** 2 for c, s in zip(counts, shares, strict=True)), Fraction(0))
        return far, -counts[0], -counts[1]

    counts = min(ways, key=how_far)
    return [name for name, count in zip(NAMES, counts, strict=True) for _ in range(count)]


def judged(student: Student, *problems: tuple[int, Ratio]) -> Verdict:
    return every(*(equal(student(k, ratio), best(k, ratio), f"kinds({k}, {ratio})") for k, ratio in problems))


def drawn(g: Generator) -> Ratio:
    """Three different parts, so that no two kinds can be exchanged unseen."""
    first = number(g, 1, 3)
    return (first, first + number(g, 3, 4), first + number(g, 1, 2))


def whole_shares(student: Student, g: Generator) -> Verdict:
    """k is a multiple of the ratio's sum."""
    ratio = drawn(g)
    return judged(student, (8 * number(g, 1, 2), (1, 3, 4)), (sum(ratio), ratio), (16, (1, 3, 4)))


def every_k(student: Student, g: Generator) -> Verdict:
    """With shares that are no whole numbers."""
    ks = [number(g, 9, 12), number(g, 13, 15), number(g, 2, 7)]
    return judged(student, *((k, (1, 3, 4)) for k in ks))


def other_ratios(student: Student, g: Generator) -> Verdict:
    return judged(student, *((number(g, 5, 14), drawn(g)) for _ in range(5)))


def ties(student: Student, g: Generator) -> Verdict:
    """Equal fractions: of the ratio 1 : 1 : 1 one or two are left over, of 1 : 3 : 4 a half and a half."""
    part = number(g, 1, 4)
    one, two = 3 * number(g, 1, 3) + 1, 3 * number(g, 1, 3) + 2
    return judged(student, (one, (part,) * 3), (two, (part,) * 3), (4 + 8 * number(g, 0, 1), (1, 3, 4)))


def without_a_kind(student: Student, g: Generator) -> Verdict:
    """A part of 0 drops a kind, and its place goes to the others; k = 0 is an empty list."""
    a, b = number(g, 1, 2), number(g, 3, 5)
    found = judged(
        student, (number(g, 5, 9), (a, b, 0)), (number(g, 5, 9), (a, 0, b)), (number(g, 5, 9), (0, b, a))
    )
    return every(found, judged(student, (0, drawn(g))))


def refuses(student: Student, g: Generator) -> Verdict:
    k = number(g, 5, 12)
    return every(
        refused(student, -number(g, 1, 4), (1, 3, 4)),
        refused(student, k, (0, 0, 0)),
        refused(student, k, (1, -1, 4)),
        judged(student, (k, drawn(g))),
    )


CLAIMS = (
    Claim(
        "whole shares",
        "Where the shares are whole numbers, each kind gets its share: of 8, 1 copy, 3 update, 4 retain",
        "k times the kind's part, divided by the sum of the ratio, is how many of the kind there are.",
        whole_shares,
        open=True,
    ),
    Claim(
        "every k",
        "Where they are not, there are still k, and each kind is as near to its share as can be",
        "Give each kind the whole part, and what is left to the largest fractions.",
        every_k,
        open=True,
    ),
    Claim(
        "other ratios",
        "The ratio decides, not the numbers 1, 3 and 4",
        "Compute the shares from `ratio` and its sum.",
        other_ratios,
    ),
    Claim(
        "ties",
        "Of equal fractions the earlier kind comes first",
        "Sort the kinds by their fractions so that equals keep their order: copy, update, retain.",
        ties,
    ),
    Claim(
        "without a kind",
        "A part of 0 drops that kind, and k = 0 gives an empty list",
        "A kind with part 0 has share 0 and fraction 0: it must get nothing, and the others all of k.",
        without_a_kind,
    ),
    Claim(
        "refuses",
        "A negative k, a negative part and a ratio of zeros are refused: ValueError",
        "Look at k and ratio first, and raise ValueError where they make no sense.",
        refuses,
    ),
)


def shared(
    counts: Callable[[int, Ratio], list[int]], order: tuple[int, int, int] = (0, 1, 2), refuses: bool = True
) -> Callable[[int, Ratio], list[str]]:
    """The function with another way to count, or another order."""

    def kinds(k: int, ratio: Ratio = (1, 3, 4)) -> list[str]:
        if refuses and (k < 0 or min(ratio) < 0 or not sum(ratio)):
            raise ValueError("no shares")
        found = counts(k, ratio)
        return [NAMES[i] for i in order for _ in range(found[i])]

    return kinds


def whole_parts(k: int, ratio: Ratio) -> list[int]:
    return [k * part // max(sum(ratio), 1) for part in ratio]


def largest(k: int, ratio: Ratio, earlier: int = 1) -> list[int]:
    found, total = whole_parts(k, ratio), max(sum(ratio), 1)
    order = sorted(range(3), key=lambda i: (-(k * ratio[i] % total), earlier * i))
    for i in order[: max(k - sum(found), 0)]:
        found[i] += 1
    return found


def rounded(k: int, ratio: Ratio) -> list[int]:
    return [round(k * part / sum(ratio)) for part in ratio]


def rest_to(place: int) -> Callable[[int, Ratio], list[int]]:
    def counts(k: int, ratio: Ratio) -> list[int]:
        found = whole_parts(k, ratio)
        found[place] += k - sum(found)
        return found

    return counts


def in_turns(k: int, ratio: Ratio = (1, 3, 4)) -> list[str]:
    if k < 0 or min(ratio) < 0 or not sum(ratio):
        raise ValueError("no shares")
    pattern = [name for name, part in zip(NAMES, ratio, strict=True) for _ in range(part)]
    return [pattern[i % len(pattern)] for i in range(k)]


MUTANTS = [
    Mutant(
        "rounded",
        "You rounded each share by itself. The three rounded numbers need not add up to k: hand out the "
        "whole "
        "parts first, then what is left.",
        lambda: shared(rounded),
    ),
    Mutant(
        "rest_to_retain",
        "What was left over all went to retain. It goes to the largest fractions, one to each.",
        lambda: shared(rest_to(2)),
    ),
    Mutant(
        "rest_to_copy",
        "What was left over all went to copy. It goes to the largest fractions, one to each.",
        lambda: shared(rest_to(0)),
    ),
    Mutant(
        "whole_parts",
        "You gave each kind the whole part of its share and left it at that: fewer than k demonstrations.",
        lambda: shared(whole_parts),
    ),
    Mutant(
        "ignores_ratio",
        "Your counts are those of 1 : 3 : 4 whatever the ratio is. Read the parts from `ratio`.",
        lambda: shared(lambda k, ratio: largest(k, (1, 3, 4))),
    ),
    Mutant(
        "in_turns",
        "You repeat the pattern of the ratio and cut it at k. That favours the kinds at its beginning; every "
        "kind is to be as near to its share of k as can be.",
        lambda: in_turns,
    ),
    Mutant(
        "retain_first",
        "The numbers are right, the order is not: copy first, then update, then retain. The kind that comes "
        "last "
        "stands nearest to the question.",
        lambda: shared(largest, (2, 1, 0)),
    ),
    Mutant(
        "ties_to_the_later",
        "Of equal fractions you chose the later kind. Let the earlier one go first.",
        lambda: shared(lambda k, ratio: largest(k, ratio, -1)),
    ),
    Mutant(
        "refuses_nothing",
        "A negative k or part, or a ratio of zeros, makes no demonstrations: raise ValueError, so that "
        "nobody "
        "goes on without noticing.",
        lambda: shared(largest, refuses=False),
    ),
]

HINTS = (
    "The share of a kind is k · part / sum of the parts. Its whole part is safe. How many are then left "
    "over, "
    "and who has the best claim to one more?",
    "counts = whole parts (use //). The fraction of a kind is the remainder k * part % total. Sort the "
    "kinds by "
    "remainder, largest first; `sorted` keeps equals in their order. Give one more to each of the first "
    "k - sum(counts). Then write the names.",
    "total = sum(ratio)\n"
    "counts = [k * part // total for part in ratio]\n"
    "by_remainder = sorted(range(3), key=lambda i: ...)\n"
    "for i in by_remainder[: k - ...]:\n"
    "    counts[i] += 1\n"
    'return [name for name, count in zip(("copy", "update", "retain"), counts) for _ in range(...)]',
)

EXPLANATION = (
    "Whole numbers with % and // have no rounding errors; fractions as floats would make ties a matter of "
    "luck.",
    "The order puts retain last, so that the demonstrations nearest to the question are those that keep the "
    "model from giving the new answer to everything.",
)
