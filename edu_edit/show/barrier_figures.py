"""The length barrier of one long answer: P(y_t) along it, and what the model writes by itself (lesson 11)."""

from collections.abc import Mapping, Sequence
from itertools import cycle

from matplotlib.axes import Axes

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.line_figures import LOOKS
from edu_edit.world.measure.reach import Reach

SMOOTH = 5  # neighbouring tokens that a line averages; dots show each token


@styled
def plot_barrier(
    ways: Mapping[str, Reach], cuts: Sequence[int] = (), title: str = "", alt: str | None = None
) -> AltFigure:
    """P(y_t) along a long answer, one curve per way of editing, and below which tokens come by themselves.

    ways: {name: reach}, all of one answer; the line averages five neighbours, the dots don't. cuts: tokens at
    which a chunk begins, as dotted lines. Below, a filled square is a token that the model, going on by
    itself, says at its place.
    """
    fig = AltFigure(WIDTH, 3.5 + 0.24 * len(ways))
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(3.2, 0.35 + 0.3 * len(ways)))
    looks = list(zip(ways.items(), cycle(LOOKS), strict=False))
    for (name, one), (colour, marker, dash) in looks:
        values, n = smoothed(one.probs), len(one.probs)
        above.plot(range(n), one.probs, ".", color=PALETTE[colour], markersize=3.5, alpha=0.55)
        above.plot(range(n), values, color=PALETTE[colour], linestyle=dash, marker=marker,
                   markevery=max(1, n // 8), markersize=5, label=drawable(name))  # fmt: skip
    _squares(below, ways)
    for cut in cuts:
        for ax in (above, below):
            ax.axvline(cut - 0.5, color="0.55", linewidth=0.8, linestyle=":")
    above.set_ylim(0, 1.05)
    above.set_ylabel("P(token | right text before it)")
    above.set_title(drawable(title))
    below.set_xlabel("token of the answer" + (" (dotted: a chunk begins)" if cuts else ""))
    fig.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=len(ways))
    fig.alt = alt or " ".join([title, *(in_words(name, one) for name, one in ways.items())]).strip()
    return fig


def in_words(name: str, one: Reach) -> str:
    """One way of editing, in a sentence."""
    n, thirds = len(one.probs), max(len(one.probs) // 3, 1)
    means = [sum(part) / len(part) for part in (one.probs[:thirds], one.probs[-thirds:])]
    return (
        f"{name}: mean probability {means[0]:.2f} in the first third of {n} tokens, {means[1]:.2f} in the "
        f"last; by itself the model says {said(one)} of {n} tokens at their place."
    )


def said(one: Reach) -> int:
    """How many tokens the model says at their place when it goes on by itself."""
    return sum(one.own)


def smoothed(values: Sequence[float]) -> list[float]:
    """Each value's mean with its neighbours."""
    half = SMOOTH // 2
    parts = [values[max(0, i - half) : i + half + 1] for i in range(len(values))]
    return [sum(part) / len(part) for part in parts]


def _squares(ax: Axes, ways: Mapping[str, Reach]) -> None:
    """One row per way, a square per token."""
    for row, (one, (colour, _, _)) in enumerate(zip(ways.values(), cycle(LOOKS), strict=False)):
        for right, face in ((True, PALETTE[colour]), (False, "white")):
            at = [t for t, own in enumerate(one.own) if own == right]
            ax.plot(at, [row] * len(at), "s", markersize=5, markerfacecolor=face, markeredgewidth=0.8,
                    markeredgecolor=PALETTE[colour])  # fmt: skip
    labels = [f"{said(one)} of {len(one.own)}" for one in ways.values()]
    ax.set_yticks(range(len(ways)), labels, fontsize=8.5)
    ax.set_ylim(len(ways) - 0.5, -0.5)
    ax.set_ylabel("by itself", fontsize=9)
    ax.tick_params(axis="y", length=0)
