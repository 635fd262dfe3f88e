"""GRACE's ε-balls in the plane of two principal axes (lesson 09)."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from edu_edit.methods.codebook import Codebook
from edu_edit.show.ball_work import BallStream, Plane, Step
from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled, wrapped

LOOKS = {
    "edit": ("the edits' own questions", "blue", "o"),
    "same meaning": ("other wordings", "sky", "s"),
    "same subject": ("other facts of the subjects", "orange", "D"),
    "stranger": ("neighbours", "green", "^"),
}
NOTE = (
    "Filled: an entry answers. Empty: the model answers by itself. Balls have their true radius, but a "
    "question may lie over a ball in this plane and far above it in space."
)


@styled
def plot_balls(
    stream: BallStream,
    book: Codebook,
    title: str = "",
    chosen: int | None = None,
    near: bool = False,
    notes: Sequence[str] = (NOTE,),
    alt: str | None = None,
) -> AltFigure:
    """One codebook: each entry a ball round its key, each question a marker, filled where an entry answers.

    chosen: the number of a question to ring and name. near: take the plane through the three keys nearest to
    it, in which their distances are true, in place of that of all queries. notes: sentences below.
    """
    plane = stream.plane(chosen if near else None)
    fig = AltFigure(9.0, 5.3 + 0.2 * len(notes))
    ax = fig.add_subplot()
    draw_balls(ax, stream, book, plane)
    for dot in stream.dots(book, plane):
        if chosen is None or dot.text != stream.asked[chosen]:
            continue
        ax.plot(dot.x, dot.y, "o", markersize=17, markerfacecolor="none", markeredgecolor="black")
        ax.annotate(drawable(f"{dot.text} …"), (dot.x, dot.y), (0, 13), textcoords="offset points",
                    ha="center", fontsize=8.5, weight="bold",
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})  # fmt: skip
    ax.set_title(drawable(title))
    _axes_named(ax, plane)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8.5)
    if notes:
        lines = "\n".join(wrapped(line, 128) for line in notes)
        fig.supxlabel(lines, x=0.01, ha="left", fontsize=9)
    fig.alt = alt or " ".join([describe_balls(stream, book, plane, title), *notes])
    return fig


@styled
def plot_ball_steps(
    stream: BallStream, steps: Sequence[Step], shown: Sequence[int], near: int = 0, alt: str | None = None
) -> AltFigure:
    """Some steps of a stream side by side, two in a row, each with what the edit did.

    Drawn in the plane through the three keys nearest to question `near`, with the questions nearest to them.
    """
    plane = stream.plane(near)
    rows = (len(shown) + 1) // 2
    fig = AltFigure(9.0, 3.0 * rows + 0.5)
    axes = fig.subplots(rows, 2, squeeze=False, sharex=True, sharey=True).flatten()
    for ax, i in zip(axes, shown, strict=False):
        draw_balls(ax, stream, steps[i].book, plane, size=5.5, wide=1.5)
        ax.set_title(wrapped(steps[i].happened, 62), fontsize=9)
    for ax in axes[len(shown) :]:
        ax.axis("off")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8.5)
    fig.alt = alt or " ".join(describe_balls(stream, steps[i].book, plane, steps[i].happened) for i in shown)
    return fig


def draw_balls(
    ax: Axes, stream: BallStream, book: Codebook, plane: Plane, size: float = 7.0, wide: float = 1.75
) -> None:
    """Draw what `plot_balls` shows into an axes that is `wide` times as wide as high."""
    dots, places = stream.dots(book, plane), plane.of(book.keys)
    shown = stream.entries(book, plane)
    middle = [sum(places[i][axis] for i in shown) / max(1, len(shown)) for axis in (0, 1)]
    for i in shown:
        (x, y), radius = places[i], float(book.eps[i])
        ax.add_patch(Circle((x, y), radius, facecolor="0.5", alpha=0.16, linewidth=0))
        ax.add_patch(Circle((x, y), radius, fill=False, edgecolor="0.25", linewidth=1.1))
        angle = math.atan2(y - middle[1], x - middle[0]) if len(shown) > 1 else -math.pi / 2
        angle += 0.35 * (i % 3 - 1) * (len(shown) > 3)  # fanned out, where keys may be near each other
        name = f"{i + 1} {stream.word(book.labels[i])}"
        place = (x + 0.62 * radius * math.cos(angle), y + 0.62 * radius * math.sin(angle))
        ax.annotate(drawable(name), place,
                    fontsize=9, weight="bold", color="0.25", ha="center", va="center")  # fmt: skip
    for kind, (name, colour, marker) in LOOKS.items():
        for filled in (True, False):
            here = [dot for dot in dots if dot.kind == kind and (dot.fires >= 0) == filled]
            face = PALETTE[colour] if filled else "white"
            ax.plot([d.x for d in here], [d.y for d in here], marker, markersize=size, linestyle="none",
                    markerfacecolor=face, markeredgecolor=PALETTE[colour], markeredgewidth=1.5,
                    label=name if filled else None)  # fmt: skip
    around = plane.of(stream.keys[list(plane.through) or slice(None)])
    (left, right), (low, high) = ((min(a) - 7, max(a) + 7) for a in zip(*around, strict=True))
    tall = max(high - low, (right - left) / wide)
    ax.set_xlim((left + right - wide * tall) / 2, (left + right + wide * tall) / 2)
    ax.set_ylim((low + high - tall) / 2, (low + high + tall) / 2)
    ax.set_aspect("equal", adjustable="box")


def describe_balls(stream: BallStream, book: Codebook, plane: Plane, title: str) -> str:
    """The entries, and who fires them, in words."""
    dots = stream.dots(book, plane)
    said = [f"{title}" if title.endswith(".") else f"{title}."] if title else []
    for i in stream.entries(book, plane):
        mine = [dot.text for dot in dots if dot.fires == i]
        answers = "; ".join(mine) if mine else "none of the questions"
        word, radius = stream.word(book.labels[i]), float(book.eps[i])
        said.append(f"Entry {i + 1}, {word}, ε = {radius:.1f}, answers: {answers}.")
    silent = sum(dot.fires < 0 for dot in dots)
    return " ".join([*said, f"{silent} of {len(dots)} questions shown are answered by the model itself."])


def _axes_named(ax: Axes, plane: Plane) -> None:
    name = f"two principal axes of all queries ({plane.share:.0%} of their variance)"
    if plane.through:
        name = "the plane through the three nearest keys"
    ax.set_xlabel(name)
    ax.set_ylabel("in the units of the layer")
