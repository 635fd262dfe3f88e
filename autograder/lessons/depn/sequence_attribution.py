"""depn.sequence_attribution and privacy_neurons: whose work is a secret, and which neurons do it most often.

Shape letters: Ty tokens of a secret, P private texts, L layers, F neurons of a layer. The oracles go token by
token and text by text.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randn

from autograder.claims import Claim, Student, close, equal, every
from autograder.gates import list_gate, tensor_gate, tuple_gate, whole_gate
from autograder.judgement import Verdict
from autograder.lessons.depn.sequence_attribution_mutants import MUTANTS
from autograder.lessons.metrics.common import number, refused

__all__ = ["ALSO", "ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ALSO = ("privacy_neurons",)
ARGUMENTS = ("attr", "k", "share")
Neuron = tuple[int, int]

STUB = '''def sequence_attribution(attr: Float[Tensor, "Ty F"]) -> Float[Tensor, " F"]:
    """What each of F neurons contributes to a whole secret of Ty tokens.

    attr: a row for each token of the secret, a column for each neuron.
    """
'''


def gate(value: Any, attr: Tensor, *others: Any) -> Any:
    if not others:  # sequence_attribution
        return tensor_gate(value, (attr.shape[1],), "(F,)", "attr", attr.dtype)
    return list_gate(value, lambda one: tuple_gate(one, whole_gate, whole_gate), "(layer, index) pairs")


def summed(attr: Tensor) -> Tensor:
    """Token by token, in plain Python."""
    total = [0.0] * attr.shape[1]
    for row in attr.tolist():
        total = [x + y for x, y in zip(total, row, strict=True)]
    return torch.tensor(total, dtype=attr.dtype)


def ranked(attr: Tensor, k: int, share: float) -> list[Neuron]:
    """Text by text: who is strong; then by how often, by the total, by layer and index."""
    votes: dict[Neuron, int] = {}
    total: dict[Neuron, float] = {}
    for text in attr.tolist():
        top = max(x for layer in text for x in layer)
        for at, layer in enumerate(text):
            for i, x in enumerate(layer):
                total[at, i] = total.get((at, i), 0.0) + x
                votes[at, i] = votes.get((at, i), 0) + int(x > 0 and x >= share * top)
    found = [one for one in votes if votes[one]]
    return sorted(found, key=lambda one: (-votes[one], -total[one], one))[:k]


def problem(g: Generator, P: int = 0) -> Tensor:
    """Attributions of P texts between -0.6 and 1; every text has one clear maximum."""
    P, L, F = P or number(g, 5, 8), number(g, 2, 4), number(g, 7, 11)
    attr = 1.6 * rand(P, L, F, generator=g, dtype=torch.float64) - 0.6
    for text in attr:
        text[number(g, 0, L - 1), number(g, 0, F - 1)] = 1.3
    return attr


def right(student: Student, attr: Tensor, k: int, share: float) -> Verdict:
    wanted = ranked(attr, k, share)
    return equal(student(attr, k, share, of=1), wanted, f"neurons for k = {k}, share = {share}")


def whole_secret(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(2):
        attr = randn(number(g, 3, 6), number(g, 6, 12), generator=g, dtype=torch.float64)
        found.append(close(student(attr), summed(attr), 1e-9, "attribution of a whole secret"))
    return every(*found)


def cancels(student: Student, g: Generator) -> Verdict:
    """A neuron that helps one token and hurts the next; a secret of one token; one that is longer."""
    n = number(g, 5, 9)
    row = 0.2 + rand(n, generator=g, dtype=torch.float64)
    against = torch.stack([row, -row / 2, row / 4])
    long = randn(number(g, 12, 20), n, generator=g, dtype=torch.float64)
    return every(
        close(student(against), 0.75 * row, 1e-9, "a row, half of it against, a quarter for it"),
        close(student(row[None]), row, 1e-9, "a secret of one token"),
        close(student(long), summed(long), 1e-9, f"a secret of {len(long)} tokens"),
    )


def most_texts(student: Student, g: Generator) -> Verdict:
    return every(*(right(student, problem(g), number(g, 4, 7), share) for share in (0.6, 0.75)))


def own_maximum(student: Student, g: Generator) -> Verdict:
    """Texts of very different size: each is judged by its own largest attribution."""
    found = []
    for share in (0.5, 0.7):
        attr = problem(g)
        sizes = torch.logspace(-3, 2, len(attr), dtype=torch.float64)
        found.append(right(student, attr * sizes[:, None, None], 6, share))
    return every(*found)


def equals(student: Student, g: Generator) -> Verdict:
    """Votes decide before totals; of equal votes the larger total, then the lower layer and index. And
    exactly a share of the maximum is enough.
    """
    found = []
    for _ in range(3):
        attr = torch.zeros(4, 2, 8, dtype=torch.float64)
        order = [(i // 8, i % 8) for i in torch.randperm(16, generator=g).tolist()]
        top, often, half, *same = order[:7]
        attr[:, top[0], top[1]] = 2.0  # the maximum of every text
        attr[:3, often[0], often[1]] = 1.25  # often, but small in sum
        attr[:2, half[0], half[1]] = 1.0  # exactly half of the maximum
        for one in same:
            attr[1:3, one[0], one[1]] = 1.5  # all alike
        attr[3, order[7][0], order[7][1]] = 1.75  # once
        found += [right(student, attr, number(g, 4, 6), 0.5), right(student, attr, 8, 0.5)]
    return every(*found)


def weak_never(student: Student, g: Generator) -> Verdict:
    """k is larger than the number of strong neurons, or 0; one text has nothing positive, and zeros."""
    attr = problem(g, 5)
    attr[2] = -0.1 - rand(attr.shape[1:], generator=g, dtype=torch.float64)
    attr[2, 0, : number(g, 2, 4)] = 0.0
    return every(right(student, attr, attr[0].numel(), 0.8), right(student, attr, 0, 0.8))


def refuses(student: Student, g: Generator) -> Verdict:
    attr = problem(g)
    return every(
        refused(student, attr, -number(g, 1, 3), 0.5, of=1),
        refused(student, attr, 3, 1.1 + float(rand((), generator=g)), of=1),
        refused(student, attr, 3, -0.25, of=1),
        refused(student, attr[:0], 3, 0.5, of=1),
        right(student, attr, 5, 0.6),
    )


CLAIMS = (
    Claim(
        "whole secret",
        "sequence_attribution adds up what a neuron contributes to each token of the secret",
        "One number per neuron: the sum over the rows of attr.",
        whole_secret,
        open=True,
    ),
    Claim(
        "most texts",
        "privacy_neurons gives the k neurons that are strong in most texts, the most frequent first",
        "For each text decide who is strong: positive, and at least share times the text's largest. Then "
        "count "
        "the texts of each neuron, and give (layer, index) pairs.",
        most_texts,
        open=True,
    ),
    Claim(
        "cancels",
        "What a neuron does against one token is taken off what it does for another",
        "Add signed numbers; no absolute values, no mean, no maximum.",
        cancels,
    ),
    Claim(
        "own maximum",
        "Each text is measured by its own largest attribution, over all layers",
        "Texts differ in size: compare with the maximum over layers and neurons of the same text.",
        own_maximum,
    ),
    Claim(
        "equals",
        "Of neurons that are strong equally often the larger sum goes first, then the lower layer and index; "
        "exactly a share is enough",
        "Sort by three things in this order: how often (falling), the sum over texts (falling), the "
        "position.",
        equals,
    ),
    Claim(
        "weak never",
        "Neurons that are strong in no text are never chosen, even if fewer than k are left",
        "Drop neurons with no vote before you take the first k.",
        weak_never,
    ),
    Claim(
        "refuses",
        "A negative k, a share outside 0 to 1, or no text is refused: ValueError",
        "Look at k, share and the number of texts first.",
        refuses,
    ),
)

HINTS = (
    "Two questions. How much does a neuron do for the whole secret? And in how many private texts is it "
    "among the "
    "strong ones?",
    "sequence_attribution: a sum over the first dimension. privacy_neurons: strong = (attr > 0) & (attr "
    ">= share "
    "· the text's maximum), a table (P, L, F); strong.sum(0) counts texts, attr.sum(0) adds up. Flatten "
    "both, "
    "sort the flat indices by (-count, -sum, index), and turn index i into (i // F, i % F).",
    "return attr.sum(...)\n\n"
    "top = attr.amax((1, 2), keepdim=True)           # (P, 1, 1)\n"
    "strong = (attr > 0) & (attr >= ...)\n"
    "often, total = strong.sum(0).flatten().tolist(), attr.sum(0).flatten().tolist()\n"
    "order = sorted((i for i, n in enumerate(often) if n), key=lambda i: (..., ..., i))\n"
    "return [(i // attr.shape[2], ...) for i in order[:k]]",
)

EXPLANATION = (
    "A secret is a sequence, so its attribution is a sum over its tokens: a neuron that brings up three "
    "digits "
    "counts for more than one that brings up a single one.",
    "Counting texts instead of adding attributions up gives every private text one vote, as in lesson 03.",
    "Ours sums in float64 and sorts by position last, so that the answer is the same everywhere.",
)
