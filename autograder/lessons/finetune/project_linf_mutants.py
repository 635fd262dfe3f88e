"""Misconceptions about finetune.project_linf: other balls, other centres, other answers."""

from __future__ import annotations

import torch
from torch import Tensor

from autograder.mutants import Mutant


def around_zero(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return w.clamp(-eps, eps)


def euclidean(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    change = w - w0
    return w0 + change * min(1.0, float(eps / change.norm()))


def rescaled(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    change = w - w0
    return w0 + change * min(1.0, float(eps / change.abs().max()))


def relative(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return w0 + torch.clamp(w - w0, -eps * w0.abs(), eps * w0.abs())


def change_only(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return (w - w0).clamp(-eps, eps)


def upper_only(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return w0 + (w - w0).clamp(max=eps)


def always_on_the_surface(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return w0 + eps * (w - w0).sign()


def back_to_start(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    return torch.where((w - w0).abs() <= eps, w, w0)


def in_place(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    w.copy_(w0 + (w - w0).clamp(-eps, eps))
    return w


MUTANTS = [
    Mutant(
        "around_zero",
        "You cut off the weights themselves, around zero. The ball lies around w0: cut off w - w0.",
        lambda: around_zero,
    ),
    Mutant(
        "euclidean",
        "You shortened the whole change to length eps. That is the ball of the Euclidean norm; FT-L's limit "
        "holds for each entry by itself.",
        lambda: euclidean,
    ),
    Mutant(
        "rescaled",
        "You scaled the whole change until its largest entry is eps. Entries that were inside have moved, "
        "too: cut off each entry by itself.",
        lambda: rescaled,
    ),
    Mutant(
        "relative",
        "Your ball is relative, eps times |w0|. FT-L's eps is the same number for all weights.",
        lambda: relative,
    ),
    Mutant(
        "change_only",
        "You gave back the change. What is asked for is the weight: w0 plus the change that is left.",
        lambda: change_only,
    ),
    Mutant(
        "upper_only",
        "You cut off at the top only. An entry may also have moved down by too much.",
        lambda: upper_only,
    ),
    Mutant(
        "always_on_the_surface",
        "You moved every entry to the surface of the ball. An entry that is inside stays where it is.",
        lambda: always_on_the_surface,
    ),
    Mutant(
        "back_to_start",
        "You put entries that left the ball back to w0. The nearest point of the ball is on its surface, at "
        "w0 plus or minus eps.",
        lambda: back_to_start,
    ),
    Mutant(
        "in_place",
        "You wrote the answer into w. The caller still needs it: give back a new tensor.",
        lambda: in_place,
    ),
]
