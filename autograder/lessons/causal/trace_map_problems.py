"""What causal.trace_map is asked: made-up runs whose maps are known.

Shape letters: T tokens, L layers, D width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator, Tensor, rand, randint, randn

from edu_edit.tracing import Site

KINDS = ("resid", "mlp", "attn")


def sizes(g: Generator, L: int = 0) -> tuple[int, int]:
    """Three to five tokens, six to nine layers: never as many of one as of the other."""
    return int(randint(3, 6, (), generator=g)), L or int(randint(6, 10, (), generator=g))


class Table:
    """A run that looks up how much each site gives back and adds it up; `power` 2: the sum is squared, so that
    sites restored together give more than one by one. Raises ValueError for a site outside the model.
    """

    def __init__(self, g: Generator, T: int, L: int, power: int = 1) -> None:
        self.worth = {kind: 0.1 + rand(T, L, generator=g) for kind in KINDS}
        self.power, self.runs = power, 0

    def __call__(self, sites: Sequence[Site]) -> float:
        self.runs += 1
        return float(sum(self.of(site) for site in sites)) ** self.power

    def of(self, site: Site) -> Tensor:
        worth = self.worth[site.kind]
        T, L = worth.shape
        if not 0 <= site.layer < L:
            raise ValueError(f"There is no layer {site.layer}: this model has layers 0 to {L - 1}.")
        rows = slice(None) if site.token is None else site.token
        rows = slice(*rows) if isinstance(rows, tuple) else rows
        return worth[rows, site.layer].sum()

    def windows(self, kind: str, width: int) -> Tensor:
        """The right map (T, L): sums over windows, by cumulative sums with their ends held still."""
        worth = self.worth[kind].double()
        T, L = worth.shape
        total = torch.cat([torch.zeros(T, 1, dtype=torch.float64), worth.cumsum(1)], 1)
        columns = []
        for layer in range(L):
            first = layer - width // 2
            start, stop = max(first, 0), min(first + width, L)
            columns.append((total[:, stop] - total[:, start]) ** self.power)
        return torch.stack(columns, 1)


class ToyModel:
    """A causal network in float64: block l adds tanh(A_l · mean of the states up to here), then tanh(B_l · h).

    As a run it restores states of a corrupted pass and gives the change of P = σ(w · h_last). Span: the
    corrupted tokens.
    """

    def __init__(self, g: Generator, T: int, L: int, span: tuple[int, int]) -> None:
        D = 5
        self.T, self.L, self.span = T, L, span
        self.A, self.B = (0.7 * randn(L, D, D, generator=g).double() for _ in range(2))
        self.w = randn(D, generator=g).double()
        clean = randn(T, D, generator=g).double()
        corrupted = clean.clone()
        corrupted[span[0] : span[1]] += 2 * randn(span[1] - span[0], D, generator=g).double()
        self.start = corrupted
        self.p_clean, self.kept = self.forward(clean, {})
        self.p_corrupt, _ = self.forward(corrupted, {})

    def forward(self, h: Tensor, fixed: dict[Site, Tensor]) -> tuple[float, dict[Site, Tensor]]:
        """P at the end, and the state of every site; sites in `fixed` take the given state."""
        kept: dict[Site, Tensor] = {}

        def here(kind: str, layer: int, values: Tensor) -> Tensor:
            values = values.clone()
            for t in range(self.T):
                site = Site(kind, layer, t)  # type: ignore[arg-type]
                values[t] = fixed.get(site, values[t])
                kept[site] = values[t].clone()
            return values

        counts = torch.arange(1, self.T + 1, dtype=torch.float64)[:, None]
        for layer in range(self.L):
            h = h + here("attn", layer, torch.tanh((h.cumsum(0) / counts) @ self.A[layer].T))
            h = h + here("mlp", layer, torch.tanh(h @ self.B[layer].T))
            h = here("resid", layer, h)
        return float(torch.sigmoid(self.w @ h[-1])), kept

    def __call__(self, sites: Sequence[Site]) -> float:
        return self.forward(self.start, {site: self.kept[site] for site in sites})[0] - self.p_corrupt


def toy_model(g: Generator) -> ToyModel:
    """A toy model whose corruption costs at least 0.1 of P, with one or two tokens before the subject."""
    start = int(randint(1, 3, (), generator=g))
    while True:
        model = ToyModel(g, start + 4, int(randint(3, 5, (), generator=g)), (start, start + 2))
        if abs(model.p_clean - model.p_corrupt) > 0.1:
            return model
