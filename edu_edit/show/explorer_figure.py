"""The trace explorer without a kernel: one map, the average beside it, and what the marked run says."""

from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from edu_edit.locate.causal import Trace
from edu_edit.show.average_figures import ROLES
from edu_edit.show.figure import WIDTH, AltFigure, drawable, styled
from edu_edit.show.heatmap import array, frame, heat, limits
from edu_edit.show.run_figures import Words, describe_words, word_bars
from edu_edit.show.trace_figures import describe_trace, restored, trace_labels

Average = tuple[Float[Tensor, "6 L"], int]


@styled
def plot_exploration(
    trace: Trace,
    kind: str,
    sever: str | None,
    width: int,
    mark: tuple[int, int],
    words: Words,
    average: Average | None,
) -> AltFigure:
    """The map of one fact with a framed cell, the average beside it, and the words of that cell's runs."""
    values, labels = array(trace.map), trace_labels(trace)
    fig = AltFigure(10.5, 2.4 + max(2.4, 0.32 * len(labels)) + 0.3 * len(words))
    heights = [max(2.6, 0.9 + 0.32 * len(labels)), 1 + 0.3 * len(words)]
    top, bottom = fig.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    left, right = top.subplots(1, 2)
    image = heat(left, values, labels, limits(values, top=trace.p_clean - trace.p_corrupt), 8.0)
    left.set_title(
        f"P({drawable(trace.answer)}): clean {trace.p_clean:.2f}, corrupted {trace.p_corrupt:.2f}",
        fontsize=10,
    )
    left.set_xlabel("layer that is restored   (* = subject)")
    frame(left, *mark)
    fig.colorbar(image, ax=left, pad=0.02, aspect=18)
    top.suptitle(f"Effect of restoring: {restored(kind, sever, width)}", x=0.01, ha="left", fontsize=11)
    draw_average(right, average)
    ax = bottom.subplots()
    word_bars(ax, words)
    at = f"{labels[mark[0]]}, layer {mark[1]}"
    ax.set_title(f"The three runs, with the framed cell restored ({drawable(at)})", fontsize=10)
    beside = f" Beside it the average over {average[1]} facts." if average else ""
    fig.alt = (
        f"{describe_trace(trace, kind, sever, width)}{beside} "
        f"With token {labels[mark[0]]} at layer {mark[1]} restored: {describe_words(words)}"
    )
    return fig


def draw_average(ax: Axes, average: Average | None) -> None:
    """Six roles x layers, or a sentence where nothing has been averaged."""
    if average is None:
        ax.axis("off")
        ax.text(0.5, 0.5, "No average for these settings yet.", ha="center")
        return
    values = array(average[0])
    image = heat(ax, values, list(ROLES), limits(values), 7.0)
    ax.set_title(f"average over {average[1]} facts", fontsize=10)
    ax.figure.colorbar(image, ax=ax, pad=0.02, aspect=18)


@styled
def average_panel(average: Average) -> AltFigure:
    """The average alone, as the explorer shows it beside its map."""
    fig = AltFigure(0.72 * WIDTH, 2.9)
    draw_average(fig.add_subplot(), average)
    peaks = ", ".join(
        f"{role} {array(row).max():+.2f}" for role, row in zip(ROLES, average[0].nan_to_num(), strict=True)
    )
    fig.alt = f"Average causal trace over {average[1]} facts; largest effect of each role: {peaks}."
    return fig
