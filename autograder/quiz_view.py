"""quiz: the questions on the page, clickable in a live notebook, folded answers everywhere else."""

from __future__ import annotations

from html import escape
from typing import Any

from autograder.card import rich, section
from autograder.quizzes import LETTERS, Option, Question, Quiz, find_quiz
from autograder.sentences import say


def quiz(id: str, answers: dict[str, str] | None = None) -> QuizView:
    """Shows a quiz. `answers` maps each question's name to a letter, e.g. {"key": "b"}; a click fills it
    in as well.
    """
    return QuizView(find_quiz(id), answers if answers is not None else {})


class QuizView:
    """A quiz on the page: clickable in a live notebook, folded answers elsewhere; `answers` holds the
    letters.
    """

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
            static_question(question, self.answers[question.name]) for question in self.quiz.questions
        )
        return section(self.quiz.title, f"<strong>{escape(self.quiz.title)}</strong><ol>{body}</ol>")

    def _repr_html_(self) -> str:
        return self.static()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        """Text and static twin for all readers, and the clickable quiz for those with a live kernel."""
        return {
            **(self.widget()._repr_mimebundle_() or {}),
            "text/plain": repr(self),
            "text/html": self.static(),
        }

    def widget(self) -> Any:
        """The quiz as ipywidgets: choosing an option shows its explanation and writes the letter into
        `answers`.
        """
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
        """The line that keeps the answers: what is written in a cell is still there after a restart and
        at grading.
        """
        return f"{escape(say('keep answers'))}<br><code>answers = {escape(repr(self.answers))}</code>"


def verdict_of(option: Option) -> str:
    return "✓ Right" if option.right else "✗ Not quite"


def static_question(question: Question, letter: str) -> str:
    """One question with its options folded; a chosen option is open."""
    chosen, options = question.option(letter), ""
    for place, option in zip(LETTERS, question.options, strict=False):
        why = f"<strong>{verdict_of(option)}.</strong> {rich(option.why)}"
        options += (
            f"<details{' open' if option is chosen else ''}><summary>{place}) {rich(option.text)}</summary>"
            f'<p style="margin:.1em 0 .4em 1.2em">{why}</p></details>'
        )
    return (
        f'<li style="margin:.4em 0">{rich(question.text)} <code>{escape(question.name)}</code>{options}</li>'
    )
