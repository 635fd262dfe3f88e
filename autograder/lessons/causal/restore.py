"""causal.restore: at token t the corrupted rows take the clean row's state, figure 5.14.

Shape letters: B rows (row 0 clean, the others corrupted), T tokens, D width of the residual stream.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("h", "t")


def gate(value: Any, h: Tensor, t: int) -> Tensor:
    return tensor_gate(value, h.shape, "(B, T, D)", "h", h.dtype)


def states(g: Generator, B: int = 0) -> Tensor:
    """A clean row and two to five corrupted ones."""
    drawn = [int(randint(low, high, (), generator=g)) for low, high in ((3, 7), (5, 9), (4, 8))]
    return randn(B or drawn[0], *drawn[1:], generator=g)


def inside(h: Tensor, g: Generator) -> int:
    """A token that is neither first nor last."""
    return int(randint(1, h.shape[1] - 1, (), generator=g))


def clean_at_t(student: Student, g: Generator) -> Verdict:
    """Row 0's state, whatever the corrupted rows held there."""
    h = states(g)
    t = inside(h, g)
    out = student(h, t)
    return every(*(close(out[b, t], h[0, t], 1e-6, f"row {b} at token {t}") for b in range(len(h))))


def other_tokens(student: Student, g: Generator) -> Verdict:
    """The difference of output and input is clean minus corrupted at t, and 0 elsewhere."""
    h = states(g)
    t = inside(h, g)
    expected = torch.zeros_like(h)
    for b in range(len(h)):
        expected[b, t] = h[0, t] - h[b, t]
    return close(student(h, t) - h, expected, 1e-5, "what restoring changed")


def ends(student: Student, g: Generator) -> Verdict:
    """First token, last token, and a single noise draw."""
    h = states(g, B=2)
    first, last = torch.stack([h[0], h[1]]), torch.stack([h[0], h[1]])
    first[1, 0], last[1, -1] = h[0, 0], h[0, -1]
    T = h.shape[1]
    return every(close(student(h, 0), first, 1e-6, "h"), close(student(h, T - 1), last, 1e-6, "h"))


def one_after_another(student: Student, g: Generator) -> Verdict:
    """Restoring every token makes every row the clean run; leaving one out leaves just that one corrupted."""
    h = states(g)
    out, left = h, inside(h, g)
    for t in range(h.shape[1]):
        if t != left:
            out = student(out, t)
    almost = h[0].repeat(len(h), 1, 1)
    almost[:, left] = h[:, left]
    whole = student(out, left)
    return every(close(out, almost, 1e-6, "all tokens but one restored"),
                 close(whole, h[0].repeat(len(h), 1, 1), 1e-6, "all tokens restored"))  # fmt: skip


CLAIMS = (
    Claim(
        "clean at t",
        "At token t every row holds the clean state of row 0",
        "Rows 1, 2, … must hold `h[0, t]` at token t.",
        clean_at_t,
        open=True,
    ),
    Claim(
        "other tokens",
        "At all other tokens nothing changes",
        "Only the states at token t of the corrupted rows may differ from what came in.",
        other_tokens,
        open=True,
    ),
    Claim(
        "ends",
        "It works for the first and the last token, and with a single noise draw",
        "Try t = 0, t = T - 1 and B = 2 by hand: which rows and columns does your index pick?",
        ends,
    ),
    Claim(
        "one after another",
        "Restoring all tokens, one after another, gives the clean run",
        "Each call must restore one token and keep what earlier calls restored.",
        one_after_another,
    ),
)


def written(place: Any) -> Any:
    """A copy of h in which `place(out, h, t)` writes."""

    def restore(h: Tensor, t: int) -> Tensor:
        out = h.clone()
        place(out, h, t)
        return out

    return restore


def all_tokens(out: Tensor, h: Tensor, t: int) -> None:
    out[1:] = h[0]


def onwards(out: Tensor, h: Tensor, t: int) -> None:
    out[1:, t:] = h[0, t:]


def up_to(out: Tensor, h: Tensor, t: int) -> None:
    out[1:, : t + 1] = h[0, : t + 1]


def backwards(out: Tensor, h: Tensor, t: int) -> None:
    out[0, t] = h[1:, t].mean(0)


def one_row(out: Tensor, h: Tensor, t: int) -> None:
    out[1, t] = h[0, t]


def added(out: Tensor, h: Tensor, t: int) -> None:
    out[1:, t] += h[0, t]


def averaged(out: Tensor, h: Tensor, t: int) -> None:
    out[1:, t] = h[:, t].mean(0)


def in_place(h: Tensor, t: int) -> Tensor:
    h[1:, t] = h[0, t]
    return h


MUTANTS = [
    Mutant(
        "all_tokens",
        "You restored every token. Then the whole clean run comes back and the map says nothing: restore token "
        "t alone.",
        lambda: written(all_tokens),
    ),
    Mutant(
        "in_place",
        "You wrote into `h` itself. The corrupted states are still needed for the next cell: write into a copy.",
        lambda: in_place,
    ),
    Mutant(
        "onwards",
        "You restored all tokens from t on. Later tokens must recompute their states from the restored one by "
        "themselves.",
        lambda: written(onwards),
    ),
    Mutant(
        "up_to",
        "You restored all tokens up to t. Then you can't say which of them brought the answer back.",
        lambda: written(up_to),
    ),
    Mutant(
        "backwards",
        "You changed row 0. It is the clean run, where the states come from; the corrupted rows 1, 2, … take them.",
        lambda: written(backwards),
    ),
    Mutant(
        "one_row",
        "You restored row 1 only. Every corrupted row is one noise draw, and all of them are restored.",
        lambda: written(one_row),
    ),
    Mutant(
        "added",
        "You added the clean state to the corrupted one. Restoring replaces it.",
        lambda: written(added),
    ),
    Mutant(
        "averaged",
        "You took the mean over all rows, corrupted ones too. The clean state is row 0's alone.",
        lambda: written(averaged),
    ),
]

HINTS = (
    "Row 0 carries the clean run, rows 1, 2, … the corrupted ones. Which numbers move from where to where?",
    "Copy `h` first (`clone`). Then one assignment: rows from 1 on, token t, all D channels, become what row 0 "
    "holds at token t.",
    "out = h.clone()\nout[1:, ...] = h[...]      # (D,) is copied to every row\nreturn out",
)

EXPLANATION = (
    "Clean and corrupted runs share one batch, so the clean state is at hand in row 0 at the moment that it is "
    "needed.",
    "The clone matters: the tensor belongs to the model, and a write in place would also change what others "
    "still read.",
)
