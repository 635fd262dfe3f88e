"""What one state of a model says to the prompts of many facts, asked in batches.

Greedy answers are for (5.1)-(5.4) of textbook section 5.1.3; mean log-probabilities per token, with the
target fed in ("teacher forcing"), are CounterFact's; next-token distributions are for KL.
Shapes: B batch, T tokens, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import answer_logprob, token_accuracy
from edu_edit.tokens import last_real, pad_batch, target_ids

LOGITS_AT_ONCE = 2**26  # numbers in one batch of logits: 256 MiB in float32
Item = TypeVar("Item", str, tuple[str, str])
Asked = tuple[str, str | None]  # a prompt and the answer that is expected, where there is one


@dataclass
class Reading:
    """Everything that the metrics need to know of one state of the model."""

    answers: dict[Asked, str] = field(default_factory=dict)
    logp: dict[tuple[str, str], Float[Tensor, ""]] = field(
        default_factory=dict
    )  # per token of (prompt, target)
    tokens: dict[tuple[str, str], float] = field(
        default_factory=dict
    )  # share of the target's tokens predicted
    next: dict[str, Float[Tensor, " V"]] = field(default_factory=dict)  # log-probabilities of the next token


@torch.no_grad()
def read(lm: LM, facts: Sequence[Fact], max_tokens: int | None = 8) -> Reading:
    """Ask the model, as it is now, every question of the facts, each once. max_tokens as for `evaluate`."""
    asked: dict[Asked, int] = {}  # the greatest length of each answer
    scored: dict[tuple[str, str], None] = {}  # dictionaries keep the order and ask nothing twice
    compared: dict[str, None] = {}
    for fact in facts:
        judging = (fact.question, *fact.paraphrases)
        pairs = [*((p, fact.target_new) for p in judging), *fact.portability, *fact.reverse]
        neighbours = [(p, fact.target_true) for p in fact.neighborhood]
        asked |= {pair: answer_length(lm, *pair, max_tokens) for pair in (*pairs, *neighbours)}
        compared |= dict.fromkeys(fact.neighborhood)
        scored[fact.question, fact.target_new] = None
        if fact.target_true is not None:
            prompts = (*judging, *fact.neighborhood)
            scored |= {(p, target): None for p in prompts for target in (fact.target_new, fact.target_true)}
    reading = Reading()
    for length in sorted(set(asked.values())):
        unasked = dict.fromkeys(p for (p, _), longest in asked.items() if longest == length)
        texts: dict[str, str] = {}
        for batch in batches(lm, list(unasked)):
            texts |= zip(batch, lm.answers(batch, length), strict=True)
        reading.answers |= {pair: texts[pair[0]] for pair, longest in asked.items() if longest == length}
    for pairs in batches(lm, list(scored)):
        score(lm, pairs, reading)
    for batch in batches(lm, list(compared)):
        reading.next |= zip(batch, next_logprobs(lm, batch), strict=True)
    return reading


def score(lm: LM, pairs: Sequence[tuple[str, str]], reading: Reading) -> None:
    """Feed each target in after its prompt; keep its mean log-probability and the share of its tokens
    predicted.
    """
    ids, mask = lm.ids([prompt for prompt, _ in pairs])
    targets = [target_ids(lm, target, prompt) for prompt, target in pairs]
    rows = [row[real.bool()].tolist() + t for row, real, t in zip(ids, mask, targets, strict=True)]
    ids, mask = (tensor.to(lm.device) for tensor in pad_batch(rows, lm.pad_id))
    lengths = torch.tensor([len(t) for t in targets], device=lm.device)
    place, end = torch.arange(ids.shape[1], device=lm.device), last_real(mask)[:, None]
    is_answer = (place <= end) & (place > end - lengths[:, None])
    logits = lm.forward(ids, mask)
    logp = (answer_logprob(logits, ids, is_answer) / lengths).cpu()
    best = logits.argmax(-1)
    for i, pair in enumerate(pairs):
        reading.logp[pair] = logp[i]
        reading.tokens[pair] = token_accuracy(best[i, :-1][is_answer[i, 1:]], ids[i][is_answer[i]])


def next_logprobs(lm: LM, prompts: Sequence[str]) -> Float[Tensor, "B V"]:
    """Log-probabilities of the token after each prompt (not the log of probabilities, which may round to
    zero).
    """
    ids, mask = lm.ids(prompts)
    last = lm.forward(ids, mask)[torch.arange(len(ids)), last_real(mask)]
    return torch.log_softmax(last, dim=-1, dtype=torch.promote_types(last.dtype, torch.float32)).cpu()


def answer_length(lm: LM, prompt: str, expected: str | None, max_tokens: int | None) -> int:
    """How many tokens an answer may have: one more than an expected answer that is longer, so that its end is
    seen.
    """
    if expected is None:
        return 8 if max_tokens is None else max_tokens
    length = len(target_ids(lm, expected, prompt))
    return length if max_tokens is None else max_tokens if length < max_tokens else length + 1


def batches(lm: LM, items: Sequence[Item]) -> Iterator[list[Item]]:
    """The prompts (or pairs that begin with one) in groups of similar length whose logits fit into memory
    together.
    """
    sizes = {
        item: len(lm.rewrite(item if isinstance(item, str) else item[0]).encode()) // 3 + 8 for item in items
    }
    batch: list[Item] = []
    for item in sorted(items, key=lambda item: sizes[item]):  # so the newcomer is the longest of its batch
        if batch and (len(batch) + 1) * sizes[item] * lm.V > LOGITS_AT_ONCE:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
