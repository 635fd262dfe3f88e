"""Every question of every student: `questions.csv` for spreadsheets, `grades.json` for programs.

questions.csv: lesson, student, last_name, first_name, email, status (graded, rejected, missing), received,
one column per question, earned (their sum), late_penalty, score (with manual grades, after the penalty),
points, seconds, reason. grades.json, version 1: the same by name, and each question's claims and likely
cause.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.grader.exports.entries import Entry, number, questions, safe, write_csv, write_text
from autograder.grader.exports.gradescope import finite
from autograder.grader.records import Mark

BEFORE = ("lesson", "student", "last_name", "first_name", "email", "status", "received")
AFTER = ("earned", "late_penalty", "score", "points", "seconds", "reason")


def write_questions(folder: Path, lesson: str, entries: Sequence[Entry]) -> list[Path]:
    """questions.csv and grades.json"""
    points = questions(entries)
    rows = [(*BEFORE, *points, *AFTER)]
    rows += [_row(lesson, entry, points) for entry in entries]
    students = [_record(entry) for entry in entries]
    data = {"version": 1, "lesson": lesson, "points": points, "students": students}
    return [
        write_csv(folder / "questions.csv", rows),
        write_text(folder / "grades.json", json.dumps(data, indent=1, allow_nan=False) + "\n"),
    ]


def _row(lesson: str, entry: Entry, points: dict[str, float]) -> tuple[str, ...]:
    person, result = entry.person, entry.result
    who = (entry.student, person.last, person.first, person.email, entry.status)
    earned = {mark.id: mark.earned for mark in result.marks} if result else {}
    sums = (result.earned, entry.penalty, entry.score) if result else (None, None, None)
    return (
        lesson,
        *map(safe, who),
        safe(result.received) if result else "",
        *(number(earned.get(id)) for id in points),
        *map(number, sums),
        number(sum(points.values())),
        number(result.seconds if result else None),
        safe(entry.reason),
    )


def _record(entry: Entry) -> dict[str, Any]:
    person, result = entry.person, entry.result
    return {
        "student": entry.student,
        "name": {"first": person.first, "last": person.last, "email": person.email},
        "on_roster": entry.on_roster,
        "status": entry.status,
        "reason": entry.reason,
        "score": None if entry.score is None else finite(entry.score),
        "late_penalty": finite(entry.penalty),
        "received": result.received if result else "",
        "seconds": finite(result.seconds) if result else None,
        "level": result.level if result else "",
        "notes": list(result.notes) if result else [],
        "questions": [_question(mark) for mark in result.marks] if result else [],
    }


def _question(mark: Mark) -> dict[str, Any]:
    judgement = mark.judgement
    findings = judgement.findings if judgement else ()
    return {
        "id": mark.id,
        "earned": finite(mark.earned),
        "points": finite(mark.points),
        "seconds": finite(mark.seconds),
        "claims": [{"name": one.name, "sentence": one.sentence, "kept": one.kept} for one in findings],
        "cause": judgement.cause_name if judgement else "",
    }
