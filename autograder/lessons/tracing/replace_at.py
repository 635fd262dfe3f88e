"""tracing.replace_at: activations with one token's vector replaced in every row, the argument untouched.

Shape letters: B rows, T tokens, D model width.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("h", "t", "h_new")

STUB = '''def replace_at(
    h: Float[Tensor, "B T D"], t: int, h_new: Float[Tensor, "D"]
) -> Float[Tensor, "B T D"]:
    """The activations with those of token t replaced by h_new in every row; `h` itself stays as it is.

    t counts from 0. Gradients flow to h_new, and to every other token of h.
    """
'''


def gate(value: Any, h: Tensor, t: int, h_new: Tensor) -> Tensor:
    return tensor_gate(value, h.shape, "(B, T, D)", "h", h.dtype)


def problem(g: Generator, B: int, t: int | None = None) -> tuple[Tensor, int, Tensor]:
    """Random activations of B rows, a token inside the text, and its new vector."""
    T, D = int(randint(4, 8, (), generator=g)), int(randint(3, 7, (), generator=g))
    place = int(randint(1, T - 1, (), generator=g)) if t is None else t % T
    return randn(B, T, D, generator=g), place, randn(D, generator=g)


def expected(h: Tensor, t: int, h_new: Tensor) -> Tensor:
    """Rebuilt from lists, vector by vector."""
    new = h_new.tolist()
    return torch.tensor([[new if at == t else old for at, old in enumerate(row)] for row in h.tolist()])


def one_row(student: Student, g: Generator) -> Verdict:
    h, t, h_new = problem(g, 1)
    return close(student(h, t, h_new)[0], expected(h, t, h_new)[0], 1e-6, f"row 0 (t = {t})")


def every_row(student: Student, g: Generator) -> Verdict:
    h, t, h_new = problem(g, int(randint(2, 5, (), generator=g)))
    return close(student(h, t, h_new), expected(h, t, h_new), 1e-6, f"h (t = {t})")


def both_ends(student: Student, g: Generator) -> Verdict:
    first, last = problem(g, 3, 0), problem(g, 2, -1)
    return every(*(close(student(*given), expected(*given), 1e-6, "h") for given in (first, last)))


def as_many_rows_as_tokens(student: Student, g: Generator) -> Verdict:
    """B = T, where an index in the wrong place raises no error."""
    h, t, h_new = problem(g, 5)
    h = h[:, torch.arange(5) % h.shape[1]] + randn(5, 5, h.shape[2], generator=g)
    t = min(t, 4)
    return close(student(h, t, h_new), expected(h, t, h_new), 1e-6, "h")


def gradients(student: Student, g: Generator) -> Verdict:
    """Half the sum of squares has the answer itself as its gradient: h where it was kept, 0 at t, B h_new."""
    B = int(randint(2, 5, (), generator=g))
    h, t, h_new = problem(g, B)
    by_h, by_new = student.gradient(h, t, h_new, wrt=(0, 2))
    if by_h is None or by_new is None:
        return Verdict(False, "no gradient comes back", "gradients by h and by h_new")
    return every(
        close(by_h, expected(h, t, torch.zeros_like(h_new)), 1e-5, "the gradient by h"),
        close(by_new, torch.tensor([B * float(x) for x in h_new]), 1e-5, "the gradient by h_new"),
    )


CLAIMS = (
    Claim(
        "one row",
        "In one row: token t holds h_new, every other token what it held",
        "Copy h, then write h_new at token t of the copy, and nothing else.",
        one_row,
        open=True,
    ),
    Claim(
        "every row",
        "In a batch, token t is replaced in every row",
        "The first dimension counts the rows: `out[:, t]` is token t of all of them.",
        every_row,
        open=True,
    ),
    Claim(
        "both ends",
        "The first token and the last one can be replaced, too",
        "t counts tokens from 0: t = 0 is the first, t = T - 1 the last.",
        both_ends,
    ),
    Claim(
        "square",
        "With as many rows as tokens, it is still the token that is replaced",
        "Index 0 of h is the row, index 1 is the token. Where B = T, a wrong order raises no error.",
        as_many_rows_as_tokens,
    ),
    Claim(
        "gradients",
        "Gradients flow to h_new and to the tokens that were kept, and stop at the one replaced",
        "Use `h.clone()`: it is a copy that autograd follows. `detach`, `.data` and `torch.tensor(...)` cut the "
        "graph.",
        gradients,
    ),
)


def written(h: Tensor, index: Any, h_new: Tensor) -> Tensor:
    out = h.clone()
    out[index] = h_new
    return out


def in_place(h: Tensor, t: int, h_new: Tensor) -> Tensor:
    h[:, t] = h_new
    return h


def added(h: Tensor, t: int, h_new: Tensor) -> Tensor:
    out = h.clone()
    out[:, t] += h_new
    return out


MUTANTS = [
    Mutant(
        "first_row",
        "You replaced the token in the first row only. `out[:, t]` is token t of every row.",
        lambda: lambda h, t, h_new: written(h, (0, t), h_new),
    ),
    Mutant(
        "in_place",
        "You wrote into h itself. A model may still need it: a recording, the next layer, or autograd may hold the "
        "very same tensor. Write into a copy, h.clone().",
        lambda: in_place,
    ),
    Mutant(
        "row_for_token",
        "You indexed the first dimension, which counts rows. The token is the second: `out[:, t]`.",
        lambda: lambda h, t, h_new: written(h, t, h_new),
    ),
    Mutant(
        "detached",
        "Your copy is cut off from autograd, so no gradient can pass through it. Lesson 05 searches vectors by "
        "gradient descent, right through such a replacement: use h.clone() alone.",
        lambda: lambda h, t, h_new: written(h.detach(), (slice(None), t), h_new),
    ),
    Mutant(
        "added",
        "You added h_new to what was there. Asked for is a replacement: afterwards token t holds h_new alone.",
        lambda: added,
    ),
    Mutant(
        "others_zero",
        "You started from zeros, so all other tokens are lost. Start from a copy of h.",
        lambda: lambda h, t, h_new: written(torch.zeros_like(h), (slice(None), t), h_new),
    ),
    Mutant(
        "from_t_on",
        "You replaced token t and all tokens after it. `out[:, t]` is one token, `out[:, t:]` is many.",
        lambda: lambda h, t, h_new: written(h, (slice(None), slice(t, None)), h_new),
    ),
    Mutant(
        "last_token",
        "You replaced the last token, whatever t is.",
        lambda: lambda h, t, h_new: written(h, (slice(None), -1), h_new),
    ),
]

HINTS = (
    "Two lines: make a copy, then write into the copy. Which index is the token's?",
    "`h.clone()` copies and stays in the graph. `out[:, t]` is token t of every row, of shape (B, D); a vector of "
    "length D is written into all of them.",
    "out = h...          # a copy that autograd follows\nout[..., ...] = h_new\nreturn out",
)

EXPLANATION = (
    "A hook sees the model's own tensor, not a copy. Whatever else holds that tensor changes with it when a hook "
    "writes in place: recordings above all. One clone is cheap.",
    "clone() is an operation that autograd knows, so gradients pass through the replaced activations to h_new: that "
    "is how lesson 05 finds the value to insert.",
)
