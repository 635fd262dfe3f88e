"""The triggers of every neuron: the prefixes of a corpus that its key matches best.

Geva et al. 2021 (arXiv 2012.14913) section 3, textbook section 5.2.2, figure 5.8; `trigger_prefixes` of
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
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, record

BATCH = 32  # texts read at once


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
