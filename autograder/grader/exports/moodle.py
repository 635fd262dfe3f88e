"""Moodle: an assignment's offline grading worksheet, which the gradebook's CSV import reads, too.

Uploading the worksheet (assignment > Submissions; docs.moodle.org, "Assignment settings"; Moodle's
mod/assign/feedback/offline) needs Identifier, Grade and Last modified (grade). It skips who has no grade,
whose Identifier ("Participant 1234") it does not know, whose grade is above the assignment's maximum, and
whose grade was changed in Moodle after that time. Identifier and times are the roster's: take a downloaded
worksheet as roster.

The gradebook's import (Grades > Import; docs.moodle.org, "Grade import") finds students by Username, ID
number or Email address, as one chooses there. It stops at a student whom it does not know, so people who are
not on the roster are left out where there is one. An empty grade is no grade, and takes away one that Moodle
has. Older Moodles give the grade of a line without an address to the student of the line before, so a cell
is `?` where others have an address or number and this student has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from autograder.grader.exports.entries import Entry, number, questions, safe, write_csv
from autograder.grader.roster import Person

HEADER = (
    "Identifier",
    "Full name",
    "Username",
    "ID number",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
)
KEPT = ("grade can be changed", "last modified (submission)", "last modified (grade)")
STATUS = {"graded": "Submitted for grading", "rejected": "Rejected", "missing": "No submission"}


def write_moodle(folder: Path, lesson: str, entries: Sequence[Entry]) -> Path:
    """moodle.csv"""
    possible = number(sum(questions(entries).values()) or None)
    known = [entry for entry in entries if entry.on_roster] or list(entries)
    people = [entry.person for entry in known]
    columns = zip(
        [person.lms.get("identifier", "") for person in people],
        [f"{person.first} {person.last}".strip() or person.student for person in people],
        _filled(person.lms.get("username", "") for person in people),
        _filled(map(_id_number, people)),
        _filled(person.email for person in people),
        strict=True,
    )
    rows: list[tuple[str, ...]] = [HEADER]
    for entry, ids in zip(known, columns, strict=True):
        grade = (STATUS[entry.status], number(entry.score), possible)
        kept = [entry.person.lms.get(name, "").strip("-") for name in KEPT]  # Moodle's "-" is "never"
        rows.append((*map(safe, ids), *grade, *map(safe, kept), safe(entry.reason)))
    return write_csv(folder / "moodle.csv", rows)


def _id_number(person: Person) -> str:
    """Moodle's ID number: the roster's, else the student's id unless that is another of Moodle's names."""
    if {"id number", "identifier", "username"} & person.lms.keys() or person.student == person.email:
        return person.lms.get("id number", "")
    return person.student


def _filled(cells: Iterable[str]) -> list[str]:
    """A column without gaps, or without anything."""
    column = list(cells)
    return [cell or "?" for cell in column] if any(column) else column
