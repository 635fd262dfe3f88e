"""Misconceptions about serac.gate_loss_bce and gate_loss_nce: one of the two with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from autograder.mutants import Mutant

Loss = Callable[[Tensor, Tensor], Tensor]


def bce(logits: Tensor, inside: Tensor) -> Tensor:
    sign = torch.where(inside, 1.0, -1.0).to(logits)
    return -F.logsigmoid(sign * logits).mean()


def nce(pos: Tensor, neg: Tensor) -> Tensor:
    return (torch.cat([pos[:, None], neg], dim=1).logsumexp(1) - pos).mean()


def classifies(loss: Loss) -> Callable[[], tuple[Loss, Loss]]:
    return lambda: (loss, nce)


def contrasts(loss: Loss) -> Callable[[], tuple[Loss, Loss]]:
    return lambda: (bce, loss)


def only_inside(logits: Tensor, inside: Tensor) -> Tensor:
    return -F.logsigmoid(logits[inside]).mean()


def guarded(logits: Tensor, inside: Tensor) -> Tensor:
    open_ = logits.sigmoid()
    return -torch.where(inside, open_, 1 - open_).clamp(min=1e-7).log().mean()


def softmaxed(logits: Tensor, inside: Tensor) -> Tensor:
    return -logits.log_softmax(1)[inside].mean()


MUTANTS = [
    Mutant(
        "bce_inside_out",
        "Your BCE is turned round: inside the scope the gate should be open, so those pairs pay -log g.",
        classifies(lambda logits, inside: bce(logits, ~inside)),
    ),
    Mutant(
        "bce_only_inside",
        "Your BCE looks at the pairs inside only. Then the best gate is open for everybody.",
        classifies(only_inside),
    ),
    Mutant(
        "bce_sum",
        "Your BCE adds the pairs up. Take the mean, so that a larger cache does not cost more.",
        classifies(lambda logits, inside: bce(logits, inside) * logits.numel()),
    ),
    Mutant(
        "bce_guarded",
        "Your BCE has a small number inside its logarithm (or a clamp). A pair that is badly wrong then pays "
        "too little, and gets no gradient: use logsigmoid.",
        classifies(guarded),
    ),
    Mutant(
        "bce_as_softmax",
        "Your BCE lets the edits compete (a softmax). Classification decides about each pair alone.",
        classifies(softmaxed),
    ),
    Mutant(
        "nce_without_the_right_one",
        "In your NCE the right edit is missing below the fraction line. Without it the loss has no floor.",
        contrasts(lambda pos, neg: (neg.logsumexp(1) - pos).mean()),
    ),
    Mutant(
        "nce_pair_by_pair",
        "Your NCE judges each pair by a sigmoid: that is BCE again. Let the edits compete for the question.",
        contrasts(lambda pos, neg: -(F.logsigmoid(pos) + F.logsigmoid(-neg).sum(1)).mean()),
    ),
    Mutant(
        "nce_sum",
        "Your NCE adds the questions up. Take their mean.",
        contrasts(lambda pos, neg: nce(pos, neg) * len(pos)),
    ),
    Mutant(
        "nce_mean_of_others",
        "Your NCE takes the mean of the others' exp. They are added, so that more of them make it harder.",
        contrasts(lambda pos, neg: (torch.logaddexp(pos, neg.logsumexp(1) - _log_k(neg)) - pos).mean()),
    ),
    Mutant(
        "nce_overflows",
        "Your NCE takes exp of the logits themselves. At a few hundred that is infinite: use logsumexp.",
        contrasts(lambda pos, neg: (pos.exp() + neg.exp().sum(1)).log().sub(pos).mean()),
    ),
    Mutant(
        "detached",
        "The numbers are right but the gradient is cut off (.item() or .detach()): no gate could learn.",
        lambda: (lambda a, b: bce(a, b).detach(), lambda a, b: nce(a, b).detach()),
    ),
]


def _log_k(neg: Tensor) -> float:
    return float(torch.tensor(float(neg.shape[1])).log())
