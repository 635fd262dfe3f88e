"""GRACE's codebook: balls around cached activations, each with a value that replaces the layer's output.

Hartvigsen et al. 2023 (arXiv 2211.11031), textbook section 5.2.1. An entry is a key (the activation of an
edited question, not a weight), a deferral radius eps, a value, and the label that the value was trained for.
An activation h takes the value of its nearest key, if it lies in that key's ball; otherwise the layer answers
as before. Distances are Euclidean, in the units of the wrapped layer.
Shapes: B batch, n entries, K width of a key, D width of a value (K = D where a whole FFN is wrapped).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

SAME_PLACE = 1e-6  # two keys nearer than this are one
GAP = 1e-5  # what keeps split balls apart


class Codebook(NamedTuple):
    """The entries, oldest first: keys (n, K), values (n, D), radii eps (n,), and labels, sequences of ids."""

    keys: Float[Tensor, "n K"]
    values: Float[Tensor, "n D"]
    eps: Float[Tensor, " n"]
    labels: tuple[tuple[int, ...], ...]

    @property
    def nbytes(self) -> int:
        """What the model has to carry along."""
        return sum(x.numel() * x.element_size() for x in (self.keys, self.values, self.eps))


def empty_book(K: int, D: int) -> Codebook:
    """A codebook without entries, for keys of width K and values of width D."""
    return Codebook(torch.zeros(0, K), torch.zeros(0, D), torch.zeros(0), ())


def nearest_key(h: Float[Tensor, "B K"], keys: Float[Tensor, "n K"]) -> tuple[Tensor, Tensor]:
    """The distance (B,) to the nearest of n >= 1 keys, and its index (B,); ties go to the earlier entry."""
    # The expansion |h|^2 - 2 h k + |k|^2 that is usual for speed does not give 0 on the key itself.
    distances = torch.cdist(h.to(keys), keys, compute_mode="donot_use_mm_for_euclid_dist")
    least = distances.amin(1)
    # argmin promises nothing about ties; the first of those that are marked is the earlier entry everywhere.
    return least, (distances == least[:, None]).byte().argmax(1)


def in_a_ball(
    h: Float[Tensor, "B K"], keys: Float[Tensor, "n K"], eps: Float[Tensor, " n"]
) -> tuple[Bool[Tensor, " B"], Int[Tensor, " B"]]:
    """Whether each activation lies in the ball of its nearest key, |h - key| <= eps, and which key that is.

    Without entries nothing is hit.
    """
    if not len(keys):
        nowhere = torch.zeros(len(h), dtype=torch.long, device=h.device)
        return nowhere.bool(), nowhere
    distance, index = nearest_key(h, keys)
    return distance <= eps[index], index


def grace_lookup(
    h: Float[Tensor, "B K"],
    keys: Float[Tensor, "n K"],
    values: Float[Tensor, "n D"],
    eps: Float[Tensor, " n"],
    out: Float[Tensor, "B D"],
) -> Float[Tensor, "B D"]:
    """The layer's output with the value of the nearest key in its place, where h lies in that key's ball.

    Elsewhere, and with an empty codebook, it is `out` bit for bit.
    """
    hit, index = in_a_ball(h, keys, eps)
    return torch.where(hit[:, None], values[index].to(out.dtype), out) if len(keys) else out.clone()


def grace_update(
    book: Codebook,
    key: Float[Tensor, " K"],
    value: Float[Tensor, " D"],
    label: Sequence[int],
    eps0: float,
    rule: str = "overwrite",
    expand: str = "coverage",
) -> Codebook:
    """The codebook after an edit with this key, this first value and this label; the old one stays as it is.

    With the nearest entry i at distance d:
    no entry, or d > eps0 + eps_i: add an entry of radius eps0;
    another label: split, eps_i = d / 2 - 1e-5, and add an entry of radius d / 2;
    another label at the same place (d < 1e-6): overwrite value and label;
    the same label outside the ball: expand, eps_i = d (and, for "moving_average", the key moves halfway);
    the same label inside: nothing.
    rule: "released" compares labels by the mean of their ids, so that (5, 9) is (9, 5), and splits at d = 0,
    where the earlier ball, now of radius -1e-5, is still the first of the nearest: the edit is lost without a
    word. Raises ValueError for an eps0 below 0 or not finite, and for unknown names.
    """
    _check(eps0, rule, expand)
    label = tuple(int(i) for i in label)
    if not len(book.keys):
        return _added(book, key, value, eps0, label)
    (d,), (i,) = (x.tolist() for x in nearest_key(key[None], book.keys))
    if d > eps0 + float(book.eps[i]):
        return _added(book, key, value, eps0, label)
    if not (_mean(label) == _mean(book.labels[i]) if rule == "released" else label == book.labels[i]):
        if d < SAME_PLACE and rule != "released":
            labels = (*book.labels[:i], label, *book.labels[i + 1 :])
            return book._replace(values=_with(book.values, i, value), labels=labels)
        shrunk = book._replace(eps=_with(book.eps, i, torch.tensor(d / 2 - GAP)))
        return _added(shrunk, key, value, d / 2, label)
    if d > float(book.eps[i]):
        moved = _with(book.keys, i, (book.keys[i] + key) / 2) if expand == "moving_average" else book.keys
        return book._replace(keys=moved, eps=_with(book.eps, i, torch.tensor(d)))
    return book


def _added(book: Codebook, key: Tensor, value: Tensor, eps: float, label: tuple[int, ...]) -> Codebook:
    return Codebook(
        torch.cat([book.keys.to(key), key[None]]),
        torch.cat([book.values.to(value), value[None]]),
        torch.cat([book.eps, torch.tensor([eps]).to(book.eps)]),
        (*book.labels, label),
    )


def _with(rows: Tensor, i: int, row: Tensor) -> Tensor:
    """A copy of the rows with row i replaced."""
    out = rows.clone()
    out[i] = row
    return out


def _mean(label: tuple[int, ...]) -> float:
    return sum(label) / max(len(label), 1)


def _check(eps0: float, rule: str, expand: str) -> None:
    if not 0 <= eps0 < float("inf"):
        raise ValueError(f"eps0={eps0}: give a radius of 0 or more, in the units of the layer's activations.")
    if rule not in ("overwrite", "released"):
        raise ValueError(f"rule={rule!r}: choose 'overwrite' or 'released'.")
    if expand not in ("coverage", "moving_average"):
        raise ValueError(f"expand={expand!r}: choose 'coverage' or 'moving_average'.")
