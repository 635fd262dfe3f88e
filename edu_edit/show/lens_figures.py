"""The logit lens as a map of words, and bars of next words (lesson 01). Letters: T tokens, L layers."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
from matplotlib.patches import Rectangle

from edu_edit.show.figure import MAP, PALETTE, WIDTH, AltFigure, drawable, styled, wrapped
from edu_edit.show.lens import LensGrid, Words, shown

COLUMNS = 13  # so many depths have room side by side
LETTERS = 9  # of a word in a cell


def cut(text: str, letters: int) -> str:
    """A token for a narrow place: cut with a dot behind."""
    return text if len(text) <= letters else text[: letters - 1] + "…"


def columns(depths: int) -> list[int]:
    """The depths that are drawn: all of them, or some at even distances with the first and the last."""
    if depths <= COLUMNS:
        return list(range(depths))
    return sorted({round(x) for x in np.linspace(0, depths - 1, COLUMNS)})


@styled
def plot_lens(
    grid: LensGrid, title: str = "", mark: tuple[int, int] | None = None, alt: str | None = None
) -> AltFigure:
    """The most probable next word at every token (rows) and depth (columns), with its probability.

    `mark` = (token, depth) frames one cell and tells its five best words below.
    """
    kept, T = columns(len(grid.depths)), len(grid.tokens)
    best = np.array([[grid.words[t][d][0][1] for d in kept] for t in range(T)])
    fig = AltFigure(9.0, 1.5 + 0.36 * T + (0.25 if mark else 0.0))
    ax = fig.add_subplot()
    image = ax.imshow(best, cmap=mpl.colormaps[MAP], vmin=0, vmax=1, aspect="auto")
    letters = LETTERS if len(kept) <= 9 else 6
    for (t, place), p in np.ndenumerate(best):
        word = drawable(cut(shown(grid.words[t][kept[place]][0][0]), letters))
        colour = "white" if p < 0.45 else "black"
        ax.text(place, t, f"{word}\n{p:.2f}", ha="center", va="center", color=colour, fontsize=7.5,
                linespacing=1.05)  # fmt: skip
    labels = [drawable(cut(shown(token), 14)) for token in grid.tokens]
    ax.set_yticks(range(T), labels)
    ax.set_xticks(range(len(kept)), [grid.depths[d] for d in kept])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("token that was read")
    below = "read after layer   (emb = embedding, before layer 0)"
    if mark is not None:
        below += "\n" + wrapped("Framed: " + grid.sentence(*mark), 105)
    ax.set_xlabel(below)
    ax.set_title(wrapped(title or "Logit lens: the next word, if the model ended there", 80))
    fig.colorbar(image, ax=ax, pad=0.015, aspect=18, label="probability of that word")
    if mark is not None and mark[1] in kept:
        place = kept.index(mark[1])
        for edge, line in (("black", 4.5), ("white", 2.0)):
            box = (place - 0.48, mark[0] - 0.47)
            ax.add_patch(
                Rectangle(box, 0.96, 0.94, fill=False, edgecolor=edge, linewidth=line, clip_on=False)
            )
    fig.alt = alt or describe_lens(grid, title, mark)
    return fig


def describe_lens(grid: LensGrid, title: str = "", mark: tuple[int, int] | None = None) -> str:
    """The map in words: the marked cell, then for the last token what is said after each layer."""
    last = len(grid.tokens) - 1
    course = ", ".join(
        f"{depth} {shown(words[0][0])} {words[0][1]:.2f}"
        for depth, words in zip(grid.depths, grid.words[last], strict=True)
    )
    final = ", ".join(
        f"after {shown(token)} {shown(words[-1][0][0])} {words[-1][0][1]:.2f}"
        for token, words in zip(grid.tokens, grid.words, strict=True)
    )
    return " ".join([
        *([f"{title}."] if title else []),
        f"Logit lens, {last + 1} tokens by {len(grid.depths)} depths: the most probable next word.",
        *([f"Framed: {grid.sentence(*mark)}"] if mark else []),
        f"At the last token, {shown(grid.tokens[last])}, from the embedding upwards: {course}.",
        f"After the last layer: {final}.",
    ])  # fmt: skip


@styled
def plot_next_words(said: Mapping[str, Words], alt: str | None = None) -> AltFigure:
    """Bars of the most probable next words, one small plot per prompt."""
    n = max(len(words) for words in said.values())
    fig = AltFigure(WIDTH, len(said) * (0.55 + 0.23 * n))
    axes = fig.subplots(len(said), 1, squeeze=False)[:, 0]
    for ax, (prompt, words) in zip(axes, said.items(), strict=True):
        values = [p for _, p in words]
        ax.barh(range(len(words)), values, color=PALETTE["sky"], edgecolor="0.2", height=0.7)
        ax.set_yticks(range(len(words)), [drawable(shown(word)) for word, _ in words])
        ax.set_ylim(n - 0.5, -0.5)
        ax.set_xlim(0, 1.1)
        ax.set_xticks([0, 0.25, 0.5, 0.75, 1.0] if ax is axes[-1] else [])
        ax.tick_params(length=0)
        for place, p in enumerate(values):
            ax.text(p + 0.01, place, f"{p:.3f}", va="center", fontsize=9)
        ax.set_title(drawable(f"{prompt} …"), fontsize=10)
    axes[-1].set_xlabel("probability of the next word")
    fig.alt = alt or "Bars of the most probable next words. " + " ".join(
        f"{prompt}: " + ", ".join(f"{shown(word)} {p:.3f}" for word, p in words) + "."
        for prompt, words in said.items()
    )
    return fig
