"""Gradescope's `results.json`, one per submission: `gradescope/STUDENT/results.json`.

The form is documented at gradescope-autograders.readthedocs.io/en/latest/specs, "Output format": a score,
seconds, a text for the whole submission, and tests with score, max_score, status (passed, failed), name,
output, visibility (hidden, after_due_date, after_published, visible) and output_format (text, html,
simple_format, md, ansi). All texts are sent as `text`, which Gradescope shows as it is. A missing
submission has no file. Gradescope demands a score, so a rejected file's is 0; its output says why, and
`extra_data` that it was rejected.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

from autograder.grader.exports.entries import Entry, write_text
from autograder.grader.feedback import sentences_only
from autograder.grader.names import folder_name, printable
from autograder.grader.records import Mark
from autograder.plain import plain_card


def write_gradescope(folder: Path, lesson: str, entries: Sequence[Entry]) -> list[Path]:
    """One file for each student who handed in something."""
    return [
        write_text(
            folder / "gradescope" / folder_name(entry.student) / "results.json",
            json.dumps(gradescope_results(entry), indent=1, allow_nan=False) + "\n",
        )
        for entry in entries
        if entry.status != "missing"
    ]


def gradescope_results(entry: Entry) -> dict[str, Any]:
    """What Gradescope reads, as plain data."""
    marks, notes = (entry.result.marks, entry.result.notes) if entry.result else ((), (entry.reason,))
    return {
        "score": finite(entry.score or 0.0),
        "execution_time": finite(entry.result.seconds if entry.result else 0.0),
        "output": printable("\n".join(notes)),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "extra_data": {"status": entry.status, "late_penalty": finite(entry.penalty)},
        "tests": [_test(mark) for mark in marks],
    }


def _test(mark: Mark) -> dict[str, Any]:
    return {
        "name": mark.id,
        "name_format": "text",
        "score": finite(mark.earned),
        "max_score": finite(mark.points),
        "status": "passed" if mark.earned >= mark.points else "failed",
        "output": printable(plain_card(sentences_only(mark.judgement))) if mark.judgement else "",
        "output_format": "text",
        "visibility": "visible",
    }


def finite(number: float) -> float:
    """JSON has no infinity."""
    return number if isfinite(number) else 0.0
