"""What a model says after every layer and how its stream came about, read once for the figures of lesson 01.

Textbook figure 5.12 (the undisturbed run) and the footnote to section 5.4.2 (residual stream); the logit lens
is nostalgebraist's (2020). Letters: T tokens, L layers, D model width, V words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.tracing import Site, logit_lens, record

Words = list[tuple[str, float]]  # next words and their probabilities, most probable first


@dataclass(frozen=True)
class LensGrid:
    """The most probable next words at every token and depth: 0 the embedding, l + 1 the output of block l."""

    tokens: list[str]
    words: list[list[Words]]  # (T, L+1)

    @property
    def depths(self) -> list[str]:
        """The columns' names: `emb`, then the layers."""
        return ["emb", *(str(layer) for layer in range(len(self.words[0]) - 1))]

    def sentence(self, token: int, depth: int) -> str:
        """One cell in words."""
        where = "in the embedding" if depth == 0 else f"after layer {depth - 1}"
        said = told(self.words[token][depth])
        return f"At token {token}, {shown(self.tokens[token])}, {where}: {said}."


@dataclass(frozen=True)
class ForwardPass:
    """One run: lengths of the stream, of what attention and FFN write, and the words that it ends in."""

    tokens: list[str]
    stream: Float[Tensor, "depths T"]  # L + 1 of them
    attn: Float[Tensor, "L T"]
    mlp: Float[Tensor, "L T"]
    said: list[tuple[str, float]]  # the most probable next word after every token


def shown(token: str) -> str:
    """A token without its blank; blanks and line ends alone are made visible."""
    return token.strip() or token.replace(" ", "␣").replace("\n", "⏎").replace("\t", "⇥")


def told(words: Words) -> str:
    """Words with their probabilities, in one line."""
    return ", ".join(f"{shown(word)} {p:.2f}" for word, p in words)


def tokens_of(lm: LM, text: str) -> list[str]:
    """The text's tokens, each decoded by itself."""
    ids, _ = lm.ids(text)
    return [str(lm.tok.decode([i])) for i in ids[0].tolist()]


def top_words(lm: LM, p: Float[Tensor, " V"], top: int = 5) -> Words:
    """The `top` most probable words of a distribution."""
    best = p.topk(min(top, len(p)))
    return [
        (str(lm.tok.decode([i])), float(x)) for i, x in zip(best.indices.tolist(), best.values, strict=True)
    ]


@torch.no_grad()
def lens_grid(
    lm: LM, text: str, lens: Callable[..., Any] = logit_lens, top: int = 5, last: int | None = None
) -> LensGrid:
    """The lens at every token (or the `last` ones) and depth of a text; `lens` puts your own to work."""
    tokens = tokens_of(lm, text)
    sites = [Site("embed"), *(Site("resid", layer) for layer in range(lm.n_layers))]
    found = record(lm, text, sites)
    stream = torch.stack([found[site][0] for site in sites], 1)  # (T, L+1, D)
    first = 0 if last is None else max(0, len(tokens) - last)
    words = []
    for column in stream[first:]:
        words.append([top_words(lm, p, top) for p in lens(column, lm.norm, lm.W_U)])
    return LensGrid(tokens[first:], words)


@torch.no_grad()
def forward_pass(lm: LM, text: str) -> ForwardPass:
    """One undisturbed run of the model, recorded at every module."""
    layers = range(lm.n_layers)
    sites = {kind: [Site(kind, layer) for layer in layers] for kind in ("attn", "mlp", "resid")}
    found = record(lm, text, [Site("embed"), *(site for group in sites.values() for site in group)])

    def lengths(group: Sequence[Site]) -> Tensor:
        return torch.stack([found[site][0].norm(dim=-1) for site in group])

    said = [top_words(lm, p, 1)[0] for p in lm.logits(text)[0].softmax(-1)]
    stream = lengths([Site("embed"), *sites["resid"]])
    return ForwardPass(tokens_of(lm, text), stream, lengths(sites["attn"]), lengths(sites["mlp"]), said)
