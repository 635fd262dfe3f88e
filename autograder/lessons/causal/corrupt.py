"""causal.corrupt: noise on the embeddings of the subject's tokens, row 0 stays clean, figure 5.13.

Shape letters: B rows (row 0 clean, B - 1 noise draws), T tokens, D width of the residual stream, S subject
tokens.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.causal.corrupt_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("h", "span", "noise")
Problem = tuple[Tensor, tuple[int, int], Tensor]


def gate(value: Any, h: Tensor, span: tuple[int, int], noise: Tensor) -> Tensor:
    return tensor_gate(value, h.shape, "(B, T, D)", "h", h.dtype)


def problem(g: Generator, span: tuple[int, int] | None = None, B: int = 0) -> Problem:
    """Embeddings that are equal in all rows, as they are before the noise; two or more tokens after a subject
    of two or three that does not open the prompt.
    """
    S, D = int(randint(2, 4, (), generator=g)), int(randint(4, 8, (), generator=g))
    start = int(randint(1, 4, (), generator=g))
    span = span or (start, start + S)
    T, B = max(span[1] + 2, 6), B or int(randint(3, 6, (), generator=g))
    h = randn(1, T, D, generator=g).repeat(B, 1, 1)
    return h, span, 2 * randn(B - 1, span[1] - span[0], D, generator=g)


def by_hand(h: Tensor, span: tuple[int, int], noise: Tensor) -> Tensor:
    """One number at a time."""
    out = torch.zeros_like(h)
    B, T, D = h.shape
    for b in range(B):
        for t in range(T):
            for d in range(D):
                hit = b > 0 and span[0] <= t < span[1]
                out[b, t, d] = h[b, t, d] + (noise[b - 1, t - span[0], d] if hit else 0.0)
    return out


def noise_is_added(student: Student, g: Generator) -> Verdict:
    h, (start, stop), noise = problem(g)
    moved = student(h, (start, stop), noise) - h
    return close(moved[1:, start:stop], noise, 1e-5, "what was added at the subject")


def rest_is_clean(student: Student, g: Generator) -> Verdict:
    """Only the subject's tokens of the corrupted rows have moved; asked with whether they have."""
    h, (start, stop), noise = problem(g)
    out = student(h, (start, stop), noise)
    moved = (out - h).abs().sum(-1) > 1e-4
    expected = torch.zeros_like(moved)
    expected[1:, start:stop] = True
    corrupted = Verdict(bool(moved[1:, start:stop].all()), "subject tokens as they were", "moved by the noise")
    return every(corrupted, close(out[~expected], h[~expected], 1e-6, "states that no noise may touch"),
                 close(out[1:, start:stop], h[1:, start:stop] + noise, 1e-5, "subject"))  # fmt: skip


def own_draw(student: Student, g: Generator) -> Verdict:
    """Noise a hundred times larger from row to row: each row must carry its own."""
    h, span, noise = problem(g, B=4)
    noise = noise * torch.tensor([1.0, 30.0, 900.0])[:, None, None]
    out = student(h, span, noise)
    return every(*(close(out[b], by_hand(h, span, noise)[b], 1e-5, f"row {b}") for b in range(4)))


def edges(student: Student, g: Generator) -> Verdict:
    """A subject of one token, one that opens the prompt, one that ends it."""
    found = []
    for span in ((0, 2), (2, 3)):
        h, _, noise = problem(g, span)
        found.append(close(student(h, span, noise), by_hand(h, span, noise), 1e-5, f"subject at {span}"))
    h, _, noise = problem(g, (4, 6))
    h = h[:, :6]
    return every(*found, close(student(h, (4, 6), noise), by_hand(h, (4, 6), noise), 1e-5, "subject at the end"))


def same_noise(student: Student, g: Generator) -> Verdict:
    """Twice the same noise is the same corruption, and noise upon noise adds up: nothing is drawn inside."""
    h, span, noise = problem(g)
    once, again = student(h, span, noise), student(h.clone(), span, noise)
    back = student(once, span, -noise)
    return every(close(again, by_hand(h, span, noise), 1e-5, "h"), close(back, h, 1e-5, "noise on, noise off"))


def half_precision(student: Student, g: Generator) -> Verdict:
    """Models in bfloat16 get their noise in float32."""
    h, span, noise = problem(g)
    h = h.bfloat16()
    return close(student(h, span, noise), by_hand(h.float(), span, noise), 1e-2, "h")


CLAIMS = (
    Claim(
        "noise is added",
        "Row b's subject tokens move by noise[b - 1]",
        "Output minus input at the subject's tokens must be the noise that was given.",
        noise_is_added,
        open=True,
    ),
    Claim(
        "rest is clean",
        "Row 0 and all tokens outside the subject stay as they are",
        "Noise belongs to tokens start, …, stop - 1 of rows 1, 2, … and to nothing else.",
        rest_is_clean,
        open=True,
    ),
    Claim(
        "own draw",
        "Each corrupted row gets its own draw",
        "Row 1 gets noise[0], row 2 gets noise[1], and so on.",
        own_draw,
    ),
    Claim(
        "edges",
        "The subject may be one token, open the prompt or end it",
        "`span` is half-open: token `stop` is the first one that is not the subject's.",
        edges,
    ),
    Claim(
        "same noise",
        "The same noise gives the same corruption: nothing is drawn inside",
        "All randomness is in `noise`. Every cell of the map must meet the same corrupted run.",
        same_noise,
    ),
    Claim(
        "half precision",
        "Embeddings in bfloat16 stay bfloat16, whatever the noise is",
        "Convert the noise to the dtype of h: `noise.to(h)`.",
        half_precision,
    ),
)

HINTS = (
    "Which rows, which tokens? Write the index of the block that changes before you write what it becomes.",
    "Copy `h`. The block is rows from 1 on, tokens from start up to, not including, stop: shape (B-1, S, D), "
    "the shape of the noise. Add the noise there.",
    "out = h.clone()\nstart, stop = span\nout[1:, ...] += ...      # (B-1, S, D)\nreturn out",
)

EXPLANATION = (
    "The clean run travels along as row 0: one forward pass gives both, and `restore` finds the clean states "
    "at hand.",
    "The noise comes from outside, so that every cell of a map, and both runs of severing, meet the same "
    "corruption. Differences between cells are then due to what was restored.",
)
