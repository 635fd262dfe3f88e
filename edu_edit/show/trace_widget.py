"""Lesson 04's trace explorer: the causal trace of a fact as a map to click on (figures 5.14 and 5.15)."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.locate.causal import Trace, average_by_role, causal_trace, subject_noise_std, token_roles
from edu_edit.locate.restoring import Kind
from edu_edit.show.average_figures import plot_average_trace
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.heatmap import array, limits
from edu_edit.show.status import Status, twin_bundle
from edu_edit.show.trace_figures import KINDS, plot_trace, trace_labels
from edu_edit.show.trace_grid import TraceGrid
from edu_edit.tokens import encode

Severed = Literal["mlp", "attn"] | None


class TraceExplorer:
    """Choose a fact, what is restored and severed, and how strong the noise is; click a cell to read its run.

    A map once computed is kept, so that going back to it is immediate. `view` is the widget itself.
    """

    def __init__(self, lm: LM, facts: Sequence[Fact], width: int, samples: int, seed: int) -> None:
        self.lm, self.facts, self.width, self.samples, self.seed = lm, list(facts), width, samples, seed
        self.traces: dict[tuple[int, str, str | None, float], Trace] = {}
        prompts = [(f"{f.question} …", i) for i, f in enumerate(self.facts)]
        self.fact = widgets.Dropdown(options=prompts, description="Fact", **LINE)
        self.kind = toggles([(name, kind) for kind, name in KINDS.items()])
        self.sever = toggles([("nothing", None), ("later MLPs", "mlp"), ("later attention", "attn")])
        self.noise = widgets.FloatSlider(
            value=3.0, max=6.0, step=0.5, description="Noise (× std)", continuous_update=False, **LINE
        )
        self.token = widgets.SelectionSlider(options=[("-", 0)], description="Token", **LINE)
        self.layer = widgets.IntSlider(max=lm.n_layers - 1, description="Layer", **LINE)
        self.grid = TraceGrid(lm.n_layers, self._clicked)
        self.status, self.reading, self.average = Status(), widgets.HTML(), widgets.HTML()
        self.ask_average = widgets.Button(
            description=f"Average over these {len(self.facts)} facts", layout={"width": "auto"}
        )
        self.view = widgets.VBox([
            self.fact, named("Restore", self.kind), named("Sever", self.sever), self.noise, self.status.view,
            self.grid.view, self.token, self.layer, self.reading, self.ask_average, self.average,
        ])  # fmt: skip
        for control in (self.fact, self.kind, self.sever, self.noise):
            control.observe(lambda _: self._show_map(), names="value")
        for slider in (self.token, self.layer):
            slider.observe(lambda _: self._show_cell(), names="value")
        self.ask_average.on_click(lambda _: self._show_average())
        self._show_map()

    def trace(self, fact: int, kind: Kind, sever: Severed = None, noise: float = 3.0) -> Trace:
        """The trace for these settings, kept once computed; every strength of noise has the same draws."""
        setting = (fact, kind, sever, noise)
        if setting not in self.traces:
            chosen = self.facts[fact]
            start, stop = encode(self.lm, chosen.prompt, chosen.subject).span
            generator = torch.Generator().manual_seed(self.seed)
            draws = torch.randn(self.samples, stop - start, self.lm.D, generator=generator)
            draws *= noise * self.std
            self.traces[setting] = causal_trace(self.lm, chosen, kind, self._width(kind), sever, noise=draws)
        return self.traces[setting]

    @cached_property
    def std(self) -> float:
        """The unit of the noise: the standard deviation of the embeddings of the subjects of the Atlas."""
        return subject_noise_std(self.lm) / 3

    def static(self) -> AltFigure:
        """The map that the explorer shows now, as a figure."""
        kind = self.kind.value
        try:
            trace = self._now()
        except Exception:  # the status line has said why, in a sentence
            return words_figure(self.status.text)
        return plot_trace(
            trace, kind, self.sever.value, self._width(kind), (self.token.value, self.layer.value)
        )

    def text(self) -> str:
        """The map that the explorer shows now, in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _width(self, kind: str) -> int:
        return 1 if kind == "resid" else self.width

    def _now(self) -> Trace:
        return self.trace(self.fact.value, self.kind.value, self.sever.value, self.noise.value)

    def _show_map(self) -> None:
        known = (self.fact.value, self.kind.value, self.sever.value, self.noise.value) in self.traces
        self.status.run(self._draw_map, "the causal trace", known)

    def _draw_map(self) -> None:
        trace = self._now()
        values, labels = array(trace.map), trace_labels(trace)
        self.grid.show(labels, values, limits(values, top=trace.p_clean - trace.p_corrupt))
        token, layer = np.unravel_index(values.argmax(), values.shape)
        tokens = [(f"{t} {label}", t) for t, label in enumerate(labels)]
        if self.token.options != tuple(tokens):  # another prompt: begin at its largest effect
            self.token.options = tokens
            self.token.value, self.layer.value = int(token), int(layer)
        self._show_cell()

    def _clicked(self, token: int, layer: int) -> None:
        self.token.value, self.layer.value = token, layer

    def _show_cell(self) -> None:
        trace, token, layer = self._now(), self.token.value, self.layer.value
        self.grid.mark(token, layer)
        effect, lost = float(trace.map[token, layer]), trace.p_clean - trace.p_corrupt
        back = f", {effect / lost:.0%} of what the noise took away" if effect > 0.005 else ""
        sentence = (
            f"P({trace.answer}): clean {trace.p_clean:.2f}, corrupted {trace.p_corrupt:.2f}. Restoring the "
            f"{KINDS[self.kind.value]} at token {trace_labels(trace)[token]}, layer {layer}: "
            f"{trace.p_corrupt + effect:.2f}. The effect is {round(effect, 2) + 0.0:+.2f}{back}."
        )
        self.reading.value = spoken(sentence)

    def _show_average(self) -> None:
        self.status.run(self._draw_average, f"{3 * len(self.facts)} traces")

    def _draw_average(self) -> None:
        maps: dict[str, Tensor] = {}
        for kind in KINDS:
            traces = [self.trace(i, kind) for i in range(len(self.facts))]  # type: ignore[arg-type]
            maps[kind] = average_by_role(
                [t.map for t in traces], [token_roles(len(t.tokens), t.span) for t in traces]
            )
        self.average.value = plot_average_trace(maps, len(self.facts)).to_html()


def trace_explorer(
    lm: LM, facts: Sequence[Fact], width: int = 3, samples: int = 10, seed: int = 0
) -> TraceExplorer:
    """Lesson 04's closing widget. `width` layers are restored together for MLP and attention outputs.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("trace_explorer got no facts: give at least one, for example load_facts()[:20].")
    return TraceExplorer(lm, facts, width, samples, seed)
