"""Lesson 04's trace explorer: the causal trace of a fact as a map to click on (figures 5.14 and 5.15)."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.explorer_figure import average_panel, plot_exploration
from edu_edit.show.explorer_work import Setting, TraceWork
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.heatmap import array, limits
from edu_edit.show.run_figures import words_table
from edu_edit.show.status import Status, twin_bundle
from edu_edit.show.trace_figures import KINDS, trace_labels
from edu_edit.show.trace_grid import TraceGrid


class TraceExplorer(TraceWork):
    """Choose a fact, what is restored and severed, and how strong the noise is; click a cell to read its run.

    A map once computed is kept, so that going back to it is immediate. `view` is the widget itself.
    """

    def __init__(self, lm: LM, facts: Sequence[Fact], width: int, samples: int, seed: int) -> None:
        super().__init__(lm, facts, width, samples, seed)
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
        self.status, self.reading, self.words, self.beside = Status(), *(widgets.HTML() for _ in range(3))
        self.ask_average = widgets.Button(
            description=f"Average these {len(self.facts)} facts, as set above", layout={"width": "auto"}
        )
        beside = widgets.VBox([self.beside, self.ask_average], layout={"flex": "1 1 340px"})
        one = widgets.VBox([self.grid.view], layout={"flex": "1 1 420px"})
        self.view = widgets.VBox([
            self.fact, named("Restore", self.kind), named("Sever", self.sever), self.noise, self.status.view,
            widgets.HBox([one, beside], layout={"flex_flow": "row wrap"}),
            self.token, self.layer, self.reading, self.words,
        ])  # fmt: skip
        for control in (self.fact, self.kind, self.sever, self.noise):
            control.observe(lambda _: self._show_map(), names="value")
        for slider in (self.token, self.layer):
            slider.observe(lambda _: self._show_cell(), names="value")
        self.ask_average.on_click(lambda _: self._compute_average())
        self._show_map()

    def static(self) -> AltFigure:
        """The map that the explorer shows now, its marked run and the average, as one figure."""
        fact, kind, sever, noise = self._setting()
        token, layer = self.token.value, self.layer.value
        try:
            trace, words = (
                self.trace(fact, kind, sever, noise),
                self.three_runs(self._setting(), token, layer).words(self.lm),
            )
        except Exception:  # the status line has said why, in a sentence
            return words_figure(self.status.text)
        average = self.averages.get((kind, sever, noise))
        return plot_exploration(trace, kind, sever, self.width_of(kind), (token, layer), words, average)

    def text(self) -> str:
        """The map that the explorer shows now, in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _setting(self) -> Setting:
        return self.fact.value, self.kind.value, self.sever.value, self.noise.value

    def _show_map(self) -> None:
        self.status.run(self._draw_map, "the causal trace", self._setting() in self.traces)

    def _draw_map(self) -> None:
        trace = self.trace(*self._setting())
        values, labels = array(trace.map), trace_labels(trace)
        self.grid.show(labels, values, limits(values, top=trace.p_clean - trace.p_corrupt))
        token = trace.span[1] - 1
        tokens = [(f"{t} {label}", t) for t, label in enumerate(labels)]
        if self.token.options != tuple(tokens):  # another prompt: begin at the subject's last token
            self.token.options = tokens
            self.token.value, self.layer.value = token, int(values[token].argmax())
        self._show_cell()
        self._show_average()

    def _clicked(self, token: int, layer: int) -> None:
        self.token.value, self.layer.value = token, layer

    def _show_cell(self) -> None:
        trace, token, layer = self.trace(*self._setting()), self.token.value, self.layer.value
        self.grid.mark(token, layer)
        effect, lost = float(trace.map[token, layer]), trace.p_clean - trace.p_corrupt
        back = f", {effect / lost:.0%} of what the noise took away" if effect > 0.005 else ""
        sentence = (
            f"P({trace.answer}): clean {trace.p_clean:.2f}, corrupted {trace.p_corrupt:.2f}. Restoring the "
            f"{KINDS[self.kind.value]} at token {trace_labels(trace)[token]}, layer {layer}: "
            f"{trace.p_corrupt + effect:.2f}. The effect is {round(effect, 2) + 0.0:+.2f}{back}."
        )
        self.reading.value = spoken(sentence)
        self.words.value = words_table(self.three_runs(self._setting(), token, layer).words(self.lm))

    def _compute_average(self) -> None:
        self.status.run(self._draw_average, f"{len(self.facts)} traces")

    def _draw_average(self) -> None:
        self.average(*self._setting()[1:])
        self._show_average()

    def _show_average(self) -> None:
        average = self.averages.get((self.kind.value, self.sever.value, self.noise.value))
        self.beside.value = (
            average_panel(average).to_html()
            if average
            else spoken("No average for these settings yet: the button makes one.")
        )


def trace_explorer(
    lm: LM, facts: Sequence[Fact], width: int = 3, samples: int = 10, seed: int = 0
) -> TraceExplorer:
    """Lesson 04's closing widget. `width` layers are restored together for MLP and attention outputs.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("trace_explorer got no facts: give at least one, for example load_facts()[:20].")
    return TraceExplorer(lm, facts, width, samples, seed)
