"""Lesson 13's figures: an audit sheet, a secret among its candidates, shares of people before and after."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled, wrapped
from edu_edit.show.line_figures import LOOKS
from edu_edit.uses.audit import Finding
from edu_edit.uses.depn import exposure
from edu_edit.uses.sheets import PARTS, Sheet

HEADINGS = {
    "removed": "1 · What was removed",
    "leaks": "2 · What leaks: other wordings, repetition, inside",
    "broke": "3 · What broke",
}
UNDO = "4 · Who can undo it"
Named = Sequence[tuple[str, float]]


@styled
def plot_audit(sheet: Sheet, title: str = "Audit sheet", alt: str | None = None) -> AltFigure:
    """An audit sheet: a row per probe, from the value without the edit to that with it, and who can undo it.

    All values are shares from 0 to 1, but for perplexity, which is drawn as a share of twice its old value.
    """
    rows = sum(len(getattr(sheet, part)) + 1 for part in PARTS)
    undo = [wrapped(one, 100) for one in sheet.undo]
    lines = sum(one.count("\n") + 1 for one in undo) + 1
    fig = AltFigure(WIDTH, 0.5 + 0.255 * (rows + lines))
    ax = fig.add_subplot()
    ax.set(xlim=(-0.78, 1.42), ylim=(rows + lines, -0.9))
    ax.axis("off")
    ax.set_title(wrapped(title, 90))
    ax.text(1.05, -0.5, "without → with the edit", fontsize=8.5, color="0.35", va="center")
    y = 0.0
    for part in PARTS:
        ax.text(-0.78, y, HEADINGS[part], weight="bold", fontsize=9.5, va="center")
        y += 1
        for finding in getattr(sheet, part):
            _row(ax, y, finding)
            y += 1
    ax.text(-0.78, y, UNDO, weight="bold", fontsize=9.5, va="center")
    y += 0.5
    for one in undo:
        ax.text(-0.75, y, one, fontsize=9, va="top")
        y += one.count("\n") + 1
    fig.alt = alt or describe_audit(sheet, title)
    return fig


def _row(ax: Axes, y: float, finding: Finding) -> None:
    """The probe's name, a line from 0 to 1, both values on it, and both in figures."""
    scale = 2 * finding.before if finding.probe == "perplexity" else 1.0
    old, new = (min(value / scale, 1.0) for value in (finding.before, finding.after))
    ax.text(-0.03, y, drawable(finding.probe), ha="right", va="center", fontsize=9)
    ax.plot([0, 1], [y, y], color="0.85", linewidth=1)
    ax.plot([old, new], [y, y], color=PALETTE["sky"], linewidth=3)
    ax.plot(old, y, "o", color="white", markeredgecolor="black", markersize=7)
    ax.plot(new, y, "D", color=PALETTE["vermillion"], markersize=5.5)
    ax.text(1.05, y, f"{finding.before:.2f} → {finding.after:.2f}", va="center", fontsize=9)


def describe_audit(sheet: Sheet, title: str) -> str:
    """An audit sheet in words."""
    said = [f"{title}."]
    for part in PARTS:
        found = "; ".join(f"{f.probe} {f.before:.2f} → {f.after:.2f}" for f in getattr(sheet, part))
        said.append(f"{HEADINGS[part]}: {found}.")
    return " ".join([*said, f"{UNDO}: {' '.join(sheet.undo)}"])


@styled
def plot_candidates(
    series: Mapping[str, Float[Tensor, " n"]], title: str = "", alt: str | None = None
) -> AltFigure:
    """A secret (the first of n) among its candidates by log-probability, a row per series, with its bits."""
    fig = AltFigure(WIDTH, 1.1 + 0.62 * len(series))
    ax = fig.add_subplot()
    told = []
    for y, (name, logp) in enumerate(series.items()):
        rank, bits = int((logp >= logp[0]).sum()), exposure(float(logp[0]), logp)
        ax.plot(logp[1:], [y] * (len(logp) - 1), "|", color=PALETTE["blue"], markersize=15)
        ax.plot(float(logp[0]), y, "D", color=PALETTE["vermillion"], markersize=9)
        ax.annotate(
            f"rank {rank} of {len(logp)}: {bits:.1f} bits", (float(logp[0]), y), xytext=(0, 12),
            textcoords="offset points", ha="right" if rank == 1 else "center", fontsize=9,
        )  # fmt: skip
        told.append(
            f"{name}: secret at {float(logp[0]):.1f}, rank {rank} of {len(logp)}, {bits:.1f} bits; "
            f"others from {float(logp[1:].min()):.1f} to {float(logp[1:].max()):.1f}."
        )
    ax.set_yticks(range(len(series)), [drawable(name) for name in series])
    ax.set_ylim(len(series) - 0.6, -0.75)
    ax.set_xlabel("log-probability   (diamond: the secret; strokes: the other candidates)")
    ax.set_title(wrapped(title, 90))
    ax.tick_params(axis="y", length=0)
    fig.alt = alt or f"{title}. Log-probabilities. " + " ".join(told)
    return fig


@styled
def plot_people(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    xlabel: str,
    title: str = "",
    mark: float | None = 0.5,
    alt: str | None = None,
) -> AltFigure:
    """A row for each name, a marker for each series: shares from 0 to 1, with a dotted line at `mark`."""
    fig = AltFigure(WIDTH, 1.4 + 0.27 * len(names))
    ax = fig.add_subplot()
    for y in range(len(names)):
        values = [float(one[y]) for one in series.values()]
        ax.plot([min(values), max(values)], [y, y], color="0.8", linewidth=1.5, zorder=1)
    for (name, shares), (colour, marker, _) in zip(series.items(), cycle(LOOKS), strict=False):
        ax.plot(shares, range(len(names)), marker, color=PALETTE[colour], label=drawable(name), clip_on=False)
    if mark is not None:
        ax.axvline(mark, color="0.4", linewidth=1, linestyle=":")
    ax.set_yticks(range(len(names)), [drawable(name) for name in names])
    ax.set(xlim=(0, 1), ylim=(len(names) - 0.5, -0.5), xlabel=xlabel)
    ax.set_title(wrapped(title, 90))
    ax.tick_params(axis="y", length=0)
    fig.legend(loc="outside lower center", ncols=min(4, len(series)))
    told = (
        f"{who}: " + ", ".join(f"{name} {float(values[i]):.2f}" for name, values in series.items())
        for i, who in enumerate(names)
    )
    fig.alt = alt or f"{title}. {xlabel}. " + "; ".join(told) + "."
    return fig
