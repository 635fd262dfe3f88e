"""Answers fed in behind their prompts ("teacher forcing"): what every method that trains on facts reads.

An answer's token at position t is predicted at t - 1, when the model has been shown the tokens before it. All
of them count, each where it is predicted; released code of several methods reads all at the prompt's last
token, which is right for answers of one token only. Shapes: B facts, T tokens, V vocabulary.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.tokens import pad_batch, target_ids


class Forced(NamedTuple):
    """Prompts with their answers: ids and mask (B, T), padded on the right; wanted (B, T) marks the answers'
    tokens, and starts (B,) is where each answer begins.
    """

    ids: Int[Tensor, "B T"]
    mask: Int[Tensor, "B T"]
    wanted: Bool[Tensor, "B T"]
    starts: Int[Tensor, " B"]


def forced(lm: LM, pairs: Sequence[tuple[str, str]]) -> Forced:
    """(prompt, answer) pairs as one batch; prompt and answer are tokenised each by itself and joined as ids.

    Raises ValueError for an empty answer, and when there is no pair.
    """
    if not pairs:
        raise ValueError("There is no prompt with an answer: give at least one pair.")
    prompts = [list(lm.tok(prompt, verbose=False)["input_ids"]) for prompt, _ in pairs]
    rows = [ids + target_ids(lm, answer, text) for ids, (text, answer) in zip(prompts, pairs, strict=True)]
    ids, mask = pad_batch(rows, lm.pad_id)
    starts = torch.tensor([len(prompt) for prompt in prompts])
    wanted = mask.bool() & (torch.arange(ids.shape[1]) >= starts[:, None])
    return Forced(*(x.to(lm.device) for x in (ids, mask, wanted, starts)))


def mean_logp(
    logits: Float[Tensor, "B T V"], ids: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, " B"]:
    """Mean log-probability of each row's wanted tokens, each read one token earlier. Gradients flow."""
    logp = logits[:, :-1].float().log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    counted = wanted[:, 1:].to(logp.device)
    return (logp * counted).sum(1) / counted.sum(1)
