"""What a layer's values say after their keys' triggers: agreement by layer, and a card for one neuron.

Geva et al. 2021 (arXiv 2012.14913) section 4, textbook section 5.2.2, figure 5.8; the functions of
`edu_edit.locate.ffn` on the triggers that `edu_edit.locate.triggers` collects.
Shapes: F FFN width, k triggers.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.locate.ffn import agreement, chance_agreement, value_distribution
from edu_edit.locate.triggers import Trigger, Triggers
from edu_edit.tracing import Site, record

NEURONS = 1024  # values projected at once


@dataclass(frozen=True)
class Agreement:
    """A layer's agreement, and what it would be if values were dealt out to keys at random."""

    layer: int
    rate: float
    chance: float


@torch.no_grad()
def value_tops(lm: LM, layer: int, normed: bool = True) -> Int[Tensor, " F"]:
    """The likeliest token of every value of a layer. normed: with the model's last norm, see
    `value_distribution`.
    """
    values = lm.ffn(layer).W_out.T.split(NEURONS)
    norm = lm.norm if normed else None
    return torch.cat([value_distribution(v, lm.W_U, norm).argmax(-1) for v in values]).cpu()


def layer_agreement(triggers: Triggers, layer: int, k: int = 1, normed: bool = True) -> Agreement:
    """How often the values of a layer name the token that follows their keys' k best triggers, and chance.

    k = 1 is the figure of Geva et al. 2021. Raises ValueError for a layer that was not collected.
    """
    following = triggers.next_tokens(layer)[:, :k]
    tops = value_tops(triggers.lm, layer, normed)
    return Agreement(layer, agreement(tops, following), chance_agreement(tops, following))


@dataclass(frozen=True)
class NeuronCard:
    """One neuron: its best triggers, and the words of its value with their probabilities.

    agreement: the share of these triggers that are followed by the value's top word. coefficient: what the
    neuron is at the last token of the prompt that was asked about; None without one.
    """

    layer: int
    neuron: int
    triggers: tuple[Trigger, ...]
    words: tuple[tuple[str, float], ...]
    agreement: float
    coefficient: float | None


@torch.no_grad()
def neuron_card(
    triggers: Triggers,
    layer: int,
    neuron: int,
    prompt: str | None = None,
    words: int = 10,
    normed: bool = True,
) -> NeuronCard:
    """What there is to know about a neuron at a glance, as data. Raises ValueError for one not collected."""
    lm, found = triggers.lm, triggers.of(layer, neuron)
    said = value_distribution(lm.ffn(layer).W_out[:, neuron], lm.W_U, lm.norm if normed else None)
    top = said.topk(min(words, lm.V))
    following = triggers.next_tokens(layer)[neuron]
    site = Site("key", layer, -1)
    return NeuronCard(
        layer=layer,
        neuron=neuron,
        triggers=found,
        words=tuple(
            (str(lm.tok.decode([i])), p)
            for i, p in zip(top.indices.tolist(), top.values.tolist(), strict=True)
        ),
        agreement=agreement(said.argmax()[None].cpu(), following[None]),
        coefficient=None if prompt is None else float(record(lm, prompt, [site])[site][0, neuron]),
    )
