"""Misconceptions about tpatcher.contrast_loss: (5.13) with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.lessons.tpatcher.memory_loss_mutants import mean_of_none, mean_of_positive
from autograder.mutants import Mutant

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def loss_with(
    cost: Callable[[Tensor], Tensor] = lambda x: x.clamp(min=0).mean(),
    excess: Callable[[Tensor, Tensor, float], Tensor] = lambda others, own, gamma: others - own - gamma,
) -> Loss:
    """(5.13) with one part exchanged."""

    def contrast_loss(M: Tensor, q_e: Tensor, k_p: Tensor, gamma: float) -> Tensor:
        return cost(excess(M @ k_p, q_e @ k_p, gamma))

    return contrast_loss


MUTANTS = [
    Mutant(
        "as_printed",
        "This is (5.13) as the textbook prints it, without the hinge. It has no lower bound: a longer key is "
        "always better. Put max(0, …) around every query.",
        lambda: loss_with(lambda x: x.mean()),
    ),
    Mutant(
        "hinge_after_mean",
        "You took the mean first and the hinge after it. Then queries far away make up for those that are "
        "too "
        "near. The hinge is for every query by itself.",
        lambda: loss_with(lambda x: x.mean().clamp(min=0)),
    ),
    Mutant(
        "turned_round",
        "The difference runs the other way. The remembered query comes first: (q_i - q_e) · k_p should be "
        "small.",
        lambda: loss_with(excess=lambda others, own, gamma: own - others - gamma),
    ),
    Mutant(
        "sign_of_gamma",
        "You added γ. γ = -3 is the largest difference allowed, so what is too much is (q_i - q_e) · k_p - "
        "γ.",
        lambda: loss_with(excess=lambda others, own, gamma: others - own + gamma),
    ),
    Mutant(
        "mean_of_positive",
        "You took the mean over the queries that are too near. Here it is over all m: then the loss also "
        "says "
        "how many of them there are.",
        lambda: loss_with(mean_of_positive),
    ),
    Mutant(
        "mean_of_none",
        "You took the mean over the queries that are too near. Where none is, that is the mean of nothing, "
        "nan. "
        "Here it is over all m.",
        lambda: loss_with(mean_of_none),
    ),
    Mutant(
        "sum",
        "You added the costs up. (5.13) divides by m, so that a larger memory is not a heavier one.",
        lambda: loss_with(lambda x: x.clamp(min=0).sum()),
    ),
    Mutant(
        "no_own_query",
        "q_e is missing. That is memory_loss with another threshold; here every query is compared with q_e.",
        lambda: loss_with(excess=lambda others, own, gamma: others - gamma),
    ),
    Mutant(
        "no_margin",
        "γ is missing. Being below q_e is not enough: the distance -γ is asked for.",
        lambda: loss_with(excess=lambda others, own, gamma: others - own),
    ),
    Mutant(
        "largest",
        "You took the largest cost. The textbook's words speak of a maximum; its formula, and this "
        "exercise, take "
        "the mean over all m.",
        lambda: loss_with(lambda x: x.clamp(min=0).max()),
    ),
]
