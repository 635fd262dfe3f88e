"""Moodle: the columns of an assignment's offline grading worksheet, which the gradebook's CSV import reads,
too.

Identifier, Full name, Email address, Status, Grade, Maximum Grade, Last modified (grade), Feedback
comments; see docs.moodle.org, "Assignment settings" (offline grading worksheet) and "Grade import" (map by
e-mail address or ID number, and Grade to the assignment). An empty grade is no grade.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder.grader.exports.entries import Entry, number, questions, safe, write_csv

HEADER = (
    "Identifier",
    "Full name",
    "ID number",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Last modified (grade)",
    "Feedback comments",
)
STATUS = {"graded": "Submitted for grading", "rejected": "Rejected", "missing": "No submission"}


def write_moodle(folder: Path, lesson: str, entries: Sequence[Entry]) -> Path:
    """moodle.csv"""
    possible = number(sum(questions(entries).values()))
    rows: list[tuple[str, ...]] = [HEADER]
    for entry in entries:
        person = entry.person
        name = f"{person.first} {person.last}".strip() or person.student
        id_number = person.lms.get("id number", person.student)
        ids = (person.lms.get("identifier", ""), name, id_number, person.email)
        grade = (STATUS[entry.status], number(entry.score), possible, "")
        rows.append((*map(safe, ids), *grade, safe(entry.reason)))
    return write_csv(folder / "moodle.csv", rows)
