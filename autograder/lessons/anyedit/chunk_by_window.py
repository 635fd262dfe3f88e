"""anyedit.chunk_by_window: an answer of n tokens in windows of one size, with or without overlap.

The laws leave one answer only: from the first token to the last, no gap, `overlap` tokens in common, and a
new chunk only where a token is left.
"""

from __future__ import annotations

from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.judgement import Verdict
from autograder.lessons.anyedit.chunk_by_window_mutants import MUTANTS
from autograder.lessons.anyedit.made_up import Chunks, chunks_gate
from autograder.lessons.metrics.common import number, refused

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("n_tokens", "size", "overlap")

STUB = '''def chunk_by_window(n_tokens: int, size: int, overlap: int = 0) -> list[tuple[int, int]]:
    """Chunks of `size` tokens as half-open ranges (start, stop), in order; the last one may be shorter.

    Each chunk after the first begins `overlap` tokens before its predecessor ends. Together they cover tokens
    0 to n_tokens. There is a further chunk only where a token is left: none lies inside its predecessor.
    Raises ValueError for n_tokens or size below 1, and for an overlap that is negative or not below size.
    """
    raise NotImplementedError("Your code here")
'''


def gate(value: Any, n_tokens: int, size: int, overlap: int) -> Chunks:
    return chunks_gate(value)


def walked(n: int, size: int, overlap: int) -> Chunks:
    """Token by token: a window fills up, and the next one takes its last tokens along."""
    found: list[list[int]] = [[]]
    for token in range(n):
        if len(found[-1]) == size:
            found.append(found[-1][size - overlap :])
        found[-1].append(token)
    return [(window[0], window[-1] + 1) for window in found]


def judged(student: Student, *problems: tuple[int, int, int]) -> Verdict:
    return every(
        *(equal(student(*p), walked(*p), f"chunk_by_window({', '.join(map(str, p))})") for p in problems)
    )


def cut_evenly(student: Student, g: Generator) -> Verdict:
    """n is a multiple of the size."""
    size, count = number(g, 4, 9), number(g, 3, 6)
    return judged(student, (size * count, size, 0), (2 * (size + 1), size + 1, 0))


def last_is_shorter(student: Student, g: Generator) -> Verdict:
    """Some tokens are left over; one; all but one."""
    size, count = number(g, 5, 9), number(g, 2, 5)
    rest = number(g, 2, size - 2)
    return judged(student, *((size * count + more, size, 0) for more in (rest, 1, size - 1)))


def overlaps(student: Student, g: Generator) -> Verdict:
    """The last chunk brings at least one new token, and is shorter than the others."""
    problems = []
    for _ in range(3):
        size, overlap = number(g, 6, 10), number(g, 2, 3)
        step = size - overlap
        problems.append((size + step * number(g, 1, 4) + number(g, 1, step - 1), size, overlap))
    return judged(student, *problems)


def no_tail(student: Student, g: Generator) -> Verdict:
    """A next window would still begin before the end, but with tokens of its predecessor only. First the
    lesson's own case, then windows that end just where the answer does.
    """
    problems = [(10, 5, 2), (3 * number(g, 2, 5) + 2, 5, 2)]
    for _ in range(3):
        size, overlap = number(g, 5, 10), number(g, 1, 4)
        problems.append((size + (size - overlap) * number(g, 1, 4), size, overlap))
    return judged(student, *problems)


def short_answers(student: Student, g: Generator) -> Verdict:
    """Not longer than one window, and not longer than the overlap: one chunk."""
    size = number(g, 6, 12)
    overlap = number(g, 2, size - 2)
    short = number(g, 2, size - 1)
    return judged(student, (size, size, overlap), (short, size, 0), (short, size, overlap), (1, size, overlap))


def single_tokens(student: Student, g: Generator) -> Verdict:
    """Windows of one token, and windows that move by one token."""
    n, size = number(g, 5, 9), number(g, 3, 5)
    return judged(student, (n, 1, 0), (n + size, size, size - 1))


def refuses(student: Student, g: Generator) -> Verdict:
    n, size = number(g, 12, 30), number(g, 4, 8)
    return every(
        refused(student, 0, size, 0),
        refused(student, n, 0, 0),
        refused(student, n, size, size),
        refused(student, n, size, size + number(g, 1, 3)),
        refused(student, n, size, -1),
        judged(student, (n, size, size - 1)),
    )


CLAIMS = (
    Claim(
        "cut evenly",
        "Without overlap the chunks follow one another: (0, size), (size, 2 size), ...",
        "Each chunk begins where the one before it stops; `stop` itself belongs to the next.",
        cut_evenly,
        open=True,
    ),
    Claim(
        "last is shorter",
        "Where tokens are left over, the last chunk is shorter: no token is lost, none invented",
        "The last stop has to be n_tokens, whatever the rest is.",
        last_is_shorter,
        open=True,
    ),
    Claim(
        "overlaps",
        "With an overlap, each chunk begins that many tokens before its predecessor ends",
        "From one start to the next it is size - overlap tokens.",
        overlaps,
        open=True,
    ),
    Claim(
        "no tail",
        "When a chunk has reached the end there is no further one: none lies inside its predecessor",
        "The last chunk holds no new token. Stop as soon as a chunk reaches n_tokens.",
        no_tail,
    ),
    Claim(
        "short answers",
        "An answer that fits into one window is one chunk, with any overlap",
        "An answer of at most `size` tokens gives one chunk, (0, n_tokens).",
        short_answers,
    ),
    Claim(
        "single tokens",
        "Windows of one token, and windows that move by one token, work too",
        "Try size = 1, and overlap = size - 1.",
        single_tokens,
    ),
    Claim(
        "refuses",
        "An empty answer, a size below 1, and an overlap below 0 or not below size are refused: ValueError",
        "With overlap >= size the window never moves on: look at the numbers first, and raise ValueError.",
        refuses,
    ),
)

HINTS = (
    "How far apart are two starts? And which is the last start that still brings a new token?",
    "The starts are 0, step, 2 step, ... with step = size - overlap. The chunk that begins at `start` brings "
    "new tokens only if start + overlap < n_tokens (the first one always does). Its stop is start + size, but "
    "not more than n_tokens.",
    "if ...:\n"
    "    raise ValueError(...)\n"
    "last = max(n_tokens - overlap, 1)\n"
    "return [(start, min(..., n_tokens)) for start in range(0, last, ...)]",
)

EXPLANATION = (
    "A chunk that begins at `start` shares its first `overlap` tokens with its predecessor. So the starts end "
    "at n_tokens - overlap, and not at n_tokens.",
    "Half-open ranges make it easy: the length is stop - start, and without overlap one stop is the next start.",
)
