"""The class as the exports see it: one entry per student, graded, rejected or missing."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path

from autograder.files import write_whole
from autograder.grader.names import folder_name, printable
from autograder.grader.records import Rejection, Result
from autograder.grader.roster import Person, Roster

FORMULA = re.compile(r"[\s'\"]*[=+\-@＝＋－＠]|[\t\r\n]")


@dataclass(frozen=True)
class Entry:
    """One student in one lesson; score: after penalty and manual grades, None where nothing was graded."""

    student: str
    person: Person
    on_roster: bool
    result: Result | None = None
    rejection: Rejection | None = None
    score: float | None = None
    penalty: float = 0.0

    @property
    def status(self) -> str:
        """graded, rejected (something came in that can't be graded) or missing (nothing came in)."""
        return "graded" if self.result else "rejected" if self.rejection else "missing"

    @property
    def reason(self) -> str:
        """Why a rejected file could not be graded."""
        return self.rejection.reason if self.rejection and not self.result else ""


def entries_of(
    out: Path,
    lesson: str,
    results: Iterable[Result],
    rejections: Iterable[Rejection],
    roster: Roster | None = None,
) -> list[Entry]:
    """The roster in its order, each with what was handed in, then those who are not on it."""
    from autograder.grader import gradebook  # half a second of database layer

    found = {result.student: result for result in results}
    refused: dict[str, Rejection] = {}
    for rejection in rejections:
        refused.setdefault(rejection.student or rejection.file, rejection)
    marks = gradebook.scores(out, lesson)

    def entry(student: str, person: Person, on_roster: bool) -> Entry:
        result = found.get(student)
        score, penalty = (None, 0.0) if result is None else (result.earned, 0.0)
        if result is not None:
            score, penalty = marks.get(folder_name(student), (score, penalty))
        return Entry(student, person, on_roster, result, refused.get(student), score, penalty)

    names = sorted(found) + sorted(refused.keys() - found.keys())
    handed_in: dict[str, str] = {}
    for name in names:
        person = roster.person(name) if roster else None
        if person is not None:
            handed_in.setdefault(person.student, name)
    people = roster.people if roster else ()
    known = [entry(handed_in.get(person.student, person.student), person, True) for person in people]
    rest = [name for name in names if name not in handed_in.values()]
    return known + [entry(name, Person(name), False) for name in rest]


def questions(entries: Iterable[Entry]) -> dict[str, float]:
    """Points by question, in the order in which the results have them."""
    return {mark.id: mark.points for entry in entries if entry.result for mark in entry.result.marks}


def number(points: float | None) -> str:
    """Points for a cell: no more digits than needed, empty where there are none."""
    if points is None or not isfinite(points):
        return ""
    return repr(round(points, 4)).removesuffix(".0")


def safe(text: str) -> str:
    """A student's string for a CSV cell: a spreadsheet must not compute what begins like a formula."""
    text = printable(text).replace("\x00", "")
    return f"'{text}" if FORMULA.match(text) else text


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write rows as RFC 4180 has it: commas, CRLF, quotes where needed, UTF-8."""
    return write_whole(path, partial(_write, rows))


def write_text(path: Path, text: str) -> Path:
    """Write a text file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))


def _write(rows: Sequence[Sequence[str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
