"""What the trace explorer computes, and keeps once computed: maps, the runs behind a cell, averages."""

from collections.abc import Sequence
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.locate.causal import (
    Trace,
    average_by_role,
    causal_trace,
    severed_sites,
    subject_noise_std,
    token_roles,
    window,
)
from edu_edit.locate.restoring import Kind
from edu_edit.locate.three_runs import ThreeRuns, three_runs
from edu_edit.show.explorer_figure import Average
from edu_edit.show.measured_averages import measured_average
from edu_edit.tokens import encode
from edu_edit.tracing import Site

Severed = Literal["mlp", "attn"] | None
Setting = tuple[int, Kind, Severed, float]  # which fact, what is restored, what is severed, noise in std


class TraceWork:
    """Traces of these facts; MLP and attention outputs are restored in windows of `width` layers."""

    def __init__(self, lm: LM, facts: Sequence[Fact], width: int, samples: int, seed: int) -> None:
        self.lm, self.facts, self.width, self.samples, self.seed = lm, list(facts), width, samples, seed
        self.traces: dict[Setting, Trace] = {}
        self.runs: dict[tuple[Setting, int, int], ThreeRuns] = {}
        self.averages: dict[tuple[Kind, Severed, float], Average] = {}
        if width == 3 and (known := measured_average(lm)) is not None:
            kinds: tuple[Kind, ...] = ("resid", "mlp", "attn")
            self.averages = {(kind, None, 3.0): (known[0][kind], known[1]) for kind in kinds}

    def trace(self, fact: int, kind: Kind, sever: Severed = None, noise: float = 3.0) -> Trace:
        """The trace for these settings, kept once computed; every strength of noise has the same draws."""
        setting = (fact, kind, sever, noise)
        if setting not in self.traces:
            draws = self._draws(fact, noise)
            width = self.width_of(kind)
            self.traces[setting] = causal_trace(self.lm, self.facts[fact], kind, width, sever, noise=draws)
        return self.traces[setting]

    def three_runs(self, setting: Setting, token: int, layer: int) -> ThreeRuns:
        """The runs behind a cell of the map of these settings, kept once computed."""
        fact, kind, sever, noise = setting
        key = (setting, token, layer)
        if key not in self.runs:
            L = self.lm.n_layers
            sites = [Site(kind, j, token) for j in window(layer, L, self.width_of(kind))]
            cut = severed_sites(token, layer, L, sever) if sever else []
            self.runs[key] = three_runs(self.lm, self.facts[fact], self._draws(fact, noise), sites, cut)
        return self.runs[key]

    @cached_property
    def std(self) -> float:
        """The unit of the noise: the standard deviation of the embeddings of the subjects of the Atlas."""
        return subject_noise_std(self.lm) / 3

    def average(self, kind: Kind, sever: Severed, noise: float) -> Average:
        """The average over all facts here for these settings, and their number."""
        traces = [self.trace(i, kind, sever, noise) for i in range(len(self.facts))]
        roles = [token_roles(len(t.tokens), t.span) for t in traces]
        self.averages[kind, sever, noise] = average_by_role([t.map for t in traces], roles), len(traces)
        return self.averages[kind, sever, noise]

    def width_of(self, kind: str) -> int:
        """How many layers are restored together."""
        return 1 if kind == "resid" else self.width

    def _draws(self, fact: int, noise: float) -> Float[Tensor, "S n D"]:
        start, stop = encode(self.lm, self.facts[fact].prompt, self.facts[fact].subject).span
        generator = torch.Generator().manual_seed(self.seed)
        return noise * self.std * torch.randn(self.samples, stop - start, self.lm.D, generator=generator)
