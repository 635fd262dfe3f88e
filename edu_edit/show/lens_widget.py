"""Lesson 01's logit-lens explorer: type a prompt, see what every layer would say at every token."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
import numpy as np

from edu_edit.lm import LM
from edu_edit.show.controls import LINE, spoken
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.lens import LensGrid, lens_grid, shown
from edu_edit.show.lens_figures import cut, plot_lens
from edu_edit.show.status import Status, twin_bundle
from edu_edit.show.trace_grid import TraceGrid
from edu_edit.tracing import logit_lens

MOST = 24  # tokens that are shown, the last ones


class LensExplorer:
    """A prompt box and a grid, tokens x layers, of the next words; a cell tells its five best ones.

    Hover over a cell, click it, or move the two sliders. A prompt once read is kept. `view` is the widget.
    """

    def __init__(self, lm: LM, prompts: Sequence[str], lens: Callable[..., Any]) -> None:
        self.lm, self.lens = lm, lens
        self.known: dict[str, LensGrid] = {}
        self.now: LensGrid | None = None
        self.pick = widgets.Dropdown(options=list(prompts), description="Example", **LINE)
        self.prompt = widgets.Text(value=prompts[0], description="Prompt", continuous_update=False, **LINE)
        self.status = Status()
        self.grid = TraceGrid(lm.n_layers + 1, self._clicked)
        self.token = widgets.SelectionSlider(options=[("-", 0)], description="Token", **LINE)
        depths = [("embedding", 0), *((f"layer {layer}", layer + 1) for layer in range(lm.n_layers))]
        self.depth = widgets.SelectionSlider(options=depths, description="Read after", **LINE)
        self.reading = widgets.HTML()
        self.view = widgets.VBox([
            self.pick, self.prompt, self.status.view, self.grid.view, self.token, self.depth, self.reading,
        ])  # fmt: skip
        self.pick.observe(lambda change: self.prompt.set_trait("value", change["new"]), names="value")
        self.prompt.observe(lambda _: self._show_grid(), names="value")
        for slider in (self.token, self.depth):
            slider.observe(lambda _: self._show_cell(), names="value")
        self._show_grid()

    def static(self) -> AltFigure:
        """The grid that the explorer shows now, as a figure."""
        if self.now is None:
            return words_figure(self.status.text)
        return plot_lens(self.now, f"Logit lens: {self.prompt.value}", (self.token.value, self.depth.value))

    def text(self) -> str:
        """The grid that the explorer shows now, in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _show_grid(self) -> None:
        self.status.run(self._draw, "the lens", self.prompt.value in self.known)

    def _draw(self) -> None:
        text = self.prompt.value
        if not text.strip():
            raise ValueError("The prompt is empty: write the beginning of a sentence.")
        if text not in self.known:
            self.known[text] = lens_grid(self.lm, text, self.lens, last=MOST)
        self.now = now = self.known[text]
        labels = [cut(shown(token), 14) for token in now.tokens]
        best = np.array([[words[0][1] for words in row] for row in now.words])
        texts = [[cut(shown(words[0][0]), 9) for words in row] for row in now.words]
        hover = [[now.sentence(t, d) for d in range(len(now.depths))] for t in range(len(now.tokens))]
        self.grid.show(labels, best, (0.0, 1.0), texts, hover, now.depths)
        self.token.options = [(f"{t} {label}", t) for t, label in enumerate(labels)]
        self.token.value, self.depth.value = len(labels) - 1, self.lm.n_layers
        self._show_cell()

    def _clicked(self, token: int, depth: int) -> None:
        self.token.value, self.depth.value = token, depth

    def _show_cell(self) -> None:
        if self.now is None or self.token.value >= len(self.now.tokens):
            return
        token, depth = self.token.value, self.depth.value
        self.grid.mark(token, depth)
        rows = "".join(
            f"<tr><td style='padding:0 12px'>{html.escape(shown(word))}</td><td>{p:.3f}</td></tr>"
            for word, p in self.now.words[token][depth]
        )
        table = (
            "<table><tr><th scope='col'>next word</th><th scope='col'>probability</th></tr>"
            + rows
            + "</table>"
        )
        self.reading.value = spoken(self.now.sentence(token, depth)) + table


def lens_explorer(lm: LM, prompts: Sequence[str], lens: Callable[..., Any] = logit_lens) -> LensExplorer:
    """Lesson 01's closing widget; `lens` puts your own `logit_lens` to work in it.

    Raises ValueError when there are no prompts.
    """
    if not prompts:
        raise ValueError("lens_explorer got no prompts: give at least one, for example [fact.question].")
    return LensExplorer(lm, prompts, lens)
