"""The values of many facts, searched side by side: ROME's search, with one delta for each fact of a batch.

Meng et al. 2023 (MEMIT, arXiv 2210.07229) section 4.3.1; textbook (5.16)-(5.18). The searches don't touch
each other: each delta acts in its own fact's texts only, has its own ball, and stops for itself. Side by side
they only cost less, since one replay of the blocks serves them all.
Shapes: n facts, D model width.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.trials import trials
from edu_edit.methods.value import LOW_ENOUGH, Pair, Search, pair_of, searched_losses

ROWS_AT_ONCE = 192  # bounds the memory that the replays take


def optimise_values(
    losses_of: Callable[[Float[Tensor, "_ D"], list[int]], Float[Tensor, " _"]],
    v0: Float[Tensor, "n D"],
    steps: int,
    lr: float,
    clamp: float,
) -> Float[Tensor, "n D"]:
    """v_* of n facts: what `optimise_value` finds for each alone, in as many passes as the longest takes.

    losses_of(v, which): the losses of the facts `which`, whose search still goes on, at their values v.
    """
    delta = torch.zeros_like(v0, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=lr)
    radius = clamp * v0.norm(dim=1, keepdim=True)
    going = torch.arange(len(v0), device=v0.device)
    for _ in range(steps):
        with torch.enable_grad():
            losses = losses_of((v0 + delta)[going], going.tolist())
            undone = ~(losses < LOW_ENOUGH)
            going = going[undone]
            if not len(going):
                break
            (delta.grad,) = torch.autograd.grad(losses[undone].sum(), delta)
        settled = delta.detach().clone()
        adam.step()
        with torch.no_grad():
            length = delta.norm(dim=1, keepdim=True)
            moved = torch.where(length > radius, delta * (radius / length), delta)[going]
            delta.copy_(settled)  # Adam's momentum would carry on those that are done
            delta[going] = moved
    return (v0 + delta).detach()


def find_pairs(
    lm: LM,
    facts: Sequence[Fact],
    layer: int,
    templates: Sequence[str],
    keep: str | Sequence[str],
    search: Search,
) -> list[Pair]:
    """What `find_pair` finds for each of the facts, at a fraction of the time."""
    return [
        pair
        for batch in _batches(facts, len(templates))
        for pair in _found(lm, batch, layer, templates, keep, search)
    ]


def _batches(facts: Sequence[Fact], contexts: int) -> Iterator[Sequence[Fact]]:
    size = max(1, ROWS_AT_ONCE // (contexts + 1))
    for first in range(0, len(facts), size):
        yield facts[first : first + size]


def _found(
    lm: LM,
    facts: Sequence[Fact],
    layer: int,
    templates: Sequence[str],
    keep: str | Sequence[str],
    search: Search,
) -> list[Pair]:
    tried = trials(lm, facts, layer, templates, keep, search.site)
    losses: list[list[float]] = [[] for _ in facts]
    left, among = tried, list(range(len(facts)))

    def losses_of(v: Float[Tensor, "m D"], which: list[int]) -> Float[Tensor, " m"]:
        nonlocal left, among
        left, among = left.only([among.index(i) for i in which]), which
        found = searched_losses(left, v, search)
        for i, loss in zip(which, found.tolist(), strict=True):
            losses[i].append(loss)
        return found

    v_star = optimise_values(losses_of, tried.o_0, search.steps, search.lr, search.clamp)
    unjudged = [i for i in among if not losses[i] or losses[i][-1] >= LOW_ENOUGH]
    if unjudged:  # their searches ended on an update
        with torch.no_grad():
            losses_of(v_star[unjudged], unjudged)
    return [pair_of(fact, tried, i, v_star[i], losses[i]) for i, fact in enumerate(facts)]
