"""Problems and oracles for tracing.logit_lens: norms written out number by number, and planted answers."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Generator, Tensor, rand, randint, randn

Norm = Callable[[Tensor], Tensor]


def sizes(g: Generator) -> tuple[int, int, int]:
    """3 to 6 layers, 4 to 8 dimensions, and more words than dimensions."""
    L, D = int(randint(3, 7, (), generator=g)), int(randint(4, 9, (), generator=g))
    return L, D, D + int(randint(1, 6, (), generator=g))


def layer_norm(gain: Tensor, bias: Tensor) -> Norm:
    """GPT-2's norm: mean off, divided by the standard deviation, then gain and bias; for any leading shape."""

    def norm(h: Tensor) -> Tensor:
        centred = h - h.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-8).sqrt() * gain + bias

    return norm


def rms_norm(gain: Tensor) -> Norm:
    """Llama's norm: divided by the root mean square, then the gain."""
    return lambda h: h / (h.square().mean(-1, keepdim=True) + 1e-8).sqrt() * gain


def by_hand(rows: list[list[float]], W_U: Tensor) -> Tensor:
    """Softmax of dot products, one number after the other."""
    answer = []
    for row in rows:
        logits = [sum(a * float(b) for a, b in zip(row, word, strict=True)) for word in W_U]
        most = max(logits)
        weights = [math.exp(logit - most) for logit in logits]
        answer.append([weight / sum(weights) for weight in weights])
    return torch.tensor(answer)


def layer_normed(resid: Tensor, gain: Tensor, bias: Tensor) -> list[list[float]]:
    """GPT-2's norm of every row, in plain Python."""
    rows = []
    for row in resid.tolist():
        mean = sum(row) / len(row)
        spread = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row))
        rows.append(
            [(x - mean) / spread * float(a) + float(b) for x, a, b in zip(row, gain, bias, strict=True)]
        )
    return rows


def planted(g: Generator) -> tuple[Tensor, Norm, Tensor, Tensor]:
    """Layers that differ in length alone, from 0.1 to 100: behind the norm each of them says p."""
    L, D, V = sizes(g)
    direction = randn(D, generator=g)
    direction /= direction.square().mean().sqrt()
    p = 0.1 + rand(V, generator=g)
    p /= p.sum()
    resid = torch.logspace(-1, 2, L)[:, None] * direction
    W_U = torch.outer(p.log(), direction) / D
    return resid, rms_norm(torch.ones(D)), W_U, p.repeat(L, 1)
