"""Misconceptions about metrics.efficacy: another total, or no look at the lengths."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.mutants import Mutant


def rate(
    total: Callable[[Tensor, Tensor], float] = lambda new, true: (new > true).double().mean().item(),
    refuses: bool = True,
) -> Callable[[Tensor, Tensor], float]:
    """The right function with another total, or without a look at the lengths."""

    def efficacy(logp_new: Tensor, logp_true: Tensor) -> float:
        if not len(logp_new) or (refuses and len(logp_new) != len(logp_true)):
            raise ValueError("no prompts")
        return total(logp_new, logp_true)

    return efficacy


def without_nan(new: Tensor, true: Tensor) -> float:
    known = ~(new.isnan() | true.isnan())
    return (new[known] > true[known]).double().mean().item()


MUTANTS = [
    Mutant(
        "magnitude",
        "You averaged the differences of the probabilities. That is CounterFact's magnitude EM; ES counts "
        "the prompts where the new object is ahead.",
        lambda: rate(lambda new, true: (new.exp() - true.exp()).nan_to_num().mean().item()),
    ),
    Mutant(
        "ties_count",
        "You counted equal probabilities as a success. An edit of nothing would then win wherever both "
        "objects are equally unlikely: use a strict >.",
        lambda: rate(lambda new, true: (new >= true).double().mean().item()),
    ),
    Mutant(
        "one_half",
        "You asked whether the new object has more than half of the probability. ES compares it with the "
        "true object, whatever the rest of the vocabulary has.",
        lambda: rate(lambda new, true: (new.exp() > 0.5).double().mean().item()),
    ),
    Mutant(
        "of_the_means",
        "You compared the two means. ES compares prompt by prompt and then takes the mean.",
        lambda: rate(lambda new, true: float(new.nanmean() > true.nanmean())),
    ),
    Mutant(
        "turned_round",
        "The comparison is the wrong way round: this is the share of prompts where the true object is ahead.",
        lambda: rate(lambda new, true: (true > new).double().mean().item()),
    ),
    Mutant(
        "nan_dropped",
        "You left out the prompts whose value is not a number. They are failures, and leaving them out makes "
        "a broken model look better.",
        lambda: rate(without_nan),
    ),
    Mutant(
        "broadcast",
        "Tensors of different lengths went through, because PyTorch repeats a tensor of length 1. Each "
        "prompt needs both of its values: raise ValueError.",
        lambda: rate(lambda new, true: float((new > true[: len(new)]).double().mean()), refuses=False),
    ),
]
