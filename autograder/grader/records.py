"""What the parts of the grader hand to each other: plain data, which goes through JSON and between processes.

A `Submission` is what came in, in the instructor's form; a `Result` is what grading made of it. Nothing here
is executed, and nothing here trusts its strings: whoever shows them escapes them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any

from autograder.judgement import Finding, Judgement, Picture, Verdict


@dataclass(frozen=True)
class Rejection:
    """A file that can't be graded: whose it is, as far as can be told, its name, and why in one sentence."""

    student: str
    file: str
    reason: str


@dataclass(frozen=True)
class Submission:
    """One student's notebook of one lesson.

    notebook: nbformat 4 as plain data, as it came; files: what lay beside it, by relative path; received:
    when it was handed in, ISO 8601 with zone, from nbgrader's timestamp.txt ("" where nothing says).
    """

    student: str
    lesson: str
    notebook: dict[str, Any]
    files: dict[str, bytes] = field(default_factory=dict)
    received: str = ""
    file: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell of the graded notebook: source and outputs (nbformat's dictionaries), as the feedback shows
    it.

    kind: "markdown", "code", "solution" or "test"; exercise: the id that a solution or test cell belongs to.
    """

    kind: str
    source: str
    outputs: tuple[dict[str, Any], ...] = ()
    exercise: str = ""
    grade_id: str = ""


@dataclass(frozen=True)
class Mark:
    """The points of one exercise or quiz, and the judgement that they come from."""

    id: str
    earned: float
    points: float
    judgement: Judgement | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class Result:
    """What grading made of one submission.

    key: names everything the result depends on (notebook, lesson, checks, seed), so that a run can go on
    where it stopped; seconds and cpu are this submission's own; level: the isolation that held; notes:
    faults, one sentence each (a cell that ran too long, a process that ended).
    """

    student: str
    lesson: str
    key: str
    marks: tuple[Mark, ...] = ()
    cells: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    received: str = ""
    level: str = ""
    seed: int = 0
    seconds: float = 0.0
    cpu: float = 0.0

    def slim(self) -> Result:
        """The result without what only copy and page need: outputs, and cells of no exercise."""
        cells = tuple(dataclasses.replace(cell, outputs=()) for cell in self.cells if cell.kind == "solution")
        return dataclasses.replace(self, cells=cells)

    @property
    def earned(self) -> float:
        return sum(mark.earned for mark in self.marks)

    @property
    def points(self) -> float:
        return sum(mark.points for mark in self.marks)


def as_json(result: Result) -> str:
    """A result as one line of JSON."""
    return json.dumps(dataclasses.asdict(result), ensure_ascii=True, allow_nan=True)


def from_json(text: str) -> Result:
    """The result that `as_json` wrote. Raises ValueError or KeyError for anything else."""
    row = json.loads(text)
    marks = tuple(Mark(**{**mark, "judgement": _judgement(mark["judgement"])}) for mark in row["marks"])
    cells = tuple(Cell(**{**cell, "outputs": tuple(cell["outputs"])}) for cell in row["cells"])
    return Result(**{**row, "marks": marks, "cells": cells, "notes": tuple(row["notes"])})


def _judgement(row: dict[str, Any] | None) -> Judgement | None:
    if row is None:
        return None
    findings = tuple(Finding(**{**one, "verdict": _verdict(one["verdict"])}) for one in row["findings"])
    return Judgement(**{**row, "findings": findings, "words": tuple(row["words"])})


def _verdict(row: dict[str, Any]) -> Verdict:
    picture = row["picture"]
    if picture is not None:
        picture = Picture(*(tuple(map(tuple, picture[side])) for side in ("yours", "expected")))
    return Verdict(**{**row, "picture": picture})
