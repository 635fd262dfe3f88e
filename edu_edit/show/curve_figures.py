"""Curves over a dial: P(answer) while activations are turned up (lesson 03)."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.line_figures import LOOKS


@styled
def plot_curves(
    x: Sequence[float],
    series: Mapping[str, Sequence[float]],
    xlabel: str,
    ylabel: str,
    title: str = "",
    top: float | None = 1.0,
    mark: float | None = None,
    alt: str | None = None,
) -> AltFigure:
    """One curve per series over the values x of a dial, told apart by colour, marker and dash.

    top: the upper end of the axis, a little above it is drawn (None: from the data). mark: a value of x with
    a dotted line, such as the dial's rest.
    """
    fig = AltFigure(WIDTH, 3.5)
    ax = fig.add_subplot()
    every = max(1, len(x) // 12)
    for (name, values), (colour, marker, dash) in zip(series.items(), cycle(LOOKS), strict=False):
        ax.plot(
            x, values, color=PALETTE[colour], marker=marker, linestyle=dash, markevery=every, clip_on=False,
            label=drawable(name),
        )  # fmt: skip
    if all(float(at).is_integer() for at in x) and len(x) <= 12:
        ax.set_xticks(list(x))
    if mark is not None:
        ax.axvline(mark, color="0.4", linewidth=1, linestyle=":")
    if top is not None:
        ax.set_ylim(0, 1.05 * top)
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_title(drawable(title))
    if len(series) > 1:
        fig.legend(loc="outside lower center", ncols=min(3, len(series)))
    told = []
    for name, values in series.items():
        points = list(zip(x, values, strict=True))[::every]
        told.append(f"{name}: " + ", ".join(f"{value:.2f} at {at:g}" for at, value in points) + ".")
    fig.alt = alt or f"Curves of {ylabel} over {xlabel}. " + " ".join(told)
    return fig
