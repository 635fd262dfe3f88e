"""Misconceptions about windows: the released code's tail, overlaps, ends, and leftovers."""

from __future__ import annotations

from collections.abc import Callable

from autograder.lessons.anyedit.made_up import Chunks
from autograder.mutants import Mutant


def windows(
    cut: Callable[[int, int, int], Chunks], refuses: bool = True
) -> Callable[[int, int, int], Chunks]:
    """A way to cut, with or without a look at the numbers."""

    def chunk_by_window(n_tokens: int, size: int, overlap: int = 0) -> Chunks:
        if refuses and (n_tokens < 1 or size < 1 or not 0 <= overlap < size):
            raise ValueError("no windows")
        return cut(n_tokens, size, overlap)

    return chunk_by_window


def right(n: int, size: int, overlap: int) -> Chunks:
    step = max(size - overlap, 1)
    return [(a, min(a + size, n)) for a in range(0, max(n - overlap, 1), step)]


def released(n: int, size: int, overlap: int) -> Chunks:
    return [(a, min(a + size, n)) for a in range(0, n, size - overlap)]


def no_overlap(n: int, size: int, overlap: int) -> Chunks:
    return right(n, size, 0)


def inclusive(n: int, size: int, overlap: int) -> Chunks:
    return [(a, b - 1) for a, b in right(n, size, overlap)]


def whole_windows(n: int, size: int, overlap: int) -> Chunks:
    return [(a, b) for a, b in right(n, size, overlap) if b - a == size]


def beyond(n: int, size: int, overlap: int) -> Chunks:
    return [(a, a + size) for a, _ in right(n, size, overlap)]


def longer(n: int, size: int, overlap: int) -> Chunks:
    """Windows one after the other, each stretched back by the overlap."""
    return [(max(a - overlap, 0), b) for a, b in right(n, size, 0)]


def lengths(n: int, size: int, overlap: int) -> Chunks:
    return [(a, b - a) for a, b in right(n, size, overlap)]


def merged(n: int, size: int, overlap: int) -> Chunks:
    """A short last chunk is added to the one before."""
    found = right(n, size, overlap)
    short = len(found) > 1 and found[-1][1] - found[-1][0] < size
    return [*found[:-2], (found[-2][0], n)] if short else found


MUTANTS = [
    Mutant(
        "released_tail",
        "You begin chunks as long as the start lies before the end, as the released code does. With an "
        "overlap the last one can then lie inside its predecessor: for 10 tokens in windows of 5 that share 2, "
        "(9, 10) lies in (6, 10) and holds nothing new.",
        lambda: windows(released),
    ),
    Mutant(
        "no_overlap",
        "Your chunks never share a token. With an overlap each begins that many tokens before its "
        "predecessor ends.",
        lambda: windows(no_overlap),
    ),
    Mutant(
        "inclusive",
        "Your stop is the last token of the chunk. Ranges here are half-open: stop is the first token that is "
        "no longer part of it, as in Python's slices.",
        lambda: windows(inclusive),
    ),
    Mutant(
        "whole_windows",
        "You drop the last chunk when it is shorter than a window. Its tokens belong to the answer too.",
        lambda: windows(whole_windows),
    ),
    Mutant(
        "beyond",
        "Your last chunk goes on beyond the answer's end. Its stop is n_tokens at most.",
        lambda: windows(beyond),
    ),
    Mutant(
        "longer",
        "You put windows of `size` new tokens side by side and stretched each by the overlap, so they are "
        "longer than size. The shared tokens count as part of the window.",
        lambda: windows(longer),
    ),
    Mutant(
        "lengths",
        "Your pairs are (start, length). Give (start, stop).",
        lambda: windows(lengths),
    ),
    Mutant(
        "merged",
        "You added the short rest to the chunk before it, which is then longer than a window. Let the rest be "
        "a chunk of its own.",
        lambda: windows(merged),
    ),
    Mutant(
        "refuses_nothing",
        "You cut whatever the numbers are. An empty answer has no chunks, and a window that overlaps itself "
        "wholly never moves on: raise ValueError.",
        lambda: windows(right, refuses=False),
    ),
]
