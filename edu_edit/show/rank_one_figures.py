"""The scalpel: what a rank-one edit adds to a weight, where else it is felt (5.21; figures 5.16 and 5.20).

Letters: D model width, F FFN width, n prompts.
"""

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase
from matplotlib.image import AxesImage
from torch import Tensor

from edu_edit.show.figure import MAP, PALETTE, AltFigure, drawable, styled
from edu_edit.show.heatmap import array

RANK_ONE_HEIGHT = 4.3  # inches
ROWS, COLUMNS = 24, 40  # of the weight, those where the edit cuts deepest


@styled
def plot_rank_one(
    W: Float[Tensor, "D F"],
    delta: Float[Tensor, "D F"],
    u: Float[Tensor, " F"] | None = None,
    v: Float[Tensor, " D"] | None = None,
    strength: float = 1.0,
    alt: str | None = None,
) -> AltFigure:
    """W + v uᵀ as pictures: the weight, the column v times the row uᵀ that makes Δ, and the edited weight.

    Shown are the 24 rows and 40 columns that Δ changes most, in their order in W. u and v (None: read off Δ)
    may be scaled in any way, they have a colour scale each. `strength` in [0, 1] is the share of Δ added.
    """
    fig = AltFigure(9.0, RANK_ONE_HEIGHT)
    draw_rank_one(fig, W, delta, u, v, strength)
    fig.alt = alt or describe_rank_one(W, delta, strength)
    return fig


def _size(W: Float[Tensor, "D F"], delta: Float[Tensor, "D F"]) -> float:
    return float(delta.double().norm() / W.double().norm().clamp(min=1e-12))


def describe_rank_one(W: Float[Tensor, "D F"], delta: Float[Tensor, "D F"], strength: float = 1.0) -> str:
    """The picture in words."""
    return (
        f"A rank-one edit of a {W.shape[0]} by {W.shape[1]} weight as pictures, {strength:.0%} of it added: "
        "W plus the column v times the row u gives the edited weight. Every row of the change is the same "
        "row u, scaled by one entry of v. "
        f"The size of the change is {_size(W, delta):.1%} of the weight's."
    )


def draw_rank_one(
    fig: FigureBase,
    W: Float[Tensor, "D F"],
    delta: Float[Tensor, "D F"],
    u: Float[Tensor, " F"] | None = None,
    v: Float[Tensor, " D"] | None = None,
    strength: float = 1.0,
) -> None:
    """Draw what `plot_rank_one` shows into a figure or a part of one."""
    change = array(delta)
    row = (
        change[np.abs(change).sum(1).argmax()] if u is None else array(u)
    )  # of a rank-one matrix, any row is u scaled
    column = change @ row / max(float(row @ row), 1e-12) if v is None else array(v)
    rows, columns = (np.sort(np.argsort(-np.abs(x))[:n]) for x, n in ((column, ROWS), (row, COLUMNS)))
    block = np.ix_(rows, columns)
    old, cut = array(W)[block], change[block]
    top = float(np.quantile(np.abs(np.stack([old, cut])), 0.98))
    grid = fig.add_gridspec(2, 4, width_ratios=(10, 0.8, 10, 10), height_ratios=(0.8, 10))
    axes = [fig.add_subplot(grid[at]) for at in ((1, 0), (1, 1), (0, 2), (1, 2), (1, 3))]
    shown = _picture(axes[0], old, top, "the weight W", f"{W.shape[0]} × {W.shape[1]}")
    _picture(axes[1], column[rows, None], float(np.abs(column).max()), "+  v")
    _picture(axes[2], row[None, columns], float(np.abs(row).max()), "uᵀ = (C⁻¹k∗)ᵀ")
    _picture(axes[3], strength * cut, top, "", f"Δ = v uᵀ, {strength:.0%} of it added")
    _picture(axes[4], old + strength * cut, top, "=  Ŵ", "W + Δ")
    fig.colorbar(shown, ax=axes, aspect=25, pad=0.01, extend="both", label="entry of W, Δ, Ŵ (one scale)")
    fig.supxlabel(
        f"Rank one: every row of Δ is the same row uᵀ times one number of v. "
        f"Its size ‖Δ‖ is {_size(W, delta):.1%} of ‖W‖.\n"
        "The output for another key k moves by v·(uᵀk): little, where uᵀk is small. "
        f"Shown: the {len(rows)} rows and {len(columns)} columns cut deepest.",
        fontsize=9, x=0.01, ha="left",
    )  # fmt: skip


def _picture(ax: Axes, values: np.ndarray, top: float, title: str, below: str = "") -> AxesImage:
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize=10, loc="center")
    ax.set_xlabel(below, fontsize=9)
    return ax.imshow(values, cmap=MAP, vmin=-top, vmax=top, aspect="auto", interpolation="nearest")


@styled
def plot_leak(
    predicted: Float[Tensor, " n"],
    measured: Float[Tensor, " n"],
    marked: Mapping[str, Sequence[int]] | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Predicted against measured change of the FFN output at other tokens, with the line on which they agree.

    The exact leak law: the output at a token with key k moves by (uᵀk)/(uᵀk_*) times what k_* is moved.
    `marked` names groups of points (indices) that get a marker of their own.
    """
    x, y = array(predicted), array(measured)
    fig = AltFigure(6.0, 4.6)
    ax = fig.add_subplot()
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    ax.plot(
        [low, high],
        [low, high],
        color=PALETTE["black"],
        linewidth=1,
        linestyle="--",
        label="measured = predicted",
    )
    groups = marked or {"prompts": range(len(x))}
    looks = (("blue", "o"), ("vermillion", "^"), ("green", "s"), ("orange", "D"), ("purple", "v"))
    for (name, points), (colour, marker) in zip(groups.items(), cycle(looks), strict=False):
        at = list(points)
        ax.scatter(
            x[at],
            y[at],
            s=30,
            marker=marker,
            color=PALETTE[colour],
            alpha=0.8,
            linewidths=0,
            label=drawable(name),
        )
    ax.set_xlabel("predicted from the keys:  (uᵀk) / (uᵀk∗)")
    ax.set_ylabel("measured in the edited model")
    ax.legend(loc="upper left")
    worst = float(np.abs(x - y).max())
    ax.set_title(f"How far the edit leaks   ({len(x)} tokens, largest difference {worst:.1g})")
    fig.alt = alt or (
        f"Scatter of {len(x)} tokens, predicted against measured leak, from {low:.2g} to {high:.2g}, beside "
        "the line of equality. "
        f"The largest difference is {worst:.1g}."
    )
    return fig
