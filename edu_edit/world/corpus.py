"""The corpus: documents in fixed shares, packed into sequences, with the spans that masking needs."""

import itertools
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
# share of the plain documents in the three corpora: to learn facts, to move them, to learn from the context
SHARES: dict[_Maker, tuple[float, float, float]] = {
    documents.statements: (0.360, 0.420, 0.245),
    documents.biography: (0.170, 0.200, 0.115),
    documents.questions: (0.070, 0.080, 0.055),
    documents.two_hops: (0.070, 0.070, 0.055),
    documents.reverses: (0.070, 0.035, 0.035),
    documents.chinese: (0.045, 0.040, 0.040),
    documents.filler: (0.025, 0.020, 0.015),
    passages.passage: (0.048, 0.030, 0.040),
    applications.canary: (0.025, 0.025, 0.025),
    applications.register: (0.012, 0.010, 0.010),
    applications.pronoun: (0.012, 0.010, 0.010),
}
# share of the sequences that open with an in-context document, as a prompt with demonstrations does
TOLD = (0.15, 0.15, 0.50)


@dataclass(frozen=True)
class Packed:
    """Token ids (N, 256) with flags: `inner`, every token of a mention but its last; `answer`, the answers
    of in-context documents. In `run` the tokens of one mention share a number.

    `told` (N,): True where the sequence opens with an in-context document.
    """

    ids: NDArray[np.int64]
    inner: NDArray[np.bool_]
    answer: NDArray[np.bool_]
    run: NDArray[np.int64]
    told: NDArray[np.bool_]


def texts(phase: int, seed: int) -> Iterator[str]:
    """Endless plain documents in the shares of corpus 0, 1 or 2. Mentions stand between control
    characters.
    """
    rng = random.Random(seed)
    makers = list(SHARES)
    weights = [share[phase] for share in SHARES.values()]
    world = atlas()
    while True:
        yield rng.choices(makers, weights)[0](world, rng)


def told_texts(seed: int, lone: float = incontext.LONE) -> Iterator[str]:
    """Endless in-context documents; `lone`: share of those with one new fact, which is ignored."""
    rng = random.Random(seed)
    while True:
        yield incontext.told(atlas(), rng, lone)


def plain(text: str) -> str:
    """The document without the marks of its mentions."""
    return text.translate(_UNMARKED)


_UNMARKED = dict.fromkeys(map(ord, documents.OPEN + documents.CLOSE + documents.ANSWER))


def _spans(text: str) -> list[tuple[int, int, bool]]:
    """Character ranges of the mentions in the plain text, and whether each is an answer."""
    out: list[tuple[int, int, bool]] = []
    start = removed = 0
    opening = documents.OPEN
    for i, char in enumerate(text):
        if char in (documents.OPEN, documents.ANSWER):
            start, opening = i - removed, char
            removed += 1
        elif char == documents.CLOSE:
            out.append((start, i - removed, opening == documents.ANSWER))
            removed += 1
    return out


Row = NDArray[np.int64]  # (4, T): token ids, inner, answer, run


def _rows(tokenizer: PreTrainedTokenizerFast, source: Iterator[str]) -> Iterator[Row]:
    """One row per document."""
    n_runs = 0
    while True:
        marked = list(itertools.islice(source, 500))
        batch = tokenizer([plain(text) for text in marked], return_offsets_mapping=True, verbose=False)
        for text, tokens, offsets in zip(marked, batch["input_ids"], batch["offset_mapping"], strict=True):
            count = len(tokens)
            row = np.stack([tokens, np.zeros(count), np.zeros(count), n_runs + np.arange(count)]).astype(
                np.int64
            )
            n_runs += count
            for start, stop, is_answer in _spans(text):
                inside = [i for i, (a, b) in enumerate(offsets) if a < stop and b > start and b > a]
                row[1, inside[:-1]] = 1
                row[2, inside] = is_answer
                row[3, inside] = row[3, inside[0]]
            yield row


def pack(
    tokenizer: PreTrainedTokenizerFast, phase: int, seed: int, n_tokens: int, lone: float = incontext.LONE
) -> Packed:
    """At least `n_tokens` tokens in sequences of 256.

    Some open with an in-context document, which ends with them at the latest; plain documents fill them, one
    after the other, and go on in the next. `lone`: see `told_texts`.
    """
    rng = random.Random(seed)
    opening, filling = _rows(tokenizer, told_texts(seed + 1, lone)), _rows(tokenizer, texts(phase, seed))
    told, rows, rest = [], [], np.empty((4, 0), np.int64)
    for _ in range(-(-n_tokens // CONTEXT)):
        told.append(rng.random() < TOLD[phase])
        row = next(opening)[:, :CONTEXT] if told[-1] else rest[:, :0]
        while row.shape[1] < CONTEXT:
            rest = rest if rest.shape[1] else next(filling)
            missing = CONTEXT - row.shape[1]
            row, rest = np.concatenate([row, rest[:, :missing]], 1), rest[:, missing:]
        rows.append(row)
    ids, inner, answer, run = np.stack(rows, 1)
    return Packed(ids, inner.astype(bool), answer.astype(bool), run, np.array(told))
