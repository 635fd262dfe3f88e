"""Lesson 06's closing widget: how many facts fit, with λ and the null space's tolerance to choose."""

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

import ipywidgets as widgets
from matplotlib.figure import FigureBase

from edu_edit.compare.measured import measured_courses, measured_fits
from edu_edit.compare.plane import Point
from edu_edit.show.controls import LINE, spoken
from edu_edit.show.figure import WIDTH, AltFigure, styled
from edu_edit.show.fit_figures import Curve, curves, describe_fits, draw_fits
from edu_edit.show.plane_figures import describe_plane, draw_plane
from edu_edit.show.status import twin_bundle

METHODS = {"MEMIT": "Price λ", "AlphaEdit": "Tolerance"}
HEIGHT = 7.6


class FitExplorer:
    """Two sliders, and under each its method: facts answered, prompts kept, and its point in the plane.

    All pictures are drawn beforehand, so a slider answers at once. `view` is the widget itself.
    """

    def __init__(self, name: str, points: Mapping[str, Sequence[Point]], front: Sequence[Point]) -> None:
        self.courses, self.fits = measured_courses(name), measured_fits(name)
        self.points, self.front, self.name = points, front, name
        self.sliders: dict[str, widgets.SelectionSlider] = {}
        self.pictures = {method: widgets.HTML() for method in METHODS}
        self.reading = widgets.HTML()
        self.drawn: dict[tuple[str, float], str] = {}
        start = perf_counter()
        for method, label in METHODS.items():
            settings = [f.setting for f in self.fits if f.method == method and not f.which]
            own = next(f.setting for f in self.fits if f.method == method and f.which)
            unit = " F" if method == "MEMIT" else ""
            self.sliders[method] = widgets.SelectionSlider(
                options=[(f"{s:g}{unit}", s) for s in settings], value=own, description=label, **LINE
            )
            for setting in settings:
                self.drawn[method, setting] = self._picture(method, setting).to_html()
            self.sliders[method].observe(lambda _: self._show(), names="value")
        self.seconds = perf_counter() - start  # what drawing everything beforehand took
        columns = [
            widgets.VBox([self.sliders[method], self.pictures[method]], layout={"width": "50%"})
            for method in METHODS
        ]
        self.view = widgets.VBox([widgets.HBox(columns), self.reading])
        self._show()

    def curves(self, method: str) -> list[Curve]:
        """The curves that the method's side shows now."""
        return curves(self.courses, self.fits, method, self.sliders[method].value)

    def text(self) -> str:
        """What the sliders' settings do, in words."""
        sides = {method: self.curves(method) for method in METHODS}
        told = [sides["MEMIT"][0].at_end(), *(side[-1].at_end() for side in sides.values())]
        return " ".join([f"On {self.name}:", *told])

    @styled
    def static(self) -> AltFigure:
        """Both sides as they stand, as one figure."""
        fig = AltFigure(WIDTH + 1.4, HEIGHT)
        halves = fig.add_gridspec(1, 2)
        for i, method in enumerate(METHODS):
            self._draw(fig.add_subfigure(halves[0, i]), method, self.sliders[method].value)
        shown = [curve for method in METHODS for curve in self.curves(method)]
        fig.alt = f"{self.text()} {describe_fits(shown)} {describe_plane(self.points, self.front)}"
        return fig

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _show(self) -> None:
        for method, picture in self.pictures.items():
            picture.value = self.drawn[method, self.sliders[method].value]
        self.reading.value = spoken(self.text())

    @styled
    def _picture(self, method: str, setting: float) -> AltFigure:
        fig = AltFigure((WIDTH + 1.4) / 2, HEIGHT)
        self._draw(fig, method, setting)
        shown = curves(self.courses, self.fits, method, setting)
        fig.alt = describe_fits(shown, f"{method} with setting {setting:g}")
        return fig

    def _draw(self, fig: FigureBase, method: str, setting: float) -> None:
        top, middle, plane = fig.subplots(3, 1, height_ratios=(2, 2, 3))
        shown = curves(self.courses, self.fits, method, setting)
        draw_fits(top, shown, "answered")
        draw_fits(middle, shown, "kept")
        top.set_xlabel("")
        seen = {name: found for name, found in self.points.items() if name in (method, "ROME in a loop")}
        draw_plane(plane, seen, self.front, {method: setting}, only_chosen=True)
        plane.set_title("one matrix, 100 facts: gain and price", fontsize=9.5)
        plane.set_xlabel("how far old values move")
        plane.set_ylabel("what new facts get")
        fig.legend(*top.get_legend_handles_labels(), loc="outside lower center", ncols=1)


def how_many_fit(name: str, points: Mapping[str, Sequence[Point]], front: Sequence[Point]) -> FitExplorer:
    """Lesson 06's closing widget, for a bundled model's name; points, front: as for `plot_plane`.

    Points made with your own updates put your own functions into it. Raises ValueError where many edits were
    not measured on that model.
    """
    return FitExplorer(name, points, front)
