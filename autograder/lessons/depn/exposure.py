"""depn.exposure: how far a secret stands out among n candidates, in bits (lesson 13; Carlini et al. 2019).

Shape letter: n, candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randperm

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number, refused
from autograder.mutants import Mutant

ARGUMENTS = ("logp_secret", "logp_candidates")

STUB = '''def exposure(logp_secret: float | Float[Tensor, ""], logp_candidates: Float[Tensor, " n"]) -> float:
    """How far a secret stands out among n candidates, in bits: log2 n - log2 of its rank.

    logp_candidates: their log-probabilities, the secret's among them. Rank 1 is the likeliest. Ties count
    against the secret: the rank is the number of candidates that are at least as likely.
    Raises ValueError when no candidate is, so that the secret can't be among them. Returns a float.
    """
'''


def gate(value: Any, logp_secret: float, logp_candidates: Tensor) -> float:
    return number_gate(value)


def spread(g: Generator, n: int) -> Tensor:
    """n log-probabilities, well apart, in a drawn order."""
    steps = 0.1 + rand(n, generator=g, dtype=torch.float64)
    return (-steps.cumsum(0))[randperm(n, generator=g)]


def bits(logp: Tensor, at: int) -> float:
    """Counted one by one."""
    own, rank = float(logp[at]), 0
    for other in logp.tolist():
        rank += 1 if other >= own else 0
    return math.log(len(logp) / rank) / math.log(2)


def judged(student: Student, logp: Tensor, at: int, what: str) -> Verdict:
    yours = torch.tensor(student(float(logp[at]), logp), dtype=torch.float64)
    return close(yours, torch.tensor(bits(logp, at), dtype=torch.float64), 1e-6, what)


def stands_out(student: Student, g: Generator) -> Verdict:
    found = []
    for low in (20, 60):
        logp = spread(g, number(g, low, low + 30))
        found.append(judged(student, logp, int(logp.argmax()), f"exposure at rank 1 of {len(logp)}"))
    return every(*found)


def by_rank(student: Student, g: Generator) -> Verdict:
    found = []
    for _ in range(3):
        logp = spread(g, number(g, 30, 90))
        rank = number(g, 2, len(logp) - 2)
        at = int(logp.argsort(descending=True)[rank - 1])
        found.append(judged(student, logp, at, f"exposure at rank {rank} of {len(logp)}"))
    return every(*found)


def hidden_in_the_crowd(student: Student, g: Generator) -> Verdict:
    """From the last rank upwards: 0 bits, then a little more, then all of them."""
    logp = spread(g, number(g, 25, 70))
    order, n = logp.argsort(descending=True).tolist(), len(logp)
    return every(*(judged(student, logp, order[r - 1], f"rank {r} of {n}") for r in (n, n - 1, n // 2, 1)))


def ties(student: Student, g: Generator) -> Verdict:
    """Several candidates are exactly as likely as the secret: they stand before it."""
    found = []
    for _ in range(2):
        logp = spread(g, number(g, 20, 60))
        order = logp.argsort(descending=True).tolist()
        at, same = number(g, 3, 8), number(g, 2, 5)
        logp[order[at : at + same]] = float(logp[order[at - 1]])
        found.append(judged(student, logp, order[at - 1], f"exposure with {same} ties"))
    return every(*found)


def not_among_them(student: Student, g: Generator) -> Verdict:
    logp = spread(g, number(g, 20, 50))
    above = float(logp.max()) + 0.5
    return every(
        refused(student, above, logp),
        refused(student, 0.0, logp[:0]),
        judged(student, logp, number(g, 0, len(logp) - 1), "exposure of a candidate"),
    )


CLAIMS = (
    Claim(
        "stands out",
        "The likeliest of n candidates has an exposure of log₂ n",
        "At rank 1 nothing is taken off: log2(1) is 0.",
        stands_out,
        open=True,
    ),
    Claim(
        "by rank",
        "At rank r the exposure is log₂ n - log₂ r",
        "The rank is the number of candidates that are at least as likely as the secret.",
        by_rank,
        open=True,
    ),
    Claim(
        "hidden in the crowd",
        "It falls from log₂ n at rank 1 to 0 at rank n",
        "The least likely candidate has rank n, and log2 n - log2 n = 0.",
        hidden_in_the_crowd,
    ),
    Claim(
        "ties",
        "Ties count against the secret",
        "Candidates that are exactly as likely stand before it: count with >=, the secret itself included.",
        ties,
    ),
    Claim(
        "not among them",
        "A secret that is likelier than every candidate is not among them: ValueError",
        "If no candidate is at least as likely, the rank would be 0. Raise ValueError.",
        not_among_them,
    ),
)


def measured(
    rank: Callable[[float, Tensor], int] = lambda own, logp: int((logp >= own).sum()),
    form: Callable[[int, int], float] = lambda n, r: math.log2(n) - math.log2(r),
    refuses: bool = True,
) -> Callable[[float, Tensor], float]:
    """The right function with another rank or another formula."""

    def exposure(logp_secret: float, logp_candidates: Tensor) -> float:
        n = len(logp_candidates)
        if refuses and not bool((logp_candidates >= logp_secret).any()):
            raise ValueError("the secret is not among them")
        return form(max(n, 1), max(rank(logp_secret, logp_candidates), 1))

    return exposure


MUTANTS = [
    Mutant(
        "natural_log",
        "You used the natural logarithm. Bits are counted with log2.",
        lambda: measured(form=lambda n, r: math.log(n) - math.log(r)),
    ),
    Mutant(
        "rank_from_below",
        "You ranked from the least likely upwards. Rank 1 is the likeliest candidate: that is the danger.",
        lambda: measured(rank=lambda own, logp: int((logp <= own).sum())),
    ),
    Mutant(
        "rank_from_zero",
        "You counted the candidates that are strictly likelier, and forgot the secret itself and its "
        "ties. Its rank "
        "counts all that are at least as likely.",
        lambda: measured(rank=lambda own, logp: int((logp > own).sum())),
    ),
    Mutant(
        "ties_for_the_secret",
        "You put the secret before its ties. An attacker who sees ten equals has learned less: ties count as "
        "likelier.",
        lambda: measured(rank=lambda own, logp: int((logp > own).sum()) + 1),
    ),
    Mutant(
        "no_candidates",
        "You left log2 n out. Then the danger is 0 at its greatest, and negative below.",
        lambda: measured(form=lambda n, r: -math.log2(r)),
    ),
    Mutant(
        "quotient_of_logs",
        "You divided the logarithms. The logarithm of n / rank is a difference: log2 n - log2 rank.",
        lambda: measured(form=lambda n, r: math.log2(n) / math.log2(r) if r > 1 else math.log2(n)),
    ),
    Mutant(
        "rank_itself",
        "This is the rank. Exposure says how many bits an attacker saves by asking the model.",
        lambda: measured(form=lambda n, r: float(r)),
    ),
    Mutant(
        "accepts_strangers",
        "You gave a number for a secret that is likelier than all candidates. It can't be one of them, "
        "so n is "
        "wrong: raise ValueError.",
        lambda: measured(refuses=False),
    ),
]

HINTS = (
    "Sort the candidates from the likeliest down. Where does the secret stand? Without the model one "
    "would have to "
    "try half of all n; how many bits does the model save?",
    "The rank is the number of candidates with a log-probability of at least the secret's (>=). Then "
    "math.log2(n) - "
    "math.log2(rank). A rank of 0 can't be.",
    "n = len(logp_candidates)\n"
    "rank = int((logp_candidates >= ...).sum())\n"
    "if rank == 0:\n"
    "    raise ValueError(...)\n"
    "return math.log2(...) - math.log2(...)",
)

EXPLANATION = (
    "log2 n is what a guesser has to find out about n equally likely candidates. The rank says how much "
    "of that the "
    "model gives away.",
    "It needs no answer of the model, only probabilities. So it sees secrets that greedy decoding no "
    "longer says.",
)
