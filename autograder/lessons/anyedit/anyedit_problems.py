"""What anyedit.anyedit is asked: long texts of the bundled model's world, and callbacks that keep a record.

`Solver` and `Updater` stand in for a search and a closed form: what they give depends on all that they are
given, and costs nothing. Shape letters: T tokens of a text, n chunks, D and F widths of stream and FFN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial

import torch
from torch import Generator, Tensor

from autograder.lessons.anyedit.made_up import Chunks, ranges
from autograder.lessons.metrics.common import number
from autograder.lessons.rome.rome_problems import model
from edu_edit import LM, moment, record
from edu_edit.defaults import long_defaults
from edu_edit.methods.chunk_states import chunk_state
from edu_edit.methods.memit import memit_update
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site
from edu_edit.world import passages

__all__ = ["model"]

KINDS = ("recipe", "program", "proof", "chronicle")
# A quick search: it finds states for short chunks of these texts.
SEARCH = partial(chunk_state, steps=50, lr=0.7)


class Solver:
    """solve(lm, ids, position, target_ids, earlier) -> z, drawn from its arguments; `asked` keeps them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked: list[tuple[list[int], int, list[int], dict[int, Tensor]]] = []

    def __call__(
        self, lm: LM, ids: Tensor, position: int, target_ids: Tensor, earlier: Mapping[int, Tensor]
    ) -> Tensor:
        for name, tokens in (("ids", ids), ("target_ids", target_ids)):
            if not isinstance(tokens, Tensor) or tokens.dim() != 1:
                raise ValueError(f"solve wants {name} as a tensor of token ids with one dimension.")
        kept = {int(at): z.detach().clone() for at, z in earlier.items()}
        text, chunk = ids.tolist(), target_ids.tolist()
        self.asked.append((text, int(position), chunk, kept))
        seed = hash((self.seed, tuple(text), int(position), tuple(chunk))) % 2**31
        z = 3 * torch.randn(lm.D, generator=torch.Generator().manual_seed(seed))
        return z + 0.2 * sum(kept.values(), torch.zeros(lm.D))


class Updater:
    """update(C, K, R, lam) -> Δ (D, F), MEMIT's closed form; `asked` keeps the arguments. plain: takes the
    layer's moment for C, whatever it is given, so that nothing else is protected.
    """

    def __init__(self, plain: Tensor | None = None) -> None:
        self.plain = plain
        self.asked: list[tuple[Tensor, Tensor, Tensor, float]] = []

    def __call__(self, C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        self.asked.append((C.detach().double(), K.detach().double(), R.detach().double(), float(lam)))
        return memit_update(C if self.plain is None else self.plain, K, R, lam)


@dataclass(frozen=True)
class Long:
    """A prompt and its new answer, with their tokens and chunks."""

    prompt: str
    target: str
    asked: list[int]
    answer: list[int]
    chunks: Chunks

    @property
    def text(self) -> list[int]:
        return self.asked + self.answer

    @property
    def anchors(self) -> list[int]:
        """The token before each chunk, found by walking: the last one of all that comes before it."""
        return [len(self.asked + self.answer[:start]) - 1 for start, _ in self.chunks]

    @property
    def others(self) -> list[int]:
        return [t for t in range(len(self.text)) if t not in self.anchors]


def drawn(g: Generator, n: int, overlap: bool = False) -> Long:
    """An untrained text under a trained title of another kind's, in n chunks of different lengths."""
    return cut(g, ranges(g, n, overlap))


def cut(g: Generator, chunks: Chunks) -> Long:
    """A text that has just as many tokens as the chunks."""
    lm, length = model(), chunks[-1][1]
    untrained = [(text, kind) for _, text, kind in passages.passages(False) if kind in KINDS]
    text, kind = untrained[number(g, 0, len(untrained) - 1)]
    titles = [title for title, _, of in passages.passages() if of == kind]
    prompt = passages.prompt(titles[number(g, 0, len(titles) - 1)], kind)
    words = text.split(" ")
    for n in range(1, len(words)):
        target = " ".join(words[:n])
        if len(answer := target_ids(lm, target, prompt)) >= length:
            break
    # The last word may have brought a token too many: the last chunk takes it.
    fitted = [*chunks[:-1], (chunks[-1][0], len(answer))]
    return Long(prompt, target, list(lm.tok(prompt)["input_ids"]), answer, fitted)


@lru_cache(1)
def layer_and_price() -> tuple[int, float]:
    """The layer that the bundled model's long answers are written into, and λ."""
    lm = model()
    own = long_defaults(lm.name, lm.n_layers)
    return own.layers[-1], own.lam * lm.F


def kept_moment() -> Tensor:
    """C (F, F) of that layer."""
    return moment(model(), layer_and_price()[0]).double()


def keys_and_stream(ids: list[int]) -> tuple[Tensor, Tensor]:
    """Keys (T, F) and stream after the layer (T, D) of the unedited model."""
    layer, _ = layer_and_price()
    key, out = Site("key", layer), Site("resid", layer)
    both = torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long)
    found = record(model(), both, [key, out])
    return found[key][0].double(), found[out][0].double()


def said_right(long: Long) -> Tensor:
    """Which tokens (Ty,) of the answer the model, as it is now, finds likeliest after the right ones."""
    ids = torch.tensor([long.text])
    with torch.no_grad():
        logits = model().forward(ids, torch.ones_like(ids))[0, len(long.asked) - 1 : -1]
    return logits.argmax(-1) == torch.tensor(long.answer)
