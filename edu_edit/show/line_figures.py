"""Curves: the losses of the value optimisation over its steps (figure 5.19), and a sweep over layers."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes

from edu_edit.evaluation import Rate
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled

LOOKS = (
    ("blue", "o", "-"),
    ("vermillion", "^", "--"),
    ("green", "s", "-."),
    ("orange", "D", ":"),
    ("purple", "v", "-"),
)


@styled
def plot_value_losses(
    losses: Mapping[str, Sequence[float]], goal: float | None = 0.05, alt: str | None = None
) -> AltFigure:
    """The terms of L(v) at each step of the optimiser (5.16)-(5.18), each named at its end.

    `goal` is the total loss below which the optimiser stops early (None: not drawn).
    """
    fig = AltFigure(WIDTH, 3.6)
    ax = fig.add_subplot()
    _lines(ax, losses)
    if goal is not None:
        ax.axhline(goal, color="0.4", linewidth=1, linestyle=":")
        ax.annotate(
            f"stops below {goal:g}", (0, goal), (2, 3), textcoords="offset points", fontsize=8.5, color="0.25"
        )
    ax.set_ylim(bottom=0)
    ax.set_xlabel("step of the optimiser")
    ax.set_ylabel("loss")
    ax.set_title("Optimising the value v∗")
    fig.alt = alt or "Curves over the steps of the value optimisation. " + " ".join(
        f"{name}: from {values[0]:.2f} to {values[-1]:.2f} in {len(values) - 1} steps."
        for name, values in losses.items()
    )
    return fig


@styled
def plot_layer_sweep(
    sweep: Mapping[str, Sequence[Rate | float]],
    chosen: int | None = None,
    ylabel: str = "share of prompts",
    alt: str | None = None,
) -> AltFigure:
    """One curve per measure over the layers that were edited (or restored).

    Rates are drawn with their intervals; the line of `chosen` marks the default layer.
    """
    fig = AltFigure(WIDTH, 3.8)
    ax = fig.add_subplot()
    values = {
        name: [r.value if isinstance(r, Rate) else float(r) for r in rates] for name, rates in sweep.items()
    }
    _lines(ax, values)
    for (colour, _, _), rates in zip(cycle(LOOKS), sweep.values(), strict=False):
        known = [(layer, r) for layer, r in enumerate(rates) if isinstance(r, Rate)]
        ax.vlines(
            [k for k, _ in known],
            [r.lo for _, r in known],
            [r.hi for _, r in known],
            color=PALETTE[colour],
            linewidth=1,
        )
    n_layers = max(len(v) for v in values.values())
    if chosen is not None:
        ax.axvline(chosen, color="0.4", linewidth=1, linestyle=":")
        ax.annotate("default", (chosen, 0), (3, 3), ("data", "axes fraction"), "offset points",
                    fontsize=8.5, color="0.25")  # fmt: skip
    ax.set_xticks(range(0, n_layers, 1 if n_layers <= 12 else 4))
    ax.set_xlabel("layer")
    ax.set_ylabel(ylabel)
    fig.alt = alt or "Curves over the layers. " + " ".join(
        f"{name}: " + ", ".join(f"layer {layer} {value:.2f}" for layer, value in enumerate(ys)) + "."
        for name, ys in values.items()
    )
    return fig


def _lines(ax: Axes, series: Mapping[str, Sequence[float]]) -> None:
    """Curves told apart by colour, marker and dash; names at the right ends, one above the other."""
    for (name, values), (colour, marker, dash) in zip(series.items(), cycle(LOOKS), strict=False):
        every = max(1, len(values) // 12)
        ax.plot(
            values,
            color=PALETTE[colour],
            marker=marker,
            linestyle=dash,
            markevery=every,
            clip_on=False,
            label=name,
        )
    low, high = min(min(v) for v in series.values()), max(max(v) for v in series.values())
    place, gap = -np.inf, 0.075 * ((high - min(low, 0.0)) or 1.0)
    for i, (name, values) in sorted(enumerate(series.items()), key=lambda item: item[1][1][-1]):
        ink, last = PALETTE[LOOKS[i % len(LOOKS)][0]], len(values) - 1
        place = max(place + gap, values[-1])
        ax.annotate(
            f"{drawable(name)}  {values[-1]:.2f}", (last, values[-1]), (last * 1.06, place), "data", "data",
            fontsize=9.5, va="center", annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": ink, "shrinkA": 1, "shrinkB": 4, "relpos": (0, 0.5)},
        )  # fmt: skip
