"""Geva's two experiments on a whole model: triggers of every neuron, agreement by layer, neuron cards.

Geva et al. 2021 (arXiv 2012.14913) sections 3 and 4, textbook section 5.2.2, figure 5.8; the functions of
`edu_edit.locate.ffn` at the scale of a corpus. A prefix is a text up to one of its tokens. Two texts that
begin alike share prefixes; a causal model gives both the same coefficient, so each distinct prefix counts
once, with the token that follows it where it comes first. Only the k best are ever held (streaming), in the
order: stronger first, then the earlier text, then the earlier token.
Shapes: F FFN width, k triggers, n prefixes of a batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.locate.ffn import agreement, chance_agreement, value_distribution
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, record

BATCH = 32  # texts read at once
NEURONS = 1024  # values projected at once


@dataclass(frozen=True)
class Trigger:
    """A prefix that a neuron's key matches: its text, last token, the token that follows, the coefficient."""

    text: str
    token: str
    next_token: str
    coefficient: float


@dataclass(frozen=True)
class Triggers:
    """The k strongest prefixes of every neuron of some layers, found by `collect_triggers`.

    coefficients: {layer: (F, k)}, strongest first. where: {layer: (F, k)}, the number of the prefix in
    `prefixes`, which lists (text, token) positions. rows: the texts as token ids.
    """

    lm: LM
    rows: Sequence[Sequence[int]]
    prefixes: Sequence[tuple[int, int]]
    coefficients: Mapping[int, Float[Tensor, "F k"]]
    where: Mapping[int, Int[Tensor, "F k"]]

    def next_tokens(self, layer: int) -> Int[Tensor, "F k"]:
        """The ids of the tokens that follow each neuron's triggers. Raises ValueError for another layer."""
        following = torch.tensor([self.rows[text][token + 1] for text, token in self.prefixes])
        return following[self.where[self.checked(layer)]]

    def of(self, layer: int, neuron: int) -> tuple[Trigger, ...]:
        """The triggers of one neuron, strongest first. Raises ValueError for one that was not collected."""
        if not 0 <= neuron < self.lm.F:
            raise ValueError(f"{self.lm.name} has neurons 0 to {self.lm.F - 1}, not {neuron}: choose one.")
        found = []
        for number, coefficient in zip(
            self.where[self.checked(layer)][neuron].tolist(),
            self.coefficients[layer][neuron].tolist(),
            strict=True,
        ):
            text, token = self.prefixes[number]
            row = self.rows[text]
            prefix = str(self.lm.tok.decode(list(row[: token + 1]), skip_special_tokens=True))
            last, following = (str(self.lm.tok.decode([i])) for i in row[token : token + 2])
            found.append(Trigger(prefix, last, following, coefficient))
        return tuple(found)

    def checked(self, layer: int) -> int:
        """`layer` itself; raises ValueError where no triggers of that layer were collected."""
        if layer not in self.where:
            raise ValueError(
                f"Triggers were collected for the layers {sorted(self.where)}, not {layer}: choose one."
            )
        return layer


def collect_triggers(
    lm: LM,
    texts: Sequence[str],
    k: int = 10,
    layers: Sequence[int] | None = None,
    absolute: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Triggers:
    """The k prefixes of the texts with the largest coefficient, for every neuron of the layers (None = all).

    absolute: rank by |a_i| instead of a_i; Llama's gated neurons can be strongly negative. Padding, special
    tokens and the last token of a text, which nothing follows, are no prefixes. progress(done, total) is
    called as texts are read. Raises ValueError when there is no prefix, for k below 1, and for a layer that
    is not there.
    """
    if isinstance(texts, str) or k < 1:
        raise ValueError(f"texts must be a list of strings and k at least 1, not {texts!r:.40} and {k}.")
    chosen = [lm.checked(layer) for layer in (range(lm.n_layers) if layers is None else layers)]
    rows = [lm.tok(text, verbose=False)["input_ids"][: lm.context] for text in texts]
    prefixes: list[tuple[int, int]] = []
    seen: set[tuple[int, ...]] = set()
    best = {layer: torch.empty(lm.F, 0) for layer in chosen}
    where = {layer: torch.empty(lm.F, 0, dtype=torch.long) for layer in chosen}
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        new = _new_prefixes(lm, batch, seen)
        if new:
            ids, mask = pad_batch(batch, lm.pad_id)
            sites = [Site("key", layer) for layer in chosen]
            keys = record(lm, (ids.to(lm.device), mask.to(lm.device)), sites)
            row, token = torch.tensor(new).T
            number = (len(prefixes) + torch.arange(len(new))).expand(lm.F, -1)
            for layer, site in zip(chosen, sites, strict=True):
                a = torch.cat([best[layer], keys[site].cpu().float()[row, token].T], dim=1)
                at = torch.cat([where[layer], number], dim=1)
                rank = a.abs() if absolute else a
                order = rank.sort(dim=1, descending=True, stable=True).indices[:, :k]
                best[layer], where[layer] = a.gather(1, order), at.gather(1, order)
            prefixes += [(start + r, t) for r, t in new]
        if progress is not None:
            progress(min(start + BATCH, len(rows)), len(rows))
    if not prefixes:
        raise ValueError("The texts have no prefix: give at least one text of two tokens.")
    return Triggers(lm, rows, prefixes, best, where)


def _new_prefixes(lm: LM, rows: Sequence[Sequence[int]], seen: set[tuple[int, ...]]) -> list[tuple[int, int]]:
    """(row, token) of the prefixes that no text had before; `seen` remembers them."""
    special = set(lm.tok.all_special_ids)
    found = []
    for i, row in enumerate(rows):
        for t in range(len(row) - 1):
            prefix = tuple(row[: t + 1])
            if row[t] not in special and prefix not in seen:
                seen.add(prefix)
                found.append((i, t))
    return found


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
