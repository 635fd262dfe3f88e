"""Where the subject, the answer and the padding are: token ids and character offsets, never string surgery.

Textbook section 5.4.1: a fact is a tuple t = (s, r, o), asked by a prompt q = (s, r) that holds `{}` where
the subject s goes. A text is tokenised once, and the tokenizer's character offsets say which tokens are the
subject's; so subjects that occur twice, Chinese characters of several byte tokens, and special tokens all
come out right. Shapes: B batch, T tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edu_edit.lm import LM

Mask = Int[Tensor, "B T"] | Bool[Tensor, "B T"]
OPENING = "([{\"'“‘"
UNSPACED = (("\u2e80", "\ua4cf"), ("\uf900", "\ufaff"), ("\uff00", "\uffef"), ("\U00020000", "\U0003ffff"))


class Encoded(NamedTuple):
    """A filled prompt: its token ids, the half-open token range of its subject, and the text itself."""

    ids: list[int]
    span: tuple[int, int]
    text: str


def last_real(mask: Mask) -> Int[Tensor, " B"]:
    """The last real token of each row: the last index whose mask is 1, whatever the padding side.

    Raises ValueError when a row has no real token.
    """
    if not bool(mask.any(1).all()):
        raise ValueError("A row of the batch has no real token: every text needs at least one.")
    return mask.shape[1] - 1 - mask.long().flip(1).argmax(1)


def last_asked(mask: Mask, asked: Int[Tensor, " B"] | None) -> Int[Tensor, " B"]:
    """The last token of each row's question, whose length in real tokens is `asked`; None = of the row.

    Raises ValueError when a row has fewer real tokens than its question.
    """
    if asked is None:
        return last_real(mask)
    found = mask.long().cumsum(1) == asked.to(mask.device)[:, None]
    if not bool(found.any(1).all()):
        raise ValueError(f"asked={asked.tolist()}: a row of the batch has fewer real tokens than that.")
    return found.long().argmax(1)


def next_token_probs(logits: Float[Tensor, "B T V"], mask: Mask) -> Float[Tensor, "B V"]:
    """The distribution of the next token: softmax of the logits at the last real token of each row.

    Raises ValueError when a row has no real token.
    """
    rows = torch.arange(len(logits), device=logits.device)
    last = logits[rows, last_real(mask).to(logits.device)]
    return torch.softmax(last, dim=-1, dtype=torch.promote_types(last.dtype, torch.float32))


def subject_span(
    offsets: Int[Tensor, "T 2"] | Sequence[Sequence[int]], prompt: str, subject: str
) -> tuple[int, int]:
    """The token range (start, stop) of the subject: the tokens that overlap the characters put in place of
    `{}`.

    offsets: the characters [a, b) of the filled prompt that each token covers; special tokens have a = b.
    prompt: holds `{}` exactly once; other braces are plain text.
    Raises ValueError when it doesn't, and when no token overlaps the subject.
    """
    begin = _place(prompt)
    pairs = offsets.tolist() if isinstance(offsets, Tensor) else offsets
    return _overlapping(pairs, begin, subject)


def encode(lm: LM, prompt: str, subject: str, prefix: str = "") -> Encoded:
    """`prefix` + the filled prompt, tokenised once, with the token range of the subject that stands for `{}`.

    The prefix is put in front exactly as given. Raises ValueError as `subject_span` does.
    """
    begin = len(prefix) + _place(prompt)
    text = prefix + prompt.replace("{}", subject)
    tokens = lm.tok(text, return_offsets_mapping=True, verbose=False)
    return Encoded(list(tokens["input_ids"]), _overlapping(tokens["offset_mapping"], begin, subject), text)


def _place(prompt: str) -> int:
    if prompt.count("{}") != 1:
        raise ValueError(
            f"The prompt must hold {{}} exactly once, where the subject goes, but it is {prompt!r}."
        )
    return prompt.index("{}")


def _overlapping(offsets: Sequence[Sequence[int]], begin: int, subject: str) -> tuple[int, int]:
    end = begin + len(subject)
    inside = [t for t, (a, b) in enumerate(offsets) if max(a, begin) < min(b, end)]
    if not inside:
        raise ValueError(
            f"No token of the prompt covers the subject {subject!r}: give one that is not empty."
        )
    return inside[0], inside[-1] + 1


def target_ids(lm: LM, target: str, prompt: str = "") -> list[int]:
    """Token ids of an answer as they follow the prompt: with a blank where one is needed (`spaced`), without
    special tokens.

    Raises ValueError for an empty target.
    """
    return target_tokens(lm, target, prompt)[0]


def target_tokens(lm: LM, target: str, prompt: str = "") -> tuple[list[int], list[tuple[int, int]]]:
    """`target_ids`, and the characters [a, b) of the target that each token covers.

    The blank that is put in front belongs to the first token. Raises ValueError for an empty target.
    """
    if not target.strip():
        raise ValueError("The target is empty: give the answer as text, for example 'Taipei'.")
    # A newline in front keeps the blank with the word, as in running text, whatever the tokenizer does at a
    # start.
    text = "\n" + spaced(prompt, target)
    tokens = lm.tok(text, return_offsets_mapping=True, add_special_tokens=False)
    front = len(text) - len(target)
    found = [
        (token, (max(a - front, 0), b - front))
        for token, (a, b) in zip(tokens["input_ids"], tokens["offset_mapping"], strict=True)
        if b > 1
    ]
    return [token for token, _ in found], [span for _, span in found]


def spaced(prompt: str, answer: str) -> str:
    """The answer as text that follows the prompt: with a blank in front where one is needed.

    None is put before an answer that begins with one or is Chinese or Japanese, nor after a prompt that ends
    in a blank, an opening bracket or quotation mark, or a Chinese or Japanese character.
    """
    before, first = prompt[-1:], answer[:1]
    glued = first.isspace() or before.isspace() or (before != "" and before in OPENING)
    glued = glued or _unspaced(first) or _unspaced(before)
    return ("" if glued else " ") + answer


def _unspaced(character: str) -> bool:
    """Whether the script is written without blanks: Chinese or Japanese, with their punctuation."""
    return any(low <= character <= high for low, high in UNSPACED)


def pad_batch(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B T"]]:
    """Rows of token ids as one batch, padded on the right, and its mask (1 = real token)."""
    longest = max((len(row) for row in rows), default=0)
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    mask = torch.zeros(len(rows), longest, dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.long)
        mask[i, : len(row)] = 1
    return ids, mask
