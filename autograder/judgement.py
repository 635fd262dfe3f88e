"""What a check found, as plain data: a card, a grade, a report and a progress bar are all drawn from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """Two small tables of numbers beside each other: the student's corner of a matrix and the expected
    one.
    """

    yours: tuple[tuple[float, ...], ...]
    expected: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Verdict:
    """A claim's decision on one answer: kept or not, and the figures that show it."""

    kept: bool
    yours: str = ""
    expected: str = ""
    error: float | None = None
    picture: Picture | None = None
    said: str = ""  # replaces the claim's own sentence when a gate or an exception spoke


@dataclass(frozen=True)
class Finding:
    """One claim on the card: its sentence, whether it holds, and, when it does not, what is said about it."""

    name: str
    sentence: str
    open: bool
    verdict: Verdict
    said: str = ""

    @property
    def kept(self) -> bool:
        return self.verdict.kept


@dataclass(frozen=True)
class Judgement:
    """All that one check or grading found about one answer. `note` replaces the findings where there is
    no answer.
    """

    id: str
    title: str
    equation: str
    points: float
    earned: float
    headline: str
    findings: tuple[Finding, ...] = ()
    hidden: int = 0  # claims that are checked only at grading
    note: str = ""
    cause: str = ""  # the sentence of the misconception that the answer behaves like
    cause_name: str = ""
    next_step: str = ""
    traceback: str = ""
    printed: str = ""
    words: tuple[str, str] = ("kept", "not kept")
