"""grace.grace_update: add, split, expand or overwrite: the codebook after one more edit (lesson 09).

Shape letters: n entries, D their width (textbook §5.2.1; Hartvigsen et al. 2023).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autograder.claims import Claim
from autograder.gates import Refused, list_gate, tensor_gate, tuple_gate, whole_gate
from autograder.judgement import Verdict
from autograder.lessons.grace import grace_update_problems as problems
from autograder.lessons.grace.grace_update_mutants import MUTANTS
from edu_edit.methods.codebook import Codebook

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("book", "key", "value", "label", "eps0")

STUB = '''
def grace_update(
    book: Codebook, key: Float[Tensor, " D"], value: Float[Tensor, " D"], label: tuple[int, ...], eps0: float
) -> Codebook:
    """The codebook after an edit with this key, value and label; the book that came stays as it is.

    A book has keys (n, D), values (n, D), radii eps (n,), and labels, a tuple of n tuples of token ids.
    With the nearest entry i, at distance d:
    - no entry yet, or d > eps0 + eps_i: add an entry of radius eps0 after the others;
    - another label and d < 1e-6, the same place: overwrite the entry's value and label, and nothing else;
    - another label elsewhere: split. eps_i becomes d / 2 - 1e-5, and an entry of radius d / 2 is added;
    - the same label and d > eps_i: expand, eps_i becomes d;
    - the same label inside the ball: nothing changes.
    """
'''


def gate(value: Any, book: Codebook, key: Tensor, *others: Any) -> Codebook:
    """A book of any number of entries, whose four parts have as many."""
    size = value[2] if isinstance(value, tuple) and len(value) == 4 else None
    n, D = len(size) if isinstance(size, Tensor) and size.dim() == 1 else len(book.eps), len(key)
    found = tuple_gate(
        value,
        lambda x: tensor_gate(x, (n, D), "(n, D)", "the book's keys", torch.float32),
        lambda x: tensor_gate(x, (n, D), "(n, D)", "the book's values", torch.float32),
        lambda x: tensor_gate(x, (n,), "(n,)", "the book's eps", torch.float32),
        lambda x: list_gate(x, lambda ids: tuple(list_gate(ids, whole_gate, "ids")), "labels"),
    )
    if len(found[3]) != n:
        said = "A codebook has one label for each key."
        raise Refused(Verdict(False, f"{len(found[3])} labels", f"{n} labels", said=said))
    return Codebook(found[0], found[1], found[2], tuple(found[3]))


CLAIMS = (
    Claim(
        "add",
        "The first edit, and one that is far from all others, adds an entry of radius eps0",
        "Far means d > eps0 + eps_i: the two balls would not meet.",
        problems.add,
        open=True,
    ),
    Claim(
        "split",
        "Near an entry with another label both get about half the distance, and the balls are disjoint",
        "The old radius becomes d / 2 - 1e-5, the new one is d / 2.",
        problems.split,
        open=True,
    ),
    Claim(
        "expand",
        "The same label outside the ball expands it to reach the new key; inside nothing changes",
        "Where the label is the same no entry is added: the radius becomes d if d is larger.",
        problems.expand,
        open=True,
    ),
    Claim(
        "same place",
        "The same key with another label overwrites: afterwards the key finds the new value",
        "Split at d = 0 and the old ball has a radius below 0, the new one of 0, and the old key is still "
        "found first. Look at d < 1e-6 before you split.",
        problems.same_place,
        open=True,
    ),
    Claim(
        "sequences",
        "Labels are sequences: (5, 9) is not (9, 5)",
        "Compare the tuples themselves, not their sums or means.",
        problems.sequences,
    ),
    Claim(
        "nearest decides",
        "The nearest entry decides, and only its radius can change",
        "Find the nearest key first. All other entries keep their key, value, radius and label.",
        problems.nearest_decides,
    ),
    Claim(
        "touching",
        "At d = eps0 + eps_i the balls touch: that is near",
        "Add only where d is larger than the sum of the radii.",
        problems.touching,
    ),
    Claim(
        "stream",
        "A stream of edits builds the same book as the rules do, step by step",
        "Follow one edit after the other: which rule was taken, and which radius did it write?",
        problems.stream,
    ),
)

HINTS = (
    "Find the nearest entry and its distance. Then three questions, in this order: is it far? Is the label "
    "another one? Is it outside the ball?",
    "To change an entry, clone the tensor first: eps = book.eps.clone(). To add one, torch.cat the four parts "
    "with key[None], value[None], torch.tensor([radius]) and (label,). Codebook is a NamedTuple: "
    "book._replace(eps=eps) gives a new one. An empty book has no nearest entry.",
    "def added(book, radius):\n"
    "    return Codebook(torch.cat([book.keys, key[None]]), ..., ..., (*book.labels, label))\n\n"
    "if not len(book.keys):\n"
    "    return added(book, eps0)\n"
    "d = (book.keys - key).norm(dim=1)\n"
    "i = int(d.argmin()); d = float(d[i])\n"
    "eps = book.eps.clone()\n"
    "if d > eps0 + float(book.eps[i]):\n"
    "    return added(book, eps0)\n"
    "if label != book.labels[i]:\n"
    "    if d < 1e-6: ...\n"
    "    eps[i] = ...\n"
    "    return added(book._replace(eps=eps), ...)\n"
    "if d > float(book.eps[i]): ...\n"
    "return book",
)

EXPLANATION = (
    "The book that came stays as it is, so an earlier edit can be looked at, or put back.",
    "The released code has no rule for the same place. The edit is then lost without a word: the older ball "
    "has a radius below 0, and it is still the first of the nearest. Our rule overwrites.",
    "The order of edits matters: an expansion first, a split later, gives other balls than the other way "
    "round.",
)
