"""What was measured beforehand on the bundled models: edits in sequence, and in batches (lesson 06)."""

from edu_edit.compare.log import measured_rows
from edu_edit.compare.sequences import Course
from edu_edit.compare.sizes import BATCHES, Fit

COURSES = "courses.jsonl"
WHAT = "Many edits were"


def measured_courses(name: str) -> dict[str, Course]:
    """The courses of `in_sequence`, by method. Raises ValueError where none were measured."""
    return {row["method"]: Course(**row) for row in measured_rows(name, COURSES, WHAT)}


def measured_fits(name: str) -> list[Fit]:
    """The results of `how_many_fit`. Raises ValueError where none were measured."""
    return [Fit(**row) for row in measured_rows(name, BATCHES, WHAT)]
