"""The three runs of causal tracing as pictures (textbook figures 5.12 to 5.14; lesson 04)."""

import html
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from edu_edit.locate.three_runs import RUNS, ThreeRuns
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.heatmap import array, frame, heat
from edu_edit.show.trace_figures import token_label

LOOKS = (("blue", ""), ("vermillion", "///"), ("green", "..."))
Words = Sequence[tuple[str, Sequence[float]]]


@styled
def plot_three_runs(
    runs: ThreeRuns, answer: int, restored: tuple[int, int] | None = None, alt: str | None = None
) -> AltFigure:
    """How far each hidden state is from the clean run, tokens x layers, in the three runs.

    answer: the id of the token whose probability stands above each panel. restored: (token, layer) of the
    hidden state that was put back; it is framed, and nothing but what can see it has moved.
    """
    values, start, stop = array(runs.away), *runs.span
    labels = [token_label(token, start <= t < stop) for t, token in enumerate(runs.tokens)]
    fig = AltFigure(10.0, max(3.0, 1.5 + 0.32 * len(labels)))
    axes = fig.subplots(1, 3)
    said = []
    for i, (ax, name) in enumerate(zip(axes, RUNS, strict=True)):
        image = heat(ax, values[i], labels if i == 0 else [""] * len(labels), (0.0, 1.0), 6.5)
        n_states = values.shape[2]
        ax.set_xticks(range(n_states), ["in", *map(str, range(n_states - 1))])
        ax.set_xlabel("state after layer" if i else "state after layer (in = embedding)")
        p = float(runs.probs[i, answer])
        ax.set_title(f"{name}: P(answer) = {p:.2f}")
        said.append(f"{name} run, probability of the answer {p:.2f}, {_described(values[i], labels)}")
    if restored is not None:
        frame(axes[2], restored[0], restored[1] + 1)
    fig.colorbar(
        image, ax=list(axes), pad=0.01, aspect=18, label="distance from the clean state", extend="max"
    )
    fig.alt = (
        alt or "Heat maps, tokens by states, of the distance from the clean run. " + "; ".join(said) + "."
    )
    return fig


def _described(values: np.ndarray, labels: list[str]) -> str:
    if not values.any():
        return "all distances 0"
    return "mean distance per token: " + ", ".join(
        f"{label} {row.mean():.2f}" for label, row in zip(labels, values, strict=True)
    )


def word_bars(ax: Axes, words: Words) -> None:
    """The likeliest words as grouped bars, one bar per run; each run has its colour and its hatch."""
    y = np.arange(len(words))
    for i, (name, (colour, hatch)) in enumerate(zip(RUNS, LOOKS, strict=True)):
        p = [ps[i] for _, ps in words]
        bars = ax.barh(y + 0.27 * (i - 1), p, 0.25, label=name, color=PALETTE[colour], hatch=hatch,
                       edgecolor="white", linewidth=0.5)  # fmt: skip
        ax.bar_label(bars, [f"{x:.2f}" for x in p], padding=2, fontsize=7.5)
    ax.set_yticks(y, [drawable(word) for word, _ in words])
    ax.invert_yaxis()
    ax.set_xlim(0, 1.12)
    ax.set_xlabel("probability of the next word")
    ax.legend(loc="lower right", fontsize=8.5)


@styled
def plot_words(words: Words, title: str = "", alt: str | None = None) -> AltFigure:
    """What the three runs would say next: the likeliest words with their probabilities."""
    fig = AltFigure(WIDTH, 1.3 + 0.42 * len(words))
    ax = fig.add_subplot()
    word_bars(ax, words)
    ax.set_title(drawable(title))
    fig.alt = alt or "Bars, probability of the next word. " + describe_words(words)
    return fig


def describe_words(words: Words) -> str:
    """The words with their three probabilities, as text."""
    return " ".join(
        f"{word}: " + ", ".join(f"{run} {p:.2f}" for run, p in zip(RUNS, ps, strict=True)) + "."
        for word, ps in words
    )


def words_table(words: Words) -> str:
    """The likeliest words of the three runs as a small table."""
    heads = "".join(f"<th scope='col'>{name}</th>" for name in RUNS)
    rows = "".join(
        f"<tr><th scope='row' style='text-align:left'>{html.escape(word)}</th>"
        + "".join(f"<td style='padding:0 1em'>{p:.2f}</td>" for p in ps)
        + "</tr>"
        for word, ps in words
    )
    return f"<table><tr><th scope='col' style='text-align:left'>next word</th>{heads}</tr>{rows}</table>"
