"""Misconceptions about grace.grace_update: the rules with one exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from autograder.calls import Call
from autograder.mutants import Mutant
from edu_edit.methods.codebook import Codebook

Label = tuple[int, ...]


def same_tokens(a: Label, b: Label) -> bool:
    return a == b


def mean(label: Label) -> float:
    return sum(label) / max(len(label), 1)


def nearest(d: Tensor, eps: Tensor) -> int:
    return int((d == d.min()).byte().argmax())


@dataclass(frozen=True)
class Rules:
    """One answer to each question that the update asks; `made()` is the update by these rules."""

    pick: Callable[[Tensor, Tensor], int] = nearest
    far: Callable[[float, float, float], bool] = lambda d, eps, eps0: d > eps0 + eps
    alike: Callable[[Label, Label], bool] = same_tokens
    same_place: Callable[[float, float], bool] = lambda d, eps: d < 1e-6
    halves: Callable[[float, float, float], tuple[float, float]] = lambda d, eps, eps0: (d / 2 - 1e-5, d / 2)
    grown: Callable[[float, float, float], float] = lambda d, eps, eps0: max(d, eps)
    moves: bool = False
    new_value: bool = False
    adds_always: bool = False
    relabels: bool = field(default=True)

    def made(self) -> Callable[..., Codebook]:
        def grace_update(book: Codebook, key: Tensor, value: Tensor, label: Label, eps0: float) -> Codebook:
            return self.after(book, key, value, label, eps0)

        return grace_update

    def after(self, book: Codebook, key: Tensor, value: Tensor, label: Label, eps0: float) -> Codebook:
        if not len(book.keys):
            return added(book, key, value, label, eps0)
        distances = torch.tensor([float((key.double() - k.double()).norm()) for k in book.keys])
        i = self.pick(distances, book.eps)
        d, eps_i = float(distances[i]), float(book.eps[i])
        if self.far(d, eps_i, eps0) or self.adds_always:
            return added(book, key, value, label, eps0)
        eps, values = book.eps.clone(), book.values.clone()
        if not self.alike(label, book.labels[i]):
            if self.same_place(d, eps_i):
                values[i] = value
                labels = (*book.labels[:i], label if self.relabels else book.labels[i], *book.labels[i + 1 :])
                return book._replace(values=values, labels=labels)
            old, new = self.halves(d, eps_i, eps0)
            eps[i] = old
            return added(book._replace(eps=eps), key, value, label, new)
        keys = book.keys.clone()
        if d > eps_i:
            eps[i] = self.grown(d, eps_i, eps0)
            if self.moves:
                keys[i] = (keys[i] + key) / 2
        if self.new_value:
            values[i] = value
        return Codebook(keys, values, eps, book.labels)


def added(book: Codebook, key: Tensor, value: Tensor, label: Label, eps: float) -> Codebook:
    return Codebook(
        torch.cat([book.keys, key[None]]),
        torch.cat([book.values, value[None]]),
        torch.cat([book.eps, torch.tensor([eps])]),
        (*book.labels, label),
    )


def in_place(book: Codebook, key: Tensor, value: Tensor, label: Label, eps0: float) -> Codebook:
    new = Rules().after(book, key, value, label, eps0)
    book.eps[:] = new.eps[: len(book.eps)]
    book.values[:] = new.values[: len(book.eps)]
    return new


def touching_halves(d: float, eps: float, eps0: float) -> tuple[float, float]:
    return d / 2, d / 2


def splits_without_a_gap(made: Sequence[Call]) -> bool:
    """Every book is the one of `touching_halves`, to less than the gap, and one of them was split.

    Two radii that differ by the gap alone count as alike where answers are compared in general.
    """
    split = False
    for call in made:
        yours, wanted = call.value, Rules(halves=touching_halves).after(*call.args)
        if not isinstance(yours, tuple) or len(yours) != 4 or len(yours[2]) != len(wanted.eps):
            return False
        if tuple(yours[3]) != wanted.labels or float((yours[2] - wanted.eps).abs().max()) > 3e-6:
            return False
        n = len(call.args[0].eps)
        split |= 0 < n < len(wanted.eps) and not torch.equal(wanted.eps[:n], call.args[0].eps)
    return split


MUTANTS = [
    Mutant(
        "no_gap",
        "Your split balls touch: both get d / 2. The older one gives way by 1e-5, so that no activation is "
        "in both.",
        lambda: Rules(halves=touching_halves).made(),
        splits_without_a_gap,
    ),
    Mutant(
        "lost_without_a_word",
        "You split at distance 0, as the released code does. The old ball then has a radius below 0, the new "
        "one of 0, and the old key is found first: the edit is lost. Overwrite value and label instead.",
        lambda: Rules(same_place=lambda d, eps: False).made(),
    ),
    Mutant(
        "mean_of_ids",
        "You compared labels by the mean (or sum) of their ids. (5, 9) and (9, 5) are two answers: compare "
        "the tuples.",
        lambda: Rules(alike=lambda a, b: mean(a) == mean(b)).made(),
    ),
    Mutant(
        "same_set",
        "You compared which ids occur, without their order. Compare the tuples.",
        lambda: Rules(alike=lambda a, b: sorted(a) == sorted(b)).made(),
    ),
    Mutant(
        "always_adds",
        "You add an entry for every edit. Near an entry the rules are split, expand, overwrite.",
        lambda: Rules(adds_always=True).made(),
    ),
    Mutant(
        "far_by_the_ball",
        "You call a key far when it is outside the ball. Its own ball counts, too: d > eps0 + eps_i.",
        lambda: Rules(far=lambda d, eps, eps0: d > eps).made(),
    ),
    Mutant(
        "far_by_eps0",
        "You compared the distance with eps0 alone. The entry's own radius counts, too: d > eps0 + eps_i.",
        lambda: Rules(far=lambda d, eps, eps0: d > eps0).made(),
    ),
    Mutant(
        "touching_is_far",
        "At d = eps0 + eps_i you add. Far is where d is larger than the sum.",
        lambda: Rules(far=lambda d, eps, eps0: d >= eps0 + eps).made(),
    ),
    Mutant(
        "old_ball_kept",
        "You split, but the old ball keeps its radius and still reaches over the new key's place: it becomes "
        "d / 2 - 1e-5.",
        lambda: Rules(halves=lambda d, eps, eps0: (eps, d / 2)).made(),
    ),
    Mutant(
        "new_ball_whole",
        "The new ball of a split has the radius eps0 here and reaches into the old one. It gets d / 2.",
        lambda: Rules(halves=lambda d, eps, eps0: (d / 2 - 1e-5, eps0)).made(),
    ),
    Mutant(
        "never_larger",
        "You kept the smaller radius where the old ball was small already. A split sets it: d / 2 - 1e-5, even "
        "if that is larger than before.",
        lambda: Rules(halves=lambda d, eps, eps0: (min(eps, d / 2 - 1e-5), d / 2)).made(),
    ),
    Mutant(
        "overwrites_when_near",
        "You overwrite an entry whenever the new key is in its ball. Only at the same place, d < 1e-6: "
        "otherwise the older edit is gone.",
        lambda: Rules(same_place=lambda d, eps: d <= eps).made(),
    ),
    Mutant(
        "label_kept",
        "You overwrote the value and kept the old label. The next edit is then compared with the wrong one.",
        lambda: Rules(relabels=False).made(),
    ),
    Mutant(
        "grows_too_far",
        "You expanded the ball by eps0 beyond the new key. It grows just far enough to reach it: eps_i = d.",
        lambda: Rules(grown=lambda d, eps, eps0: d + eps0).made(),
    ),
    Mutant(
        "moves_the_key",
        "You moved the key halfway. Expanding changes the radius only; the moved key is another rule "
        "(moving_average).",
        lambda: Rules(moves=True).made(),
    ),
    Mutant(
        "value_replaced",
        "You replaced the value although the label is the same. The value was trained for that label: keep it.",
        lambda: Rules(new_value=True).made(),
    ),
    Mutant(
        "first_entry",
        "You looked at the first entry only. The nearest one decides.",
        lambda: Rules(pick=lambda d, eps: 0).made(),
    ),
    Mutant(
        "nearest_surface",
        "You chose the entry by d - eps, so that a large ball decides over a near key. The nearest key decides.",
        lambda: Rules(pick=lambda d, eps: int((d - eps).argmin())).made(),
    ),
    Mutant(
        "in_place",
        "You changed the book that came. Clone what you change: the earlier edit still needs its book.",
        lambda: in_place,
    ),
]
