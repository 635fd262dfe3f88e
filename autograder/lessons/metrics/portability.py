"""metrics.portability: the share of answers that are the expected one, each question having its own (5.3)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Generator

from autograder.claims import Claim, Student, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import dressed, marks, number, refused, share, sizes, words
from autograder.mutants import Mutant
from edu_edit.metrics import same_answer

ARGUMENTS = ("answers", "expected")


def gate(value: Any, answers: list[str], expected: list[str]) -> float:
    return number_gate(value)


def asked(student: Student, g: Generator, n: int, write: Callable[[str, Generator], str]) -> Verdict:
    """n questions with different expected answers; a wrong answer is a word that nobody expects."""
    *expected, other = words(g, n + 1)
    right = marks(g, n)
    answers = [write(word, g) if mark else other for word, mark in zip(expected, right, strict=True)]
    return share(student(answers, expected), right, "share")


def own_answers(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, lambda word, g: word) for n in sizes(g)))


def each_to_its_own(student: Student, g: Generator) -> Verdict:
    """Some answers change places: they are expected, but of another question."""
    verdicts = []
    for n in sizes(g):
        expected = words(g, n)
        moved = torch.randperm(n, generator=g)[: number(g, 2, n - 2)].tolist()
        answers = list(expected)
        for here, there in zip(moved, moved[1:] + moved[:1], strict=True):
            answers[here] = expected[there]
        verdicts.append(share(student(answers, expected), [i not in moved for i in range(n)], "share"))
    return every(*verdicts)


def written_otherwise(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, dressed) for n in sizes(g)))


def no_pairs(student: Student, g: Generator) -> Verdict:
    """No question, or answers and expected answers of different number."""
    n = number(g, 3, 5)
    return every(
        refused(student, [], []),
        refused(student, words(g, n), words(g, n + 1)),
        refused(student, words(g, n + 1), words(g, n)),
        asked(student, g, number(g, 4, 9), lambda word, g: word),
    )


CLAIMS = (
    Claim(
        "own answers",
        "Each question has an answer of its own, and the share of those given is the rate",
        "Compare the i-th answer with the i-th expected one, count, and divide by the number of questions.",
        own_answers,
        open=True,
    ),
    Claim(
        "each to its own",
        "An answer that another question expects is wrong here",
        "Pair the two lists place by place: it does not help that a word stands somewhere in the other list.",
        each_to_its_own,
        open=True,
    ),
    Claim(
        "written otherwise",
        "Blanks around an answer, its case and its final mark make no difference",
        "Compare with same_answer, as in accuracy.",
        written_otherwise,
    ),
    Claim(
        "no pairs",
        "No question, or lists of different lengths: ValueError",
        "zip stops at the shorter list in silence. Raise ValueError where the lists differ in length, and "
        "where they are empty.",
        no_pairs,
    ),
)


def place_by_place(answers: Sequence[str], expected: Sequence[str]) -> list[bool]:
    return [same_answer(a, e) for a, e in zip(answers, expected, strict=False)]


def rate(
    right: Callable[[Sequence[str], Sequence[str]], list[bool]] = place_by_place,
    total: Callable[[list[bool]], float] = lambda right: sum(right) / len(right),
    refuses: bool = True,
) -> Callable[[Sequence[str], Sequence[str]], float]:
    """The right function, with another pairing, another total, or without a look at the lengths."""

    def portability(answers: Sequence[str], expected: Sequence[str]) -> float:
        if not answers or (refuses and len(answers) != len(expected)):
            raise ValueError("no pairs")
        return total(right(answers, expected))

    return portability


MUTANTS = [
    Mutant(
        "one_for_all",
        "You compared every answer with the first expected one. That is generality (5.2), where all "
        "questions share the answer; in (5.3) each question has its own.",
        lambda: rate(lambda answers, expected: [same_answer(a, expected[0]) for a in answers]),
    ),
    Mutant(
        "anywhere",
        "You looked whether the answer is expected by any question. The i-th answer belongs to the i-th "
        "question.",
        lambda: rate(lambda answers, expected: [any(same_answer(a, e) for e in expected) for a in answers]),
    ),
    Mutant(
        "exact",
        "You compared with ==. Blanks, case and final marks are no part of an answer: use same_answer.",
        lambda: rate(lambda answers, expected: [a == e for a, e in zip(answers, expected, strict=False)]),
    ),
    Mutant(
        "count",
        "You counted the right answers but did not divide by the number of questions.",
        lambda: rate(total=lambda right: float(sum(right))),
    ),
    Mutant(
        "cut_short",
        "With lists of different lengths you compared as far as the shorter one goes. Something is lost "
        "there, and nobody notices: raise ValueError.",
        lambda: rate(refuses=False),
    ),
]

HINTS = (
    "Generality compares all answers with one target. Here every question brings its own. What has to be "
    "compared with what?",
    "Walk through both lists in step (zip) and ask same_answer for each pair; the rate is the share of "
    "Trues. First make sure that the lists are equally long and not empty.",
    "if len(answers) != len(...) or not answers:\n"
    "    raise ...\n"
    "right = [same_answer(answer, wanted) for answer, wanted in zip(...)]\n"
    "return ...",
)

EXPLANATION = (
    "(5.3) is (5.2) with a target per question. So accuracy is a special case: portability(answers, [target] "
    "* len(answers)).",
    "The rate is only as good as its questions: the expected answers must be what would be true if the new "
    "fact were, and must not be the target itself.",
)
