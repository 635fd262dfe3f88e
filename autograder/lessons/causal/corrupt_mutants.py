"""Misconceptions about causal.corrupt: the corrupted embeddings with one thing done differently."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Span = tuple[int, int]


def written(place: Callable[[Tensor, Span, Tensor], None]) -> Callable[[Tensor, Span, Tensor], Tensor]:
    """A copy of h in which `place` writes."""

    def corrupt(h: Tensor, span: Span, noise: Tensor) -> Tensor:
        out = h.clone()
        place(out, span, noise.to(h))
        return out

    return corrupt


def whole_prompt(out: Tensor, span: Span, noise: Tensor) -> None:
    for t in range(out.shape[1]):
        out[1:, t] += noise[:, t % noise.shape[1]]


def from_the_start(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, : span[1] - span[0]] += noise


def replaced(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[0] : span[1]] = noise


def last_row_clean(out: Tensor, span: Span, noise: Tensor) -> None:
    out[:-1, span[0] : span[1]] += noise


def clean_row_too(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[0] : span[1]] += noise
    out[0, span[0] : span[1]] += noise[0]


def one_draw(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[0] : span[1]] += noise[0]


def last_token_only(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[1] - 1] += noise[:, -1]


def fresh_noise(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[0] : span[1]] += torch.randn_like(noise) * noise.std()


def zeroed(out: Tensor, span: Span, noise: Tensor) -> None:
    out[1:, span[0] : span[1]] = 0


def in_place(h: Tensor, span: Span, noise: Tensor) -> Tensor:
    h[1:, span[0] : span[1]] += noise.to(h)
    return h


MUTANTS = [
    Mutant(
        "whole_prompt",
        "You corrupted the whole prompt. Only the subject loses its identity: the question around it must stay "
        "readable, or you would trace the question too.",
        lambda: written(whole_prompt),
    ),
    Mutant(
        "in_place",
        "You wrote into `h` itself. The embeddings belong to the model: write into a copy.",
        lambda: in_place,
    ),
    Mutant(
        "fresh_noise",
        "You drew noise of your own. Use the noise that is given: with fresh noise every cell would be compared "
        "with another corrupted run.",
        lambda: written(fresh_noise),
    ),
    Mutant(
        "clean_row_too",
        "You corrupted row 0 as well. It is the clean run, and the clean states are taken from it.",
        lambda: written(clean_row_too),
    ),
    Mutant(
        "last_row_clean",
        "You left the last row clean. The clean run is row 0; noise[b - 1] belongs to row b.",
        lambda: written(last_row_clean),
    ),
    Mutant(
        "replaced",
        "You put the noise in place of the embeddings. It is added to them.",
        lambda: written(replaced),
    ),
    Mutant(
        "one_draw",
        "You gave every row the same draw. The B - 1 rows are there to average over B - 1 different draws.",
        lambda: written(one_draw),
    ),
    Mutant(
        "last_token_only",
        "You corrupted the subject's last token only. The other name parts would still tell who is meant.",
        lambda: written(last_token_only),
    ),
    Mutant(
        "from_the_start",
        "You corrupted the first tokens of the prompt. The subject begins at token `span[0]`, which need not be 0.",
        lambda: written(from_the_start),
    ),
    Mutant(
        "zeroed",
        "You set the subject's embeddings to zero. That is another corruption; here noise is added, of a size "
        "that still looks like an embedding.",
        lambda: written(zeroed),
    ),
]
