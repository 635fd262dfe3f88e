"""mend.gradient_from_factors: ∇W = Σ_t δ_t x_t^T, textbook §5.2.2. Law L10 of the syllabus."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.mend.gradient_factors_problems import problem
from autograder.mutants import Mutant

ARGUMENTS = ("x", "delta")


def gate(value: Any, x: Tensor, delta: Tensor) -> Tensor:
    return tensor_gate(value, (delta.shape[1], x.shape[1]), "(d_out, d_in)", "x", x.dtype)


def factors(g: Generator, T: int = 0, square: bool = False) -> tuple[Tensor, Tensor]:
    """3 to 6 tokens of unlike sizes; d_in is not d_out unless `square`."""
    T = T or int(randint(3, 7, (), generator=g))
    d_in = int(randint(4, 8, (), generator=g))
    d_out = d_in if square else d_in + int(randint(1, 4, (), generator=g))
    x, delta = (randn(T, d, generator=g, dtype=torch.float64) for d in (d_in, d_out))
    return x, delta * (1 + torch.arange(T)[:, None])


def by_hand(x: Tensor, delta: Tensor) -> Tensor:
    """Entry (i, j) is Σ_t δ_t[i] x_t[j]: the definition in loops."""
    T, rows, columns = len(x), delta.shape[1], x.shape[1]
    entries = [
        [sum(float(delta[t, i]) * float(x[t, j]) for t in range(T)) for j in range(columns)]
        for i in range(rows)
    ]
    return torch.tensor(entries, dtype=x.dtype)


def one_token(student: Student, g: Generator) -> Verdict:
    x, delta = factors(g, T=1)
    return close(student(x, delta), by_hand(x, delta), 1e-8, "δ x^T")


def all_tokens(student: Student, g: Generator) -> Verdict:
    x, delta = factors(g)
    return close(student(x, delta), by_hand(x, delta), 1e-8, "Σ δ_t x_t^T")


def square(student: Student, g: Generator) -> Verdict:
    x, delta = factors(g, square=True)
    return close(student(x, delta), by_hand(x, delta), 1e-8, "Σ δ_t x_t^T")


def autograds(student: Student, g: Generator) -> Verdict:
    """L10 against autograd, for both layouts; Conv1D's weight is the transpose."""
    found = []
    for conv in (False, True):
        given = problem(g, B=2, conv=conv)
        wanted = given.weight_gradient()
        name = "Conv1D's gradient, transposed" if conv else "nn.Linear's gradient"
        found.append(close(student(given.tokens(), given.delta()), wanted.T if conv else wanted, 1e-8, name))
    return every(*found)


def silent(student: Student, g: Generator) -> Verdict:
    """Tokens with δ = 0 change nothing, and the rank is at most the number of the others."""
    x, delta = factors(g, T=7)
    delta[[0, 2, 5, 6]] = 0
    gradient = student(x, delta)
    rank = int(torch.linalg.matrix_rank(gradient))
    return every(
        close(gradient, by_hand(x[[1, 3, 4]], delta[[1, 3, 4]]), 1e-8, "the gradient"),
        at_most(rank, 3, "rank", "at most 3, the tokens with δ ≠ 0"),
    )


CLAIMS = (
    Claim("one token", "One token gives one outer product, δ x^T",
          "Entry (i, j) is δ[i] · x[j]: rows belong to the output, columns to the input.",
          one_token, open=True),
    Claim("all tokens", "T tokens give the sum of their T outer products",
          "Add the outer products up, one per token. Nothing is divided.", all_tokens, open=True),
    Claim("square", "It holds for a square weight too, where shapes can't tell rows from columns",
          "With d_in = d_out the shape tells nothing: entry (i, j) is Σ_t δ_t[i] x_t[j], and not divided.",
          square, open=True),
    Claim("autograd", "It is autograd's gradient of the weight, for nn.Linear and for GPT-2's Conv1D",
          "(d_out, d_in) is the layout of the answer for both; Conv1D stores its weight transposed.",
          autograds),
    Claim("silent tokens", "Tokens with δ = 0 add nothing; the rank is at most the number of the others",
          "Padding must not count, not even in a denominator.", silent),
)  # fmt: skip


def like(combine: Callable[[Tensor, Tensor], Tensor]) -> Callable[[], Callable[[Tensor, Tensor], Tensor]]:
    return lambda: combine


MUTANTS = [
    Mutant(
        "transposed",
        "You built Σ x_t δ_t^T, of shape (d_in, d_out). The gradient of W has the shape of W: outputs are "
        "rows.",
        like(lambda x, delta: x.T @ delta),
    ),
    Mutant(
        "one_outer_product",
        "You added up x and δ first, and took one outer product of the sums. That has rank one; the sum "
        "of the "
        "outer products has not.",
        like(lambda x, delta: torch.outer(delta.sum(0), x.sum(0))),
    ),
    Mutant(
        "mean",
        "You divided by the number of tokens. The gradient is a sum: whether the loss is a mean is "
        "already in δ.",
        like(lambda x, delta: delta.T @ x / len(x)),
    ),
    Mutant(
        "last_token",
        "You used the last token only. Every token with δ ≠ 0 has a part in the gradient.",
        like(lambda x, delta: torch.outer(delta[-1], x[-1])),
    ),
    Mutant(
        "minus",
        "You put a minus in. The gradient has none: it is the update that goes against it.",
        like(lambda x, delta: -delta.T @ x),
    ),
]

HINTS = (
    "Write the gradient of one weight: W[i, j] connects input j with output i. At which tokens is it used?",
    "Entry (i, j) is Σ_t δ_t[i] x_t[j]. A sum over t of products is a matrix product: which of the two must "
    "be transposed, so that t is the dimension that disappears?",
    "return delta... @ x...     # (d_out, T) @ (T, d_in)",
)

EXPLANATION = (
    "The product over T of (d_out, T) and (T, d_in) is the sum of T outer products. A product through a "
    "dimension of T has rank T at most: the whole reason why MEND can be small.",
)
