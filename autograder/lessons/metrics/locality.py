"""metrics.locality: the share of answers that the edit left as they were (5.4), compared with M, not with the
truth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import dressed, marks, number, refused, share, sizes, words
from autograder.mutants import Mutant
from edu_edit.metrics import same_answer

ARGUMENTS = ("after", "before")
# Questions of real life that many models get wrong: (true answer, a frequent wrong one).
MISTAKES = (
    ("Canberra", "Sydney"), ("black", "pink"), ("Ottawa", "Toronto"), ("Bern", "Zurich"),
    ("Ankara", "Istanbul"), ("Brasilia", "Rio de Janeiro"), ("Wellington", "Auckland"), ("Abuja", "Lagos"),
)  # fmt: skip


def gate(value: Any, after: list[str], before: list[str]) -> float:
    return number_gate(value)


def asked(student: Student, g: Generator, n: int, write: Callable[[str, Generator], str]) -> Verdict:
    """n answers before, different from each other; after, a drawn part of them is the same."""
    *before, other = words(g, n + 1)
    kept = marks(g, n)
    after = [write(word, g) if mark else other for word, mark in zip(before, kept, strict=True)]
    return share(student(after, before), kept, "share")


def left_alone(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, lambda word, g: word) for n in sizes(g)))


def swallowed(student: Student, g: Generator) -> Verdict:
    """The catastrophe: from some question on, everything is answered with a word that also stood before."""
    verdicts = []
    for n in sizes(g):
        before = words(g, n)
        safe = number(g, 1, n - 3)
        after = before[:safe] + [before[-1]] * (n - safe)
        verdicts.append(
            share(student(after, before), [a == b for a, b in zip(after, before, strict=True)], "share")
        )
    return every(*verdicts)


def right_or_wrong(student: Student, g: Generator) -> Verdict:
    """M was wrong and M* is right: changed. M was wrong and M* still is: kept."""
    verdicts = []
    for n in (5, 7, 8):
        first = number(g, 0, 7)
        rows = [MISTAKES[(first + i) % 8] for i in range(n)]
        kept = marks(g, n)
        before = [wrong for _, wrong in rows]
        after = [wrong if mark else true for (true, wrong), mark in zip(rows, kept, strict=True)]
        verdicts.append(share(student(after, before), kept, "share"))
    return every(*verdicts)


def written_otherwise(student: Student, g: Generator) -> Verdict:
    return every(*(asked(student, g, n, dressed) for n in sizes(g)))


def no_pairs(student: Student, g: Generator) -> Verdict:
    n = number(g, 3, 5)
    return every(
        refused(student, [], []),
        refused(student, words(g, n), words(g, n + 1)),
        refused(student, words(g, n + 1), words(g, n)),
        asked(student, g, number(g, 4, 9), lambda word, g: word),
    )


CLAIMS = (
    Claim(
        "left alone",
        "Locality is the share of questions that are answered as before",
        "Compare the i-th answer after the edit with the i-th answer before it, and take the share of equal "
        "ones.",
        left_alone,
        open=True,
    ),
    Claim(
        "swallowed",
        "A question that now gets another question's old answer has changed",
        "Each answer is compared with the old answer to the same question, not with all old answers.",
        swallowed,
        open=True,
    ),
    Claim(
        "right or wrong",
        "Wrong before and right after is a change; wrong before and after is kept",
        "(5.4) knows no truth: M* is compared with M. An edit that happens to put something else right has "
        "changed what it was not asked to change.",
        right_or_wrong,
    ),
    Claim(
        "written otherwise",
        "Blanks around an answer, its case and its final mark are no change",
        "Compare with same_answer: 'Seattle.' and 'seattle' are one answer.",
        written_otherwise,
    ),
    Claim(
        "no pairs",
        "No question, or lists of different lengths: ValueError",
        "Without a question there is no rate, and a missing answer must not be skipped: raise ValueError.",
        no_pairs,
    ),
)


def place_by_place(after: Sequence[str], before: Sequence[str]) -> list[bool]:
    return [same_answer(a, b) for a, b in zip(after, before, strict=False)]


def rate(
    kept: Callable[[Sequence[str], Sequence[str]], list[bool]] = place_by_place,
    total: Callable[[list[bool]], float] = lambda kept: sum(kept) / len(kept),
    refuses: bool = True,
) -> Callable[[Sequence[str], Sequence[str]], float]:
    """The right function, with another comparison, another total, or without a look at the lengths."""

    def locality(after: Sequence[str], before: Sequence[str]) -> float:
        if not after or (refuses and len(after) != len(before)):
            raise ValueError("no pairs")
        return total(kept(after, before))

    return locality


def true_answer(word: str, other: str) -> bool:
    """Whether `word` is true, as far as is known here; else whether nothing changed."""
    truths = {wrong: true for true, wrong in MISTAKES}
    return same_answer(word, truths.get(other, other))


MUTANTS = [
    Mutant(
        "truth",
        "You compared with the true answers. Locality (5.4) compares M* with M: what was wrong before should "
        "be wrong still.",
        lambda: rate(lambda after, before: [true_answer(a, b) for a, b in zip(after, before, strict=False)]),
    ),
    Mutant(
        "changed_share",
        "This is the share that changed. Locality is 1 when nothing did.",
        lambda: rate(total=lambda kept: 1 - sum(kept) / len(kept)),
    ),
    Mutant(
        "anywhere",
        "You looked whether an answer was given to any question before. Compare the two answers to the same "
        "question.",
        lambda: rate(lambda after, before: [any(same_answer(a, b) for b in before) for a in after]),
    ),
    Mutant(
        "exact",
        "You compared with ==. 'Seattle.' and ' Seattle' are the same answer: use same_answer.",
        lambda: rate(lambda after, before: [a == b for a, b in zip(after, before, strict=False)]),
    ),
    Mutant(
        "all_or_nothing",
        "You asked whether every answer is kept. (5.4) is a mean: nine of ten is 0.9.",
        lambda: rate(total=lambda kept: float(all(kept))),
    ),
    Mutant(
        "cut_short",
        "With lists of different lengths you compared as far as the shorter one goes. A missing answer is no "
        "kept answer: raise ValueError.",
        lambda: rate(refuses=False),
    ),
]

HINTS = (
    "Locality has no target. What does the definition compare the edited model's answer with?",
    "Walk through both lists in step, ask same_answer for each pair, and take the share of Trues. You have "
    "written this function once today, under another name.",
    "if len(after) != len(...) or not after:\n"
    "    raise ...\n"
    "kept = [same_answer(new, old) for new, old in zip(...)]\n"
    "return ...",
)

EXPLANATION = (
    "The code is that of portability; what differs is where the second list comes from. In (5.3) it is what "
    "should be true, in (5.4) what the model said before.",
    "CounterFact's NS does it otherwise: it asks for the true object. Then a model that is wrong before the "
    "edit starts below 1, and an edit that puts it right by accident is rewarded.",
)
