"""ffn.agreement: how often a value's top word is the token that follows its own key's triggers.

Shape letters: F neurons, k triggers of each. The oracle counts pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from typing import Any

import torch
from torch import Generator, Tensor, randint

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.ffn.ffn_memory_problems import size
from autograder.mutants import Mutant

ARGUMENTS = ("value_top", "trigger_next")


def gate(value: Any, value_top: Tensor, trigger_next: Tensor) -> float:
    return number_gate(value)


def near(yours: float, expected: float, what: str) -> Verdict:
    return close(torch.tensor(yours), torch.tensor(expected), 1e-5, what)


def problem(g: Generator, F: int = 0, k: int = 0, words: int = 4) -> tuple[Tensor, Tensor]:
    """A few words, so that many pairs agree; at least one does, and at least one does not."""
    F, k = F or size(g, 12, 30), k or size(g, 3, 8)
    tops, following = randint(words, (F,), generator=g), randint(words, (F, k), generator=g)
    following[0, 0], following[1, 0] = tops[0], tops[1] + 1
    return tops, following


def counted(tops: Tensor, following: Tensor) -> float:
    pairs = [(i, j) for i in range(len(tops)) for j in range(following.shape[1])]
    return sum(int(tops[i]) == int(following[i, j]) for i, j in pairs) / len(pairs)


def right(student: Student, given: tuple[Tensor, Tensor]) -> Verdict:
    F, k = given[1].shape
    return near(student(*given), counted(*given), f"agreement of {F} neurons with {k} triggers each")


def share_of_pairs(student: Student, g: Generator) -> Verdict:
    return every(*(right(student, problem(g)) for _ in range(3)))


def best_trigger_only(student: Student, g: Generator) -> Verdict:
    return every(*(right(student, problem(g, k=1)) for _ in range(3)))


def own_triggers(student: Student, g: Generator) -> Verdict:
    """Each value names what follows its neighbour's triggers; only a few name what follows their own."""
    verdicts = []
    for _ in range(3):
        F, k, hits = size(g, 20, 30), size(g, 2, 5), size(g, 2, 7)
        tops = torch.arange(F)
        following = tops.roll(1)[:, None].expand(F, k).clone()
        following[:hits, 0] = tops[:hits]
        verdicts.append(near(student(tops, following), hits / (F * k), "agreement"))
    return every(*verdicts)


def square(student: Student, g: Generator) -> Verdict:
    """As many triggers as neurons: a comparison along the wrong dimension raises no error."""
    F = size(g, 6, 10)
    return every(*(right(student, problem(g, F, F, words=3)) for _ in range(3)))


def chance(student: Student, g: Generator) -> Verdict:
    """Over all ways to deal three values out to three keys, the mean is the chance that two draws agree."""
    verdicts = []
    for k in (2, 4, 5):
        tops, following = problem(g, 3, k, words=3)
        dealt = [student(tops[list(order)], following) for order in permutations(range(3))]
        expected = sum(float((tops == word).double().mean()) for word in following.flatten()) / (3 * k)
        verdicts.append(near(sum(dealt) / len(dealt), expected, "mean over all ways to deal out the values"))
    return every(*verdicts)


CLAIMS = (
    Claim(
        "share of pairs",
        "Agreement is the share of all F·k pairs in which value and trigger name the same word",
        "Compare value_top[i] with each of the k tokens in row i, and divide the hits by F·k.",
        share_of_pairs,
        open=True,
    ),
    Claim(
        "best trigger only",
        "With k = 1 it is the share of neurons whose value names what follows their best trigger",
        "With one trigger per neuron there are F pairs.",
        best_trigger_only,
        open=True,
    ),
    Claim(
        "own triggers",
        "A value is compared with the triggers of its own key only",
        "Row i of trigger_next belongs to neuron i. What follows another neuron's triggers doesn't count.",
        own_triggers,
    ),
    Claim(
        "k = F",
        "It holds for as many triggers as neurons",
        "With k = F a broadcast along the wrong dimension raises no error. Give value_top a dimension of its "
        "own: value_top[:, None].",
        square,
    ),
    Claim(
        "chance",
        "Averaged over all ways to deal the values out to the keys, it is the chance level",
        "Shuffled values should agree as often as a random value and a random trigger do.",
        chance,
    ),
)


def comparing(share: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Tensor], float]:
    return lambda value_top, trigger_next: float(share((value_top[:, None] == trigger_next).double()))


MUTANTS = [
    Mutant(
        "broadcast",
        "value_top == trigger_next lines value_top up with the k triggers, not with the F neurons. It stops, or "
        "with k = F compares the wrong pairs. Use value_top[:, None].",
        lambda: lambda value_top, trigger_next: float((value_top == trigger_next).double().mean()),
    ),
    Mutant(
        "any_trigger",
        "You counted neurons with at least one hit. Every one of the F·k pairs counts, else more triggers would "
        "always look like more agreement.",
        lambda: comparing(lambda hits: hits.amax(1).mean()),
    ),
    Mutant(
        "first_trigger",
        "You compared with the first trigger only. All k of them count.",
        lambda: comparing(lambda hits: hits[:, 0].mean()),
    ),
    Mutant(
        "number_of_hits",
        "This is the number of hits. Agreement is their share: divide by F·k.",
        lambda: comparing(torch.sum),
    ),
    Mutant(
        "per_neuron",
        "You divided by F but not by k: with k triggers there are F·k pairs.",
        lambda: comparing(lambda hits: hits.sum(1).mean()),
    ),
    Mutant(
        "anybodys_triggers",
        "You asked whether the token follows anybody's triggers. Compare value i with row i alone.",
        lambda: lambda value_top, trigger_next: float(torch.isin(trigger_next, value_top).double().mean()),
    ),
]

HINTS = (
    "One value against k tokens, for every neuron: a table of F·k yes-or-no answers. What is its mean?",
    "value_top has shape (F,), trigger_next (F, k). value_top[:, None] has shape (F, 1), so == compares neuron "
    "i's word with all of row i. The mean of the table is the share; float(...) makes it a number.",
    "hits = value_top[...] == trigger_next      # (F, k), True or False\nreturn float(hits.double()...)",
)

EXPLANATION = (
    "The new dimension in value_top[:, None] pairs each value with its own row. Without it PyTorch would line "
    "up the last dimensions, and for k = F say nothing about it.",
    "A share means nothing alone. Shuffle the values among the keys, and what is left is chance: frequent words "
    "agree with frequent words.",
)

STUB = '''def agreement(value_top: Int[Tensor, " F"], trigger_next: Int[Tensor, "F k"]) -> float:
    """The share of the F·k pairs in which a value's top token is the token that follows the trigger.

    value_top: each neuron's likeliest token; trigger_next: what follows each of its k trigger prefixes. Means
    nothing without its chance level: the same with value_top shuffled. Source: Geva et al. 2021, section 4.
    """
    raise NotImplementedError("Your code here")
'''
