"""How many facts fit: answers and locality against the number of edits, batch and sequence (lesson 06)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from edu_edit.compare.sequences import Course
from edu_edit.compare.sizes import Fit
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled

ANSWERED = "share of the edited facts\nthat are answered"
KEPT = "share of other prompts\nwhose next word is as before"


class Curve(NamedTuple):
    """Shares over the number of edits: facts answered, and other prompts kept."""

    name: str
    edits: list[int]
    answered: list[float]
    kept: list[float]
    look: tuple[str, str, str]

    def at_end(self) -> str:
        """The last values in words."""
        return (
            f"{self.name}, {self.edits[-1]} facts: {self.answered[-1]:.2f} answered, "
            f"{self.kept[-1]:.2f} of other prompts kept."
        )


def sequence_curve(course: Course, look: tuple[str, str, str]) -> Curve:
    """A course of edits one after the other."""
    edits = [int(row[0]) for row in course.counts]
    kept = [course.locality[n - 1] for n in edits]
    name = f"{course.method}, one after the other"
    return Curve(name, edits, [row[1] for row in course.counts], kept, look)


def batch_curve(fit: Fit, name: str, look: tuple[str, str, str]) -> Curve:
    """Batches of growing size."""
    edits = [int(row[0]) for row in fit.counts]
    return Curve(name, edits, [row[1] for row in fit.counts], [row[3] for row in fit.counts], look)


def curves(courses: Mapping[str, Course], fits: Sequence[Fit], method: str, setting: float) -> list[Curve]:
    """ROME in sequence, and a method in sequence (its own setting) and in batches with the given setting."""
    symbol, colour, marker = ("λ", "blue", "o") if method == "MEMIT" else ("tol", "vermillion", "^")
    unit = " F" if method == "MEMIT" else ""
    (fit,) = [one for one in fits if (one.method, one.setting, one.which) == (method, setting, "")]
    return [
        sequence_curve(courses["ROME"], ("black", "X", "--")),
        sequence_curve(courses[method], (colour, marker, ":")),
        batch_curve(fit, f"{method}, one batch, {symbol} = {setting:g}{unit}", (colour, marker, "-")),
    ]


@styled
def plot_fits(shown: Sequence[Curve], title: str = "", alt: str | None = None) -> AltFigure:
    """Two panels over the number of edits: what is answered, and what is kept elsewhere."""
    fig = AltFigure(WIDTH, 4.2)
    left, right = fig.subplots(1, 2)
    draw_fits(left, shown, "answered")
    draw_fits(right, shown, "kept")
    fig.suptitle(title, x=0.01, ha="left", fontsize=11)
    fig.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    fig.alt = alt or describe_fits(shown, title)
    return fig


def draw_fits(ax: Axes, shown: Sequence[Curve], what: str) -> None:
    """One panel: what = "answered" or "kept"."""
    for curve in shown:
        colour, marker, dash = curve.look
        ax.plot(curve.edits, getattr(curve, what), color=PALETTE[colour], marker=marker, linestyle=dash,
                linewidth=1.6, markersize=6, label=curve.name, clip_on=False,
                markerfacecolor="white" if dash == ":" else None)  # fmt: skip
    ticks = sorted({n for curve in shown for n in curve.edits})
    ax.set_xscale("log")
    ax.set_xticks([n for n in ticks if n != 200], [str(n) for n in ticks if n != 200])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_ylim(0, 1.04)
    ax.set_title(ANSWERED if what == "answered" else KEPT, fontsize=9.5)
    ax.set_xlabel("number of facts")
    ax.grid(color="0.92")


def describe_fits(shown: Sequence[Curve], title: str = "") -> str:
    """The curves in words."""
    lines = [
        f"{curve.name}: "
        + ", ".join(
            f"{n} facts {a:.2f} answered and {k:.2f} kept"
            for n, a, k in zip(curve.edits, curve.answered, curve.kept, strict=True)
        )
        + "."
        for curve in shown
    ]
    return (f"{title}. " if title else "") + "Curves over the number of edits. " + " ".join(lines)
