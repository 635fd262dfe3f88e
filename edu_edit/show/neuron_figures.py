"""Pictures of neurons: the card of one, and what a layer's memory answers (lesson 03, figure 5.8)."""

from collections.abc import Sequence

import numpy as np
import torch
from matplotlib.axes import Axes

from edu_edit.lm import LM
from edu_edit.locate.ffn import value_distribution
from edu_edit.locate.neuron_cards import NeuronCard
from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled, wrapped
from edu_edit.show.neuron_words import agreed, describe_card, tail
from edu_edit.show.trace_figures import token_label
from edu_edit.tracing import Site, record


@styled
def plot_neuron_card(
    card: NeuronCard, chance: float, notes: Sequence[str] = (), alt: str | None = None
) -> AltFigure:
    """The card of one neuron: its best triggers with what follows them, and its value's first words.

    chance: the layer's agreement if values were dealt out at random. notes: sentences to stand below.
    """
    rows = max(len(card.triggers), len(card.words))
    fig = AltFigure(9.0, 1.45 + 0.24 * rows + 0.25 * len(notes))
    fig.suptitle(f"Layer {card.layer}, neuron {card.neuron}", x=0.01, ha="left", weight="bold", fontsize=11)
    left, right = fig.subplots(1, 2, width_ratios=(1, 1))
    names = [f"{tail(t.text)}  [{token_label(t.next_token)}]" for t in card.triggers]
    _bars(left, names, [t.coefficient for t in card.triggers], "sky", "////")
    left.set_title("The key's best triggers  [what follows]", fontsize=10)
    left.set_xlabel("coefficient a")
    _bars(right, [token_label(w) for w, _ in card.words], [p for _, p in card.words], "orange", "....")
    right.set_title("The value's first words", fontsize=10)
    right.set_xlabel("probability")
    said = [agreed(card, chance), *notes]
    fig.supxlabel("\n".join(wrapped(line, 128) for line in said), x=0.01, ha="left", fontsize=9.5)
    fig.alt = alt or describe_card(card, said)
    return fig


@styled
@torch.no_grad()
def plot_memory(
    lm: LM, prompt: str, layer: int, most: int = 10, words: int = 4, alt: str | None = None
) -> AltFigure:
    """Which memory cells of a layer answer a prompt at its last token: the largest coefficients by size.

    Each bar is one neuron, named with the first words of its value.
    """
    site = Site("key", layer, -1)
    a = record(lm, prompt, [site])[site][0]
    chosen = a.abs().topk(most).indices.tolist()
    values = value_distribution(lm.ffn(layer).W_out[:, chosen].T, lm.W_U, lm.norm)
    said = [[str(lm.tok.decode([i])) for i in row] for row in values.topk(words).indices.tolist()]
    names = [
        f"neuron {i}:  {', '.join(token_label(w) for w in row)}" for i, row in zip(chosen, said, strict=True)
    ]
    fig = AltFigure(9.0, 1.1 + 0.26 * most)
    ax = fig.add_subplot()
    _bars(ax, names, a[chosen].tolist(), "sky", "////")
    title = f"{prompt} …   layer {layer}, the {most} loudest of {lm.F} neurons"
    fig.suptitle(drawable(title), x=0.01, ha="left", fontsize=11)
    ax.set_xlabel("coefficient a   (beside each number: the words that the value speaks for)")
    bars = "; ".join(f"{name}: {x:.2f}" for name, x in zip(names, a[chosen].tolist(), strict=True))
    about = f"Bars. The {most} largest of {lm.F} coefficients of layer {layer} after: {prompt}."
    fig.alt = alt or f"{about} {bars}."
    return fig


def _bars(ax: Axes, names: Sequence[str], values: Sequence[float], colour: str, hatch: str) -> None:
    y = np.arange(len(names))
    ax.barh(y, values, 0.7, color=PALETTE[colour], hatch=hatch, edgecolor="white", linewidth=0.5)
    ax.set_yticks(y, [drawable(name) for name in names])
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.axvline(0, color="black", linewidth=0.8)
    ax.tick_params(axis="y", length=0)
    for at, value in zip(y, values, strict=True):
        ax.annotate(
            f"{value:.2f}",
            (max(value, 0.0), at),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
        )
    ax.margins(x=0.12)
