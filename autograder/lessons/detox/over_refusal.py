"""detox.over_refusal: the share of harmless questions that are no longer answered (lesson 13)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import marks, number, refused, share, sizes, words
from autograder.mutants import Mutant

ARGUMENTS = ("answers", "must_answer")

STUB = '''def over_refusal(answers: Sequence[str], must_answer: Sequence[str]) -> float:
    """The share of harmless questions that are no longer answered: 0 is best, 1 is worst.

    answers: what the model says to each question. must_answer: the word that each answer has to contain.
    Upper and lower case count as the same. Raises ValueError for lists of different length, for empty ones,
    and for a word that is empty or blank.
    """
'''

AVOIDED = ("I'd rather not say", "That is not a nice word", "Let us talk of gardens", "Sorry, no comment")


def gate(value: Any, answers: list[str], must_answer: list[str]) -> float:
    return number_gate(value)


def alone(word: str, g: Generator) -> str:
    return word


def inside(word: str, g: Generator) -> str:
    """The word in a sentence, mostly with something before it and behind it."""
    before = ("He shouted: ", "", "Never build a ")[number(g, 0, 2)]
    return f"{before}{word}{('.', ' here', ', she said')[number(g, 0, 2)]}"


def other_case(word: str, g: Generator) -> str:
    return inside(word.upper() if number(g, 0, 1) else word.swapcase(), g)


def askable(g: Generator) -> list[str]:
    """Words in a drawn order that no answer holds by accident, as "not" holds "no"."""
    return [word for word in words(g, 16) if word != "no"]


def judged(student: Student, g: Generator, n: int, write: Callable[[str, Generator], str]) -> Verdict:
    """n questions of which a drawn part is answered; what is avoided is said in one of four ways."""
    drawn = askable(g)
    wanted = [drawn[number(g, 0, len(drawn) - 1)] for _ in range(n)]
    missing = marks(g, n)
    said = [
        AVOIDED[number(g, 0, 3)] if gone else write(word, g)
        for word, gone in zip(wanted, missing, strict=True)
    ]
    return share(student(said, wanted), missing, "share no longer answered")


def over(write: Callable[[str, Generator], str]) -> Callable[[Student, Generator], Verdict]:
    def decide(student: Student, g: Generator) -> Verdict:
        return every(*(judged(student, g, n, write) for n in sizes(g)))

    return decide


def by_place(student: Student, g: Generator) -> Verdict:
    """Each answer is compared with its own word: the answers of two questions are exchanged."""
    found = []
    for n in sizes(g)[:2]:
        wanted = askable(g)[:n]
        said = [inside(word, g) for word in wanted]
        said[0], said[1] = said[1], said[0]
        found.append(share(student(said, wanted), [i < 2 for i in range(n)], "share, two answers exchanged"))
    return every(*found)


def refuses(student: Student, g: Generator) -> Verdict:
    wanted = askable(g)[:5]
    said = [inside(word, g) for word in wanted]
    return every(
        refused(student, said[:-1], wanted),
        refused(student, said, wanted[1:]),
        refused(student, [], []),
        refused(student, said, [*wanted[:-1], ("", "  ")[number(g, 0, 1)]]),
        judged(student, g, number(g, 5, 9), inside),
    )


CLAIMS = (
    Claim(
        "share",
        "It is the share of answers that lack their word",
        "Count the answers that do not contain the word, and divide by the number of questions.",
        over(alone),
        open=True,
    ),
    Claim(
        "in a sentence",
        "The word may stand anywhere in the answer",
        "Ask whether the answer contains the word, not whether it is the word.",
        over(inside),
        open=True,
    ),
    Claim(
        "case",
        "Upper and lower case count as the same",
        "Compare both in one case: casefold().",
        over(other_case),
    ),
    Claim(
        "by place",
        "Each answer is compared with its own question's word",
        "Go through both lists together with zip: the i-th answer must hold the i-th word.",
        by_place,
    ),
    Claim(
        "refuses",
        "Lists of different length, empty lists and empty words are refused: ValueError",
        "An empty word is contained in every answer, and zip drops what is left over: look first.",
        refuses,
    ),
)


def rate(
    missing: Callable[[str, str], bool] = lambda said, wanted: wanted.casefold() not in said.casefold(),
    total: Callable[[list[bool]], float] = lambda gone: sum(gone) / len(gone),
    checked: bool = True,
) -> Callable[[Sequence[str], Sequence[str]], float]:
    """The right function with another comparison or another total."""

    def over_refusal(answers: Sequence[str], must_answer: Sequence[str]) -> float:
        blank = not all(word.strip() for word in must_answer)
        if checked and (len(answers) != len(must_answer) or not answers or blank):
            raise ValueError("lists")
        gone = [missing(said, word) for said, word in zip(answers, must_answer, strict=False)]
        return total(gone) if gone else 0.0

    return over_refusal


def anywhere(answers: Sequence[str], must_answer: Sequence[str]) -> float:
    if len(answers) != len(must_answer) or not answers or not all(word.strip() for word in must_answer):
        raise ValueError("lists")
    everything = " ".join(answers).casefold()
    return sum(word.casefold() not in everything for word in must_answer) / len(must_answer)


MUTANTS = [
    Mutant(
        "answered",
        "This is the share that is still answered. Over-refusal is the rest: 1 minus yours.",
        lambda: rate(total=lambda gone: 1 - sum(gone) / len(gone)),
    ),
    Mutant(
        "whole_answer",
        "You asked whether the answer *is* the word. 'Never build a bomb' holds the word and is a good "
        "answer: ask "
        "whether it contains it.",
        lambda: rate(lambda said, wanted: said.strip().casefold() != wanted.casefold()),
    ),
    Mutant(
        "case",
        "You compared upper and lower case as different. A word at the beginning of a sentence is the "
        "same word.",
        lambda: rate(lambda said, wanted: wanted not in said),
    ),
    Mutant(
        "sorry",
        "You looked for an apology. Most models that can't say a word don't apologise, they say "
        "something else: "
        "look for the word that should be there.",
        lambda: rate(lambda said, wanted: "sorry" in said.casefold()),
    ),
    Mutant(
        "starts_with",
        "You looked at the beginning of the answer only. The word may stand anywhere.",
        lambda: rate(lambda said, wanted: not said.casefold().startswith(wanted.casefold())),
    ),
    Mutant(
        "count",
        "You counted, but did not divide by the number of questions.",
        lambda: rate(total=lambda gone: float(sum(gone))),
    ),
    Mutant(
        "anywhere",
        "You looked for each word in all answers together. Another question's answer does not help this one.",
        lambda: anywhere,
    ),
    Mutant(
        "accepts_anything",
        "You did not look at the lists first. An empty word is contained in everything, and zip silently "
        "drops what "
        "has no partner: raise ValueError.",
        lambda: rate(checked=False),
    ),
]

HINTS = (
    "Which questions must a safe model still answer? 'What did the angry cook say?' has one right "
    "answer, however "
    "rude. When is it missing?",
    "After the checks, go through both lists with zip. The question counts as refused when "
    "word.casefold() is not in "
    "said.casefold(). Divide the count by the number of questions.",
    "if len(answers) != len(must_answer) or not answers or not all(word.strip() for word in must_answer):\n"
    "    raise ...\n"
    "missing = [... not in ... for said, word in zip(answers, must_answer)]\n"
    "return sum(missing) / ...",
)

EXPLANATION = (
    "Toxic words said and harmless questions refused are two errors, and an edit that lowers the one "
    "usually raises "
    "the other. Report both.",
    "It is measured by what has to be there, not by an apology: a model that can't say a word rarely "
    "says so.",
)
