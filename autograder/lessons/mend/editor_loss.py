"""mend.editor_loss: c_edit · mean(-log p(new answers)) + mean KL(before ‖ after), the outer problem of (5.5).

Shape letters: n edited prompts, m kept prompts, V words of the vocabulary.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.mend.editor_loss_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("logp_edit", "logits_after", "logits_before", "c_edit")


def gate(value: Any, logp_edit: Tensor, logits_after: Tensor, logits_before: Tensor, c_edit: float) -> Tensor:
    return tensor_gate(value, (), "()", "logits_after", None)


def divergence(p: list[float], q: list[float]) -> float:
    """KL(p ‖ q) of two lists of logits, word by word: the definition in plain Python."""
    top_p, top_q = max(p), max(q)
    log_p = top_p + math.log(sum(math.exp(x - top_p) for x in p))
    log_q = top_q + math.log(sum(math.exp(x - top_q) for x in q))
    return sum(math.exp(a - log_p) * ((a - log_p) - (b - log_q)) for a, b in zip(p, q, strict=True))


def expected_loss(logp: Tensor, after: Tensor, before: Tensor, c: float) -> Tensor:
    edit = sum(-float(x) for x in logp) / len(logp)
    rows = list(zip(before.tolist(), after.tolist(), strict=True))
    return torch.tensor(c * edit + sum(divergence(b, a) for b, a in rows) / len(rows), dtype=torch.float64)


def problem(g: Generator, V: int = 0) -> tuple[Tensor, Tensor, Tensor, float]:
    """2 to 6 edited prompts, 3 to 7 kept ones, 6 to 30 words, a weight between 0.2 and 0.8."""
    n, m = int(randint(2, 7, (), generator=g)), int(randint(3, 8, (), generator=g))
    V = V or int(randint(6, 31, (), generator=g))
    logp = -0.2 - 3 * rand(n, generator=g, dtype=torch.float64)
    after, before = (2 * randn(m, V, generator=g, dtype=torch.float64) for _ in range(2))
    return logp, after, before, 0.2 + 0.6 * float(rand((), generator=g))


def only_the_edit(student: Student, g: Generator) -> Verdict:
    logp, after, _, c = problem(g)
    return close(student(logp, after, after.clone(), c), expected_loss(logp, after, after, c), 1e-6, "L")


def both_terms(student: Student, g: Generator) -> Verdict:
    logp, after, before, c = problem(g)
    return close(student(logp, after, before, c), expected_loss(logp, after, before, c), 1e-6, "L")


def direction(student: Student, g: Generator) -> Verdict:
    """The KL term by itself, on distributions for which its two directions are far apart."""
    logp, after, before, _ = problem(g)
    return close(student(logp, 3 * after, before, 0.0), expected_loss(logp, 3 * after, before, 0.0), 1e-6,
                 "L with c_edit = 0")  # fmt: skip


def shifted_logits(student: Student, g: Generator) -> Verdict:
    """Logits are known up to a constant per row."""
    logp, after, before, c = problem(g)
    shift = 5 * randn(len(after), 1, generator=g, dtype=torch.float64)
    return close(
        student(logp, after + shift, before - 3 * shift, c), expected_loss(logp, after, before, c), 1e-6, "L"
    )


def impossible_words(student: Student, g: Generator) -> Verdict:
    """In float32 a word 150 logits below the top has probability 0."""
    logp, after, before, c = problem(g, V=8)
    after[:, :2] -= 150
    before[:, :4] -= 150
    logp, after, before = logp.float(), after.float(), before.float()
    return close(student(logp, after, before, c), expected_loss(logp, after, before, c), 1e-4, "L")


def gradient(student: Student, g: Generator) -> Verdict:
    """∂L/∂logits_after = (p_after - p_before) / m and ∂L/∂logp_edit = -c / n, by calculus."""
    logp, after, before, c = problem(g)
    by_logp, by_after = student.gradient(logp, after, before, c, wrt=(0, 1))
    if by_logp is None or by_after is None:
        name = "logp_edit" if by_logp is None else "logits_after"
        return Verdict(False, f"no gradient reaches {name}", "a gradient for logp_edit and for logits_after")
    return every(
        close(by_after, (after.softmax(-1) - before.softmax(-1)) / len(after), 1e-5, "∂L/∂logits_after"),
        close(by_logp, torch.full_like(logp, -c / len(logp)), 1e-5, "∂L/∂logp_edit"),
    )


CLAIMS = (
    Claim("only the edit", "Where nothing else moved, the loss is c_edit times the mean of -log p",
          "With equal logits the KL term is 0. What is left is c_edit · mean(-logp_edit).",
          only_the_edit, open=True),
    Claim("both terms", "The loss is the edit term plus the mean KL divergence over the kept prompts",
          "One of the two terms, its mean, or the place of c_edit is not right.", both_terms, open=True),
    Claim("gradient", "The loss carries its gradient to logp_edit and to logits_after",
          "The editor is trained by this gradient. If none arrives, look for .item(), .detach() or "
          "torch.no_grad(); if another one arrives, it is the gradient of another loss.",
          gradient, open=True),
    Claim("direction", "The divergence is KL(before ‖ after): the old model weighs the words",
          "KL(before ‖ after) = Σ p_before (log p_before - log p_after), summed over words, averaged over "
          "prompts.",
          direction),
    Claim("shifted logits", "Adding a constant to all logits of a prompt changes nothing",
          "Logits are not log-probabilities yet: apply log_softmax to both, over the words.", shifted_logits),
    Claim("impossible words", "Words of probability 0 do no harm in float32",
          "A probability that rounds to 0 has a logarithm of -inf: take log_softmax of the logits.",
          impossible_words),
)  # fmt: skip

STUB = '''def editor_loss(
    logp_edit: Float[Tensor, " n"],
    logits_after: Float[Tensor, "m V"],
    logits_before: Float[Tensor, "m V"],
    c_edit: float,
) -> Float[Tensor, ""]:
    """What an editor is trained by: how unlikely the new answers are, and how far the kept prompts moved.

    logp_edit: log-probabilities of the n new answers after the edit. logits_before, logits_after: of the m
    kept prompts, with the old weights and the edited ones. c_edit: weight of the first term. Returns one
    number through which gradients flow.
    """
'''

HINTS = (
    "Two wishes: the new answers should be likely, and the kept prompts should be answered as before. Which "
    "model's distribution is the one to be kept?",
    "Edit: c_edit · mean of -logp_edit. Keep: log_softmax of both logits over the last dimension; "
    "KL(before ‖ after) sums p_before (log p_before - log p_after) over words; then the mean over prompts.",
    "before, after = logits_before.log_softmax(-1), ...\n"
    "kl = (before.exp() * (... - ...)).sum(-1)     # (m,)\n"
    "return ... * -logp_edit.mean() + kl...",
)

EXPLANATION = (
    "KL(before ‖ after) is averaged over what the old model says. A word that it was sure of and that the "
    "edit "
    "takes away costs most: exactly the damage that locality measures.",
    "Both terms are means, so c_edit keeps its meaning whatever the numbers of prompts are.",
)
