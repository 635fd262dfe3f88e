"""nbgrader's own CSV, by nbgrader's own exporter: `nbgrader.csv`, what `nbgrader export --assignment` writes.

Columns: assignment, duedate, timestamp, student_id, last_name, first_name, email, raw_score,
late_submission_penalty, score, max_score. Two things differ from a bare `nbgrader export`: only this lesson
is in it, and a student who handed in nothing has empty scores, where nbgrader writes zeros.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from nbgrader.plugins import CsvExportPlugin

from autograder.files import write_whole
from autograder.grader.exports.entries import Entry
from autograder.grader.gradebook import open_gradebook
from autograder.grader.names import folder_name

SCORES = ("timestamp", "raw_score", "late_submission_penalty", "score")


def write_nbgrader(folder: Path, out: Path, lesson: str, entries: Sequence[Entry]) -> Path:
    """nbgrader.csv"""
    graded = {folder_name(entry.student) for entry in entries if entry.result}
    with open_gradebook(out) as api, api.gradebook as gradebook:
        return write_whole(folder / "nbgrader.csv", partial(_export, gradebook, lesson, graded))


def _export(gradebook: Any, lesson: str, graded: set[str], path: Path) -> None:
    CsvExportPlugin(to=str(path), assignment=[lesson]).export(gradebook)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(row if row["student_id"] in graded else row | dict.fromkeys(SCORES, ""))
