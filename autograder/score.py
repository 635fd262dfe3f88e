"""Score: the points of one answer, which are a float, and the card that explains them.

nbgrader reads the first `execute_result` of a test cell: its plain text must be the bare number. Its
HTML, the card, goes on into the feedback page. `print(score)` shows the same card as text, for terminals
and screen readers.
"""

from __future__ import annotations

from autograder.card import html_card
from autograder.judgement import Judgement
from autograder.plain import plain_card


class Score(float):
    """Points earned, between 0 and the exercise's points, with the judgement that they come from."""

    judgement: Judgement

    def __new__(cls, judgement: Judgement) -> Score:
        score = super().__new__(cls, judgement.earned)
        score.judgement = judgement
        return score

    def __getnewargs__(self) -> tuple[Judgement]:  # type: ignore[override]
        return (self.judgement,)

    def __repr__(self) -> str:
        return float.__repr__(self)

    def __str__(self) -> str:
        return self.text

    def __format__(self, spec: str) -> str:
        return float(self).__format__(spec)

    @property
    def text(self) -> str:
        """The card as plain text."""
        return plain_card(self.judgement)

    def _repr_html_(self) -> str:
        return html_card(self.judgement)
