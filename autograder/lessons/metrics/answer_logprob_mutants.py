"""Misconceptions about metrics.answer_logprob: the right function with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Logprob = Callable[[Tensor, Tensor, Tensor], Tensor]


def picked(logp: Tensor, ids: Tensor) -> Tensor:
    """Of each position the entry of its token."""
    return logp.gather(-1, ids[..., None])[..., 0]


def scored(
    total: Callable[[Tensor, Tensor], Tensor] = lambda chosen, kept: chosen.masked_fill(~kept, 0).sum(-1),
    logs: Callable[[Tensor], Tensor] = lambda logits: logits.log_softmax(-1),
    refuses: bool = True,
) -> Logprob:
    """The right function, with another total, other logarithms, or without its refusal."""

    def answer_logprob(logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
        if refuses:
            refuse(is_answer)
        return total(picked(logs(logits[:, :-1]), ids[:, 1:]), is_answer[:, 1:])

    return answer_logprob


def refuse(is_answer: Tensor) -> None:
    if bool(is_answer[:, 0].any()):
        raise ValueError("the first token is marked")


def unshifted(logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
    refuse(is_answer)
    return picked(logits.log_softmax(-1), ids).masked_fill(~is_answer, 0).sum(-1)


def mask_not_shifted(logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
    refuse(is_answer)
    return picked(logits[:, :-1].log_softmax(-1), ids[:, 1:]).masked_fill(~is_answer[:, :-1], 0).sum(-1)


def from_the_prompt_alone(logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
    """All tokens of the answer read where the prompt ends."""
    refuse(is_answer)
    end = is_answer.int().argmax(1) - 1
    logp = logits[torch.arange(len(ids)), end].log_softmax(-1)
    return logp.gather(-1, ids).masked_fill(~is_answer, 0).sum(-1)


def first_only(chosen: Tensor, kept: Tensor) -> Tensor:
    return chosen[torch.arange(len(chosen)), kept.int().argmax(1)]


def last_only(chosen: Tensor, kept: Tensor) -> Tensor:
    last = kept.shape[1] - 1 - kept.flip(1).int().argmax(1)
    return chosen[torch.arange(len(chosen)), last]


MUTANTS = [
    Mutant(
        "unshifted",
        "You read each token's probability at its own position. The logits there predict the token after "
        "it: read one position to the left.",
        lambda: unshifted,
    ),
    Mutant(
        "mean",
        "You took the mean over the answer's tokens. The probability of an answer is the product of its "
        "tokens' probabilities, so its logarithm is their sum.",
        lambda: scored(lambda chosen, kept: chosen.masked_fill(~kept, 0).sum(-1) / kept.sum(-1)),
    ),
    Mutant(
        "whole_row",
        "You added up every token of the row, prompt and padding included. Only the tokens that is_answer "
        "marks belong to the answer.",
        lambda: scored(lambda chosen, kept: chosen.sum(-1)),
    ),
    Mutant(
        "mask_not_shifted",
        "You shifted the tokens but not is_answer. The mask then begins one token too late and ends one "
        "token too late: shift it together with ids.",
        lambda: mask_not_shifted,
    ),
    Mutant(
        "from_the_prompt_alone",
        "You read all tokens of the answer at the last token of the prompt. Only the first one is predicted "
        "there; the second is predicted when the first has been read. Released code has "
        "made this slip, and so trained every token of the answer to come first.",
        lambda: from_the_prompt_alone,
    ),
    Mutant(
        "first_only",
        "You scored the first token of the answer only. An answer may have several: add them all.",
        lambda: scored(first_only),
    ),
    Mutant(
        "last_only",
        "You scored the last token of the answer only. An answer may have several: add them all.",
        lambda: scored(last_only),
    ),
    Mutant(
        "plain_logits",
        "You added up logits. They become log-probabilities when the log of the sum of their exponentials is "
        "taken off: log_softmax over the vocabulary.",
        lambda: scored(logs=lambda logits: logits),
    ),
    Mutant(
        "probabilities",
        "You added up probabilities. Those of the answer's tokens are multiplied, so take their logarithms "
        "and add these.",
        lambda: scored(logs=lambda logits: logits.softmax(-1)),
    ),
    Mutant(
        "negative",
        "The sign is wrong: this is the loss, -log P. A log-probability is never above 0.",
        lambda: scored(lambda chosen, kept: -chosen.masked_fill(~kept, 0).sum(-1)),
    ),
    Mutant(
        "log_of_softmax",
        "You took the logarithm of a softmax. Below about 1e-38 a probability is 0 in float32 and its "
        "logarithm minus infinity: use log_softmax.",
        lambda: scored(logs=lambda logits: logits.softmax(-1).log()),
    ),
    Mutant(
        "first_token_dropped",
        "A marked first token was left out in silence. Nothing predicts it, so its probability is not known: "
        "raise ValueError.",
        lambda: scored(refuses=False),
    ),
]
