"""Methods side by side (lesson 12): their rates with intervals, and what many edits in sequence do."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from matplotlib.axes import Axes

from edu_edit.compare.running import Outcome
from edu_edit.compare.sequences import FIRST, Course
from edu_edit.compare.summary import methods_of, rates_of
from edu_edit.scores import Rate
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled
from edu_edit.show.line_figures import LOOKS
from edu_edit.show.score_figures import MEANING

PROPERTIES = ("accuracy", "generality", "portability", "locality")


@styled
def plot_comparison(
    outcomes: Sequence[Outcome], metrics: Sequence[str] = PROPERTIES, alt: str | None = None
) -> AltFigure:
    """A dot with its interval for every method and metric: each fact edited alone, and all facts at once.

    The grey line is the model without an edit. What was not measured has no dot.
    """
    methods = methods_of(outcomes)
    fig = AltFigure(WIDTH, 1.3 + 0.3 * len(methods))
    panels = fig.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    told = []
    for ax, metric in zip(panels, metrics, strict=True):
        before = rates_of(outcomes, "", "before").get(metric)
        if before is not None:
            ax.axvline(before.value, color="0.6", linewidth=1.2, label="no edit")
        for mode, colour, marker, shift, name in (
            ("alone", "blue", "o", 0.12, "alone"), ("batch", "vermillion", "s", -0.18, "all at once"),
        ):  # fmt: skip
            found = {m: rates_of(outcomes, m, mode).get(metric) for m in methods}
            rows = [(len(methods) - i + shift, found[m]) for i, m in enumerate(methods)]
            _dots(ax, [(y, rate) for y, rate in rows if rate is not None], PALETTE[colour], marker, name)
            told += [f"{m}, {metric}, {name}: {rate.value:.2f}." for m, rate in found.items() if rate]
        ax.set_xlim(-0.04, 1.04)
        ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
        ax.set_title(MEANING[metric].replace("\n", ",\n"), fontsize=9)
        ax.grid(axis="y", color="0.92")
    panels[0].set_yticks(range(len(methods), 0, -1), methods)
    fig.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    fig.alt = alt or "Rates of editing methods. " + " ".join(told)
    return fig


def _dots(ax: Axes, rows: Sequence[tuple[float, Rate]], colour: Any, marker: str, name: str) -> None:
    if rows:
        ys = [y for y, _ in rows]
        ax.hlines(ys, [r.lo for _, r in rows], [r.hi for _, r in rows], color=colour, linewidth=1.2)
        ax.plot([r.value for _, r in rows], ys, marker, color=colour, markersize=5, label=name)


PANELS = {
    "first": f"the first {FIRST} edits (of those made):\nshare still answered",
    "locality": "other prompts:\nshare with the same next token",
    "now": "the last 20 edits:\nshare answered when made",
    "drift": "|Δ| / |W| of the edited matrices",
}


@styled
def plot_courses(courses: Mapping[str, Course], alt: str | None = None) -> AltFigure:
    """What a sequence of edits does under each method, edit by edit: four panels, one curve per method."""
    fig = AltFigure(WIDTH, 6.4)
    told = []
    for i, ((what, title), ax) in enumerate(zip(PANELS.items(), fig.subplots(2, 2).flat, strict=True)):
        for (name, course), (colour, marker, dash) in zip(courses.items(), cycle(_looks()), strict=False):
            values = getattr(course, what)
            values = _recent(values) if what == "now" else values
            every = (len(values) * (i % 3 + 1) // 40, max(1, len(values) // 6))
            ax.plot(range(1, len(values) + 1), values, color=colour, marker=marker, linestyle=dash,
                    markevery=every, markersize=5, linewidth=1.5, label=name)  # fmt: skip
            told.append(f"{name}, {title.replace(chr(10), ' ')}: {values[-1]:.2f}.")
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("edits in sequence")
        ax.set_ylim(bottom=0, top=None if what == "drift" else 1.04)
    handles = fig.axes[0].get_legend_handles_labels()
    fig.legend(*handles, loc="outside lower center", ncols=3)
    fig.alt = alt or "Curves over a sequence of edits, values at its end. " + " ".join(told)
    return fig


def _looks() -> list[tuple[Any, str, str]]:
    return [(PALETTE[colour], marker, dash) for colour, marker, dash in (*LOOKS, ("sky", "P", "--"))]


def _recent(values: Sequence[float], width: int = 20) -> list[float]:
    """The mean of each value and up to width - 1 before it."""
    windows = (values[max(0, i + 1 - width) : i + 1] for i in range(len(values)))
    return [sum(window) / len(window) for window in windows]
