"""serac.gate_loss_bce and gate_loss_nce: a scope gate trained by classification, or by noise contrast.

Shape letters: B questions, n edits, k others per question (textbook §5.2.1).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.serac.gate_loss_bce_mutants import MUTANTS

__all__ = ["ALSO", "ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ALSO = ("gate_loss_nce",)
ARGUMENTS = ("logits (or pos)", "inside (or neg)")
STUB = '''def gate_loss_bce(logits: Float[Tensor, "B n"], inside: Bool[Tensor, "B n"]) -> Float[Tensor, ""]:
    """Training as classification: the mean over all pairs of -log g inside the scope, -log(1 - g) outside.

    g is the sigmoid of the logit. inside: True where question b is in the scope of edit i. A scalar tensor.
    """
'''


def gate(value: Any, first: Tensor, *others: Any) -> Tensor:
    return tensor_gate(value, (), "()", "the logits", first.dtype)


def pairs(g: Generator, spread: float = 2.0) -> tuple[Tensor, Tensor]:
    """Logits of both signs, and about a third of the pairs inside."""
    B, n = int(randint(4, 7, (), generator=g)), int(randint(3, 6, (), generator=g))
    inside = rand(B, n, generator=g) < 0.35
    inside[0, 0], inside[1, 1] = True, False
    return spread * randn(B, n, generator=g, dtype=torch.float64), inside


def contrast(g: Generator, spread: float = 2.0) -> tuple[Tensor, Tensor]:
    B, k = int(randint(3, 6, (), generator=g)), int(randint(2, 5, (), generator=g))
    drawn = spread * randn(B, k + 1, generator=g, dtype=torch.float64)
    return drawn[:, 0], drawn[:, 1:]


def number(x: float) -> Tensor:
    return torch.tensor(x, dtype=torch.float64)


def classified(logits: Tensor, inside: Tensor) -> Tensor:
    """Pair by pair; softplus(x) = max(x, 0) + log(1 + exp(-|x|)) is -log of a sigmoid."""
    costs = []
    for x, yes in zip(logits.flatten().tolist(), inside.flatten().tolist(), strict=True):
        x = -x if yes else x
        costs.append(max(x, 0.0) + math.log1p(math.exp(-abs(x))))
    return number(sum(costs) / len(costs))


def contrasted(pos: Tensor, neg: Tensor) -> Tensor:
    """Question by question, all differences to the right edit's logit."""
    costs = []
    for right, others in zip(pos.tolist(), neg.tolist(), strict=True):
        top = max(right, *others)
        total = sum(math.exp(x - top) for x in (right, *others))
        costs.append(math.log(total) + top - right)
    return number(sum(costs) / len(costs))


def bce_value(student: Student, g: Generator) -> Verdict:
    asked = [pairs(g), pairs(g)]
    return every(*(close(student(*p), classified(*p), 1e-6, "BCE") for p in asked))


def nce_value(student: Student, g: Generator) -> Verdict:
    asked = [contrast(g), contrast(g)]
    return every(*(close(student(*p, of=1), contrasted(*p), 1e-6, "NCE") for p in asked))


def knows_nothing(student: Student, g: Generator) -> Verdict:
    """Without an opinion BCE is log 2, and NCE the log of the number of choices, k + 1."""
    logits, inside = pairs(g)
    pos, neg = contrast(g)
    same = torch.full_like(neg, 1.7)
    return every(
        close(student(torch.zeros_like(logits), inside), number(math.log(2)), 1e-6, "BCE of logits 0"),
        close(student(same[:, 0], same, of=1), number(math.log(neg.shape[1] + 1)), 1e-6, "NCE of equals"),
        close(student(logits, inside), classified(logits, inside), 1e-6, "BCE"),
        close(student(pos, neg, of=1), contrasted(pos, neg), 1e-6, "NCE"),
    )


def differences_only(student: Student, g: Generator) -> Verdict:
    """A bias that all logits share does not change NCE, but BCE."""
    (pos, neg), (logits, inside) = contrast(g), pairs(g)
    shift = 3 + 4 * float(rand((), generator=g))
    moved = classified(logits + shift, inside)
    return every(
        close(student(pos + shift, neg + shift, of=1), contrasted(pos, neg), 1e-6, "NCE with another bias"),
        close(student(logits + shift, inside), moved, 1e-6, "BCE with another bias"),
    )


def far_out(student: Student, g: Generator) -> Verdict:
    """Logits of hundreds, right and wrong: a distance squared soon gives such numbers."""
    far, near = pairs(g, 300.0), contrast(g, 900.0)
    return every(
        close(student(*far), classified(*far), 1e-6, "BCE of large logits"),
        close(student(*near, of=1), contrasted(*near), 1e-6, "NCE of large logits"),
    )


def gradient(student: Student, g: Generator) -> Verdict:
    """∂BCE = (g - inside) / (B n); ∂NCE by the right logit = (its softmax - 1) / B."""
    logits, inside = pairs(g)
    pos, neg = contrast(g)
    (by_logits,) = student.gradient(logits, inside, wrt=(0,))
    by_pos, by_neg = student.gradient(pos, neg, wrt=(0, 1), of=1)
    if by_logits is None or by_pos is None or by_neg is None:
        return Verdict(False, "no gradient reaches the logits", "a gradient by all logits")
    shares = torch.cat([pos[:, None], neg], 1).softmax(1) / len(pos)
    return every(
        close(by_logits, (logits.sigmoid() - inside.double()) / logits.numel(), 1e-6, "∂BCE"),
        close(by_pos, shares[:, 0] - 1 / len(pos), 1e-6, "∂NCE by pos"),
        close(by_neg, shares[:, 1:], 1e-6, "∂NCE by neg"),
    )


CLAIMS = (
    Claim(
        "bce value",
        "BCE: a pair inside costs -log g, a pair outside -log(1 - g); the mean over all pairs",
        "Inside, the gate should be open; outside, closed. Each pair pays for how far it is from that.",
        bce_value,
        open=True,
    ),
    Claim(
        "nce value",
        "NCE: the right edit's share of exp among the right one and the k others; the mean of -log of it",
        "The denominator holds the right edit, too: exp(pos) + Σ exp(neg).",
        nce_value,
        open=True,
    ),
    Claim(
        "knows nothing",
        "A gate without an opinion pays log 2 (BCE) and log(k + 1) (NCE)",
        "Put equal logits in: which probability does each loss give to the right answer?",
        knows_nothing,
    ),
    Claim(
        "differences only",
        "NCE does not notice a bias that all logits share; BCE does",
        "NCE is a softmax among choices, and BCE a decision for each pair alone.",
        differences_only,
    ),
    Claim(
        "far out",
        "Both are finite and right for logits of hundreds",
        "Don't take the log of a sigmoid or the exp of a logit: use logsigmoid and logsumexp.",
        far_out,
    ),
    Claim(
        "gradient",
        "Both carry their gradient to the logits",
        "The gate is trained by it: no .item(), no .detach() on the way.",
        gradient,
        open=True,
    ),
)

HINTS = (
    "BCE asks about each pair alone: is it inside? NCE asks about each question: which of these is its edit?",
    "log g is F.logsigmoid(logit), and log(1 - g) is F.logsigmoid(-logit). For NCE put pos in front of neg: "
    "(B, k + 1). Its logsumexp over the choices, minus pos, is one question's cost.",
    "sign = torch.where(inside, 1.0, -1.0)\n"
    "return -torch.nn.functional.logsigmoid(...).mean()\n\n"
    "choices = torch.cat([pos[:, None], neg], dim=1)\n"
    "return (choices.logsumexp(...) - ...).mean()",
)

EXPLANATION = (
    "1 - sigmoid(x) is sigmoid(-x). So one sign turns 'inside' into 'outside', and logsigmoid stays finite.",
    "NCE learns which edit is nearest. It can't learn that none is near: no bias is trained by it. A gate "
    "trained so needs its threshold from somewhere else.",
)
