"""Misconceptions about metrics.bootstrap_ci: what is drawn, what is cut off, what is not looked at."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from autograder.mutants import Mutant

Sample = Callable[[Tensor, int, Generator], Tensor]
Cut = Callable[[Tensor, float], tuple[float, float]]
Interval = Callable[[Tensor, int, int, float], tuple[float, float]]


def means(x: Tensor, draws: int, g: Generator) -> Tensor:
    return x[torch.randint(len(x), (draws, len(x)), generator=g)].mean(1)


def middle(values: Tensor, level: float) -> tuple[float, float]:
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=values.dtype)
    lo, hi = torch.quantile(values, ends).tolist()
    return lo, hi


def interval(sample: Sample = means, cut: Cut = middle, refuses: bool = True) -> Interval:
    """The function with another sample, another cut, or without a look at what came in."""

    def bootstrap_ci(x: Tensor, draws: int = 1000, seed: int = 0, level: float = 0.95) -> tuple[float, float]:
        if refuses and (not len(x) or not 0 < level < 1):
            raise ValueError("nothing to draw from")
        return cut(sample(x.double(), draws, torch.Generator().manual_seed(seed)), level)

    return bootstrap_ci


def without_replacement(x: Tensor, draws: int, g: Generator) -> Tensor:
    return torch.stack([x[torch.randperm(len(x), generator=g)].mean() for _ in range(min(draws, 200))])


def spread(values: Tensor, level: float) -> tuple[float, float]:
    """Mean and standard deviation of what was drawn, as if it were normal."""
    z = float(torch.special.ndtri(torch.tensor((1 + level) / 2, dtype=torch.float64)))
    reach = z * float(values.std(correction=0))
    return float(values.mean()) - reach, float(values.mean()) + reach


def percent(values: Tensor, level: float) -> tuple[float, float]:
    return middle(values, level / 100 if level > 1 else level)


MUTANTS = [
    Mutant(
        "values_not_means",
        "You took the middle of the values. That is where facts lie, not where their mean may lie: it does "
        "not get narrower with more facts.",
        lambda: interval(lambda x, draws, g: x),
    ),
    Mutant(
        "without_replacement",
        "You drew without replacement. Then each sample is x in another order, and all means are equal: draw "
        "with replacement.",
        lambda: interval(without_replacement),
    ),
    Mutant(
        "wrong_axis",
        "Your means are over the draws, one for each place, and not over the n values of a draw, one for each "
        "draw: average over the other dimension.",
        lambda: interval(lambda x, d, g: x[torch.randint(len(x), (d, len(x)), generator=g)].mean(0)),
    ),
    Mutant(
        "one_sided",
        "You cut off 1 - level at each end. Both ends together are 1 - level, so each gets half of it.",
        lambda: interval(
            cut=lambda v, level: middle(v, 2 * level - 1) if level > 0.5 else middle(v, 1e-9),
        ),
    ),
    Mutant(
        "as_if_normal",
        "You took mean ± z standard deviations. That is symmetric and can pass 1; the quantiles of the "
        "resampled means know where a rate ends.",
        lambda: interval(cut=spread),
    ),
    Mutant(
        "medians",
        "You took each sample's median. The rate is a mean, so its interval must be one of means.",
        lambda: interval(
            lambda x, d, g: x[torch.randint(len(x), (d, len(x)), generator=g)].median(1).values
        ),
    ),
    Mutant(
        "seed_ignored",
        "The seed makes no difference to yours. Make the generator inside the function, with the seed that "
        "came in.",
        lambda: lambda x, draws=1000, seed=0, level=0.95: interval()(x, draws, 0, level),
    ),
    Mutant(
        "level_ignored",
        "You always take 95 %. Compute the two ends from `level`.",
        lambda: lambda x, draws=1000, seed=0, level=0.95: _always(x, draws, seed, level),
    ),
    Mutant(
        "takes_anything",
        "An empty x, or a level like 95, was not refused as it should be. Raise ValueError before you draw.",
        lambda: interval(cut=percent, refuses=False),
    ),
]


def _always(x: Tensor, draws: int, seed: int, level: float) -> tuple[float, float]:
    if not len(x) or not 0 < level < 1:
        raise ValueError("nothing to draw from")
    return interval()(x, draws, seed, 0.95)
