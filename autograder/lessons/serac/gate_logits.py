"""serac.gate_logits: bias - scale |e - c|², how surely each question is about each cached edit (lesson 09).

Shape letters: B questions, n edits in the cache, w width of the embeddings.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.serac.gate_logits_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("e", "cache", "scale", "bias")

STUB = '''
def gate_logits(
    e: Float[Tensor, "B w"], cache: Float[Tensor, "n w"], scale: float | Tensor, bias: float | Tensor
) -> Float[Tensor, "B n"]:
    """How surely each question is about each edit, before the sigmoid: bias - scale |e - c|^2.

    e: embeddings of B questions; cache: of the n edits' own questions, n may be 0. Entry (b, i) compares
    question b with edit i by the squared Euclidean distance.
    """
'''


def gate(value: Any, e: Tensor, cache: Tensor, scale: Any, bias: Any) -> Tensor:
    return tensor_gate(value, (len(e), len(cache)), "(B, n)", "e", e.dtype)


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high + 1, (), generator=g))


Problem = tuple[Tensor, Tensor, float, float]


def problem(g: Generator, B: int = 0, n: int = 0, shift: float = 0.0) -> Problem:
    """Embeddings whose squared distances are a few units; shift: how far they lie from the origin."""
    B, n, d = B or size(g, 3, 4), n or size(g, 5, 7), size(g, 8, 10)
    e, cache = (randn(rows, d, generator=g, dtype=torch.float64) + shift for rows in (B, n))
    return e, cache, 0.2 + 0.5 * float(rand((), generator=g)), 1.5 + 2 * float(rand((), generator=g))


def one_by_one(e: Tensor, cache: Tensor, scale: float, bias: float) -> Tensor:
    out = torch.zeros(len(e), len(cache), dtype=e.dtype)
    for b, question in enumerate(e.tolist()):
        for i, edit in enumerate(cache.tolist()):
            out[b, i] = bias - scale * sum((x - y) ** 2 for x, y in zip(question, edit, strict=True))
    return out


def judged(student: Student, p: Problem, what: str = "logits", tolerance: float = 1e-8) -> Verdict:
    return close(student(*p), one_by_one(*p), tolerance, what)


def by_distance(student: Student, g: Generator) -> Verdict:
    return every(judged(student, problem(g)), judged(student, problem(g)))


def its_own_question(student: Student, g: Generator) -> Verdict:
    """Asked the edits' own questions, the gate is as sure as it gets: the logit is the bias."""
    e, cache, scale, bias = problem(g)
    answer = student(cache, cache, scale, bias)
    own = torch.full((len(cache),), bias, dtype=torch.float64)
    return every(
        close(answer.diagonal(), own, 1e-9, "logits of the edits' own questions"),
        close(answer, one_by_one(cache, cache, scale, bias), 1e-8, "logits"),
    )


def as_many_as(student: Student, g: Generator) -> Verdict:
    """B = n: no shape tells questions and edits apart. And one question alone."""
    n = size(g, 4, 6)
    return every(judged(student, problem(g, n, n), "logits with B = n"), judged(student, problem(g, 1, n)))


def empty_cache(student: Student, g: Generator) -> Verdict:
    """No edit, no column; then one edit more, one column more."""
    e, cache, scale, bias = problem(g)
    none, one = student(e, cache[:0], scale, bias), (e, cache[:1], scale, bias)
    return every(close(none, one_by_one(e, cache[:0], scale, bias), 1e-9, "logits"), judged(student, one))


def far_from_the_origin(student: Student, g: Generator) -> Verdict:
    """Embeddings of float32 that share a large part: |e|² - 2 e·c + |c|² would drown in rounding."""
    e, cache, scale, bias = problem(g, shift=3000.0)
    p = (e.float(), cache.float(), scale, bias)
    return judged(student, p, "logits far from the origin", 1e-3)


def learns(student: Student, g: Generator) -> Verdict:
    """Half the sum of squares, differentiated by scale and bias, as training does it."""
    e, cache, scale, bias = problem(g)
    s, b = (torch.tensor(x, dtype=torch.float64) for x in (scale, bias))
    by_s, by_b, by_e = student.gradient(e, cache, s, b, wrt=(2, 3, 0))[0:3]
    if by_s is None or by_b is None or by_e is None:
        return Verdict(False, "no gradient reaches e, scale or bias", "a gradient by each of them")
    found = torch.stack([by_s, by_b])
    logits = one_by_one(e, cache, scale, bias)
    distances = (bias - logits) / scale
    return close(found, torch.stack([-(logits * distances).sum(), logits.sum()]), 1e-6, "∂ by scale, bias")


CLAIMS = (
    Claim(
        "by distance",
        "Entry (b, i) is bias - scale · |e_b - c_i|²",
        "Take the difference, square its numbers, add them up over d, times scale, and subtract from bias.",
        by_distance,
        open=True,
    ),
    Claim(
        "its own question",
        "An edit's own question has the distance 0, so its logit is the bias",
        "Where e and c are the same vector, nothing but the bias may be left.",
        its_own_question,
        open=True,
    ),
    Claim(
        "as many as",
        "Rows are questions and columns are edits, also where B = n",
        "Every question meets every edit: e[:, None] - cache[None] has the shape (B, n, w).",
        as_many_as,
    ),
    Claim(
        "empty cache",
        "With no edit in the cache there are no columns: shape (B, 0)",
        "An empty cache has the shape (0, d). Broadcasting makes (B, 0, d) of it by itself.",
        empty_cache,
    ),
    Claim(
        "far from the origin",
        "Distances are right also where all embeddings share a large part",
        "Subtract first, then square. The expansion |e|² - 2 e·c + |c|² loses the difference in float32.",
        far_from_the_origin,
    ),
    Claim(
        "learns",
        "The gradient reaches the embeddings, scale and bias",
        "They are trained by it: no .item(), no float(), no .detach() on the way.",
        learns,
    ),
)

HINTS = (
    "Every question meets every edit. Which shape do the differences have, and over which dimension do you "
    "add?",
    "e[:, None] is (B, 1, w), cache[None] is (1, n, w): their difference is (B, n, w). Square, and sum over "
    "the last dimension.",
    "distance = (e[:, None] - cache[None]).square().sum(...)\nreturn bias - ... * distance",
)

EXPLANATION = (
    "The bias says how sure the gate is at distance 0, the scale how fast that falls. Where the distance is "
    "the square root of bias / scale, the logit is 0 and the gate one half: a ball around each edit.",
    "The expansion into dot products is faster for large caches, but it does not give exactly 0 between "
    "equals.",
)
