"""Whether a model continues a prompt with an answer: the exact match behind recall and its relatives."""

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.tokens import pad_batch, target_ids

BATCH = 128


@torch.no_grad()
def continuations(
    lm: LM, prompts: Sequence[str], answers: Sequence[str]
) -> list[tuple[Bool[Tensor, " n"], Float[Tensor, " n"]]]:
    """For each prompt: which tokens of its answer are the likeliest (teacher forced), and their log-probs."""
    rows = []
    for prompt, answer in zip(prompts, answers, strict=True):
        start = lm.tok(lm.rewrite(prompt))["input_ids"]
        rows.append((start, target_ids(lm, answer, prompt)))
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + len(rows[i][1]))
    out: list[tuple[Tensor, Tensor]] = [(torch.empty(0), torch.empty(0))] * len(rows)
    for i in range(0, len(order), BATCH):
        batch = order[i : i + BATCH]
        ids, mask = pad_batch([rows[j][0] + rows[j][1] for j in batch], lm.pad_id)
        asked = torch.tensor([len(rows[j][0]) for j in batch])
        logits = lm.forward(ids, mask, asked)
        for row, j in enumerate(batch):
            begin, count = len(rows[j][0]) - 1, len(rows[j][1])
            predicted = logits[row, begin : begin + count].log_softmax(-1)
            wanted = torch.tensor(rows[j][1])
            out[j] = predicted.argmax(-1) == wanted, predicted.gather(1, wanted[:, None])[:, 0]
    return out


def exact(lm: LM, prompts: Sequence[str], answers: Sequence[str]) -> Float[Tensor, " n"]:
    """1 where every token of the answer is the likeliest, else 0: greedy decoding would say it."""
    hits = [float(right.all()) for right, _ in continuations(lm, prompts, answers)]
    return torch.tensor(hits, dtype=torch.float64)  # 60 of 150 is .4, not more


def mean_logp(lm: LM, prompts: Sequence[str], answers: Sequence[str]) -> Float[Tensor, " n"]:
    """Mean log-probability of the answer's tokens: what ES, PS and NS compare."""
    return torch.stack([logp.mean() for _, logp in continuations(lm, prompts, answers)])
