"""causal.indirect_effect: the mean over the noise draws of P_{*,clean S} - P_*, the causal effect.

Shape letters: n noise draws.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("p_restored", "p_corrupt")


def gate(value: Any, p_restored: Tensor, p_corrupt: Tensor) -> float:
    return number_gate(value)


def asked(student: Student, p_restored: Tensor, p_corrupt: Tensor, expected: float) -> Verdict:
    got = student(p_restored, p_corrupt)
    return close(torch.tensor(got), torch.tensor(expected), 1e-4, "effect")


def draws(g: Generator, low: float, high: float, n: int = 0) -> Tensor:
    n = n or int(randint(4, 12, (), generator=g))
    return low + (high - low) * rand(n, generator=g)


def size(g: Generator) -> float:
    return 0.1 + 0.3 * float(rand((), generator=g))


def same_for_all(student: Student, g: Generator) -> Verdict:
    """Restoring adds the same to every draw, so that is the effect."""
    gain, p = size(g), draws(g, 0.05, 0.4)
    return asked(student, p + gain, p, gain)


def mean_of_draws(student: Student, g: Generator) -> Verdict:
    p, gains = draws(g, 0.05, 0.4), draws(g, 0.0, 0.5)
    n = min(len(p), len(gains))
    each = [float(x) for x in gains[:n]]
    return asked(student, p[:n] + gains[:n], p[:n], sum(each) / n)


def harm(student: Student, g: Generator) -> Verdict:
    """A restored state can also lead away from the answer: some draws lose, and in the mean all lose."""
    loss = size(g)
    p = draws(g, 0.5, 0.9)
    swing = torch.tensor([0.4 * (-1) ** i for i in range(len(p))])
    swing = 0.2 * (swing - swing.mean())
    return every(asked(student, p - loss + swing, p, -loss), asked(student, p - loss, p, -loss))


def level(student: Student, g: Generator) -> Verdict:
    """A fact that survives the noise has a high P_* and still the same effect."""
    gain, p, shift = size(g), draws(g, 0.02, 0.2), size(g)
    return every(asked(student, p + gain, p, gain), asked(student, p + gain + shift, p + shift, gain))


CLAIMS = (
    Claim(
        "same for all",
        "If restoring adds 0.2 to the probability in every draw, the effect is 0.2",
        "The effect is a difference: restored minus corrupted.",
        same_for_all,
        open=True,
    ),
    Claim(
        "mean of draws",
        "The effect is the mean over the noise draws",
        "Add the n differences and divide by n.",
        mean_of_draws,
        open=True,
    ),
    Claim(
        "harm",
        "A state that leads away from the answer has a negative effect",
        "Keep the sign: restoring a state may also lower the probability of the answer.",
        harm,
    ),
    Claim(
        "level",
        "What counts is the difference, not how probable the answer is anyway",
        "Something other than the plain difference came back: the same gain must count the same at every level.",
        level,
    ),
)

MUTANTS = [
    Mutant(
        "absolute",
        "You gave back P of the restored run. Much of it may have been there without restoring: take the "
        "corrupted run's P_* off.",
        lambda: lambda p_restored, p_corrupt: p_restored.mean().item(),
    ),
    Mutant(
        "sign",
        "You subtracted the wrong way round: restored minus corrupted, so that a helpful state has a positive "
        "effect.",
        lambda: lambda p_restored, p_corrupt: (p_corrupt - p_restored).mean().item(),
    ),
    Mutant(
        "ratio",
        "You divided. The causal effect is the increase of the probability, a difference.",
        lambda: lambda p_restored, p_corrupt: (p_restored.mean() / p_corrupt.mean()).item(),
    ),
    Mutant(
        "logarithm",
        "You compared log-probabilities. The effect here is a difference of probabilities: from 0.0001 to 0.001 "
        "counts as next to nothing.",
        lambda: lambda p_restored, p_corrupt: (p_restored.log() - p_corrupt.log()).mean().item(),
    ),
    Mutant(
        "sum",
        "You added the draws up. Twice as many draws must not double the effect: take the mean.",
        lambda: lambda p_restored, p_corrupt: (p_restored - p_corrupt).sum().item(),
    ),
    Mutant(
        "size_only",
        "You dropped the sign. A state that leads away from the answer has a negative effect.",
        lambda: lambda p_restored, p_corrupt: (p_restored - p_corrupt).abs().mean().item(),
    ),
    Mutant(
        "no_harm",
        "You raised negative effects to 0. They are real: the map shows them as slightly darker than nothing.",
        lambda: lambda p_restored, p_corrupt: (p_restored - p_corrupt).clamp(min=0).mean().item(),
    ),
    Mutant(
        "one_draw",
        "You used the first draw only. One draw of noise may hit or miss by luck; the mean does not.",
        lambda: lambda p_restored, p_corrupt: (p_restored - p_corrupt)[0].item(),
    ),
]

HINTS = (
    "The corrupted run is the baseline. What has changed, compared with it?",
    "Two vectors of n probabilities, draw by draw. Subtract, then average. `.item()` makes a float of a "
    "tensor with one number.",
    "gained = ... - ...          # (n,)\nreturn gained.mean()...",
)

EXPLANATION = (
    "The corrupted run with the very same noise is the control, so the difference is due to the restored state.",
    "The mean of the differences is the difference of the means; averaging tames the luck of a single draw.",
)
