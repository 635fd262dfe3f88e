"""ffn.trigger_prefixes: experiment 1, the k prefixes with the largest coefficient of one neuron.

Shape letters: N prefixes, F neurons. The oracle picks the largest that is left, again and again.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.ffn.ffn_memory_problems import size
from autograder.mutants import Mutant

ARGUMENTS = ("a", "neuron", "k")


def gate(value: Any, a: Tensor, neuron: int, k: int) -> Tensor:
    return tensor_gate(value, (min(k, len(a)),), "(min(k, N),)", "an index (torch.long)", torch.long)


def picked(a: Tensor, neuron: int, k: int) -> Tensor:
    """The first of the largest that are left, k times."""
    left = list(range(len(a)))
    found: list[int] = []
    while left and len(found) < k:
        best = left[0]
        for i in left:
            if float(a[i, neuron]) > float(a[best, neuron]):
                best = i
        left.remove(best)
        found.append(best)
    return torch.tensor(found)


def right(student: Student, a: Tensor, neuron: int, k: int) -> Verdict:
    return close(student(a, neuron, k), picked(a, neuron, k), 0.0, f"the {k} best of {len(a)} prefixes")


def strongest_first(student: Student, g: Generator) -> Verdict:
    N, F = size(g, 20, 30), size(g, 6, 12)
    a = randn(N, F, generator=g)
    return every(*(right(student, a, size(g, 0, F), k) for k in (4, 7)))


def by_sign(student: Student, g: Generator) -> Verdict:
    """Most coefficients are far below zero: they are no match, however large."""
    N, F = size(g, 20, 30), size(g, 6, 12)
    a = randn(N, F, generator=g) - 8 * (torch.rand(N, F, generator=g) < 0.5)
    return right(student, a, size(g, 0, F), 6)


def ties(student: Student, g: Generator) -> Verdict:
    """Coefficients that are equal, as after ReLU: the lower index first."""
    N, F = size(g, 40, 60), size(g, 6, 12)
    a = randint(0, 3, (N, F), generator=g).float()
    return every(*(right(student, a, size(g, 0, F), k) for k in (30, 12)))


def more_than_there_are(student: Student, g: Generator) -> Verdict:
    N, F = size(g, 6, 10), size(g, 6, 12)
    a = randn(N, F, generator=g)
    return every(*(right(student, a, size(g, 0, F), k) for k in (N, N + 7)))


CLAIMS = (
    Claim(
        "strongest first",
        "The k prefixes with the largest coefficient of this neuron, strongest first",
        "Column `neuron` of a holds the coefficients of all N prefixes. Give back the row numbers of the k "
        "largest, in falling order.",
        strongest_first,
        open=True,
    ),
    Claim(
        "by sign",
        "A large negative coefficient is no match",
        "Sort by the coefficient itself, not by its size.",
        by_sign,
        open=True,
    ),
    Claim(
        "ties",
        "Where coefficients are equal, the lower index comes first",
        "Many coefficients are equal, exact zeros above all. A stable sort keeps the lower index first.",
        ties,
    ),
    Claim(
        "more than there are",
        "When k is larger than N, all N prefixes come back",
        "There are only N prefixes: a slice [:k] copes with a large k, topk does not.",
        more_than_there_are,
    ),
)


def column(a: Tensor, neuron: int) -> Tensor:
    return a[:, neuron]


def sorted_by(scores: Tensor, k: int) -> Tensor:
    return scores.sort(descending=True, stable=True).indices[:k]


MUTANTS = [
    Mutant(
        "by_size",
        "You sorted by the absolute value. A strongly negative coefficient means that the key is not matched "
        "at all (or, with a gate, that the neuron speaks against its value).",
        lambda: lambda a, neuron, k: sorted_by(column(a, neuron).abs(), k),
    ),
    Mutant(
        "topk",
        "topk stops when k is larger than N, and among equal coefficients it picks in no fixed order. Use a "
        "stable sort and a slice.",
        lambda: lambda a, neuron, k: column(a, neuron).topk(k).indices,
    ),
    Mutant(
        "weakest",
        "Your sort rises: these are the prefixes that match least. Sort in falling order.",
        lambda: lambda a, neuron, k: column(a, neuron).sort(stable=True).indices[:k],
    ),
    Mutant(
        "row",
        "You read a row of a: one prefix, all neurons. One neuron and all prefixes is the column a[:, neuron].",
        lambda: lambda a, neuron, k: sorted_by(a[neuron], k),
    ),
    Mutant(
        "values",
        "These are the coefficients. Wanted are the indices of the prefixes that have them.",
        lambda: lambda a, neuron, k: column(a, neuron).sort(descending=True, stable=True).values[:k],
    ),
    Mutant(
        "later_first",
        "Among equal coefficients your order begins with the higher index, as a rising sort turned round "
        "does. Use descending=True with stable=True.",
        lambda: lambda a, neuron, k: column(a, neuron).sort(stable=True).indices.flip(0)[:k],
    ),
    Mutant(
        "in_text_order",
        "These are the right prefixes, but listed by index. The strongest comes first.",
        lambda: lambda a, neuron, k: sorted_by(column(a, neuron), k).sort().values,
    ),
]

HINTS = (
    "One column of a belongs to your neuron. You need the places of its largest entries, not the entries.",
    "`scores.sort(descending=True, stable=True)` gives values and indices. `stable=True` keeps the lower index "
    "first among equals, and the slice [:k] gives all of them when k is too large.",
    "scores = a[...]                       # (N,): this neuron's coefficient for every prefix\n"
    "order = scores.sort(...)              # falling, stable\n"
    "return order.indices[...]",
)

EXPLANATION = (
    "Sorting the column with its sign asks for the best match. A stable sort makes the answer unique: after "
    "ReLU many coefficients are exactly 0, and two runs must not list different prefixes.",
)

STUB = '''def trigger_prefixes(a: Float[Tensor, "N F"], neuron: int, k: int) -> Int[Tensor, " r"]:
    """Experiment 1: the r = min(k, N) prefixes that match a neuron's key best, strongest first.

    a: the coefficients of F neurons after N prefixes. Returns row indices (torch.long), ordered by the signed
    coefficient; the lower index wins a tie. Source: Geva et al. 2021, section 3.
    """
    raise NotImplementedError("Your code here")
'''
