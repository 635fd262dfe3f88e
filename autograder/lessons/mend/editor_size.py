"""mend.editor_size: the weights of a linear map from gradients to updates, textbook §5.2.2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, nn, randint

from autograder.claims import Claim, Student, equal, every
from autograder.gates import whole_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("d_in", "d_out", "factored")


def gate(value: Any, d_in: int, d_out: int, factored: bool) -> int:
    return whole_gate(value)


def sizes(g: Generator, low: int = 3, high: int = 40) -> tuple[int, int]:
    """Two different widths."""
    d_in = int(randint(low, high, (), generator=g))
    return d_in, d_in + int(randint(1, high, (), generator=g))


def counted(width: int) -> int:
    """The weights of a linear map of that width to itself, by building it without memory."""
    return nn.Linear(width, width, bias=False, device="meta").weight.numel()


def whole(student: Student, g: Generator) -> Verdict:
    found = []
    for d_in, d_out in (sizes(g) for _ in range(3)):
        entries = torch.empty(d_out, d_in, device="meta").numel()
        found.append(
            equal(student(d_in, d_out, False), counted(entries), f"editor_size({d_in}, {d_out}, False)")
        )
    return every(*found)


def split(student: Student, g: Generator) -> Verdict:
    found = []
    for d_in, d_out in (sizes(g) for _ in range(3)):
        width = torch.cat([torch.empty(d_in), torch.empty(d_out)]).numel()
        found.append(equal(student(d_in, d_out, True), counted(width), f"editor_size({d_in}, {d_out}, True)"))
    return every(*found)


def doubled(student: Student, g: Generator) -> Verdict:
    """Twice as wide: 16 times the weights for whole gradients, 4 times for factors."""
    found = []
    for factored, times in ((False, 16), (True, 4)):
        d_in, d_out = sizes(g)
        width = d_in + d_out if factored else d_in * d_out
        small, large = student(d_in, d_out, factored), student(2 * d_in, 2 * d_out, factored)
        found += [equal(large, times * small, f"size of a layer twice as wide, factored={factored}"),
                  equal(small, counted(width), f"editor_size({d_in}, {d_out}, {factored})")]  # fmt: skip
    return every(*found)


def real_layers(student: Student, g: Generator) -> Verdict:
    """Widths of real models and the textbook's, a little off; numbers beyond 2^53 stay exact."""
    found = []
    for width, factor in ((1024, 1), (768, 4), (1600, 4)):
        d_in = width + int(randint(1, 64, (), generator=g))
        d_out = factor * d_in
        found += [
            equal(student(d_in, d_out, False), sum(d_in * d_out for _ in range(d_in)) * d_out,
                  f"editor_size({d_in}, {d_out}, False)"),
            equal(student(d_in, d_out, True), d_in * d_in + 2 * d_in * d_out + d_out * d_out,
                  f"editor_size({d_in}, {d_out}, True)"),
        ]  # fmt: skip
    return every(*found)


def either_way_round(student: Student, g: Generator) -> Verdict:
    """W_in and W_out of a layer, (F, D) and (D, F), need editors of the same size."""
    found = []
    for factored in (False, True):
        d_in, d_out = sizes(g)
        width = d_in + d_out if factored else d_in * d_out
        for a, b in ((d_in, d_out), (d_out, d_in)):
            found.append(equal(student(a, b, factored), counted(width), f"editor_size({a}, {b}, {factored})"))
    return every(*found)


CLAIMS = (
    Claim("whole gradient", "From whole gradients: as many weights as a linear map of d_in·d_out numbers has",
          "A gradient has d_in·d_out entries. Every entry that goes in is joined to every one that comes "
          "out.",
          whole, open=True),
    Claim("factors", "From factors: as many weights as a linear map of d_in + d_out numbers has",
          "Side by side, x and δ of one token are d_in + d_out numbers, and as many come out.",
          split, open=True),
    Claim("twice as wide",
          "A layer twice as wide: 16 times the weights for whole gradients, 4 times for factors",
          "The first number grows with the fourth power of the width, the second with its square.", doubled),
    Claim("real layers", "The numbers are exact for layers of real models",
          "Multiply whole numbers: a float has no room for a number of 14 digits and more.", real_layers),
    Claim("either way round", "W_in and W_out of a layer need editors of the same size",
          "Exchanging d_in and d_out must change nothing.", either_way_round),
)  # fmt: skip

Size = Callable[[int, int, bool], Any]


def like(whole: Callable[[int, int], Any], factored: Callable[[int, int], Any]) -> Callable[[], Size]:
    return lambda: lambda d_in, d_out, factored_: (factored if factored_ else whole)(d_in, d_out)


MUTANTS = [
    Mutant(
        "numbers_for_weights",
        "You counted the numbers that go in. A linear map joins every number that goes in to every one that "
        "comes out: that is the square.",
        like(lambda a, b: a * b, lambda a, b: a + b),
    ),
    Mutant(
        "exchanged",
        "You exchanged the two cases. factored=True is the small one: it sees x and δ, not their product.",
        like(lambda a, b: (a + b) ** 2, lambda a, b: (a * b) ** 2),
    ),
    Mutant(
        "two_maps",
        "You counted two maps, one for x and one for δ. Here both go side by side through one map, so that "
        "each can depend on the other.",
        like(lambda a, b: (a * b) ** 2, lambda a, b: a**2 + b**2),
    ),
    Mutant(
        "product_of_factors",
        "You let the factors through a map of d_in·d_out weights, from x to δ. Both factors go in, and both "
        "come out.",
        like(lambda a, b: (a * b) ** 2, lambda a, b: a * b),
    ),
]

HINTS = (
    "A linear map from n numbers to n numbers is an n by n matrix. What is n in each of the two cases?",
    "Whole gradients: n = d_in·d_out, the entries of W. Factors: n = d_in + d_out, x and δ side by side.",
    "n = d_in + d_out if factored else ...\nreturn ...",
)

EXPLANATION = (
    "The textbook's example is a 1024 by 1024 matrix: about 10^12 weights for whole gradients, about 4 "
    "million "
    "for factors. MEND's real network is smaller still, because its own matrices have a low rank.",
)
