"""Misconceptions about depn.sequence_attribution and privacy_neurons: one of the two with one part "
"exchanged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from autograder.mutants import Mutant

Sequence = Callable[[Tensor], Tensor]


def right_sum(attr: Tensor) -> Tensor:
    return attr.sum(0)


def own(attr: Tensor, share: float) -> Tensor:
    return (attr > 0) & (attr >= share * attr.amax((1, 2), keepdim=True))


def chosen(
    strong: Callable[[Tensor, float], Tensor] = own,
    key: Callable[[int, list[int], list[float]], Any] = lambda i, often, total: (-often[i], -total[i], i),
    weak: bool = False,
    pair: Callable[[int, int], Any] = lambda i, F: (i // F, i % F),
    refuses: bool = True,
) -> Callable[..., list[Any]]:
    """privacy_neurons with one part exchanged."""

    def privacy_neurons(attr: Tensor, k: int, share: float = 0.1) -> list[Any]:
        if refuses and (k < 0 or not 0 <= share <= 1 or attr.numel() == 0):
            raise ValueError("k, share or texts")
        if attr.numel() == 0:
            return []
        often = strong(attr, share).sum(0).flatten().tolist()
        total = attr.double().sum(0).flatten().tolist()
        order = sorted((i for i, n in enumerate(often) if n or weak), key=lambda i: key(i, often, total))
        return [pair(i, attr.shape[2]) for i in order[:k]]

    return privacy_neurons


def summing(function: Sequence) -> Callable[[], tuple[Sequence, Callable[..., list[Any]]]]:
    return lambda: (function, chosen())


def choosing(function: Callable[..., list[Any]]) -> Callable[[], tuple[Sequence, Callable[..., list[Any]]]]:
    return lambda: (right_sum, function)


MUTANTS = [
    Mutant(
        "mean_over_tokens",
        "You took the mean over the tokens. A neuron that helps every token of a long secret would count "
        "no more "
        "than one that helps a short one: add up.",
        summing(lambda attr: attr.mean(0)),
    ),
    Mutant(
        "largest_token",
        "You took each neuron's largest token. A secret is the whole sequence: all of its tokens count.",
        summing(lambda attr: attr.amax(0)),
    ),
    Mutant(
        "absolute",
        "You added absolute values. A neuron that works against a token of the secret would count as if "
        "it gave it "
        "away.",
        summing(lambda attr: attr.abs().sum(0)),
    ),
    Mutant(
        "first_token",
        "You looked at the first token only. Its digits are said one after the other, each by its own "
        "neurons.",
        summing(lambda attr: attr[0].clone()),
    ),
    Mutant(
        "by_sum",
        "You sorted by the summed attribution alone. One text with large numbers then decides: first "
        "count in how "
        "many texts a neuron is strong.",
        choosing(chosen(key=lambda i, often, total: (-total[i], i))),
    ),
    Mutant(
        "one_maximum_for_all",
        "You compared with the largest attribution of all texts. Texts with small attributions then have "
        "no strong "
        "neuron: take each text's own maximum.",
        choosing(chosen(strong=lambda attr, share: (attr > 0) & (attr >= share * attr.max()))),
    ),
    Mutant(
        "maximum_per_layer",
        "You took the maximum of each layer. Then every layer has a strong neuron, though it may do next to "
        "nothing: the maximum goes over layers and neurons.",
        choosing(
            chosen(strong=lambda attr, share: (attr > 0) & (attr >= share * attr.amax(2, keepdim=True)))
        ),
    ),
    Mutant(
        "filled_up",
        "You filled the list up to k with neurons that are strong in no text. Silencing them forgets "
        "nothing, and "
        "breaks other things.",
        choosing(chosen(weak=True)),
    ),
    Mutant(
        "not_positive",
        "You forgot that strong means positive, too. In a text whose largest attribution is 0, every "
        "neuron at 0 "
        "would count as strong.",
        choosing(chosen(strong=lambda attr, share: attr >= share * attr.amax((1, 2), keepdim=True))),
    ),
    Mutant(
        "more_than_a_share",
        "You ask for more than the share of the maximum. Exactly the share is enough: ≥ in place of >.",
        choosing(
            chosen(strong=lambda attr, share: (attr > 0) & (attr > share * attr.amax((1, 2), keepdim=True)))
        ),
    ),
    Mutant(
        "rarest_first",
        "You put the rarest neurons first. The most frequent ones go first.",
        choosing(chosen(key=lambda i, often, total: (often[i], -total[i], i))),
    ),
    Mutant(
        "flat_index",
        "You gave flat indices. A neuron is a pair (layer, index): i // F and i % F.",
        choosing(chosen(pair=lambda i, F: i)),
    ),
    Mutant(
        "turned_pair",
        "Your pairs are (index, layer). The layer stands first.",
        choosing(chosen(pair=lambda i, F: (i % F, i // F))),
    ),
    Mutant(
        "accepts_anything",
        "You gave a list where nothing can be chosen. Raise ValueError for a negative k, a share outside "
        "0 to 1, "
        "and no text.",
        choosing(chosen(refuses=False)),
    ),
]
