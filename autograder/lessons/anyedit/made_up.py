"""What the exercises of lesson 11 share: whole numbers, ranges of tokens, and the form of a list of them."""

from __future__ import annotations

from typing import Any

from torch import Generator

from autograder.gates import list_gate, tuple_gate, whole_gate
from autograder.lessons.metrics.common import number

Chunks = list[tuple[int, int]]


def chunks_gate(value: Any) -> Chunks:
    """A list of (start, stop) pairs of whole numbers."""
    return list_gate(value, lambda pair: tuple_gate(pair, whole_gate, whole_gate), "(start, stop) pairs")


def ranges(g: Generator, n: int, overlap: bool = False) -> Chunks:
    """n chunks of different lengths, 3 to 7 tokens; with `overlap` each begins 1 or 2 tokens early."""
    found: Chunks = []
    for _ in range(n):
        stop = found[-1][1] if found else 0
        start = stop - (number(g, 1, 2) if overlap and found else 0)
        found.append((start, stop + number(g, 3, 7)))
    return found
