"""ike.nearest: the pool's entries that are most similar by cosine, the most similar one last (lesson 10).

Shape letters: n pool entries, d width of their vectors, k how many are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randn, randperm

from autograder.claims import Claim, Student, equal, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.ike.made_up import number
from autograder.mutants import Mutant

ARGUMENTS = ("query", "pool", "k")

STUB = '''
def nearest(query: Float[Tensor, " d"], pool: Float[Tensor, "n d"], k: int) -> Int[Tensor, " k"]:
    """The k entries of the pool that are most similar to the query by cosine, the most similar one *last*.

    Returns their indices, as a tensor of whole numbers (torch.long). All n where k is larger than n.
    Of two equals, the one with the lower index counts as more similar.
    """
'''


def gate(value: Any, query: Tensor, pool: Tensor, k: int) -> Tensor:
    return tensor_gate(value, (min(k, len(pool)),), "(min(k, n),)", "an index", torch.int64)


def cosine(a: Tensor, b: Tensor) -> float:
    """One pair of vectors, number by number."""
    dot = sum(x * y for x, y in zip(a.tolist(), b.tolist(), strict=True))
    size = sum(x * x for x in a.tolist()) * sum(y * y for y in b.tolist())
    return float(dot / size**0.5)


def brute(query: Tensor, pool: Tensor, k: int) -> list[int]:
    """All similarities one by one, rounded so that equals are equal; sorted from the least to the most."""
    found = [(round(cosine(query, row), 6), -i) for i, row in enumerate(pool)]
    return [-i for _, i in sorted(found)[max(len(found) - k, 0) :]]


def judged(student: Student, query: Tensor, pool: Tensor, k: int) -> Verdict:
    return equal(student(query, pool, k).tolist(), brute(query, pool, k), f"the {k} of {len(pool)}")


def problem(g: Generator, n: int) -> tuple[Tensor, Tensor]:
    """Directions whose cosines are well apart, in a drawn order; lengths are all about one."""
    d = number(g, 5, 8)
    query = randn(d, generator=g)
    other = randn(d, generator=g)
    other = other - (other @ query) / (query @ query) * query
    query, other = query / query.norm(), other / other.norm()
    angle = torch.linspace(0.1, 3.0, n)[randperm(n, generator=g)]
    return query, torch.cos(angle)[:, None] * query + torch.sin(angle)[:, None] * other


def similar_last(student: Student, g: Generator) -> Verdict:
    return every(*(judged(student, *problem(g, n), number(g, 4, 6)) for n in (12, 17)))


def lengths_dont_count(student: Student, g: Generator) -> Verdict:
    """The same directions, with lengths from a tenth to ten."""
    found = []
    for n in (11, 15):
        query, pool = problem(g, n)
        found.append(judged(student, 7 * query, pool * 10 ** (2 * rand(n, 1, generator=g) - 1), 5))
    return every(*found)


def larger_k(student: Student, g: Generator) -> Verdict:
    """More than there are: all of them; none: an empty tensor."""
    n = number(g, 7, 9)
    query, pool = problem(g, n)
    return every(
        judged(student, query, pool, n + number(g, 1, 30)),
        judged(student, query, pool, n),
        judged(student, query, pool, 0),
    )


def exact(g: Generator, values: tuple[float, ...]) -> Tensor:
    """The values in a drawn order with drawn signs."""
    order = randperm(len(values), generator=g)
    return torch.tensor(values)[order] * (2 * torch.randint(0, 2, (len(values),), generator=g) - 1)


def equals(student: Student, g: Generator) -> Verdict:
    """Many entries are equally similar. Lengths are 4 and 8, so no way of computing a cosine rounds."""
    found = []
    for _ in range(3):
        query = exact(g, (7.0, 3.0, 2.0, 1.0, 1.0))
        pool = torch.stack([exact(g, (3.0, 2.0, 1.0, 1.0, 1.0)) for _ in range(6)])
        found.append(judged(student, query, pool[randperm(18, generator=g) % 6], number(g, 5, 11)))
    return every(*found)


def any_order(student: Student, g: Generator) -> Verdict:
    """The pool in another order: the same entries, in the same order."""
    query, pool = problem(g, 14)
    order = randperm(14, generator=g)
    first, again = student(query, pool, 6), student(query, pool[order], 6)
    return every(equal(order[again].tolist(), first.tolist(), "the entries"), judged(student, query, pool, 6))


CLAIMS = (
    Claim(
        "similar last",
        "The k with the largest cosine are found, and the most similar one stands last",
        "Compute every cosine, take the k largest, and order them from the least to the most similar.",
        similar_last,
        open=True,
    ),
    Claim(
        "lengths don't count",
        "Long vectors are no more similar than short ones: the cosine, not the dot product",
        "Divide the dot products by both lengths.",
        lengths_dont_count,
        open=True,
    ),
    Claim(
        "larger k",
        "If k is larger than the pool, all of it comes back; for k = 0 nothing",
        "Ask for no more than len(pool): topk raises an error where k is too large.",
        larger_k,
    ),
    Claim(
        "equals",
        "Of two equals the one with the lower index counts as more similar",
        "A stable sort by falling similarity keeps equals in their order: argsort(descending=True, "
        "stable=True), "
        "cut off at k, then turned round.",
        equals,
    ),
    Claim(
        "any order",
        "The order of the pool does not decide what is found",
        "The indices must follow the entries when the pool is put in another order.",
        any_order,
    ),
)


def ranked(
    score: Callable[[Tensor, Tensor], Tensor] = lambda q, p: (p @ q) / (p.norm(dim=1) * q.norm()),
    pick: Callable[[Tensor, int], Tensor] = lambda s, k: s.argsort(descending=True, stable=True)[:k].flip(0),
) -> Callable[[Tensor, Tensor, int], Tensor]:
    """The function with another similarity, or another way to choose by it."""

    def nearest(query: Tensor, pool: Tensor, k: int) -> Tensor:
        return pick(score(query.double(), pool.double()).round(decimals=9), k)

    return nearest


MUTANTS = [
    Mutant(
        "similar_first",
        "The most similar one stands first. It has to stand last, right before the question: what is nearest "
        "there is followed most.",
        lambda: ranked(pick=lambda s, k: s.argsort(descending=True, stable=True)[:k]),
    ),
    Mutant(
        "dot_product",
        "You compared by the dot product, so long vectors win. Divide by both lengths.",
        lambda: ranked(lambda q, p: p @ q),
    ),
    Mutant(
        "distance",
        "You compared by distance. Two vectors of one direction and different lengths are far apart, and "
        "their "
        "cosine is still 1.",
        lambda: ranked(lambda q, p: -(p - q).norm(dim=1)),
    ),
    Mutant(
        "least_similar",
        "These are the least similar ones. Sort by falling similarity before you cut off at k.",
        lambda: ranked(pick=lambda s, k: s.argsort(stable=True)[:k]),
    ),
    Mutant(
        "pool_order",
        "You found the right entries and left them in the order of the pool. Order them by similarity, the "
        "most "
        "similar one last.",
        lambda: ranked(pick=lambda s, k: s.argsort(descending=True, stable=True)[:k].sort().values),
    ),
    Mutant(
        "too_many",
        "It stops when k is larger than the pool. Take all of it then: min(k, len(pool)).",
        lambda: ranked(pick=lambda s, k: checked_topk(s, k)),
    ),
    Mutant(
        "ties_to_the_later",
        "Of two equals you take the later one as more similar. Sort falling and stable, cut off, then turn "
        "round.",
        lambda: ranked(pick=lambda s, k: s.argsort(stable=True)[max(len(s) - k, 0) :]),
    ),
    Mutant(
        "absolute",
        "You took the size of the cosine without its sign: an opposite vector is as unlike as can be.",
        lambda: ranked(lambda q, p: ((p @ q) / (p.norm(dim=1) * q.norm())).abs()),
    ),
]


def checked_topk(similarity: Tensor, k: int) -> Tensor:
    if k > len(similarity):
        raise RuntimeError("selected index k out of range")
    return similarity.argsort(descending=True, stable=True)[:k].flip(0)


HINTS = (
    "The cosine of two vectors is their dot product divided by both lengths. All n at once is one matrix "
    "times "
    "one vector.",
    "similarity = (pool @ query) / (length of each row · length of the query), shape (n,). Sort it falling "
    "and "
    "stable, cut off at k (a slice may be longer than what there is), and turn it round (flip).",
    "lengths = pool.norm(dim=1) * ...\n"
    "similarity = (pool @ query) / lengths\n"
    "return similarity.argsort(descending=True, stable=...)[...].flip(0)",
)

EXPLANATION = (
    "float64 and a rounding to twelve decimals make equals equal, so the answer does not depend on the "
    "order of "
    "additions. A row of zeros would divide by zero; ours gives it the similarity 0.",
    "Most similar last: a model that reads from left to right follows what it has read last most closely.",
)
