"""quiz: short questions whose every option explains itself, and whose answers are a dictionary in the notebook.

The dictionary is written in a cell, so the answers survive reload and nbgrader's re-run, and `grade` can score them.
In a live notebook a click fills the dictionary too. Without a kernel the questions are plain HTML with folded answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from importlib import import_module
from typing import Any

from autograder.card import rich
from autograder.judgement import Finding, Judgement, Verdict
from autograder.score import Score
from autograder.sentences import say

LETTERS = "abcdef"
WITH_QUIZZES = ("rome",)  # lessons.<name>.quizzes, in the order of the course


@dataclass(frozen=True)
class Option:
    """One answer to choose, and why it is right or wrong."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question; `name` is its key in the dictionary of answers."""

    name: str
    text: str
    options: tuple[Option, ...]

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
        quiz for name in WITH_QUIZZES for quiz in import_module(f"autograder.lessons.{name}.quizzes").QUIZZES
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
    """Points for the right answers; each question on the card with what its chosen option says about itself."""
    found = find_quiz(id)
    given = answers if isinstance(answers, dict) else {}
    findings = tuple(answered(question, given.get(question.name, "")) for question in found.questions)
    right, total = sum(finding.kept for finding in findings), len(findings)
    earned = float(found.points) if right == total else round(found.points * right / total, 2)
    return Score(
        Judgement(
            id,
            found.title,
            "",
            found.points,
            earned,
            f"{earned:g} / {found.points} points · {right} of {total} right",
            findings,
        )
    )


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


def quiz(id: str, answers: dict[str, str] | None = None) -> QuizView:
    """Shows a quiz. `answers` maps each question's name to a letter, e.g. {"key": "b"}; a click fills it in as well."""
    return QuizView(find_quiz(id), answers if answers is not None else {})


class QuizView:
    """A quiz on the page: clickable in a live notebook, folded answers elsewhere; `answers` holds the letters."""

    def __init__(self, shown: Quiz, answers: dict[str, str]) -> None:
        self.quiz, self.answers = shown, answers
        for question in shown.questions:
            answers.setdefault(question.name, "")

    def __repr__(self) -> str:
        lines = [self.quiz.title]
        for number, question in enumerate(self.quiz.questions, 1):
            lines.append(f"{number}. [{question.name}] {question.text}")
            for letter, option in zip(LETTERS, question.options, strict=False):
                lines.append(f"   {letter}) {option.text}")
            chosen = question.option(self.answers[question.name])
            if chosen is not None:
                lines.append(f"   → {verdict_of(chosen)}: {chosen.why}")
        return "\n".join(lines)

    def static(self) -> str:
        """The quiz as HTML that needs no kernel: every option unfolds into its explanation."""
        body = "".join(
            static_question(number, question, self.answers[question.name])
            for number, question in enumerate(self.quiz.questions, 1)
        )
        return (
            f'<section lang="en" aria-label="{escape(self.quiz.title)}" style="border-left:5px solid #0072B2;'
            f'padding:.4em .9em;margin:.4em 0"><strong>{escape(self.quiz.title)}</strong><ol>{body}</ol></section>'
        )

    def _repr_html_(self) -> str:
        return self.static()

    def widget(self) -> Any:
        """The quiz as ipywidgets: choosing an option shows its explanation and writes the letter into `answers`."""
        import ipywidgets

        line = ipywidgets.HTML(self.record())
        rows: list[Any] = [ipywidgets.HTML(f"<strong>{escape(self.quiz.title)}</strong>")]
        for number, question in enumerate(self.quiz.questions, 1):
            rows += self.question_widgets(ipywidgets, number, question, line)
        return ipywidgets.VBox([*rows, line])

    def question_widgets(self, ipywidgets: Any, number: int, question: Question, line: Any) -> list[Any]:
        letters = LETTERS[: len(question.options)]
        labels = [
            (f"{letter}) {option.text}", letter)
            for letter, option in zip(letters, question.options, strict=True)
        ]
        said = self.answers[question.name].strip().lower()
        radio = ipywidgets.RadioButtons(
            options=labels,
            value=said if question.option(said) else None,
            layout=ipywidgets.Layout(width="auto"),
        )
        why = ipywidgets.HTML(self.why(question))

        def choose(change: dict[str, Any]) -> None:
            self.answers[question.name] = change["new"]
            why.value, line.value = self.why(question), self.record()

        radio.observe(choose, names="value")
        return [ipywidgets.HTML(f"{number}. {rich(question.text)}"), radio, why]

    def why(self, question: Question) -> str:
        chosen = question.option(self.answers[question.name])
        return f"<strong>{verdict_of(chosen)}.</strong> {rich(chosen.why)}" if chosen else ""

    def record(self) -> str:
        """The line that keeps the answers: what is written in a cell is still there after a restart and at grading."""
        return f"{escape(say('keep answers'))}<br><code>answers = {escape(repr(self.answers))}</code>"


def verdict_of(option: Option) -> str:
    return "✓ Right" if option.right else "✗ Not quite"


def static_question(number: int, question: Question, letter: str) -> str:
    """One question with its options folded; a chosen option is open."""
    chosen = question.option(letter)
    options = "".join(
        f"<details{' open' if option is chosen else ''}><summary>{place}) {rich(option.text)}</summary>"
        f'<p style="margin:.1em 0 .4em 1.2em"><strong>{verdict_of(option)}.</strong> {rich(option.why)}</p></details>'
        for place, option in zip(LETTERS, question.options, strict=False)
    )
    return (
        f'<li style="margin:.4em 0">{rich(question.text)} <code>{escape(question.name)}</code>{options}</li>'
    )
