"""memit.spread_residual: (z - h) / layers_left, each layer's share of what is lacking still.

Shape letters: D width of the residual stream, n facts. Claims let the student's function lead a walk through
the layers; where the walk ends is known beforehand.
"""

from __future__ import annotations

from typing import Any

from torch import Generator, Tensor, float64, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("z", "h", "layers_left")


def gate(value: Any, z: Tensor, h: Tensor, layers_left: int) -> Tensor:
    return tensor_gate(value, z.shape, "(D, n)", "z", z.dtype)


def problem(g: Generator) -> tuple[Tensor, Tensor]:
    """What the stream is to become, and what it is."""
    D, n = (int(randint(low, low + 5, (), generator=g)) for low in (4, 2))
    return randn(D, n, generator=g, dtype=float64), randn(D, n, generator=g, dtype=float64)


def last_layer(student: Student, g: Generator) -> Verdict:
    z, h = problem(g)
    return close(h + student(z, h, 1), z, 1e-9, "h + R at the last layer")


def equal_shares(student: Student, g: Generator) -> Verdict:
    """Every layer adds all it was given: then all add the same, and after the last the stream is z."""
    z, start = problem(g)
    layers = int(randint(3, 6, (), generator=g))
    h, added = start, []
    for left in range(layers, 0, -1):
        share = student(z, h, left)
        added.append(share)
        h = h + share
    each = start + (z - start) * 2 / layers
    return every(
        close(start + added[0] + added[1], each, 1e-9, f"h after 2 of {layers} layers"),
        close(h, z, 1e-9, f"h after all {layers} layers"),
    )


def weak_layers(student: Student, g: Generator) -> Verdict:
    """Layers that add only half of their share leave (1 - 1/2S)(1 - 1/2(S-1))... of the lack to those above."""
    z, start = problem(g)
    layers = int(randint(3, 6, (), generator=g))
    h, lacking = start, 1.0
    for left in range(layers, 1, -1):
        h = h + student(z, h, left) / 2
        lacking *= 1 - 1 / (2 * left)
    return close(student(z, h, 1), (z - start) * lacking, 1e-9, "what is left for the last layer")


def nothing_lacks(student: Student, g: Generator) -> Verdict:
    """Facts that have arrived get nothing, the others their share: column by column."""
    z, h = problem(g)
    h[:, 0] = z[:, 0]
    expected = z.clone()
    for i in range(z.shape[1]):
        for d in range(len(z)):
            expected[d, i] = (float(z[d, i]) - float(h[d, i])) * 0.25
    return close(student(z, h, 4), expected, 1e-9, "R with 4 layers left, first fact done")


CLAIMS = (
    Claim(
        "last layer",
        "The last layer takes all that is lacking",
        "With one layer left, its share must bring the stream from h to z.",
        last_layer,
        open=True,
    ),
    Claim(
        "equal shares",
        "If every layer adds its share in full, all shares are equal and the stream ends at z",
        "Walk with it: after each layer h has moved, and fewer layers are left. Divide what is lacking now.",
        equal_shares,
        open=True,
    ),
    Claim(
        "weak layers",
        "If layers add less than their share, those above make up for it",
        "What a layer missed must be handed on: the share comes from z - h as it is now.",
        weak_layers,
    ),
    Claim(
        "nothing lacks",
        "Each fact has its own column: one that has arrived gets nothing",
        "Facts must not mix: work entry by entry, without norms or means over facts.",
        nothing_lacks,
    ),
)

MUTANTS = [
    Mutant(
        "whole_residual",
        "Every layer takes all that is lacking, so the first layer does the whole work. Divide by layers_left.",
        lambda: lambda z, h, layers_left: z - h,
    ),
    Mutant(
        "multiplied",
        "You multiplied by layers_left. Each layer takes a share: divide by the layers that are left.",
        lambda: lambda z, h, layers_left: (z - h) * layers_left,
    ),
    Mutant(
        "ignores_h",
        "You divided z itself. Only what is lacking, z - h, has to be written.",
        lambda: lambda z, h, layers_left: z / layers_left,
    ),
    Mutant(
        "wrong_sign",
        "h - z leads away from z. What is lacking is z - h.",
        lambda: lambda z, h, layers_left: (h - z) / layers_left,
    ),
    Mutant(
        "one_too_many",
        "You divided by layers_left + 1. layers_left counts this layer too: it is 1 for the last.",
        lambda: lambda z, h, layers_left: (z - h) / (layers_left + 1),
    ),
    Mutant(
        "square_root",
        "You divided by the square root of layers_left. PMET does that on purpose; MEMIT's shares are equal, so "
        "divide by layers_left itself.",
        lambda: lambda z, h, layers_left: (z - h) / layers_left**0.5,
    ),
    Mutant(
        "precedence",
        "You wrote z - h / layers_left: only h was divided. Put z - h into brackets.",
        lambda: lambda z, h, layers_left: z - h / layers_left,
    ),
]

HINTS = (
    "Say in words what the stream still lacks, and among how many layers it is to be shared, this one "
    "included.",
    "What lacks is z - h, a column for each fact. layers_left is 1 for the last layer, which takes everything.",
    "lacking = ...            # (D, n)\nreturn lacking / ...",
)

EXPLANATION = (
    "The share is computed from h as it is now. If the layers below did their part, it is the same for every "
    "layer; if they fell short, or moved the stream by more than planned, the rest is shared among those above.",
    "So errors are mended on the way, and the last layer takes all that is left.",
)

STUB = '''def spread_residual(
    z: Float[Tensor, "D n"], h: Float[Tensor, "D n"], layers_left: int
) -> Float[Tensor, "D n"]:
    """This layer's share of what the stream h still lacks to become z.

    layers_left: how many layers are still to be edited, this one included; 1 for the last, which takes all.
    """
    raise NotImplementedError("Your code here")
'''
