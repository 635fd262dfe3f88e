"""Misconceptions about serac.route: one of its decisions exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Route = Callable[[Tensor, float], Tensor]


def newest(logits: Tensor) -> Tensor:
    equals = logits == logits.amax(1, keepdim=True)
    return logits.shape[1] - 1 - equals.flip(1).byte().argmax(1)


def oldest(logits: Tensor) -> Tensor:
    return (logits == logits.amax(1, keepdim=True)).byte().argmax(1)


def routed(
    sure: Callable[[Tensor, float], Tensor] = lambda logits, t: logits.sigmoid() > t,
    pick: Callable[[Tensor], Tensor] = newest,
    none: int = -1,
) -> Route:
    """The route with another choice, another decision, or another number for 'no edit'."""

    def route(logits: Tensor, threshold: float) -> Tensor:
        if not logits.shape[1]:
            return torch.full((len(logits),), none)
        chosen = pick(logits)
        enough = sure(logits, threshold).gather(1, chosen[:, None])[:, 0]
        return torch.where(enough, chosen, none)

    return route


def above(logits: Tensor) -> Tensor:
    return logits.sigmoid() > 0.5


def without_a_look(logits: Tensor, threshold: float) -> Tensor:
    best = logits.amax(1)  # stops with IndexError where there is no column
    return torch.where(best.sigmoid() > threshold, newest(logits), -1)


MUTANTS = [
    Mutant(
        "no_threshold",
        "Every question goes to some edit. One that is about none must get -1: look at the threshold.",
        lambda: routed(lambda logits, t: torch.ones_like(logits).bool()),
    ),
    Mutant(
        "oldest_of_equals",
        "Of two edits that are equally sure you take the older one. Then nobody can correct an edit.",
        lambda: routed(pick=oldest),
    ),
    Mutant(
        "threshold_on_logits",
        "You compared the logit with the threshold. The threshold is a probability: take the sigmoid first.",
        lambda: routed(lambda logits, t: logits > t),
    ),
    Mutant(
        "softmax",
        "You took a softmax over the edits. With one edit that is always 1. Each edit has its own sigmoid.",
        lambda: routed(lambda logits, t: logits.softmax(1) > t),
    ),
    Mutant(
        "at_least",
        "You let a gate exactly at the threshold pass. It has to exceed it.",
        lambda: routed(lambda logits, t: logits.sigmoid() >= t),
    ),
    Mutant(
        "newest_above",
        "You took the newest edit above the threshold. The surest one is meant; newest decides ties only.",
        lambda: routed(pick=lambda x: torch.where(above(x).any(1), _last(above(x)), newest(x))),
    ),
    Mutant(
        "first_above",
        "You took the first edit above the threshold. The surest one is meant.",
        lambda: routed(pick=lambda x: torch.where(above(x).any(1), above(x).byte().argmax(1), newest(x))),
    ),
    Mutant(
        "zero_for_none",
        "You gave 0 to questions that are about no edit. 0 is the oldest edit: none is -1.",
        lambda: routed(none=0),
    ),
    Mutant(
        "stops_when_empty",
        "It stops when the cache is empty. Then every question goes to the model: -1.",
        lambda: without_a_look,
    ),
]


def _last(marks: Tensor) -> Tensor:
    return marks.shape[1] - 1 - marks.flip(1).byte().argmax(1)
