"""Bars of what an edit did: the properties (5.1)-(5.4) before and after, with intervals (lessons 02, 05)."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import FigureBase

from edu_edit.evaluation import Rate, Scores
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.probes import KINDS

PROPERTIES = ("accuracy", "generality", "portability", "reverse", "locality")
MEANING = {
    "accuracy": "accuracy (5.1)\nthe edited prompt",
    "generality": "generality (5.2)\nits paraphrases",
    "portability": "portability (5.3)\nwhat follows from it",
    "reverse": "reverse\nthe fact turned round",
    "locality": "locality (5.4)\nneighbours unchanged",
    "token_accuracy": "token accuracy\nof the new answer",
    "ES": "ES: new beats true\non the edited prompt",
    "PS": "PS: new beats true\non its paraphrases",
    "NS": "NS: true beats new\non neighbours",
    "S": "S\nharmonic mean of the three",
}
LOOKS = (
    ("sky", "////"),
    ("blue", ""),
    ("vermillion", "...."),
    ("green", "xx"),
    ("orange", "\\\\\\\\"),
    ("purple", "oo"),
)


@styled
def plot_scores(
    scores: Mapping[str, Scores], metrics: Sequence[str] = PROPERTIES, alt: str | None = None
) -> AltFigure:
    """The five properties before the edit and after it, one bar for each named `Scores`, with intervals.

    Efficiency, which is no rate, stands in the title. "Before" is taken from the first of them. `metrics` may
    also name CounterFact's ES, PS, NS, S. Raises ValueError for one that is no share of prompts (KL, EM, ..).
    """
    if wrong := [metric for metric in metrics if metric not in MEANING]:
        raise ValueError(f"{wrong[0]!r} is not a share of prompts: choose from {', '.join(MEANING)}.")
    before = next(iter(scores.values())).before
    sides = {"before": before} | {name: one.after for name, one in scores.items()}
    series = {name: {m: rates[m] for m in metrics if m in rates} for name, rates in sides.items()}
    cost = "; ".join(
        f"{name} {one.efficiency.seconds / max(1, one.efficiency.edits):.1f} s"
        for name, one in scores.items()
    )
    return plot_rates(series, title=f"Before and after the edit   (efficiency, per edit: {cost})", alt=alt)


@styled
def plot_rates(
    series: Mapping[str, Mapping[str, Rate]], title: str = "", alt: str | None = None
) -> AltFigure:
    """Horizontal bars: a group per metric, a bar per series, the value printed, the interval as a line.

    A metric that a series lacks has no bar; the number of probes stands under the metric's name.
    """
    fig = AltFigure(WIDTH, rates_height(series))
    draw_rates(fig, series, title)
    fig.alt = alt or describe_rates(series, title)
    return fig


def rates_height(series: Mapping[str, Mapping[str, Rate]]) -> float:
    """Inches that the bars need."""
    return 0.9 + len(_metrics(series)) * max(0.55, 0.12 + 0.24 * len(series))


def _metrics(series: Mapping[str, Mapping[str, Rate]]) -> list[str]:
    return list(dict.fromkeys(metric for rates in series.values() for metric in rates))


def draw_rates(fig: FigureBase, series: Mapping[str, Mapping[str, Rate]], title: str = "") -> None:
    """Draw what `plot_rates` shows into a figure or a part of one."""
    metrics = _metrics(series)
    ax = fig.add_subplot()
    high = 0.82 / len(series)
    for i, ((name, rates), (fill, hatch)) in enumerate(zip(series.items(), cycle(LOOKS), strict=False)):
        rows = [row for row, metric in enumerate(metrics) if metric in rates]
        shown = [rates[metrics[row]] for row in rows]
        y = np.array(rows) + (i - (len(series) - 1) / 2) * high
        ax.barh(
            y, [r.value for r in shown], high, label=drawable(name), color=PALETTE[fill], hatch=hatch,
            edgecolor="white", linewidth=0.6,
        )  # fmt: skip
        for at, rate in zip(y, shown, strict=True):
            if rate.hi > rate.lo:
                for colour, line in (("white", 2.4), ("black", 1.2)):  # the white rim shows it on a dark bar
                    ax.plot(
                        [rate.lo, rate.hi], [at, at], color=colour, linewidth=line, marker="|", markersize=5
                    )
            ax.text(max(rate.hi, rate.value) + 0.015, at, f"{rate.value:.2f}", va="center", fontsize=9)
    counts = [next(r[m].n for r in series.values() if m in r) for m in metrics]
    ax.set_yticks(
        range(len(metrics)),
        [f"{(MEANING | KINDS).get(m, m)}  (n = {n})" for m, n in zip(metrics, counts, strict=True)],
    )
    ax.set_ylim(len(metrics) - 0.45, -0.55)
    ax.set_xlim(0, 1.1)
    ax.set_xticks(np.linspace(0, 1, 6))
    ax.set_xlabel("share of prompts   (line: 95 % interval)")
    ax.tick_params(axis="y", length=0)
    fig.legend(
        loc="outside upper left", ncols=min(len(series), 5), title=drawable(title) or None, alignment="left"
    )


def describe_rates(series: Mapping[str, Mapping[str, Rate]], title: str = "") -> str:
    """The bars in words: every value with its interval."""
    lines = (
        f"{name}: "
        + ", ".join(
            f"{metric} {r.value:.2f} (from {r.lo:.2f} to {r.hi:.2f}, n = {r.n})"
            for metric, r in rates.items()
        )
        for name, rates in series.items()
    )
    return (f"{title}. " if title else "") + "Bars. " + ". ".join(lines) + "."
