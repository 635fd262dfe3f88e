"""Misconceptions about rome.second_moment: the streamed sum with one thing done differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from autograder.mutants import Mutant


def summed(
    finish: Callable[[Tensor, int], Tensor],
    before: Callable[[Tensor], Tensor] = Tensor.double,
    product: Callable[[Tensor], Tensor] = lambda k: k.T @ k,
) -> Callable[[Iterable[Tensor]], Tensor]:
    """A streamed sum of products with one thing done differently; the answer is as wide as ours."""

    def second_moment(batches: Iterable[Tensor]) -> Tensor:
        total, n = torch.zeros((), dtype=torch.float64), 0
        for batch in batches:
            total = total + product(before(batch))
            n += len(batch)
        return finish(total, n)

    return second_moment


def covariance(batches: Iterable[Tensor]) -> Tensor:
    total, mean, n = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64), 0
    for batch in batches:
        total, mean, n = (
            total + batch.double().T @ batch.double(),
            mean + batch.double().sum(0),
            n + len(batch),
        )
    return total / n - torch.outer(mean / n, mean / n)


def mean_of_means(least: int) -> Callable[[Iterable[Tensor]], Tensor]:
    """The mean of each batch's C. least: what a batch's sum is divided by where it has fewer keys."""

    def second_moment(batches: Iterable[Tensor]) -> Tensor:
        means = [batch.double().T @ batch.double() / max(len(batch), least) for batch in batches]
        return torch.stack(means).mean(0)

    return second_moment


def last_batch(batches: Iterable[Tensor]) -> Tensor:
    for batch in batches:
        C = batch.double().T @ batch.double() / max(len(batch), 1)
    return C


def collected(batches: Iterable[Tensor]) -> Tensor:
    keys = torch.cat(list(batches)).double()
    return keys.T @ keys / len(keys)


def narrow(batches: Iterable[Tensor]) -> Tensor:
    total, n = torch.zeros((), dtype=torch.float16), 0  # a scalar takes on the dtype of what is added
    for batch in batches:
        total, n = total + batch.T @ batch, n + len(batch)
    return total / n


MUTANTS = [
    Mutant(
        "centred",
        "You took the mean of the keys off: that is the covariance. (5.21) needs the uncentred second "
        "moment E[k k^T]; the seed text's word for it is easily misread.",
        lambda: covariance,
    ),
    Mutant(
        "mean_of_means",
        "You averaged the C of each batch. A short batch then counts as much as a long one: add the sums, "
        "add the counts, divide once. (And for an empty batch your mean is 0 / 0: not a number.)",
        lambda: mean_of_means(0),
    ),
    Mutant(
        "mean_of_guarded_means",
        "You averaged the C of each batch. A short batch then counts as much as a long one, and an empty "
        "one counts as zeros: add the sums, add the counts, divide once.",
        lambda: mean_of_means(1),
    ),
    Mutant(
        "not_divided",
        "You added k k^T over all keys but did not divide by their number.",
        lambda: summed(lambda total, n: total),
    ),
    Mutant(
        "n_minus_one",
        "You divided by n - 1. That belongs to a variance with an estimated mean; here nothing is "
        "estimated: divide by n.",
        lambda: summed(lambda total, n: total / (n - 1)),
    ),
    Mutant(
        "transposed",
        "You multiplied (n, F) by (F, n), which gives one number per pair of keys. C has one number per "
        "pair of channels: (F, n) times (n, F).",
        lambda: summed(lambda total, n: total / n, product=lambda k: k @ k.T),
    ),
    Mutant(
        "last_batch",
        "Only the last batch is left in your answer: the sum starts anew with each batch.",
        lambda: last_batch,
    ),
    Mutant(
        "collected",
        "You collected all batches before adding. On a real corpus they don't fit into memory, and a "
        "loader may reuse the buffer: add each batch as it comes.",
        lambda: collected,
    ),
    Mutant(
        "narrow",
        "You summed in the dtype of the keys. Half-precision keys overflow: convert each batch before you "
        "multiply.",
        lambda: narrow,
    ),
    Mutant(
        "unit_keys",
        "You normalised the keys to length 1. C is about the keys as they are.",
        lambda: summed(
            lambda total, n: total / n, lambda k: torch.nn.functional.normalize(k.double(), dim=1)
        ),
    ),
]
