"""neurons.refine_neurons: the neurons that are strong in a share p of the prompts.

Shape letters: P prompts, M neurons. The oracle asks prompt by prompt and neuron by neuron.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, whole_gate
from autograder.judgement import Verdict
from autograder.lessons.neurons.refine_neurons_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("attr", "t", "p")


def gate(value: Any, attr: Tensor, t: float, p: float) -> list[int]:
    return sorted(list_gate(value, whole_gate, "indices"))


def size(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def problem(g: Generator, P: int = 0) -> Tensor:
    """Attributions between -1 and 1 of 10 to 20 neurons; every prompt has a clear maximum."""
    P, M = P or size(g, 4, 9), size(g, 10, 21)
    attr = 2 * rand(P, M, generator=g, dtype=torch.float64) - 1
    attr[torch.arange(P), randint(M, (P,), generator=g)] = 1.2
    attr[:, 0] = 0.9 + 0.1 * rand(
        P, generator=g, dtype=torch.float64
    )  # strong everywhere: never an empty answer
    return attr


def strong_ones(attr: Tensor, t: float) -> list[set[int]]:
    """For each prompt, the neurons that are positive and reach t times its largest attribution."""
    found = []
    for row in attr.tolist():
        top = max(row)
        found.append({i for i, x in enumerate(row) if x > 0 and x >= t * top})
    return found


def kept(attr: Tensor, t: float, p: float) -> list[int]:
    """Counted with whole numbers: p as a fraction, so that 7 of 10 are 0.7."""
    strong, share = strong_ones(attr, t), Fraction(str(p))
    votes = [sum(i in one for one in strong) for i in range(attr.shape[1])]
    return [i for i, n in enumerate(votes) if n > 0 and Fraction(n, len(strong)) >= share]


def right(student: Student, attr: Tensor, t: float, p: float) -> Verdict:
    return equal(student(attr, t, p), kept(attr, t, p), f"neurons for t = {t}, p = {p}")


def one_prompt(student: Student, g: Generator) -> Verdict:
    return every(*(right(student, problem(g, 1), t, 0.7) for t in (0.2, 0.5, 0.8)))


def share_of_prompts(student: Student, g: Generator) -> Verdict:
    return every(*(right(student, problem(g), 0.2, p) for p in (0.3, 0.5, 0.7)))


def own_maximum(student: Student, g: Generator) -> Verdict:
    """Prompts of very different size: each is judged by its own largest attribution."""
    verdicts = []
    for p in (0.5, 0.7):
        attr = problem(g)
        sizes = torch.logspace(-4, 2, len(attr), dtype=torch.float64)
        verdicts.append(right(student, attr * sizes[:, None], 0.3, p))
    return every(*verdicts)


def both_ends(student: Student, g: Generator) -> Verdict:
    attr = problem(g)
    attr[:, 1] = -0.5  # one neuron that is strong nowhere
    strong = strong_ones(attr, 0.4)
    return every(
        equal(student(attr, 0.4, 1.0), sorted(set.intersection(*strong)), "neurons for p = 1"),
        equal(student(attr, 0.4, 0.0), sorted(set.union(*strong)), "neurons for p = 0"),
    )


def at_least(student: Student, g: Generator) -> Verdict:
    """Exactly t times the maximum is strong; exactly a share p is enough: 7 of 10 for p = 0.7."""
    attr = -torch.ones(10, 6, dtype=torch.float64)
    order = torch.randperm(6, generator=g).tolist()
    attr[:, order[0]] = 2.0
    attr[:, order[1]] = 1.0  # exactly half of the maximum
    attr[: size(g, 7, 8), order[2]] = 1.5  # in exactly 7 of 10
    attr[:6, order[3]] = 1.5
    return right(student, attr, 0.5, 0.7)


def silent_prompts(student: Student, g: Generator) -> Verdict:
    """Prompts in which every attribution is negative, or zero, have no strong neuron, but they count."""
    verdicts = []
    for _ in range(3):
        attr = problem(g, 5)
        attr[3:] = -rand(2, attr.shape[1], generator=g, dtype=torch.float64)
        attr[4] *= size(g, 0, 2)
        verdicts += [right(student, attr, 0.2, 0.6), right(student, attr, 0.2, 0.4)]
    return every(*verdicts)


CLAIMS = (
    Claim(
        "one prompt",
        "Of one prompt, those neurons stay that reach t times its largest attribution",
        "A neuron is strong in a prompt when its attribution is at least t times the prompt's largest.",
        one_prompt,
        open=True,
    ),
    Claim(
        "share of prompts",
        "Of several prompts, those neurons stay that are strong in a share of at least p of them",
        "Decide for every prompt on its own which neurons are strong, then count the prompts of each neuron.",
        share_of_prompts,
        open=True,
    ),
    Claim(
        "own maximum",
        "The threshold is relative to each prompt's own maximum",
        "Prompts differ in size by a lot: compare each row with t times the maximum of the same row.",
        own_maximum,
        open=True,
    ),
    Claim(
        "both ends",
        "p = 1 is the intersection of the prompts' strong neurons, p = 0 their union",
        "With p = 1 a neuron must be strong in all prompts; with p = 0 in at least one.",
        both_ends,
    ),
    Claim(
        "at least",
        "Exactly t times the maximum is strong, and exactly a share p is enough",
        "Both comparisons are 'at least' (≥): 7 of 10 prompts are a share of 0.7.",
        at_least,
    ),
    Claim(
        "silent prompts",
        "A prompt without a positive attribution has no strong neuron, and still counts as a prompt",
        "Strong means positive, too. Where the largest attribution is negative or zero, nothing is strong.",
        silent_prompts,
    ),
)

HINTS = (
    "Two questions, one after the other. In this prompt, which neurons are strong? And of each neuron: in how "
    "many prompts?",
    "strong = (attr > 0) & (attr >= t · row maximum) is a table (P, M) of True and False. Its mean over the "
    "prompts is each neuron's share. Keep those with a share of at least p, and of more than 0 where p is 0.",
    "top = attr.amax(..., keepdim=True)              # (P, 1)\n"
    "strong = (attr > 0) & (attr >= ...)             # (P, M)\n"
    "share = strong.double().mean(...)               # (M,)\n"
    "keep = (share >= ...) & strong.any(0)\n"
    "return torch.nonzero(keep)[:, 0].tolist()",
)

EXPLANATION = (
    "What is strong in one wording may belong to its words. The fact is what the wordings share, so a neuron "
    "must be strong in most of them.",
    "The threshold is relative because attributions add up to P(a) - P(0), which differs from prompt to prompt. "
    "Counting, rather than averaging, gives every prompt one vote.",
    "Ours counts prompts with whole numbers: 0.7 times 10 must be 7, whatever floating point makes of it.",
)

STUB = '''def refine_neurons(attr: Float[Tensor, "P M"], t: float = 0.2, p: float = 0.7) -> list[int]:
    """The neurons that are strong in a share of at least p of the P prompts, as a list of indices in any order.

    Strong in a prompt: positive, and at least t times the largest attribution of the same prompt. p = 1 is the
    intersection of the prompts' strong neurons, p = 0 their union (strong in at least one).
    Source: Dai et al. 2022, section 3.3.
    """
    raise NotImplementedError("Your code here")
'''
