"""Misconceptions about causal.trace_map: the map with one thing done differently."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from autograder.mutants import Mutant
from edu_edit.tracing import Site

Run = Callable[[list[Site]], float]


def around(layer: int, L: int, width: int) -> range:
    return range(max(0, layer - width // 2), min(L, layer + (width + 1) // 2))


def mapped(
    window: Callable[[int, int, int], Sequence[int]] = around,
    cell: Callable[[Run, list[Site]], float] = lambda run, sites: run(sites),
    site: Callable[[str, int, int], Site] = lambda kind, j, t: Site(kind, j, t),  # type: ignore[arg-type]
) -> Callable[..., Tensor]:
    """The map with another window, another cell or another site."""

    def trace_map(run: Run, T: int, L: int, width: int = 1, kind: str = "resid") -> Tensor:
        return torch.tensor([
            [float(cell(run, [site(kind, j, t) for j in window(layer, L, width)])) for layer in range(L)]
            for t in range(T)
        ])  # fmt: skip

    return trace_map


def moved_inside(layer: int, L: int, width: int) -> range:
    start = min(max(0, layer - width // 2), max(0, L - width))
    return range(start, min(L, start + width))


MUTANTS = [
    Mutant(
        "one_layer",
        "You ignored `width`. A window of width 3 restores three layers at once.",
        lambda: mapped(lambda layer, L, width: [layer]),
    ),
    Mutant(
        "not_clipped",
        "Your windows run over the ends of the model. Keep only layers from 0 to L - 1.",
        lambda: mapped(lambda layer, L, width: range(layer - width // 2, layer + (width + 1) // 2)),
    ),
    Mutant(
        "symmetric",
        "Your window reaches equally far to both sides, ends included. Right for odd widths; an even width has "
        "one layer more below than above.",
        lambda: mapped(lambda layer, L, width: range(max(0, layer - width // 2), min(L, layer + width // 2 + 1))),
    ),
    Mutant(
        "starts_at_layer",
        "Your window starts at layer l. Layer l is its middle: begin width//2 layers lower.",
        lambda: mapped(lambda layer, L, width: range(layer, min(L, layer + width))),
    ),
    Mutant(
        "upper_half_short",
        "You halved the width with // on both sides. Then an odd window, width 1 too, loses layer l + width//2: the "
        "upper half is (width+1)//2.",
        lambda: mapped(lambda layer, L, width: range(max(0, layer - width // 2), min(L, layer + width // 2))),
    ),
    Mutant(
        "moved_inside",
        "You moved the windows at the ends inside, so that all have full width. They keep their centre and lose "
        "what does not exist.",
        lambda: mapped(moved_inside),
    ),
    Mutant(
        "one_by_one",
        "You restored the layers of a window one by one and added the effects. Restore them together: one run "
        "with all sites.",
        lambda: mapped(cell=lambda run, sites: sum(run([site]) for site in sites)),
    ),
    Mutant(
        "divided",
        "You divided by the number of layers in the window. The effect is that of the whole window.",
        lambda: mapped(cell=lambda run, sites: run(sites) / len(sites)),
    ),
    Mutant(
        "baseline_again",
        "You ran the model twice for each cell, with and without restoring. `run` gives the effect already, and a "
        "run is expensive.",
        lambda: mapped(cell=lambda run, sites: run(sites) - run([])),
    ),
    Mutant(
        "all_tokens",
        "You left the token out of the Site, which means all tokens. Then every row of the map is the same.",
        lambda: mapped(site=lambda kind, j, t: Site(kind, j)),  # type: ignore[arg-type]
    ),
    Mutant(
        "always_hidden_state",
        'You restored hidden states ("resid") whatever `kind` says.',
        lambda: mapped(site=lambda kind, j, t: Site("resid", j, t)),
    ),
    Mutant(
        "turned",
        "Your map has layers as rows. It is (T, L): a row per token, a column per layer.",
        lambda: lambda *args: mapped()(*args).T,
    ),
]
