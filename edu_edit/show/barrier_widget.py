"""Lesson 11's closing widget: one long answer, edited at one token or in chunks of a size to choose."""

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.methods.chunking import chunk_by_window
from edu_edit.show.barrier_figures import plot_barrier, said
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.figure import AltFigure
from edu_edit.show.status import Status, twin_bundle
from edu_edit.world.measure.reach import Reach, measured_reach, reach

Editor = Callable[[str, str, int], Edit]


class BarrierPlot:
    """Choose an answer and a chunk size: P(y_t) for one anchor and for chunks, from what was measured.

    With an editor (prompt, target, size) -> Edit a button makes the same edit with it, in some seconds, and
    draws it as one more curve; what was made is kept. `view` is the widget itself.
    """

    def __init__(self, lm: LM, edit: Editor | None = None, kind: str | None = None) -> None:
        self.lm, self.edit, self.known = lm, edit, measured_reach(lm.name)
        self.own: dict[tuple[str, int], Reach] = {}
        self.drawn: dict[tuple[str, int, bool], str] = {}
        self.kind = toggles([(name, name) for name in self.known])
        self.kind.value = kind or next(iter(self.known))
        sizes = sorted({size for found in self.known.values() for size in found if isinstance(size, int)})
        self.size = widgets.SelectionSlider(
            options=[(f"{size} tokens", size) for size in sizes], value=sizes[len(sizes) // 2],
            description="Chunk size", **LINE,
        )  # fmt: skip
        self.go = widgets.Button(
            button_style="primary", layout={"width": "auto"}, description="Edit it now with my anyedit"
        )
        self.status, self.chart, self.reading = Status(), widgets.HTML(), widgets.HTML()
        rows = [named("Answer", self.kind), self.size]
        rows += [self.go, self.status.view] if edit is not None else []
        self.view = widgets.VBox([*rows, self.chart, self.reading])
        for control in (self.kind, self.size):
            control.observe(lambda _: self._show(), names="value")
        self.go.on_click(lambda _: self.make())
        self._show()

    def ways(self) -> dict[str, Reach]:
        """The curves that are shown now, by name."""
        kind, size = self.kind.value, self.size.value
        known = self.known[kind]
        found = {
            "unedited": known["unedited"], "one anchor": known["whole"], f"chunks of {size}": known[size],
        }  # fmt: skip
        return found | ({"yours": self.own[kind, size]} if (kind, size) in self.own else {})

    def make(self) -> None:
        """Do what the button does: edit with the reader's own function, or show what is known."""
        at = self.kind.value, self.size.value
        self.status.run(self._make, "your edit", at in self.own)

    def text(self) -> str:
        """What the edit in chunks does, in words."""
        ways = self.ways()
        one, many = ways["one anchor"], ways[f"chunks of {self.size.value}"]
        n, anchors = len(many.probs), len(self._cuts())
        told = (
            f"{many.prompt} {n} tokens. One anchor: {said(one)} come by themselves. Chunks of "
            f"{self.size.value}: {anchors} anchors, {said(many)} come by themselves. The change is "
            f"{many.size:.1f} times as long as the matrix (one anchor: {one.size:.1f}), and of the tokens of "
            f"other passages {many.others:.0%} are still said (one anchor: {one.others:.0%}, unedited: "
            f"{ways['unedited'].others:.0%})."
        )
        return told + (
            f" With your edit {said(ways['yours'])} come by themselves." if "yours" in ways else ""
        )

    def static(self) -> AltFigure:
        """What is shown, as a figure."""
        fig = plot_barrier(self.ways(), self._cuts(), f"{self.known[self.kind.value]['whole'].prompt} ...")
        fig.alt = f"{self.text()} {fig.alt}"
        return fig

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _picture(self) -> str:
        return self.static().to_html()

    def _cuts(self) -> list[int]:
        n = len(self.known[self.kind.value]["whole"].probs)
        return [start for start, _ in chunk_by_window(n, self.size.value)]

    def _make(self) -> None:
        kind, size = self.kind.value, self.size.value
        if (kind, size) not in self.own and self.edit is not None:
            known = self.known[kind]["whole"]
            edit = self.edit(known.prompt, known.target, size)
            self.own[kind, size] = reach(self.lm, kind, known.prompt, known.target, edit, size)
        self._show()

    def _show(self) -> None:
        kind, size = self.kind.value, self.size.value
        at = kind, size, (kind, size) in self.own
        if at not in self.drawn:
            self.drawn[at] = self._picture()
        self.chart.value, self.reading.value = self.drawn[at], spoken(self.text())


def barrier_plot(lm: LM, edit: Editor | None = None, kind: str | None = None) -> BarrierPlot:
    """Lesson 11's closing widget. edit: your own (prompt, target, chunk size) -> Edit. kind: shown first.

    Raises ValueError for a model on which long answers were not measured.
    """
    return BarrierPlot(lm, edit, kind)
