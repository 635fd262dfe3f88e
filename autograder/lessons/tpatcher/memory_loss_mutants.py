"""Misconceptions about tpatcher.memory_loss: (5.12) with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.mutants import Mutant

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def loss_with(
    cost: Callable[[Tensor], Tensor] = lambda x: x.clamp(min=0).mean(),
    excess: Callable[[Tensor, Tensor, float], Tensor] = lambda match, b, beta: match + b - beta,
) -> Loss:
    """(5.12) with one part exchanged."""

    def memory_loss(M: Tensor, k_p: Tensor, b_p: Tensor, beta: float) -> Tensor:
        return cost(excess(M @ k_p, b_p, beta))

    return memory_loss


def mean_of_positive(x: Tensor) -> Tensor:
    return x[x > 0].mean() if bool((x > 0).any()) else x.sum() * 0


def mean_of_none(x: Tensor) -> Tensor:
    """The same without care: nan where no query is above."""
    return x[x > 0].mean()


def as_weight(M: Tensor, k_p: Tensor, b_p: Tensor, beta: float) -> Tensor:
    return beta * (M @ k_p + b_p).clamp(min=0).mean()


def beta_outside(M: Tensor, k_p: Tensor, b_p: Tensor, beta: float) -> Tensor:
    return (M @ k_p + b_p).clamp(min=0).mean() - beta


MUTANTS = [
    Mutant(
        "as_printed",
        "This is (5.12) as the textbook prints it, without the hinge. It has no lower bound: at b_p = -10⁶ "
        "and "
        "β = -3 it is about -999 997. Put max(0, …) around every query.",
        lambda: loss_with(lambda x: x.mean()),
    ),
    Mutant(
        "hinge_after_mean",
        "You took the mean first and the hinge after it. Then queries far below β make up for those above "
        "it. "
        "The hinge is for every query by itself.",
        lambda: loss_with(lambda x: x.mean().clamp(min=0)),
    ),
    Mutant(
        "mean_of_positive",
        "You took the mean over the queries above β only. Here it is over all m: then the loss also says how "
        "many of them there are.",
        lambda: loss_with(mean_of_positive),
    ),
    Mutant(
        "mean_of_none",
        "You took the mean over the queries above β only. Where none is above, that is the mean of nothing, "
        "nan. "
        "Here it is over all m.",
        lambda: loss_with(mean_of_none),
    ),
    Mutant(
        "sum",
        "You added the costs up. (5.12) divides by m, so that a larger memory is not a heavier one.",
        lambda: loss_with(lambda x: x.clamp(min=0).sum()),
    ),
    Mutant(
        "weight",
        "You multiplied by β. In (5.12) β is the threshold; the textbook uses the same letter for the "
        "weight of "
        "this loss in (5.14), which is m here.",
        lambda: as_weight,
    ),
    Mutant(
        "zero_threshold",
        "You compared the pre-activation with 0. The threshold is β, which lies below 0.",
        lambda: loss_with(excess=lambda match, b, beta: match + b),
    ),
    Mutant(
        "sign_of_beta",
        "You added β. Being above a threshold is measured by a difference: q_i · k_p + b_p - β.",
        lambda: loss_with(excess=lambda match, b, beta: match + b + beta),
    ),
    Mutant(
        "no_bias",
        "b_p is missing: the bias is what silences a patch for all queries at once.",
        lambda: loss_with(excess=lambda match, b, beta: match - beta),
    ),
    Mutant(
        "sign_of_bias",
        "You subtracted b_p. It is a part of the pre-activation: q_i · k_p + b_p.",
        lambda: loss_with(excess=lambda match, b, beta: match - b - beta),
    ),
    Mutant(
        "beta_outside",
        "β stands outside the hinge here. Subtract it from each pre-activation first: "
        "max(0, q_i · k_p + b_p - β).",
        lambda: beta_outside,
    ),
    Mutant(
        "largest",
        "You took the largest cost. The released code looks at the largest thousand; here the mean is over "
        "all m.",
        lambda: loss_with(lambda x: x.clamp(min=0).max()),
    ),
    Mutant(
        "exp",
        "You took exp, as the released code does. The hinge is wanted here: 0 below β, and straight above "
        "it.",
        lambda: loss_with(lambda x: x.exp().mean()),
    ),
]
