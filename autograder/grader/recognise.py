"""Which of the student's cells is which of the lesson's.

A cell says so by its grade_id, a quiz by its call; where that is lost, the cell's id or an untouched source
tells. The first cell gets it. For a test the first one behind its solution does, since what is judged must be
there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from autograder.grader.plan import Plan
from autograder.grader.records import Cell

QUIZ = re.compile(r"^quiz\(\s*[\"']([\w.]+)[\"']", re.MULTILINE)


def recognised(plan: Plan, cells: list[dict[str, Any]]) -> dict[int, int]:
    """Which cell of the plan each of the student's cells is, by number; every one at most once."""
    chosen: dict[int, int] = {}
    free = set(range(len(plan.cells)))

    def choose(number: int, place: int | None) -> None:
        if place in free and number not in chosen:
            chosen[number] = place
            free.discard(place)

    tests = {place for place, cell in enumerate(plan.cells) if cell.kind == "test"}
    ways = (wanted, _same_id, _same_source)
    for way in ways:
        for number, cell in enumerate(cells):
            place = way(plan, cell)
            if place not in tests:
                choose(number, place)
    where = {place: number for number, place in chosen.items()}
    for way in ways:
        for behind in (True, False):  # a test stands behind its solution, if any copy of it does
            for number, cell in enumerate(cells):
                place = way(plan, cell)
                if place in tests and place is not None:
                    solution = where.get(plan.solution_of(place), -1)
                    if not behind or number > solution:
                        choose(number, place)
    return chosen


def wanted(plan: Plan, cell: Mapping[str, Any]) -> int | None:
    """The graded cell or quiz that a cell says it is."""
    nbgrader = cell["metadata"].get("nbgrader")
    id = nbgrader.get("grade_id") if isinstance(nbgrader, Mapping) else None
    if isinstance(id, str) and plan.place_of_grade_id(id) is not None:
        return plan.place_of_grade_id(id)
    if cell["cell_type"] == "code" and (match := QUIZ.search(cell["source"])):
        return plan.place_of_quiz(match[1])
    return None


def _same_id(plan: Plan, cell: Mapping[str, Any]) -> int | None:
    place = plan.place_of_id(cell["id"])
    if place is None or (cell["cell_type"] == "code") != (plan.cells[place].kind != "markdown"):
        return None
    return place


def _same_source(plan: Plan, cell: Mapping[str, Any]) -> int | None:
    place = plan.place_of_source(cell["source"])
    return place if place is not None and cell["cell_type"] == _type(plan.cells[place]) else None


def _type(cell: Cell) -> str:
    return "markdown" if cell.kind == "markdown" else "code"
