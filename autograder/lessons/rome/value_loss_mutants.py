"""Misconceptions about rome.value_loss: the loss with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.mutants import Mutant


def loss_with(
    divergence: Callable[[Tensor, Tensor], Tensor],
    nll: Callable[[Tensor], Tensor] = lambda lp: -lp.mean(),
    weight: Callable[[float], float] = lambda kl: kl,
) -> Callable[[Tensor, Tensor, Tensor, float], Tensor]:
    """The loss with one part exchanged."""

    def value_loss(logp_target: Tensor, logits_new: Tensor, logits_old: Tensor, kl: float) -> Tensor:
        return nll(logp_target) + weight(kl) * divergence(logits_new, logits_old)

    return value_loss


def right(new: Tensor, old: Tensor) -> Tensor:
    log_p = new.log_softmax(-1)
    return (log_p.exp() * (log_p - old.log_softmax(-1))).sum()


MUTANTS = [
    Mutant(
        "reversed",
        "Your KL runs the other way, KL(M ‖ M'). (5.18) averages over the new model: Σ p' (log p' - log "
        "p). Note that F.kl_div(a, b) computes KL(b ‖ a).",
        lambda: loss_with(lambda new, old: right(old, new)),
    ),
    Mutant(
        "sum_over_prompts",
        "You added the log-probabilities of the prompts; (5.17) takes their mean. With a sum, more "
        "prefixes would drown the KL term.",
        lambda: loss_with(right, lambda logp: -logp.sum()),
    ),
    Mutant(
        "sign",
        "The sign of the target term is wrong: this loss gets smaller when the target gets less likely. "
        "(5.17) has -log P.",
        lambda: loss_with(right, lambda logp: logp.mean()),
    ),
    Mutant(
        "no_weight",
        "The KL term is there, but kl does not multiply it.",
        lambda: loss_with(right, weight=lambda kl: 1.0),
    ),
    Mutant(
        "no_divergence",
        "There is no KL term: nothing keeps the model's idea of the subject in place (5.18).",
        lambda: loss_with(right, weight=lambda kl: 0.0),
    ),
    Mutant(
        "mean_over_words",
        "You averaged the KL over the vocabulary; KL is a sum over words. F.kl_div with its default "
        "reduction='mean' does that: use reduction='sum'.",
        lambda: loss_with(lambda new, old: right(new, old) / len(new)),
    ),
    Mutant(
        "raw_logits",
        "You used logits as if they were log-probabilities. Apply log_softmax to both first.",
        lambda: loss_with(lambda new, old: (new.softmax(-1) * (new - old)).sum()),
    ),
    Mutant(
        "log_of_softmax",
        "log(softmax(x)) gives -inf where a probability rounds to 0, and 0 · inf is nan. log_softmax(x) "
        "stays finite.",
        lambda: loss_with(
            lambda new, old: (new.softmax(-1) * (new.softmax(-1).log() - old.softmax(-1).log())).sum()
        ),
    ),
    Mutant(
        "detached",
        "The number is right but its gradient is cut off (.item(), .detach() or no_grad): the optimiser "
        "would not know where to go.",
        lambda: loss_with(lambda new, old: right(new.detach(), old), lambda logp: -logp.detach().mean()),
    ),
]
