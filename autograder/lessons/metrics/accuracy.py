"""metrics.accuracy: the share of answers that are the target; (5.1) on one prompt, (5.2) on paraphrases."""

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

ARGUMENTS = ("answers", "target")

STUB = '''
def accuracy(answers: Sequence[str], target: str) -> float:
    """Share of the answers that are the target.

    Equation (5.1) on the edited prompt's answer, (5.2) (generality) on those to its paraphrases. Two answers
    are equal when `same_answer` says so: but for blanks around them, upper and lower case, and final marks.
    Raises ValueError when there is no answer.
    """
'''


def gate(value: Any, answers: list[str], target: str) -> float:
    return number_gate(value)


def asked(student: Student, g: Generator, n: int, write: Callable[[str, Generator], str]) -> Verdict:
    """n answers, of which a drawn part is the target, written in some way."""
    target, *others = words(g, 5)
    right = marks(g, n)
    answers = [write(target, g) if mark else others[number(g, 0, 3)] for mark in right]
    return share(student(answers, target), right, "share")


def several(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, lambda word, g: word) for n in sizes(g)))


def one_prompt(student: Student, g: Generator) -> Verdict:
    """(5.1): a single answer is right or it is not; asked twelve times."""
    verdicts = []
    for mark in marks(g, 12):
        target, other = words(g, 2)
        verdicts.append(share(student([target if mark else other], target), [mark], "share"))
    return every(*verdicts)


def written_otherwise(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, dressed) for n in sizes(g)))


def whole_answer(student: Student, g: Generator) -> Verdict:
    """An answer that begins with the target, ends with it or holds a part of it is another answer."""
    verdicts = []
    for n in sizes(g):
        target, other = (f"{a} {b}" for a, b in (words(g, 2), words(g, 2)))
        wrong = [f"{target} {target}", f"{target} is", f"the {target}", target.split()[0], other]
        answers = wrong + [target] * n
        answers = [answers[i] for i in torch.randperm(len(answers), generator=g)]
        verdicts.append(share(student(answers, target), [answer == target for answer in answers], "share"))
    return every(*verdicts)


def no_answers(student: Student, g: Generator) -> Verdict:
    return every(
        refused(student, [], words(g, 1)[0]), asked(student, g, number(g, 4, 9), lambda word, g: word)
    )


CLAIMS = (
    Claim(
        "several",
        "Over several answers it is the share that are the target",
        "Count the answers that are the target and divide by the number of answers.",
        several,
        open=True,
    ),
    Claim(
        "one prompt",
        "With one answer it is 1 or 0: accuracy (5.1) is generality (5.2) on one prompt",
        "One right answer gives 1.0, one wrong answer 0.0.",
        one_prompt,
        open=True,
    ),
    Claim(
        "written otherwise",
        "Blanks around an answer, its case and its final mark make no difference",
        "' taipei.' is the answer Taipei: compare with same_answer, not with ==.",
        written_otherwise,
        open=True,
    ),
    Claim(
        "whole answer",
        "The whole answer has to be the target, also when it has several words",
        "'Taipei Taipei Taipei' is not the answer Taipei, and 'York' is not New York: compare whole answers.",
        whole_answer,
    ),
    Claim(
        "no answers",
        "Without any answer there is no rate: ValueError",
        "A rate over no prompts is neither 0 nor 1. Raise ValueError, so that nobody averages it in.",
        no_answers,
    ),
)


def rate(
    equal: Callable[[str, str], bool] = same_answer,
    total: Callable[[list[bool]], float] = lambda right: sum(right) / len(right),
    empty: float | None = None,
) -> Callable[[Sequence[str], str], float]:
    """The right function, with another equality, another total, or a value for no answers."""

    def accuracy(answers: Sequence[str], target: str) -> float:
        if not answers:
            if empty is None:
                raise ValueError("no answers")
            return empty
        return total([equal(answer, target) for answer in answers])

    return accuracy


MUTANTS = [
    Mutant(
        "exact",
        "You compared with ==. A model answers ' Taipei' or 'Taipei.' and means Taipei: use same_answer.",
        lambda: rate(lambda answer, target: answer == target),
    ),
    Mutant(
        "contains",
        "You looked for the target inside the answer. Then 'Taipei Taipei Taipei' counts as right, and so "
        "does 'not black' for black: compare whole answers.",
        lambda: rate(lambda answer, target: target.casefold() in answer.casefold()),
    ),
    Mutant(
        "starts_with",
        "You compared the beginning of the answer only. What follows is part of the answer too.",
        lambda: rate(lambda answer, target: answer.strip().casefold().startswith(target.casefold())),
    ),
    Mutant(
        "any",
        "One right answer was enough for you. (5.2) is a mean over all prompts.",
        lambda: rate(total=lambda right: float(any(right))),
    ),
    Mutant(
        "all",
        "You asked whether all answers are right. (5.2) is a mean over all prompts, so a half is possible.",
        lambda: rate(total=lambda right: float(all(right))),
    ),
    Mutant(
        "count",
        "You counted the right answers but did not divide by the number of answers.",
        lambda: rate(total=lambda right: float(sum(right))),
    ),
    Mutant(
        "percent",
        "This is in percent. The rates of (5.1) to (5.4) run from 0 to 1.",
        lambda: rate(total=lambda right: 100 * sum(right) / len(right)),
    ),
    Mutant(
        "empty_is_zero",
        "No answers gave 0. That is a value like any other: averaged in, it counts as a failure that nobody "
        "measured. Raise ValueError.",
        lambda: rate(empty=0.0),
    ),
    Mutant(
        "empty_is_one",
        "No answers gave 1. A fact without paraphrases would raise your mean: raise ValueError.",
        lambda: rate(empty=1.0),
    ),
]

HINTS = (
    "An indicator is 1 or 0. A mean of indicators is a share. Which function says whether two answers are "
    "the same?",
    "Ask `same_answer(answer, target)` for every answer, add up the Trues, divide by the number of answers. "
    "Before that: no answers, no rate.",
    "if not answers:\n"
    "    raise ...\n"
    "right = [same_answer(...) for answer in answers]\n"
    "return sum(right) / ...",
)

EXPLANATION = (
    "(5.1) and (5.2) are one formula: a mean of indicators, over one prompt or over the paraphrases. "
    "Accuracy is generality on the edited prompt.",
    "Equality decides more than it seems: a released benchmark that looks for the target inside the answer "
    "would call the worst catastrophe of this lesson a success.",
)
