"""Misconceptions about causal.average_by_role: the average with one thing done differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from autograder.mutants import Mutant

Maps = Sequence[Tensor]


def averaged(
    tokens: Callable[[Tensor], Tensor] = lambda rows: rows.mean(0),
    maps: Callable[[Tensor], Tensor] = lambda stacked: stacked.nanmean(0),
    role_of: Callable[[Tensor], Tensor] = lambda roles: roles,
) -> Callable[[Maps, Maps], Tensor]:
    """Two means, one of them done differently, or roles read differently."""

    def average_by_role(all_maps: Maps, all_roles: Maps) -> Tensor:
        each = [
            torch.stack([tokens(m[role_of(r) == role]) for role in range(6)])
            for m, r in zip(all_maps, all_roles, strict=True)
        ]
        return maps(torch.stack(each))

    return average_by_role


def pooled(maps: Maps, roles: Maps) -> Tensor:
    m, r = torch.cat(list(maps)), torch.cat(list(roles))
    return torch.stack([m[r == role].mean(0) for role in range(6)])


def by_index(maps: Maps, roles: Maps) -> Tensor:
    """Role -1 as an index is the last row."""
    return averaged(role_of=lambda r: r % 6)(maps, roles)


MUTANTS = [
    Mutant(
        "pooled",
        "You threw the tokens of all prompts together. A prompt with many tokens of a role then counts more: "
        "average inside each prompt first.",
        lambda: pooled,
    ),
    Mutant(
        "missing_is_zero",
        "You counted a missing role as an effect of 0, which pulls the mean down. Leave such prompts out.",
        lambda: averaged(maps=lambda stacked: stacked.nan_to_num(0).mean(0)),
    ),
    Mutant(
        "zero_for_none",
        "You gave 0 for a role that no prompt has. An effect of 0 would be a finding; here nothing was measured: NaN.",
        lambda: averaged(maps=lambda stacked: stacked.nanmean(0).nan_to_num(0)),
    ),
    Mutant(
        "missing_spreads",
        "One prompt without a role made the whole role NaN. Take the mean over the prompts that have it "
        "(`nanmean`).",
        lambda: averaged(maps=lambda stacked: stacked.mean(0)),
    ),
    Mutant(
        "before_is_last",
        "Tokens before the subject (-1) got into the last row: as an index, -1 is the last one. Compare roles, don't "
        "index with them.",
        lambda: by_index,
    ),
    Mutant(
        "tokens_summed",
        "You added up the tokens of a role inside a prompt. Take their mean, so that rows stay comparable.",
        lambda: averaged(tokens=lambda rows: rows.sum(0) if len(rows) else rows.mean(0)),
    ),
    Mutant(
        "strongest_token",
        "You took the strongest token of a role. That always looks better than it is; take the mean.",
        lambda: averaged(tokens=lambda rows: rows.amax(0) if len(rows) else rows.mean(0)),
    ),
    Mutant(
        "first_map",
        "You used the first map only.",
        lambda: lambda maps, roles: averaged()(maps[:1], roles[:1]),
    ),
    Mutant(
        "maps_summed",
        "You added the prompts up but did not divide by their number.",
        lambda: averaged(maps=lambda stacked: stacked.nansum(0).where(~stacked.isnan().all(0), torch.nan)),
    ),
]
