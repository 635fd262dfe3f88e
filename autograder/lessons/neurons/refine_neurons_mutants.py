"""Misconceptions about neurons.refine_neurons: the vote with one part exchanged."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant


Refine = Callable[..., list[int]]


def reached(attr: Tensor, t: float) -> Tensor:
    return (attr > 0) & (attr >= t * attr.amax(1, keepdim=True))


def most(strong: Tensor, p: float) -> Tensor:
    return strong.sum(0) >= max(1, math.ceil(p * len(strong) - 1e-9))


def voted(
    strong: Callable[[Tensor, float], Tensor] = reached, enough: Callable[[Tensor, float], Tensor] = most
) -> Refine:
    def refine_neurons(attr: Tensor, t: float = 0.2, p: float = 0.7) -> list[int]:
        return torch.nonzero(enough(strong(attr, t), p))[:, 0].tolist()

    return refine_neurons


MUTANTS = [
    Mutant(
        "mean_first",
        "You averaged the prompts first. One prompt with large attributions then decides alone. Let every "
        "prompt choose its strong neurons, and count.",
        lambda: lambda attr, t=0.2, p=0.7: voted()(attr.mean(0, keepdim=True), t, p),
    ),
    Mutant(
        "one_maximum_for_all",
        "You compare with the largest attribution of all prompts. A prompt whose attributions are small would "
        "have no strong neuron: take each row's own maximum (dim=1, keepdim=True).",
        lambda: voted(lambda attr, t: (attr > 0) & (attr >= t * attr.max())),
    ),
    Mutant(
        "one_maximum_and_more_than_p",
        "Two things at once: you compare with the largest attribution of all prompts, where each row has a "
        "maximum of its own, and you ask for more than a share p, where exactly p is enough.",
        lambda: voted(
            lambda attr, t: (attr > 0) & (attr >= t * attr.max()),
            lambda strong, p: strong.double().mean(0) > p,
        ),
    ),
    Mutant(
        "absolute",
        "You took absolute values. A strongly negative neuron speaks against the answer and is no knowledge "
        "neuron of it.",
        lambda: voted(
            lambda attr, t: (attr.abs() > 0) & (attr.abs() >= t * attr.abs().amax(1, keepdim=True))
        ),
    ),
    Mutant(
        "every_prompt",
        "You keep only what is strong in all prompts. A share of at least p of them is enough.",
        lambda: voted(enough=lambda strong, p: strong.all(0)),
    ),
    Mutant(
        "any_prompt",
        "You keep what is strong in any prompt, as if p were 0. Words of a single wording come in that way.",
        lambda: voted(enough=lambda strong, p: strong.any(0)),
    ),
    Mutant(
        "more_than_p",
        "You ask for more than a share p of the prompts. Exactly p is enough: ≥ in place of >.",
        lambda: voted(enough=lambda strong, p: strong.sum(0) >= math.floor(p * len(strong) + 1e-9) + 1),
    ),
    Mutant(
        "rounded_down",
        "You rounded the number of prompts down: 0.7 of 5 prompts is 3.5, and 3 of them are less than that. "
        "Round up, or compare shares.",
        lambda: voted(enough=lambda strong, p: strong.sum(0) >= max(1, int(p * len(strong) + 1e-9))),
    ),
    Mutant(
        "never_strong",
        "With p = 0 you keep neurons that are strong in no prompt at all. Wanted is the union: at least one.",
        lambda: voted(enough=lambda strong, p: strong.double().mean(0) >= p - 1e-9),
    ),
    Mutant(
        "not_positive",
        "You forgot that strong means positive. In a prompt whose largest attribution is negative or zero, "
        "t times the maximum lets anything in.",
        lambda: voted(lambda attr, t: attr >= t * attr.amax(1, keepdim=True)),
    ),
]
