"""Misconceptions about calinet.cka_score and calinet_ffn: one of the two with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant
from edu_edit.feedforward import FFN

Score = Callable[[Tensor, Tensor, float], Tensor]
Calibrated = Callable[[Tensor, FFN, Tensor, Tensor], Tensor]


def right_score(p_right: Tensor, p_wrong: Tensor, alpha: float) -> Tensor:
    return (p_right + alpha) / (p_wrong.mean(-1) + alpha)


def right_ffn(q: Tensor, ffn: FFN, K_c: Tensor, V_c: Tensor) -> Tensor:
    return ffn.forward(q) + ffn.act(q @ K_c.T) @ V_c


def gated(q: Tensor, ffn: FFN, K_c: Tensor, V_c: Tensor) -> Tensor:
    match = q @ K_c.T
    return ffn.forward(q) + (ffn.act(match) * (match if ffn.gate is not None else 1)) @ V_c


def scored(score: Score) -> Callable[[], tuple[Score, Calibrated]]:
    return lambda: (score, right_ffn)


def said(ffn: Calibrated) -> Callable[[], tuple[Score, Calibrated]]:
    return lambda: (right_score, ffn)


MUTANTS = [
    Mutant(
        "no_smoothing",
        "alpha is missing. A quotient of two tiny probabilities can be anything, and means nothing.",
        scored(lambda p_right, p_wrong, alpha: p_right / p_wrong.mean(-1).clamp(min=1e-30)),
    ),
    Mutant(
        "smoothed_below",
        "alpha is added below only. Added above as well, it makes two tiny probabilities equal: a score of "
        "1.",
        scored(lambda p_right, p_wrong, alpha: p_right / (p_wrong.mean(-1) + alpha)),
    ),
    Mutant(
        "upside_down",
        "Your score is upside down: it gets large where the answer is wrong. The own relation stands above.",
        scored(lambda p_right, p_wrong, alpha: 1 / right_score(p_right, p_wrong, alpha)),
    ),
    Mutant(
        "sum_of_others",
        "You added the other relations up. Their mean is wanted, so that more of them don't lower the score.",
        scored(lambda p_right, p_wrong, alpha: (p_right + alpha) / (p_wrong.sum(-1) + alpha)),
    ),
    Mutant(
        "largest_other",
        "You compared with the likeliest of the other relations. The assessment compares with their mean.",
        scored(lambda p_right, p_wrong, alpha: (p_right + alpha) / (p_wrong.max(-1).values + alpha)),
    ),
    Mutant(
        "mean_of_quotients",
        "You took a quotient for each other relation and then their mean. Average the other relations first, "
        "then divide once: else the quietest of them decides.",
        scored(lambda p_right, p_wrong, alpha: ((p_right[:, None] + alpha) / (p_wrong + alpha)).mean(-1)),
    ),
    Mutant(
        "smoothed_outside",
        "alpha is added to the quotient here. It belongs above and below, inside it.",
        scored(lambda p_right, p_wrong, alpha: p_right / p_wrong.mean(-1) + alpha),
    ),
    Mutant(
        "mean_of_all",
        "You took one mean over all facts. Each fact is compared with its own other relations, a row of "
        "p_wrong.",
        scored(lambda p_right, p_wrong, alpha: (p_right + alpha) / (p_wrong.mean() + alpha)),
    ),
    Mutant(
        "difference",
        "You subtracted. The score is a quotient, so that rare and frequent answers are measured alike.",
        scored(lambda p_right, p_wrong, alpha: (p_right + alpha) - (p_wrong.mean(-1) + alpha)),
    ),
    Mutant(
        "no_activation",
        "The side memory has no activation function here. A slot that does not match should be nearly "
        "silent: "
        "ffn.act(q · k).",
        said(lambda q, ffn, K_c, V_c: ffn.forward(q) + (q @ K_c.T) @ V_c),
    ),
    Mutant(
        "relu",
        "The side memory uses ReLU here. Its slots are neurons of this FFN: use ffn.act.",
        said(lambda q, ffn, K_c, V_c: ffn.forward(q) + torch.relu(q @ K_c.T) @ V_c),
    ),
    Mutant(
        "side_alone",
        "This is the side memory alone. It stands beside the FFN, and what both say is added.",
        said(lambda q, ffn, K_c, V_c: ffn.act(q @ K_c.T) @ V_c),
    ),
    Mutant(
        "gated",
        "You gave the slots a gate in a gated FFN. A slot has one key, in every model.",
        said(gated),
    ),
]
