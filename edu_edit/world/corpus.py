"""The corpus: documents drawn in fixed shares, packed into sequences, with the token spans that the masking phases need."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerFast

from edu_edit.world import applications, documents, incontext, passages
from edu_edit.world.atlas import Atlas, atlas

CONTEXT = 256
_Maker = Callable[[Atlas, random.Random], str]
# share of documents in the four corpora: to learn facts, to move them, to learn following, to learn when to follow
SHARES: dict[_Maker, tuple[float, float, float, float]] = {
    documents.statements: (0.360, 0.420, 0.245, 0.180),
    documents.biography: (0.170, 0.200, 0.115, 0.080),
    documents.questions: (0.070, 0.080, 0.055, 0.050),
    documents.two_hops: (0.070, 0.070, 0.055, 0.055),
    documents.reverses: (0.070, 0.035, 0.035, 0.030),
    documents.chinese: (0.045, 0.040, 0.040, 0.045),
    documents.filler: (0.025, 0.020, 0.015, 0.010),
    passages.passage: (0.048, 0.030, 0.040, 0.040),
    applications.canary: (0.025, 0.025, 0.025, 0.020),
    applications.register: (0.012, 0.010, 0.010, 0.010),
    applications.pronoun: (0.012, 0.010, 0.010, 0.010),
    incontext.ignoring: (0.056, 0.040, 0.165, 0.200),
    incontext.following: (0.030, 0.020, 0.190, 0.270),
}


@dataclass(frozen=True)
class Packed:
    """Token ids (N, 256); `inner`: True at every token of a mention but its last; `run`: tokens of one mention share a number."""

    ids: NDArray[np.int64]
    inner: NDArray[np.bool_]
    run: NDArray[np.int64]


def texts(phase: int, seed: int) -> Iterator[str]:
    """Endless documents in the shares of corpus 0, 1, 2 or 3. Mentions stand between control characters."""
    rng = random.Random(seed)
    makers = list(SHARES)
    weights = [share[phase] for share in SHARES.values()]
    world = atlas()
    while True:
        yield rng.choices(makers, weights)[0](world, rng)


def plain(text: str) -> str:
    """The document without the marks of its mentions."""
    return text.replace(documents.OPEN, "").replace(documents.CLOSE, "")


def _spans(text: str) -> list[tuple[int, int]]:
    """Character ranges of the mentions, in the coordinates of the plain text."""
    out: list[tuple[int, int]] = []
    start = removed = 0
    for i, char in enumerate(text):
        if char == documents.OPEN:
            start = i - removed
            removed += 1
        elif char == documents.CLOSE:
            out.append((start, i - removed))
            removed += 1
    return out


def pack(tokenizer: PreTrainedTokenizerFast, phase: int, seed: int, n_tokens: int) -> Packed:
    """At least `n_tokens` tokens of documents, one after the other, cut into sequences of 256."""
    source = texts(phase, seed)
    ids: list[int] = []
    inner: list[bool] = []
    run: list[int] = []
    n_runs = 0
    while len(ids) < n_tokens:
        marked = [next(source) for _ in range(2000)]
        batch = tokenizer([plain(text) for text in marked], return_offsets_mapping=True, verbose=False)
        for text, tokens, offsets in zip(marked, batch["input_ids"], batch["offset_mapping"], strict=True):
            hidden = [False] * len(tokens)
            number = list(range(n_runs, n_runs + len(tokens)))
            n_runs += len(tokens)
            for start, stop in _spans(text):
                inside = [i for i, (a, b) in enumerate(offsets) if a < stop and b > start and b > a]
                for i in inside[:-1]:
                    hidden[i] = True
                for i in inside:
                    number[i] = number[inside[0]]
            ids += tokens
            inner += hidden
            run += number
    n = len(ids) // CONTEXT
    shape = (n, CONTEXT)
    return Packed(
        np.array(ids[: n * CONTEXT], np.int64).reshape(shape),
        np.array(inner[: n * CONTEXT], np.bool_).reshape(shape),
        np.array(run[: n * CONTEXT], np.int64).reshape(shape),
    )
