"""Misconceptions about grace.grace_lookup: one step exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Lookup = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]


def exact(h: Tensor, keys: Tensor) -> Tensor:
    return (h[:, None] - keys[None]).norm(dim=-1)


def expanded(h: Tensor, keys: Tensor) -> Tensor:
    squared = h.square().sum(-1)[:, None] - 2 * h @ keys.T + keys.square().sum(-1)[None]
    return squared.clamp(min=0).sqrt()


def first_least(d: Tensor, eps: Tensor) -> Tensor:
    return (d == d.amin(1, keepdim=True)).byte().argmax(1)


def last_least(d: Tensor, eps: Tensor) -> Tensor:
    return d.shape[1] - 1 - (d == d.amin(1, keepdim=True)).flip(1).byte().argmax(1)


def looked_up(
    distance: Callable[[Tensor, Tensor], Tensor] = exact,
    pick: Callable[[Tensor, Tensor], Tensor] = first_least,
    hits: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda d, eps, i: d <= eps[i],
    put: Callable[[Tensor, Tensor, Tensor], Tensor] = torch.where,
) -> Lookup:
    """The lookup with another distance, another choice of a key, another test, or another replacement."""

    def grace_lookup(h: Tensor, keys: Tensor, values: Tensor, eps: Tensor, out: Tensor) -> Tensor:
        if not len(keys):
            return out.clone()
        d = distance(h, keys)
        index = pick(d, eps)
        hit = hits(d.gather(1, index[:, None])[:, 0], eps, index)
        return put(hit[:, None], values[index], out)

    return grace_lookup


def any_ball(d: Tensor, eps: Tensor) -> Tensor:
    reached = d <= eps
    return torch.where(reached.any(1), reached.byte().argmax(1), first_least(d, eps))


def stops_when_empty(h: Tensor, keys: Tensor, values: Tensor, eps: Tensor, out: Tensor) -> Tensor:
    exact(h, keys).amin(1)
    return looked_up()(h, keys, values, eps, out)


MUTANTS = [
    Mutant(
        "no_radius",
        "You always take the nearest value. Away from its ball an entry must be silent: d <= eps.",
        lambda: looked_up(hits=lambda d, eps, i: torch.ones_like(d).bool()),
    ),
    Mutant(
        "any_ball",
        "You took the first ball that reaches h. Only the nearest key is asked, whatever others reach.",
        lambda: looked_up(pick=any_ball),
    ),
    Mutant(
        "deepest",
        "You chose by d - eps, so that a large ball wins over a near key. Choose by the distance alone.",
        lambda: looked_up(pick=lambda d, eps: first_least(d - eps, eps)),
    ),
    Mutant(
        "one_radius",
        "You used one radius for all keys. Each entry has its own: eps[index].",
        lambda: looked_up(hits=lambda d, eps, i: d <= eps[0]),
    ),
    Mutant(
        "added",
        "You added the value to the layer's output. In the ball it takes the output's place.",
        lambda: looked_up(put=lambda hit, value, out: torch.where(hit, out + value, out)),
    ),
    Mutant(
        "whole_batch",
        "One hit replaced all rows. Each activation decides for itself.",
        lambda: looked_up(hits=lambda d, eps, i: (d <= eps[i]).any().expand(len(d))),
    ),
    Mutant(
        "squared",
        "You compared the squared distance with the radius. Take the root.",
        lambda: looked_up(lambda h, keys: exact(h, keys).square()),
    ),
    Mutant(
        "open_ball",
        "You left the edge out of the ball. d <= eps counts as a hit, so radius 0 still knows its own key.",
        lambda: looked_up(hits=lambda d, eps, i: d < eps[i]),
    ),
    Mutant(
        "later_of_equals",
        "Of two keys equally near you take the later one. The earlier counts.",
        lambda: looked_up(pick=last_least),
    ),
    Mutant(
        "expansion",
        "Your distances go through |h|² - 2 h·k + |k|², which rounds a small difference of large numbers "
        "away. Subtract first (with cdist: compute_mode='donot_use_mm_for_euclid_dist').",
        lambda: looked_up(expanded),
    ),
    Mutant(
        "stops_when_empty",
        "It stops when the codebook is empty. Then the layer answers: give back out.",
        lambda: stops_when_empty,
    ),
]
