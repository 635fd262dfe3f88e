"""rome.value_loss: L = mean of -log P(o | x_j + p) + kl · KL(M' ‖ M), equations (5.16) to (5.18).

Shape letters: N prompts, V words of the vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.rome.value_loss_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("logp_target", "logits_new", "logits_old", "kl")


def gate(value: Any, logp_target: Tensor, logits_new: Tensor, logits_old: Tensor, kl: float) -> Tensor:
    return tensor_gate(value, (), "()", "logits_new", None)


def divergence(new: list[float], old: list[float]) -> float:
    """KL(new ‖ old) of two lists of logits, word by word: the definition in plain Python."""
    top_new, top_old = max(new), max(old)
    log_z_new = top_new + math.log(sum(math.exp(x - top_new) for x in new))
    log_z_old = top_old + math.log(sum(math.exp(x - top_old) for x in old))
    return sum(
        math.exp(a - log_z_new) * ((a - log_z_new) - (b - log_z_old)) for a, b in zip(new, old, strict=True)
    )


def expected_loss(logp: Tensor, new: Tensor, old: Tensor, kl: float) -> Tensor:
    nll = sum(-float(x) for x in logp) / len(logp)
    return torch.tensor(nll + kl * divergence(new.tolist(), old.tolist()), dtype=torch.float64)


def problem(g: Generator, N: int = 0, V: int = 0) -> tuple[Tensor, Tensor, Tensor, float]:
    """2 to 8 prompts, 6 to 40 words, a KL weight between 0.5 and 2."""
    N = N or int(randint(2, 9, (), generator=g))
    V = V or int(randint(6, 41, (), generator=g))
    logp = -0.2 - 3 * rand(N, generator=g, dtype=torch.float64)
    new, old = (2 * randn(V, generator=g, dtype=torch.float64) for _ in range(2))
    return logp, new, old, 0.5 + 1.5 * float(rand((), generator=g))


def only_the_target(student: Student, g: Generator) -> Verdict:
    """Equal logits: the KL term is zero, and what is left is L1 (5.17)."""
    logp, new, _, kl = problem(g)
    return close(student(logp, new, new.clone(), kl), expected_loss(logp, new, new, 0.0), 1e-6, "L")


def both_terms(student: Student, g: Generator) -> Verdict:
    logp, new, old, kl = problem(g)
    return close(student(logp, new, old, kl), expected_loss(logp, new, old, kl), 1e-6, "L")


def direction(student: Student, g: Generator) -> Verdict:
    """L2 by itself, on distributions for which both directions of KL are far apart."""
    _, new, old, kl = problem(g)
    new, zero = 3 * new, torch.tensor([-1e-12], dtype=torch.float64)
    return close(
        student(zero, new, old, kl), expected_loss(zero, new, old, kl), 1e-6, "L (with log P(o) = 0)"
    )


def shifted_logits(student: Student, g: Generator) -> Verdict:
    """Logits are known up to a constant: adding 7 to one set and -30 to the other changes nothing."""
    logp, new, old, kl = problem(g, N=1)
    return close(student(logp, new + 7, old - 30, kl), expected_loss(logp, new, old, kl), 1e-6, "L")


def impossible_words(student: Student, g: Generator) -> Verdict:
    """In float32 a word 150 logits below the top has probability 0, and 0 · log 0 is nan unless logs are
    taken first.
    """
    logp, new, old, kl = problem(g, V=8)
    new[:2] -= 150
    old[2:4] -= 150
    logp, new, old = logp.float(), new.float(), old.float()
    return close(student(logp, new, old, kl), expected_loss(logp, new, old, kl), 1e-4, "L")


def gradient(student: Student, g: Generator) -> Verdict:
    """∂L/∂logits_new = kl · p' (log p' - log p - KL) and ∂L/∂logp_target = -1/N, by calculus."""
    logp, new, old, kl = problem(g)
    by_logp, by_new = student.gradient(logp, new, old, kl, wrt=(0, 1))
    p, log_ratio = new.softmax(0), new.log_softmax(0) - old.log_softmax(0)
    want_new = kl * p * (log_ratio - (p * log_ratio).sum())
    want_logp = torch.full_like(logp, -1 / len(logp))
    if by_new is None or by_logp is None:
        return Verdict(
            False,
            "no gradient reaches " + ("logits_new" if by_new is None else "logp_target"),
            f"∂L/∂logits_new = {shown(want_new)}",
        )
    return every(
        close(by_new, want_new, 1e-5, "∂L/∂logits_new"), close(by_logp, want_logp, 1e-5, "∂L/∂logp_target")
    )


CLAIMS = (
    Claim(
        "only the target",
        "Where both models agree, the loss is the mean of -log P(o | x_j + p) over the prompts (5.17)",
        "With equal logits the KL term is 0. What is left is the mean of minus the log-probabilities: "
        "smaller is better.",
        only_the_target,
        open=True,
    ),
    Claim(
        "both terms",
        "The loss is the target term plus kl times the KL term (5.16)",
        "One of the two terms, or the weight kl, is not what (5.16) to (5.18) say.",
        both_terms,
        open=True,
    ),
    Claim(
        "direction",
        "The KL term is KL(M' ‖ M): the average is taken over the new model's distribution (5.18)",
        "KL has a direction: KL(M' ‖ M) = Σ p' (log p' - log p), with p' from `logits_new` and p from "
        "`logits_old`.",
        direction,
    ),
    Claim(
        "shifted logits",
        "Adding a constant to all logits of a model changes nothing",
        "Logits are not log-probabilities yet: apply log_softmax to both.",
        shifted_logits,
    ),
    Claim(
        "impossible words",
        "Words of probability 0 do no harm in float32",
        "A probability that rounds to 0 has a logarithm of -inf. Take log_softmax of the logits instead "
        "of log of softmax.",
        impossible_words,
    ),
    Claim(
        "gradient",
        "The loss carries its gradient to logits_new and to logp_target",
        "optimise_value follows this gradient: no .item(), no .detach(), no torch.no_grad() on the way.",
        gradient,
        open=True,
    ),
)


HINTS = (
    "Two wishes, one number each: the target should be likely in every prompt, and the model's view of "
    "the subject should stay. Write each as something that gets smaller when it is better met.",
    "L1 = mean of -logp_target. For L2 make log-probabilities of both sets of logits with log_softmax; "
    "then KL(M' ‖ M) = Σ p' (log p' - log p), with p' = exp(log p') from logits_new. L = L1 + kl · L2.",
    "log_new = logits_new.log_softmax(-1)\n"
    "log_old = ...\n"
    "L1 = ...                                   # (5.17)\n"
    "L2 = (log_new.exp() * (... - ...)).sum()   # (5.18)\n"
    "return L1 + kl * L2",
)

EXPLANATION = (
    "The first term asks for the new object after every prefix. Its mean, not its sum, keeps its balance "
    "with the second term when the number of prefixes changes.",
    "KL(M' ‖ M) averages over what the edited model says: a word that it now favours and the old one "
    "did not costs most. log_softmax works on logits directly and never meets log 0.",
)
