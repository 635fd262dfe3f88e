"""Canvas' gradebook import (Grades > Import).

Columns, in the order of Canvas' own export: Student, ID, SIS User ID, SIS Login ID, Section, then one
column per assignment; the line `Points Possible` comes before the students. See "How do I import grades in
the Gradebook?" in the Canvas Instructor Guide, and Canvas' lib/gradebook_importer.rb.

Canvas finds a student by ID, else SIS User ID, else SIS Login ID, else name, and an assignment by its title,
or by its number in a column called `Title (number)`; an assignment that it does not find is made. An empty
cell is no grade: one that Canvas has goes, which its page of changes shows first. Students who are not on
the roster are left out where there is one: Canvas would not know them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from autograder.grader.exports.entries import Entry, number, questions, safe, write_csv

HEADER = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")


def write_canvas(folder: Path, lesson: str, entries: Sequence[Entry]) -> Path:
    """canvas.csv: one assignment, named like the lesson."""
    possible = number(sum(questions(entries).values()) or None)
    rows: list[tuple[str, ...]] = [(*HEADER, lesson), ("    Points Possible", "", "", "", "", possible)]
    known = [entry for entry in entries if entry.on_roster]
    for entry in known or entries:
        person, lms = entry.person, entry.person.lms
        name = f"{person.last}, {person.first}" if person.last else person.student
        login = lms.get("sis login id", "") or ("" if lms.get("id") else person.student)
        cells = (name, lms.get("id", ""), lms.get("sis user id", ""), login, lms.get("section", ""))
        rows.append((*map(safe, cells), number(entry.score)))
    return write_csv(folder / "canvas.csv", rows)
