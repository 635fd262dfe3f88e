"""quiz: short questions whose every option explains itself, and whose answers are a dictionary in the
notebook.

The dictionary is written in a cell, so the answers survive reload and nbgrader's re-run, and `grade` can
score them. In a live notebook a click fills the dictionary too. Without a kernel the questions are plain
HTML with folded answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from importlib import import_module

from autograder.exercises import EXERCISES, LESSONS
from autograder.judgement import Finding, Judgement, Verdict
from autograder.score import Score
from autograder.sentences import say

LETTERS = "abcdef"


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question; `name` is its key in the dictionary of answers.

    The options stand in an order that their texts decide, so that the place of the right one says nothing.
    """

    name: str
    text: str
    options: tuple[Option, ...]

    def __post_init__(self) -> None:
        def drawn(option: Option) -> bytes:
            return blake2b(f"{self.name} {option.text}".encode(), digest_size=8).digest()

        object.__setattr__(self, "options", tuple(sorted(self.options, key=drawn)))

    @property
    def right(self) -> str:
        """The letter of the right option."""
        return next(letter for letter, option in zip(LETTERS, self.options, strict=False) if option.right)

    def option(self, letter: object) -> Option | None:
        """The option of a letter; None for anything else."""
        place = LETTERS.find(str(letter).strip().lower()) if str(letter).strip() else -1
        return (
            self.options[place] if 0 <= place < len(self.options) and len(str(letter).strip()) == 1 else None
        )


@dataclass(frozen=True)
class Quiz:
    """A few questions of one lesson; `points` is what all right answers are worth."""

    id: str
    lesson: str
    title: str
    questions: tuple[Question, ...]
    points: int = 1


def all_quizzes() -> tuple[Quiz, ...]:
    """Every quiz of the course."""
    return tuple(
        quiz
        for lesson in LESSONS
        if any(row.lesson == lesson.name for row in EXERCISES)
        for quiz in import_module(f"autograder.lessons.{lesson.quizzes}.quizzes").QUIZZES
    )


def ids() -> tuple[str, ...]:
    """The ids of all quizzes."""
    return tuple(quiz.id for quiz in all_quizzes())


def find_quiz(id: str) -> Quiz:
    """The quiz of that id; raises KeyError with a sentence that lists what there is."""
    for quiz in all_quizzes():
        if quiz.id == id:
            return quiz
    raise KeyError(say("no quiz", id=id, ids=", ".join(ids())))


def grade_quiz(id: str, answers: dict[str, str]) -> Score:
    """Points for the right answers; each question on the card with what its chosen option says about
    itself.
    """
    found = find_quiz(id)
    given = answers if isinstance(answers, dict) else {}
    findings = tuple(answered(question, given.get(question.name, "")) for question in found.questions)
    right, total = sum(finding.kept for finding in findings), len(findings)
    earned = float(found.points) if right == total else round(found.points * right / total, 2)
    headline = f"{earned:g} / {found.points} points · {right} of {total} right"
    words = ("right", "not right")
    return Score(Judgement(id, found.title, "", found.points, earned, headline, findings, words=words))


def answered(question: Question, letter: object) -> Finding:
    option = question.option(letter)
    if option is None:
        return Finding(
            question.name, question.text, True, Verdict(False), say("no answer", name=question.name)
        )
    return Finding(
        question.name,
        f"{question.text} {str(letter).strip().lower()}) {option.text}",
        True,
        Verdict(option.right),
        option.why,
    )
