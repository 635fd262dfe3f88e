"""depn.silence: DEPN's editor, the listed activations set to zero (lesson 13).

Shape letters: n tokens, F neurons of a layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.depn.silenced import activations, one_by_one, some
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant

ARGUMENTS = ("a", "neurons")

STUB = '''def silence(a: Float[Tensor, "*B F"], neurons: Sequence[int]) -> Float[Tensor, "*B F"]:
    """Activations of one layer with the listed neurons silent; `a` itself stays as it is.

    a: any number of dimensions, the last one counts the F neurons. neurons: their indices, maybe none.
    """
'''


def gate(value: Any, a: Tensor, neurons: list[int]) -> Tensor:
    return tensor_gate(value, a.shape, "that of a", "a", a.dtype)


def judged(student: Student, a: Tensor, neurons: list[int], what: str) -> Verdict:
    return close(student(a, neurons), one_by_one(a, neurons, 0.0), 1e-7, what)


def listed_only(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(2):
        a = activations(g, number(g, 3, 6))
        found.append(judged(student, a, some(g, a.shape[1]), "activations"))
    return every(*found)


def any_shape(student: Student, g: Generator) -> Verdict:
    """One token, a text, a batch of texts whose sizes equal the number of neurons."""
    a, text = activations(g), activations(g, 8, F=8)
    batch = activations(g, 8, 8, F=8)
    return every(
        judged(student, a, some(g, len(a)), "activations of one token"),
        judged(student, text, some(g, 8), "of 8 tokens and 8 neurons"),
        judged(student, batch, some(g, 8), "of 8 texts, 8 tokens, 8 neurons"),
    )


def twice(student: Student, g: Generator) -> Verdict:
    """Silencing again changes nothing; nor does an empty list, or a neuron that is named twice."""
    a = activations(g, 4)
    neurons = some(g, a.shape[1])
    wanted = one_by_one(a, neurons, 0.0)
    return every(
        judged(student, a, [*neurons, neurons[0]], "with a neuron named twice"),
        close(student(wanted, neurons[::-1]), wanted, 1e-7, "silenced again"),
        close(student(a, []), a, 1e-7, "with no neuron listed"),
    )


CLAIMS = (
    Claim(
        "listed only",
        "The listed neurons are 0, all others are what they were",
        "Copy a, and write 0 at the listed places of the last dimension.",
        listed_only,
        open=True,
    ),
    Claim(
        "any shape",
        "Whatever the shape, the last dimension counts the neurons, and every token is silenced",
        "Index the last dimension: out[..., neurons].",
        any_shape,
    ),
    Claim(
        "twice",
        "Silencing twice is silencing once; an empty list changes nothing",
        "An empty list must leave everything as it is; a neuron may be named twice.",
        twice,
    ),
)


def last_token(a: Tensor, neurons: list[int]) -> Tensor:
    out = a.clone()
    (out[-1] if out.dim() == 2 else out[..., -1, :] if out.dim() > 2 else out)[..., neurons] = 0
    return out


def rows(a: Tensor, neurons: list[int]) -> Tensor:
    out = a.clone()
    out[neurons] = 0
    return out


def others(a: Tensor, neurons: list[int]) -> Tensor:
    out = torch.zeros_like(a)
    out[..., neurons] = a[..., neurons]
    return out


def first_ones(a: Tensor, neurons: list[int]) -> Tensor:
    out = a.clone()
    out[..., : len(neurons)] = 0
    return out


def averaged(a: Tensor, neurons: list[int]) -> Tensor:
    out = a.clone()
    out[..., neurons] = a.mean()
    return out


def in_place(a: Tensor, neurons: list[int]) -> Tensor:
    a[..., neurons] = 0
    return a


def clipped(a: Tensor, neurons: list[int]) -> Tensor:
    out = a.clone()
    out[..., neurons] = out[..., neurons].clamp(max=0)
    return out


MUTANTS = [
    Mutant(
        "others",
        "You kept the listed neurons and silenced all the others. It is the other way round.",
        lambda: others,
    ),
    Mutant(
        "in_place",
        "You wrote into a itself. The model's own activations are then gone for whoever looks at them "
        "next: write "
        "into a.clone().",
        lambda: in_place,
    ),
    Mutant(
        "rows",
        "You indexed the first dimension, so tokens were silenced and not neurons. Neurons are the last "
        "dimension.",
        lambda: rows,
    ),
    Mutant(
        "last_token",
        "You silenced the last token only. DEPN switches a neuron off at every token: the secret's "
        "digits are read "
        "at different ones.",
        lambda: last_token,
    ),
    Mutant(
        "first_ones",
        "You silenced the first len(neurons) neurons. The list says which ones.",
        lambda: first_ones,
    ),
    Mutant(
        "average",
        "You wrote the mean activation. That is another experiment (mean ablation); DEPN writes 0.",
        lambda: averaged,
    ),
    Mutant(
        "clipped",
        "You cut off positive activations only. A negative activation speaks as well, with the opposite "
        "sign: "
        "write 0.",
        lambda: clipped,
    ),
]

HINTS = (
    "Which dimension of a counts the neurons? And who else may still be looking at a?",
    "Make a copy with clone(). In the copy, set the listed places of the last dimension to 0: three dots "
    "stand for "
    "all the dimensions before it.",
    "out = a.clone()\nout[..., list(neurons)] = ...\nreturn out",
)

EXPLANATION = (
    "An activation of 0 at every token is the same as a value of zeros: nothing that the neuron could "
    "say is ever "
    "said. So DEPN can be merged into the weights.",
)
