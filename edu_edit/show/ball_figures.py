"""GRACE's ε-balls in the plane of two principal axes (lesson 09)."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.patches import Circle

from edu_edit.methods.codebook import Codebook
from edu_edit.show.ball_work import BallStream, Dot, Step
from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled, wrapped

LOOKS = {
    "edit": ("the edits' own questions", "blue", "o"),
    "same meaning": ("other wordings", "sky", "s"),
    "same subject": ("other facts of the subjects", "orange", "D"),
    "stranger": ("neighbours", "green", "^"),
}
NOTE = (
    "Filled: an entry answers. Empty: the model answers by itself. Balls are drawn with their true radius; "
    "a question may lie over a ball in this plane and outside it in space."
)


@styled
def plot_balls(
    stream: BallStream,
    book: Codebook,
    title: str = "",
    chosen: int | None = None,
    notes: Sequence[str] = (),
    alt: str | None = None,
) -> AltFigure:
    """One codebook: each entry a ball round its key, each question a marker, filled where an entry answers.

    chosen: the number of a question to ring and name. notes: sentences below.
    """
    fig = AltFigure(9.0, 5.6 + 0.2 * len(notes))
    ax = fig.add_subplot()
    dots = stream.dots(book)
    draw_balls(ax, stream, book, dots)
    if chosen is not None:
        dot = dots[chosen]
        ax.plot(dot.x, dot.y, "o", markersize=17, markerfacecolor="none", markeredgecolor="black")
        ax.annotate(drawable(f"{dot.text} …"), (dot.x, dot.y), (0, 13), textcoords="offset points",
                    ha="center", fontsize=8.5, weight="bold",
                    bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})  # fmt: skip
    ax.set_title(drawable(title))
    _axes_named(ax, stream)
    fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8.5)
    lines = "\n".join(wrapped(line, 118) for line in (*notes, NOTE))
    fig.supxlabel(lines, x=0.01, ha="left", fontsize=9)
    fig.alt = alt or " ".join([describe_balls(stream, book, title), *notes])
    return fig


@styled
def plot_ball_steps(
    stream: BallStream, steps: Sequence[Step], shown: Sequence[int], alt: str | None = None
) -> AltFigure:
    """Some steps of a stream side by side, two in a row, each with what the edit did."""
    rows = (len(shown) + 1) // 2
    fig = AltFigure(9.0, 3.6 * rows + 0.5)
    axes = fig.subplots(rows, 2, squeeze=False, sharex=True, sharey=True).flatten()
    for ax, i in zip(axes, shown, strict=False):
        draw_balls(ax, stream, steps[i].book, stream.dots(steps[i].book), size=5.5)
        ax.set_title(wrapped(steps[i].happened, 62), fontsize=9)
    for ax in axes[len(shown) :]:
        ax.axis("off")
    fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8.5)
    fig.alt = alt or " ".join(describe_balls(stream, steps[i].book, steps[i].happened) for i in shown)
    return fig


def draw_balls(ax: Axes, stream: BallStream, book: Codebook, dots: Sequence[Dot], size: float = 7.0) -> None:
    """Draw what `plot_balls` shows into an axes."""
    for i, (x, y) in enumerate(stream.plane.of(book.keys)):
        radius = float(book.eps[i])
        ax.add_patch(Circle((x, y), radius, facecolor="0.5", alpha=0.16, linewidth=0))
        ax.add_patch(Circle((x, y), radius, fill=False, edgecolor="0.25", linewidth=1.1))
        name = f"{i + 1} {stream.word(book.labels[i])}"
        ax.annotate(drawable(name), (x, y - radius), (0, 3), textcoords="offset points", ha="center",
                    fontsize=8.5, color="0.1")  # fmt: skip
    for kind, (name, colour, marker) in LOOKS.items():
        for filled in (True, False):
            here = [dot for dot in dots if dot.kind == kind and (dot.fires >= 0) == filled]
            face = PALETTE[colour] if filled else "white"
            ax.plot([d.x for d in here], [d.y for d in here], marker, markersize=size, linestyle="none",
                    markerfacecolor=face, markeredgecolor=PALETTE[colour], markeredgewidth=1.5,
                    label=name if filled else None)  # fmt: skip
    places = stream.plane.of(stream.queries)
    for axis, limit in enumerate((ax.set_xlim, ax.set_ylim)):
        values = [place[axis] for place in places]
        limit(min(values) - 7, max(values) + 7)
    ax.set_aspect("equal", adjustable="box")


def describe_balls(stream: BallStream, book: Codebook, title: str) -> str:
    """The entries, and who fires them, in words."""
    dots = stream.dots(book)
    said = [f"{title}" if title.endswith(".") else f"{title}."] if title else []
    for i, label in enumerate(book.labels):
        mine = [dot.text for dot in dots if dot.fires == i]
        answers = "; ".join(mine) if mine else "none of the questions"
        said.append(f"Entry {i + 1}, {stream.word(label)}, ε = {float(book.eps[i]):.1f}, answers: {answers}.")
    silent = sum(dot.fires < 0 for dot in dots)
    return " ".join([*said, f"{silent} of {len(dots)} questions are answered by the model itself."])


def _axes_named(ax: Axes, stream: BallStream) -> None:
    ax.set_xlabel(f"two principal axes of the queries ({stream.plane.share:.0%} of their variance)")
    ax.set_ylabel("in the units of the layer")
