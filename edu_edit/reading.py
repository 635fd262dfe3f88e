"""What one state of a model says to the prompts of many facts, asked in batches.

Greedy answers are for (5.1)-(5.4) of textbook section 5.1.3; mean log-probabilities per token, with the
target fed in ("teacher forcing"), are CounterFact's; next-token distributions are for KL.
Shapes: B batch, T tokens, V vocabulary.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import token_accuracy
from edu_edit.tokens import pad_batch, target_ids

LOGITS_AT_ONCE = 2**24  # numbers in the logits of a batch of prompts: 64 MiB in float32
Asked = tuple[str, str | None]  # a prompt and the answer that is expected, where there is one


@dataclass
class Reading:
    """Everything that the metrics need to know of one state of the model.

    answers: the greedy answer to each prompt. logp, tokens: of each (prompt, target), the target's mean
    log-probability per token, and the share of its tokens that are the most probable ones.
    next: of each neighbourhood or unrelated prompt, the log-probabilities of the next token.
    """

    answers: dict[Asked, str] = field(default_factory=dict)
    logp: dict[tuple[str, str], Float[Tensor, ""]] = field(default_factory=dict)
    tokens: dict[tuple[str, str], float] = field(default_factory=dict)
    next: dict[str, Float[Tensor, " V"]] = field(default_factory=dict)


@torch.no_grad()
def read(lm: LM, facts: Sequence[Fact], max_tokens: int | None = 8) -> Reading:
    """Ask the model, as it is now, every question of the facts, each once. max_tokens as for `evaluate`."""
    asked: dict[Asked, int] = {}  # the greatest length of each answer
    scored: dict[str, dict[str, None]] = {}  # the targets of each prompt; dictionaries ask nothing twice
    for fact in facts:
        judging = (fact.question, *fact.paraphrases)
        pairs = [*((p, fact.target_new) for p in judging), *fact.portability, *fact.reverse]
        neighbours = [*((p, fact.target_true) for p in fact.neighborhood), *fact.unrelated]
        asked |= {pair: answer_length(lm, *pair, max_tokens) for pair in (*pairs, *neighbours)}
        targets = [target for target in (fact.target_new, fact.target_true) if target is not None]
        for prompt in (*judging, *fact.neighborhood):
            scored.setdefault(prompt, {}).update(dict.fromkeys(targets))
        for prompt, _ in fact.unrelated:
            scored.setdefault(prompt, {})
    reading = Reading()
    for length in sorted(set(asked.values())):
        unasked = dict.fromkeys(p for (p, _), longest in asked.items() if longest == length)
        texts: dict[str, str] = {}
        for batch in batches(lm, list(unasked)):
            texts |= zip(batch, lm.answers(batch, length), strict=True)
        reading.answers |= {pair: texts[pair[0]] for pair, longest in asked.items() if longest == length}
    compared = {p for fact in facts for p in (*fact.neighborhood, *(p for p, _ in fact.unrelated))}
    for batch in batches(lm, list(scored)):
        score(lm, {prompt: list(scored[prompt]) for prompt in batch}, compared, reading)
    return reading


def score(lm: LM, targets: Mapping[str, Sequence[str]], compared: Set[str], reading: Reading) -> None:
    """Read each prompt with each of its targets, and the next token after the prompts of `compared`.

    Nothing has to follow a target's last token, so it is left out: targets of one token then share one row.
    """
    ids, mask = lm.ids(list(targets))
    starts = {p: row[real.bool()].tolist() for p, row, real in zip(targets, ids, mask, strict=True)}
    answers = {(p, target): target_ids(lm, target, p) for p in targets for target in targets[p]}
    rows = {(p, t): (len(starts[p]), *starts[p], *answer[:-1]) for (p, t), answer in answers.items()}
    rows |= {(p, ""): (len(starts[p]), *starts[p]) for p in targets if p in compared}
    place = {row: i for i, row in enumerate(dict.fromkeys(rows.values()))}
    ids, mask = pad_batch([row[1:] for row in place], lm.pad_id)
    asked = torch.tensor([row[0] for row in place], device=lm.device)
    logits = lm.forward(ids.to(lm.device), mask.to(lm.device), asked)
    wide = torch.promote_types(logits.dtype, torch.float32)
    for (prompt, target), row in rows.items():
        here = logits[place[row], row[0] - 1 : len(row) - 1].log_softmax(-1, dtype=wide).cpu()
        if not target:
            reading.next[prompt] = here[0]
            continue
        answer = torch.tensor(answers[prompt, target])
        reading.logp[prompt, target] = here[torch.arange(len(answer)), answer].mean()
        reading.tokens[prompt, target] = token_accuracy(here.argmax(-1), answer)


def answer_length(lm: LM, prompt: str, expected: str | None, max_tokens: int | None) -> int:
    """How many tokens an answer may have: one more than a long expected answer, so that its end is seen."""
    if expected is None:
        return 8 if max_tokens is None else max_tokens
    length = len(target_ids(lm, expected, prompt))
    return length if max_tokens is None else max_tokens if length < max_tokens else length + 1


def batches(lm: LM, prompts: Sequence[str]) -> Iterator[list[str]]:
    """The prompts in groups of similar length whose logits fit into memory together."""
    sizes = {prompt: len(lm.rewrite(prompt).encode()) // 3 + 8 for prompt in prompts}
    batch: list[str] = []
    for prompt in sorted(prompts, key=sizes.__getitem__):  # the newcomer is the longest of its batch
        if batch and (len(batch) + 1) * sizes[prompt] * lm.V > LOGITS_AT_ONCE:
            yield batch
            batch = []
        batch.append(prompt)
    if batch:
        yield batch
