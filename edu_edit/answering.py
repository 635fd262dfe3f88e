"""Greedy answers: the model's own most probable continuation, up to the end of the sentence.

Equations (5.1)-(5.4) compare answers as text; this is where they come from. `continued` goes on further, and
may draw instead of taking the best. Attention keys and values of what was read are kept (the "KV cache"), so
that each further token costs one short pass. While something acts on activations, every pass reads the whole
texts again, padded on the right, because a hook may address tokens by their place.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.caching import CACHE
from edu_edit.lm import LM
from edu_edit.tokens import last_real, pad_batch
from edu_edit.tracing import hooked

# A full stop ends a sentence where a blank follows, so 3.5 and an e-mail address stay whole; so do titles.
SENTENCE_END = re.compile(r"\n|[。！？]|(?<!\bSt)(?<!\bDr)(?<!\bMr)(?<!\bMt)(?<!\bMrs)[.!?](?=\s)")


Choose = Callable[[Float[Tensor, "B V"], list[int]], Int[Tensor, " B"]]


@torch.no_grad()
def answers(lm: LM, prompts: Sequence[str], max_tokens: int = 8) -> list[str]:
    """The greedy continuation of each prompt: stops at end of text, newline or sentence end, and is stripped.

    The mark that ends the sentence is no part of the answer. Raises ValueError when a prompt has no token or
    more than the model's context.
    """
    rows = continued(lm, prompts, max_tokens, until=SENTENCE_END)
    return [first_sentence(text_of(lm, row)) for row in rows]


def most_probable(logits: Float[Tensor, "B V"], rows: list[int]) -> Int[Tensor, " B"]:
    """The greedy choice of the next token."""
    return logits.argmax(-1)


@torch.no_grad()
def continued(
    lm: LM,
    prompts: Sequence[str],
    max_tokens: int,
    choose: Choose = most_probable,
    until: re.Pattern[str] | None = None,
) -> list[list[int]]:
    """Up to max_tokens ids that go on behind each prompt, the end of text included where it comes.

    choose(logits, rows): the next token of each row from its logits; rows says which prompts these are.
    until: a row ends where its text has this.
    Raises ValueError when a prompt has no token or more than the model's context.
    """
    if hooked(lm):
        return _continued_whole_texts(lm, prompts, max_tokens, choose, until)
    ids, mask = _pad_left(*lm.ids(prompts))
    lm.check_input(ids)
    ends = _end_ids(lm)
    rows: list[list[int]] = [[] for _ in prompts]
    done = [False] * len(rows)
    cache: Any = None
    for _ in range(min(max_tokens, lm.context - ids.shape[1] + 1)):
        logits, cache = _cached(lm, ids, mask, cache)
        fresh = choose(logits[:, -1], list(range(len(rows))))
        for i, token in enumerate(fresh.tolist()):
            if not done[i]:
                rows[i].append(token)
                done[i] = _ended(lm, rows[i], ends, until)
        if all(done):
            break
        ids = torch.cat([ids, fresh[:, None].to(ids.device)], dim=1)
        mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
    return rows


def _continued_whole_texts(
    lm: LM, prompts: Sequence[str], max_tokens: int, choose: Choose, until: re.Pattern[str] | None
) -> list[list[int]]:
    """The same without a cache, for edits that act on activations: each row is read from its first token."""
    ids, mask = lm.ids(prompts)
    lm.check_input(ids)
    asked = mask.sum(1)
    questions = [row[:n].tolist() for row, n in zip(ids, asked.tolist(), strict=True)]
    rows: list[list[int]] = [[] for _ in prompts]
    going, ends = list(range(len(rows))), _end_ids(lm)
    for _ in range(max_tokens):
        going = [i for i in going if len(questions[i]) + len(rows[i]) <= lm.context]
        if not going:
            break
        ids, mask = pad_batch([questions[i] + rows[i] for i in going], lm.pad_id)
        ids, mask = ids.to(lm.device), mask.to(lm.device)
        logits = lm.forward(ids, mask, asked[going])
        last = logits[torch.arange(len(going), device=logits.device), last_real(mask).to(logits.device)]
        for i, token in zip(going, choose(last, going).tolist(), strict=True):
            rows[i].append(token)
        going = [i for i in going if not _ended(lm, rows[i], ends, until)]
    return rows


def first_sentence(text: str) -> str:
    """The text up to its first newline or sentence end, without the closing mark, stripped."""
    return SENTENCE_END.split(text)[0].strip().rstrip(".!?")


def _cached(lm: LM, ids: Tensor, mask: Tensor, cache: Any) -> tuple[Tensor, Any]:
    """Logits after the last token, reading only what the cache does not hold yet."""
    known = 0 if cache is None else cache.get_seq_length()
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    out = lm.model(
        input_ids=ids[:, known:],
        attention_mask=mask,
        position_ids=positions[:, known:],
        use_cache=True,
        logits_to_keep=1,
        **{CACHE: cache},
    )
    return out.logits, out[CACHE]


def _ended(lm: LM, row: list[int], ends: set[int], until: re.Pattern[str] | None) -> bool:
    return row[-1] in ends or (until is not None and until.search(text_of(lm, row)) is not None)


def _pad_left(ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """The same rows with their padding on the left, so that all of them go on at the same column."""
    shift = mask.shape[1] - 1 - last_real(mask)
    columns = (torch.arange(mask.shape[1], device=mask.device)[None] - shift[:, None]) % mask.shape[1]
    return ids.gather(1, columns), mask.gather(1, columns)


def _end_ids(lm: LM) -> set[int]:
    """The ids that end a text; a generation config may name several."""
    config = getattr(lm.model, "generation_config", None)
    named = [lm.tok.eos_token_id, getattr(config, "eos_token_id", None)]
    return {
        i for entry in named if entry is not None for i in (entry if isinstance(entry, list) else [entry])
    }


def text_of(lm: LM, row: list[int]) -> str:
    """The text of token ids, special tokens left out."""
    return str(lm.tok.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False))
