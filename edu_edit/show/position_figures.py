"""How far a long answer reaches (lesson 11): the share of its tokens that are right, place by place."""

from collections.abc import Mapping
from itertools import cycle

from torch import Tensor

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled
from edu_edit.show.line_figures import LOOKS

PANELS = {"teacher forced": "shown the right tokens before it", "greedy": "going on by itself"}
SMOOTH = 5  # places that are averaged


@styled
def plot_positions(
    rates: Mapping[str, Mapping[str, Tensor]], names: Mapping[str, str] | None = None, alt: str | None = None
) -> AltFigure:
    """Curves over the places of long answers, one per way of editing; each point averages five places.

    rates: {way: {"teacher forced", "greedy", "passages": (places,)}}, as `world.measure.barrier.by_position`
    gives them. A place counts by the number of passages that reach it. names: what to call the ways.
    """
    fig = AltFigure(WIDTH, 3.6)
    told = []
    for (reading, title), ax in zip(PANELS.items(), fig.subplots(1, 2, sharey=True), strict=True):
        for (way, found), (colour, marker, dash) in zip(rates.items(), cycle(LOOKS), strict=False):
            weight, name = found["passages"].double(), (names or {}).get(way, way)
            hits = found[reading].double() * weight
            values = [
                float(hits[max(0, i - SMOOTH // 2) : i + SMOOTH // 2 + 1].sum())
                / float(weight[max(0, i - SMOOTH // 2) : i + SMOOTH // 2 + 1].sum())
                for i in range(len(weight))
            ]
            ax.plot(range(1, len(values) + 1), values, color=PALETTE[colour], marker=marker, linestyle=dash,
                    markevery=max(1, len(values) // 7), markersize=5, label=name)  # fmt: skip
            told.append(f"{name}, {title}: {float(hits.sum() / weight.sum()):.2f} of all tokens.")
        ax.set_title(f"Next token right,\n{title}", fontsize=10)
        ax.set_xlabel("place in the answer (tokens)")
        ax.set_ylim(0, 1.04)
    fig.axes[0].set_ylabel("share of passages")
    fig.legend(*fig.axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    fig.alt = alt or "Curves over the places of long answers. " + " ".join(told)
    return fig
