"""A long answer in chunks, and the token before each chunk, whose state calls the chunk up.

Jiang et al. 2025 (AnyEdit, arXiv 2502.05628) section 4, lesson 11. The chain rule takes an answer apart,

    log P(Y | X) = sum_n log P(Y_n | X, Y_<n)

so each chunk Y_n can be written by itself, at a token that comes before it: the last one of the prompt for
the first chunk, the last one of the text so far for the others. Ranges are half-open and count the answer's
tokens from 0. Shapes: n chunks, Ty tokens of the answer.
"""

import re
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.answering import SENTENCE_END
from edu_edit.defaults import long_defaults
from edu_edit.lm import LM
from edu_edit.tokens import target_ids, target_tokens

Chunks = Sequence[tuple[int, int]]
FENCED = re.compile(r"(```|~~~).*?(?:\1[^\S\n]*\n?|\Z)", re.DOTALL)
CLOSING = "\"'”’)]）】」』》"
CUT = re.compile(rf"{SENTENCE_END.pattern}|[.!?](?=[{re.escape(CLOSING)}]+\s)")


def chunk_by_window(
    n_tokens: int, size: int, overlap: int = 0, released: bool = False
) -> list[tuple[int, int]]:
    """Chunks of `size` tokens, each beginning `overlap` tokens before its predecessor ends; the last may be
    shorter.

    No chunk lies inside its predecessor. released: the released code begins chunks up to the answer's end
    instead, so that with an overlap the last may lie inside its predecessor. Raises ValueError for an empty
    answer, a size below 1, and an overlap that is negative or not below the size.
    """
    if n_tokens < 1 or size < 1 or not 0 <= overlap < size:
        raise ValueError(
            f"n_tokens={n_tokens}, size={size}, overlap={overlap}: give 1 or more of the first two, and an "
            f"overlap from 0 to size - 1."
        )
    last = n_tokens if released else max(n_tokens - overlap, 1)
    return [(start, min(start + size, n_tokens)) for start in range(0, last, size - overlap)]


def chunk_by_sentence(text: str) -> list[str]:
    """The sentences of a text, English or Chinese; joined they are the text again.

    A sentence ends as an answer of `lm.answer` does: at a full stop, question or exclamation mark that a
    blank follows, at their Chinese forms, at a newline. Closing quotation marks and brackets stay with it, a
    blank goes with what follows it. A block of code between fences (``` or ~~~) is one piece. Raises
    ValueError for a text of blanks.
    """
    if not text.strip():
        raise ValueError("The text is empty: give an answer with at least one word.")
    blocks = [match.span() for match in FENCED.finditer(text)]
    cuts = {end for match in CUT.finditer(text) if (end := _closed(text, match.end()))}
    cuts = {cut for cut in cuts if not any(a < cut < b for a, b in blocks)} | {
        at for span in blocks for at in span
    }
    edges = [0, *sorted(cuts - {0, len(text)}), len(text)]
    pieces: list[str] = []
    for a, b in zip(edges, edges[1:], strict=False):
        if pieces and not re.search(r"\w", text[a:b]):  # blanks and marks are no sentence of their own
            pieces[-1] += text[a:b]
        elif pieces and not re.search(r"\w", pieces[-1]):
            pieces[-1] += text[a:b]
        else:
            pieces.append(text[a:b])
    return pieces


def _closed(text: str, end: int) -> int:
    """The place behind the closing marks that follow `end`."""
    while end < len(text) and text[end] in CLOSING and text[end - 1] != "\n":
        end += 1
    return end


def edit_positions(prompt_len: int, chunks: Chunks) -> list[int]:
    """The token before each chunk, counted from the prompt's first: prompt_len + start - 1.

    The prompt's last token for a first chunk that starts at 0. Raises ValueError for a prompt without a
    token: nothing comes before its answer.
    """
    if prompt_len < 1:
        raise ValueError(f"prompt_len={prompt_len}: the prompt needs a token for the answer to follow.")
    return [prompt_len + start - 1 for start, _ in chunks]


def chunk_logprobs(logp: Float[Tensor, " Ty"], chunks: Chunks) -> Float[Tensor, " n"]:
    """Each chunk's share of the answer's log-probability; together they are log P(Y | X).

    logp: of every answer token given those before it. A token in two chunks counts in the earlier one.
    Raises ValueError for chunks that don't cover the answer, see `checked_chunks`.
    """
    checked_chunks(chunks, len(logp))
    begins = [0, *(stop for _, stop in chunks)]
    return torch.stack([logp[a:b].sum() for a, b in zip(begins, begins[1:], strict=False)])


def checked_chunks(chunks: Chunks, n_tokens: int) -> list[tuple[int, int]]:
    """The chunks as a list, if they cover an answer of n_tokens from 0 on, in order and without a gap, and
    none lies inside its predecessor. Else raises ValueError.
    """
    listed = [(int(start), int(stop)) for start, stop in chunks]
    steps = zip([(-1, 0), *listed], listed, strict=False)
    grows = all(begin < start <= end < stop for (begin, end), (start, stop) in steps)
    if not listed or not grows or listed[-1][1] != n_tokens:
        raise ValueError(
            f"The chunks {listed} don't cover tokens 0 to {n_tokens} in order: begin at 0, leave no gap, and "
            f"begin and end each behind its predecessor."
        )
    return listed


def sentence_ranges(lm: LM, prompt: str, target: str) -> list[tuple[int, int]]:
    """The token ranges of the target's sentences as they follow the prompt.

    A token that begins in one sentence and ends in the next belongs to the first. Raises ValueError for an
    empty target.
    """
    _, spans = target_tokens(lm, target, prompt)
    ends, done = [], 0
    for piece in chunk_by_sentence(target):
        done += len(piece)
        ends.append(sum(a < done for a, _ in spans))
    stops = sorted({*ends, len(spans)} - {0})
    return list(zip([0, *stops[:-1]], stops, strict=True))


def token_ranges(
    lm: LM, prompt: str, target: str, chunks: int | str | Chunks | None, overlap: int, released: bool
) -> list[tuple[int, int]]:
    """The target's chunks as token ranges, for `anyedit`'s arguments of the same names."""
    n_tokens = len(target_ids(lm, target, prompt))
    if chunks is None:
        chunks = long_defaults(lm.name, lm.n_layers).window
    if isinstance(chunks, int):
        return chunk_by_window(n_tokens, chunks, overlap, released)
    if isinstance(chunks, str):
        if chunks not in ("sentence", "whole"):
            raise ValueError(f"chunks={chunks!r}: give a number of tokens, 'sentence', 'whole', or ranges.")
        return [(0, n_tokens)] if chunks == "whole" else sentence_ranges(lm, prompt, target)
    return checked_chunks(chunks, n_tokens)
