"""The picture of one causal trace (textbook figure 5.14; lesson 04). Letters: T tokens, L layers."""

import numpy as np

from edu_edit.locate.causal import Trace
from edu_edit.show.figure import WIDTH, AltFigure, drawable, styled
from edu_edit.show.heatmap import array, frame, heat, limits

KINDS = {"resid": "hidden state", "mlp": "MLP output", "attn": "attention output"}


def token_label(token: str, in_subject: bool = False) -> str:
    """A token as the figures print it: a blank or line end alone is made visible, `*` marks the subject."""
    text = token.strip() or token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")
    return text + ("*" if in_subject else "")


def trace_labels(trace: Trace) -> list[str]:
    """The row labels of a trace, subject tokens marked with `*`."""
    start, stop = trace.span
    return [token_label(token, start <= t < stop) for t, token in enumerate(trace.tokens)]


def restored(kind: str, sever: str | None = None, width: int = 1) -> str:
    """What was restored, and what frozen, in words."""
    what = KINDS[kind] + (f", {width} layers around the one shown" if width > 1 else "")
    return what + (f"; later {KINDS[sever]}s severed" if sever else "")


@styled
def plot_trace(
    trace: Trace,
    kind: str = "resid",
    sever: str | None = None,
    width: int = 1,
    mark: tuple[int, int] | None = None,
    alt: str | None = None,
) -> AltFigure:
    """Heat map of one fact's causal trace, tokens x layers (figure 5.14).

    The colour runs up to p_clean - p_corrupt, all that can be regained, so that maps of all kinds compare.
    `kind`, `sever`, `width` say how the trace was made, `mark` = (token, layer) frames one cell; `alt` None
    describes the data.
    """
    values, labels = array(trace.map), trace_labels(trace)
    fig = AltFigure(WIDTH, max(3.2, 1.6 + 0.3 * len(labels)))
    ax = fig.add_subplot()
    image = heat(ax, values, labels, limits(values, top=trace.p_clean - trace.p_corrupt), 9.0)
    answer = drawable(trace.answer.strip())
    ax.set_title(
        f"Restored: {restored(kind, sever, width)}\n"
        f"P({answer}): clean {trace.p_clean:.2f}, corrupted {trace.p_corrupt:.2f}"
    )
    ax.set_xlabel("layer that is restored   (* = token corrupted by noise)")
    fig.colorbar(image, ax=ax, pad=0.02, aspect=18, label="effect: P restored − P corrupted")
    if mark is not None:
        frame(ax, *mark)
    fig.alt = alt or describe_trace(trace, kind, sever, width)
    return fig


def describe_trace(trace: Trace, kind: str = "resid", sever: str | None = None, width: int = 1) -> str:
    """The heat map in words: both probabilities, the largest effect, and the strongest of every token."""
    values, labels = array(trace.map), trace_labels(trace)
    token, layer = np.unravel_index(values.argmax(), values.shape)
    strongest = ", ".join(
        f"{label} {row[at]:+.2f} at layer {at}"
        for label, row in zip(labels, values, strict=True)
        for at in [abs(row).argmax()]
    )
    return (
        f"Heat map of a causal trace, {values.shape[0]} tokens by layers 0 to {values.shape[1] - 1}; "
        f"restored: {restored(kind, sever, width)}. The probability of {trace.answer.strip()} is "
        f"{trace.p_clean:.2f} in the clean run and {trace.p_corrupt:.2f} with the tokens marked * "
        "corrupted. The largest effect is "
        f"{values[token, layer]:+.2f}, at token {labels[token]} and layer {layer}. "
        f"Strongest effect of each token, up or down: {strongest}."
    )
