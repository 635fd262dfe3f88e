"""What was measured beforehand on the bundled models: edits in sequence, and in batches (lesson 06)."""

import json
from typing import Any

from edu_edit.compare.sequences import Course
from edu_edit.compare.sizes import BATCHES, Fit
from edu_edit.loading import BUNDLED

COURSES = "courses.jsonl"


def measured_courses(name: str) -> dict[str, Course]:
    """The courses of `in_sequence`, by method. Raises ValueError where none were measured."""
    return {row["method"]: Course(**row) for row in _rows(name, COURSES)}


def measured_fits(name: str) -> list[Fit]:
    """The results of `how_many_fit`. Raises ValueError where none were measured."""
    return [Fit(**row) for row in _rows(name, BATCHES)]


def _rows(name: str, file: str) -> list[dict[str, Any]]:
    path = BUNDLED / name / file
    if not path.is_file():
        known = sorted(found.parent.name for found in BUNDLED.glob(f"*/{file}"))
        raise ValueError(
            f"Many edits were not measured on {name!r}: choose {' or '.join(known) or 'another model'}."
        )
    _, *lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]
