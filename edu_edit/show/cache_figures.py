"""An edit cache in pictures: the gate's table, what training does to it, a radius's two sides (lesson 09)."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.ticker import NullLocator
from torch import Tensor

from edu_edit.show.figure import MAP, PALETTE, WIDTH, AltFigure, drawable, styled, wrapped

TICKS = (-10000, -1000, -100, -10, -5, 0, 5, 10, 100)
SIDES = (
    ("inside", "other wordings of the edit", "blue", "o"),
    ("neighbours", "neighbours", "green", "^"),
    ("same subject", "other facts of the subject", "orange", "D"),
)


@styled
def plot_routes(
    questions: Sequence[str],
    edits: Sequence[str],
    sure: Float[Tensor, "B n"],
    chosen: Sequence[int],
    title: str = "The gate, and where each question goes",
    alt: str | None = None,
) -> AltFigure:
    """How sure the gate is that a question is about an edit, and what answers it: an edit or the model."""
    fig = AltFigure(9.0, 1.5 + 0.32 * len(questions))
    ax = fig.add_subplot()
    values = sure.detach().cpu().numpy()
    ax.imshow(values, cmap=MAP, vmin=0, vmax=1, aspect="auto")
    for (b, i), value in np.ndenumerate(values):
        ax.text(i, b, f"{value:.2f}", ha="center", va="center", fontsize=9,
                color="white" if value < 0.5 else "black")  # fmt: skip
    ax.set_xticks(range(len(edits)), [wrapped(edit, 20) for edit in edits], fontsize=8.5)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(questions)), [drawable(f"{text} …") for text in questions], fontsize=9)
    ax.tick_params(length=0)
    for b, i in enumerate(chosen):
        goes = "→ the model alone" if i < 0 else f"→ edit {i + 1}"
        ax.annotate(goes, (len(edits) - 0.5, b), (8, 0), textcoords="offset points", va="center", fontsize=9,
                    weight="normal" if i < 0 else "bold", annotation_clip=False)  # fmt: skip
    ax.set_title(drawable(title))
    rows = []
    for b, text in enumerate(questions):
        goes = "the model alone" if chosen[b] < 0 else f"edit {chosen[b] + 1}"
        rows.append(f"{text}: {', '.join(f'{x:.2f}' for x in values[b])}, goes to {goes}.")
    fig.alt = alt or f"{title}. Edits: {'; '.join(edits)}. " + " ".join(rows)
    return fig


@styled
def plot_gate(
    gates: Mapping[str, Mapping[str, Float[Tensor, " m"]]],
    title: str = "How sure is the gate?",
    alt: str | None = None,
) -> AltFigure:
    """{gate: {side: logits}}: the logits of questions inside the scope and outside, a row for each gate.

    Right of 0 the gate is open. Sides: "inside", "neighbours", "same subject". The axis is stretched near 0.
    """
    fig = AltFigure(9.0, 1.15 + 0.95 * len(gates))
    ax = fig.add_subplot()
    jitter = np.random.default_rng(0)
    said, seen = [], set()
    for row, (name, groups) in enumerate(gates.items()):
        shares = []
        for k, (side, label, colour, marker) in enumerate(SIDES):
            if side not in groups:
                continue
            logits = groups[side].detach().cpu().numpy()
            y = row + 0.27 * (k - 1) + jitter.uniform(-0.09, 0.09, len(logits))
            ax.plot(logits, y, marker, markersize=4, linestyle="none", markerfacecolor="none", alpha=0.75,
                    markeredgecolor=PALETTE[colour], label=None if side in seen else label)  # fmt: skip
            seen.add(side)
            ax.annotate(f"{float((logits > 0).mean()):.2f} open", (1.01, row + 0.27 * (k - 1)),
                        xycoords=("axes fraction", "data"), va="center", fontsize=8.5,
                        color="0.15")  # fmt: skip
            shares.append(f"open for {float((logits > 0).mean()):.2f} of {label}")
        said.append(f"{name}: {', '.join(shares)}.")
    ax.axvline(0, color="black", linewidth=1)
    ax.set_xscale("symlog", linthresh=5)
    least, most = ax.get_xlim()
    ax.set_xticks([at for at in TICKS if least <= at <= most], minor=False)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_yticks(range(len(gates)), [wrapped(name, 24) for name in gates], fontsize=9)
    ax.set_ylim(len(gates) - 0.45, -0.55)
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("closed  ←  0  →  open        logit of the gate")
    ax.set_title(drawable(title))
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=8.5)
    fig.alt = alt or f"{title}. " + " ".join(said)
    return fig


@styled
def plot_reach(
    curves: Mapping[str, Sequence[tuple[float, float, float]]],
    marked: float | None = None,
    title: str = "A radius buys generality with locality",
    alt: str | None = None,
) -> AltFigure:
    """{whose questions are to be left alone: [(radius, generality, locality)]}, as curves in a plane.

    Right and up is better. Points are named by their radius. marked: the radius to ring.
    """
    fig = AltFigure(WIDTH, 4.4)
    ax = fig.add_subplot()
    looks = (("green", "^", "-"), ("orange", "D", "--"), ("purple", "v", ":"))
    for (name, points), (colour, marker, dash) in zip(curves.items(), looks, strict=False):
        x, y = [p[2] for p in points], [p[1] for p in points]
        ax.plot(
            x, y, color=PALETTE[colour], marker=marker, linestyle=dash, clip_on=False, label=drawable(name)
        )
        last: tuple[float, float] | None = None
        for radius, general, local in points:
            if last is None or abs(local - last[0]) + abs(general - last[1]) > 0.07:
                last = (local, general)
                ax.annotate(f"{radius:g}", (local, general), (-7, -11), textcoords="offset points",
                            fontsize=8.5, color=PALETTE[colour], ha="right",
                            annotation_clip=False)  # fmt: skip
            if radius == marked:
                ax.plot(local, general, "o", markersize=16, markerfacecolor="none", clip_on=False,
                        markeredgecolor=PALETTE[colour], markeredgewidth=1.8)  # fmt: skip
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.04)
    ax.set_xlabel("locality: share of others that no ball answers   (right is better)")
    ax.set_ylabel("generality: share of other wordings\nthat their own ball answers")
    ax.set_title(drawable(title))
    fig.legend(loc="outside lower center", ncols=3, title="left alone should be", fontsize=9)
    told = []
    for name, points in curves.items():
        places = "; ".join(f"radius {r:g}: generality {g:.2f}, locality {lo:.2f}" for r, g, lo in points)
        told.append(f"{name}: {places}.")
    fig.alt = alt or f"{title}. Curves in a plane. " + " ".join(told)
    return fig
