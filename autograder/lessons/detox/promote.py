"""detox.promote: the listed activations get a fixed coefficient, whatever they were (Geva et al. 2022).

Shape letters: n tokens, F neurons of a layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.depn.silenced import activations, one_by_one, some
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant

ARGUMENTS = ("a", "neurons", "coef")

STUB = '''def promote(a: Float[Tensor, "*B F"], neurons: Sequence[int], coef: float) -> Float[Tensor, "*B F"]:
    """Activations of one layer with those of the listed neurons set to `coef`; `a` itself stays as it is.

    a: any number of dimensions, the last one counts the F neurons. neurons: their indices, maybe none.
    """
'''


def gate(value: Any, a: Tensor, neurons: list[int], coef: float) -> Tensor:
    return tensor_gate(value, a.shape, "that of a", "a", a.dtype)


def judged(student: Student, a: Tensor, neurons: list[int], coef: float, what: str) -> Verdict:
    return close(student(a, neurons, coef), one_by_one(a, neurons, coef), 1e-6, what)


def drawn(g: Generator) -> float:
    return 1.5 + 3 * float(rand((), generator=g))


def set_to_coef(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(2):
        a = activations(g, number(g, 3, 6))
        found.append(judged(student, a, some(g, a.shape[1]), drawn(g), "activations"))
    return every(*found)


def any_shape(student: Student, g: Generator) -> Verdict:
    batch = activations(g, 7, 7, F=7)
    one = activations(g)
    return every(
        judged(student, batch, some(g, 7), drawn(g), "of 7 texts, 7 tokens, 7 neurons"),
        judged(student, one, some(g, len(one)), drawn(g), "activations of one token"),
    )


def any_coefficient(student: Student, g: Generator) -> Verdict:
    """Below what is there, 0 (which is silence), and below 0; an empty list changes nothing."""
    a = activations(g, 4)
    neurons = some(g, a.shape[1])
    loud = a.abs() + 5
    return every(
        judged(student, loud, neurons, drawn(g), "activations that were above coef"),
        judged(student, a, neurons, 0.0, "with coef = 0"),
        judged(student, a, neurons, -drawn(g), "with a negative coef"),
        close(student(a, [], 3.0), a, 1e-7, "with no neuron listed"),
    )


def stream_moves(student: Student, g: Generator) -> Verdict:
    """Seen from the stream: it moves by the sum of (coef - a_i) v_i, whatever else is said."""
    a, coef = activations(g, 3), drawn(g)
    neurons = some(g, a.shape[1])
    W = activations(g, 6, F=a.shape[1])
    moved = torch.zeros(3, 6)
    for i in neurons:
        moved += (coef - a[:, i, None]) * W[:, i]
    return close((student(a, neurons, coef) - a) @ W.T, moved, 1e-4, "the move of the stream")


CLAIMS = (
    Claim(
        "set to coef",
        "The listed activations are coef, all others are what they were",
        "Copy a, and write coef at the listed places of the last dimension.",
        set_to_coef,
        open=True,
    ),
    Claim(
        "any shape",
        "Whatever the shape, the last dimension counts the neurons, and every token is changed",
        "Index the last dimension: out[..., neurons].",
        any_shape,
    ),
    Claim(
        "any coefficient",
        "coef replaces what was there: also where that was larger, and also for 0 or a negative coef",
        "Write coef; don't add it, don't multiply, don't take the larger of the two.",
        any_coefficient,
    ),
    Claim(
        "stream moves",
        "The stream moves by the sum of (coef - a_i) v_i over the listed neurons",
        "A neuron that said a_i v_i now says coef · v_i.",
        stream_moves,
    ),
)


def at(a: Tensor, neurons: list[int], new: Tensor | float) -> Tensor:
    out = a.clone()
    out[..., neurons] = new
    return out


def rows(a: Tensor, neurons: list[int], coef: float) -> Tensor:
    out = a.clone()
    out[neurons] = coef
    return out


def last_token(a: Tensor, neurons: list[int], coef: float) -> Tensor:
    out = a.clone()
    (out[..., -1, :] if out.dim() > 1 else out)[..., neurons] = coef
    return out


def in_place(a: Tensor, neurons: list[int], coef: float) -> Tensor:
    a[..., neurons] = coef
    return a


def others_off(a: Tensor, neurons: list[int], coef: float) -> Tensor:
    return at(torch.zeros_like(a), neurons, coef)


MUTANTS = [
    Mutant(
        "added",
        "You added coef to the activations. Geva and others fix them at coef, whatever the text was.",
        lambda: lambda a, neurons, coef: at(a, neurons, a[..., neurons] + coef),
    ),
    Mutant(
        "multiplied",
        "You multiplied by coef. A neuron that is silent would stay silent: write coef itself.",
        lambda: lambda a, neurons, coef: at(a, neurons, a[..., neurons] * coef),
    ),
    Mutant(
        "at_least",
        "You took the larger of coef and what was there. The neuron is to say the same at every token: coef.",
        lambda: lambda a, neurons, coef: at(a, neurons, a[..., neurons].clamp(min=coef)),
    ),
    Mutant(
        "in_place",
        "You wrote into a itself. Write into a.clone().",
        lambda: in_place,
    ),
    Mutant(
        "rows",
        "You indexed the first dimension, so whole tokens were overwritten. Neurons are the last dimension.",
        lambda: rows,
    ),
    Mutant(
        "last_token",
        "You changed the last token only. The coefficient is written at every token.",
        lambda: last_token,
    ),
    Mutant(
        "others_off",
        "You silenced all other neurons of the layer. They go on as before.",
        lambda: others_off,
    ),
]

HINTS = (
    "You have written almost the same function a moment ago. What is different?",
    "As silence: copy, then write at the listed places of the last dimension; this time coef and not 0.",
    "out = a.clone()\nout[..., list(neurons)] = ...\nreturn out",
)

EXPLANATION = (
    "silence is promote with coef = 0. The coefficient does not look at the text, so no weight can do "
    "the same: this "
    "edit is a hook.",
    "The larger (coef - a_i) v_i is beside the rest of the stream, the louder the wanted words get, and "
    "the less is "
    "heard of anything else.",
)
