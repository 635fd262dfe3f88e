"""Misconceptions about mend.editor_loss: the loss with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F

from autograder.mutants import Mutant

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL(p ‖ q) per row of logits."""
    log_p, log_q = p.log_softmax(-1), q.log_softmax(-1)
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def like(loss: Loss) -> Callable[[], Loss]:
    return lambda: loss


def unnormalised(logp: Tensor, after: Tensor, before: Tensor, c: float) -> Tensor:
    return -c * logp.mean() + (before.softmax(-1) * (before - after)).sum(-1).mean()


def late_logarithm(logp: Tensor, after: Tensor, before: Tensor, c: float) -> Tensor:
    p, q = before.softmax(-1), after.softmax(-1)
    return -c * logp.mean() + (p * (p.log() - q.log())).sum(-1).mean()


def over_words(logp: Tensor, after: Tensor, before: Tensor, c: float) -> Tensor:
    log_p, log_q = before.log_softmax(-1), after.log_softmax(-1)
    return -c * logp.mean() + F.kl_div(log_q, log_p, log_target=True, reduction="mean")


MUTANTS = [
    Mutant(
        "reversed",
        "Your divergence is KL(after ‖ before). MEND weighs by the old model, KL(before ‖ after): what it "
        "was "
        "sure of is what must be kept. (ROME's (5.18) goes the other way.)",
        like(lambda logp, after, before, c: -c * logp.mean() + kl(after, before).mean()),
    ),
    Mutant(
        "weight_on_keep",
        "You put c_edit on the KL term. It weighs the edit.",
        like(lambda logp, after, before, c: -logp.mean() + c * kl(before, after).mean()),
    ),
    Mutant(
        "sign",
        "Your edit term is log p: it gets smaller when the new answer gets less likely. It must be minus "
        "log p.",
        like(lambda logp, after, before, c: c * logp.mean() + kl(before, after).mean()),
    ),
    Mutant(
        "no_keep",
        "You left out the kept prompts. Nothing would stop the editor from writing the new answer "
        "everywhere.",
        like(lambda logp, after, before, c: -c * logp.mean() + 0 * after.sum()),
    ),
    Mutant(
        "over_words",
        "You took the mean over the words too (F.kl_div with reduction='mean' does). Sum over the words, and "
        "take the mean over the prompts.",
        like(over_words),
    ),
    Mutant(
        "summed",
        "You summed over the prompts. Both terms are means, or c_edit would depend on how many prompts "
        "there are.",
        like(lambda logp, after, before, c: -c * logp.sum() + kl(before, after).sum()),
    ),
    Mutant(
        "logits_as_logs",
        "You used logits as if they were log-probabilities. Apply log_softmax to both first.",
        like(unnormalised),
    ),
    Mutant(
        "late_logarithm",
        "You took the logarithm of a softmax. In float32 an unlikely word has probability 0 and its "
        "logarithm is "
        "-inf: use log_softmax.",
        like(late_logarithm),
    ),
]
