"""The pictures of the class report, in the style of the course, each with its description in words."""

from __future__ import annotations

from collections.abc import Sequence

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled, wrapped

from autograder.grader.feedback import number_of
from autograder.grader.report.figures import Report

PARTS = (
    ("full", "blue", "", "white"),
    ("partial", "sky", "////", "black"),
    ("zero", "orange", "....", "black"),
)


@styled
def plot_scores(report: Report) -> AltFigure:
    """How many students have how many points."""
    top = report.points or 1.0
    fig = counted(report.scores, 10, top, "points earned", "Students by points")
    ax = fig.axes[0]
    ax.axvline(report.median, color=PALETTE["vermillion"], linestyle="--")
    ax.annotate(
        f"median {number_of(report.median)}", (report.median, 1.0), xycoords=("data", "axes fraction"),
        xytext=(4 if report.median < 0.8 * top else -4, 4), textcoords="offset points",
        ha="left" if report.median < 0.8 * top else "right", color=PALETTE["vermillion"],
    )  # fmt: skip
    fig.alt += f" The median is {number_of(report.median)} of {number_of(report.points)} points."
    return fig


@styled
def plot_times(report: Report) -> AltFigure:
    """How long grading took per submission."""
    return counted(
        report.seconds, 10, max(report.seconds, default=1.0) or 1.0, "seconds", "Submissions by grading time"
    )


def counted(values: Sequence[float], bins: int, top: float, what: str, title: str) -> AltFigure:
    """A histogram from 0 to `top`, its counts printed above the bars."""
    fig = AltFigure(WIDTH, 2.7)
    ax = fig.subplots()
    width = top / bins
    counts = [0] * bins
    for value in values:
        counts[min(max(int(value / width), 0), bins - 1)] += 1
    places = [(at + 0.5) * width for at in range(bins)]
    bars = ax.bar(places, counts, width=0.92 * width, color=PALETTE["sky"], edgecolor="black", linewidth=0.6)
    ax.bar_label(bars, [str(count) if count else "" for count in counts], padding=2, fontsize=9)
    ax.set_xlim(0, top)
    ax.set_ylim(0, 1.18 * max([*counts, 1]))
    ax.set_xlabel(what)
    ax.set_ylabel("students" if what.startswith("points") else "submissions")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.set_title(title, pad=16)
    told = "; ".join(
        f"{at * width:.3g} to {(at + 1) * width:.3g}: {count}" for at, count in enumerate(counts) if count
    )
    fig.alt = f"Histogram. {title}: {told or 'none'}."
    return fig


@styled
def plot_parts(report: Report) -> AltFigure:
    """Every exercise as one bar: full, some and no points."""
    fig = AltFigure(WIDTH, 1.1 + 0.5 * max(len(report.parts), 1))
    ax = fig.subplots()
    names = [wrapped(f"{part.title}", 34) for part in report.parts]
    left = [0] * len(names)
    for key, colour, hatch, ink in PARTS:
        counts = [getattr(part, key) for part in report.parts]
        label = {"full": "full points", "partial": "some points", "zero": "no points"}[key]
        bars = ax.barh(
            range(len(names)), counts, left=left, color=PALETTE[colour], hatch=hatch, edgecolor="black",
            linewidth=0.6, height=0.62, label=label,
        )  # fmt: skip
        box = {"facecolor": PALETTE[colour], "edgecolor": "none", "pad": 1.2}
        ax.bar_label(
            bars,
            [str(count) if count else "" for count in counts],
            label_type="center",
            color=ink,
            fontsize=9,
        )
        for text, count in zip(ax.texts[-len(counts) :] if counts else [], counts, strict=True):
            text.set_bbox(box if count else None)
        left = [a + b for a, b in zip(left, counts, strict=True)]
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    ax.set_xlim(0, max([*left, 1]))
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.set_xlabel("students")
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper right", ncols=3)
    fig.alt = "Bars, students per exercise. " + " ".join(
        f"{part.title}: full points {part.full}, some points {part.partial}, no points {part.zero}."
        for part in report.parts
    )
    return fig
