"""Misconceptions about tpatcher.patched_ffn: (5.7) with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant
from edu_edit.feedforward import FFN

Patched = Callable[[Tensor, FFN, Tensor, Tensor, Tensor], Tensor]


def patched(
    a_p: Callable[[Tensor, FFN, Tensor, Tensor], Tensor] = lambda q, ffn, k, b: ffn.act(q @ k.T + b),
    base: Callable[[Tensor, FFN], Tensor] = lambda q, ffn: ffn.forward(q),
    said: Callable[[Tensor, Tensor], Tensor] = lambda a, v: a @ v,
) -> Patched:
    """(5.7) with one part exchanged."""

    def patched_ffn(q: Tensor, ffn: FFN, k_p: Tensor, b_p: Tensor, v_p: Tensor) -> Tensor:
        return base(q, ffn) + said(a_p(q, ffn, k_p, b_p), v_p)

    return patched_ffn


def gated(q: Tensor, ffn: FFN, k_p: Tensor, b_p: Tensor) -> Tensor:
    match = q @ k_p.T + b_p
    return ffn.act(match) * match if ffn.gate is not None else ffn.act(match)


def as_romes(q: Tensor, ffn: FFN, k_p: Tensor, b_p: Tensor, v_p: Tensor) -> Tensor:
    return ffn.forward(q) + ffn.act(q @ v_p.T + b_p) @ k_p


MUTANTS = [
    Mutant(
        "no_bias",
        "b_p is missing. It sets how well a query must match before the patch speaks: act(q · k_p + b_p).",
        lambda: patched(lambda q, ffn, k, b: ffn.act(q @ k.T)),
    ),
    Mutant(
        "no_activation",
        "You weighed the values with the match itself. Without ffn.act a patch is never silent: every query "
        "gets a piece of it, with either sign.",
        lambda: patched(lambda q, ffn, k, b: q @ k.T + b),
    ),
    Mutant(
        "relu",
        "You used ReLU. A patch is a neuron of this FFN, so it has the FFN's own function, ffn.act.",
        lambda: patched(lambda q, ffn, k, b: torch.relu(q @ k.T + b)),
    ),
    Mutant(
        "written_down",
        "You wrote one activation function down, GELU. Models differ: this FFN's own function is ffn.act.",
        lambda: patched(lambda q, ffn, k, b: torch.nn.functional.gelu(q @ k.T + b)),
    ),
    Mutant(
        "bias_outside",
        "You added b_p after the activation function. It belongs inside, where it moves the threshold.",
        lambda: patched(lambda q, ffn, k, b: ffn.act(q @ k.T) + b),
    ),
    Mutant(
        "patches_alone",
        "This is what the patches say, without what the FFN says. (5.7) adds the two: FFN(q) + a_p v_p.",
        lambda: patched(base=lambda q, ffn: torch.zeros_like(q)),
    ),
    Mutant(
        "mean_of_patches",
        "You took the mean over the patches. Then each new patch would weaken the ones before it; (5.7) "
        "adds.",
        lambda: patched(said=lambda a, v: a @ v / max(1, len(v))),
    ),
    Mutant(
        "swapped",
        "Key and value are exchanged: the query is compared with k_p, and v_p is what is said.",
        lambda: as_romes,
    ),
    Mutant(
        "gated",
        "You gave the patches a gate in a gated FFN. Here a patch has one key, in every model: "
        "act(q · k_p + b_p), and nothing multiplies it.",
        lambda: patched(gated),
    ),
    Mutant(
        "one_activation",
        "You added the activations of all patches and gave each value the same sum. Every patch has its own.",
        lambda: patched(said=lambda a, v: a.sum(1, keepdim=True) * v.sum(0)),
    ),
]
