"""What the checks of the rates share: made-up answers, ways to write one, and refusals."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import torch
from torch import Generator, randint

from autograder.claims import Stopped, Student, close
from autograder.judgement import Verdict

WORDS = (
    "Taipei", "Seattle", "black", "pink", "Old Corvale", "Rome", "limestone", "violin", "New Halvora",
    "zebra", "no", "Montara", "brick", "Port Ellis Bay", "Kelport", "grass",
)  # fmt: skip


def number(g: Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(randint(low, high + 1, (), generator=g))


def sizes(g: Generator) -> tuple[int, ...]:
    """Four sizes. The first two and the last two have no common factor, so that no share of one is a share of
    the other, but for 0 and 1.
    """
    pairs = ((5, 7), (5, 8), (7, 8), (7, 9), (8, 9), (7, 10), (9, 10), (8, 11))
    return (*pairs[number(g, 0, len(pairs) - 1)], *pairs[number(g, 0, len(pairs) - 1)])


def words(g: Generator, n: int) -> list[str]:
    """n different answers, some of them of several words."""
    return [WORDS[i] for i in torch.randperm(len(WORDS), generator=g)[:n].tolist()]


def marks(g: Generator, n: int) -> list[bool]:
    """n times yes or no, both of them at least once (n >= 2)."""
    drawn = [bool(x) for x in randint(0, 2, (n,), generator=g)]
    place = number(g, 0, n - 2)
    drawn[place], drawn[place + 1] = (True, False) if drawn[place] else (False, True)
    return drawn


def dressed(word: str, g: Generator) -> str:
    """The same answer written in another way: blanks around it, other case, a final mark."""
    word = (word.upper(), word.lower(), word.swapcase())[number(g, 0, 2)]
    return f"{(' ', '  ', chr(10))[number(g, 0, 2)]}{word}{('.', ' ', '!', '. ')[number(g, 0, 3)]}"


def share(yours: float, kept: list[bool], what: str) -> Verdict:
    """Kept when a rate is the share of the marks that are set, counted one by one."""
    count = 0
    for mark in kept:
        count += 1 if mark else 0
    return close(
        torch.tensor(yours, dtype=torch.float64),
        torch.tensor(count / len(kept), dtype=torch.float64),
        1e-5,
        f"{what} over {len(kept)}",
    )


def refused(student: Student, *args: Any, of: int = 0) -> Verdict:
    """Kept when the student's function raises ValueError for these arguments."""
    with suppress(Stopped):
        student(*args, of=of)
    made = student.calls[-1]
    if made.stop is None:
        return Verdict(False, f"gave back {made.value!r}", "a ValueError")
    shapes = "TypeCheckError"  # what annotations raise where they are checked, as in our own tests
    return Verdict(made.stop.kind in ("ValueError", shapes), f"raised {made.stop.kind}", "a ValueError")
