"""What the instructor's own notebook says about a lesson, read and never executed.

Ids, points and the order of the tests come from here and from nowhere else. The notebook is the solution
notebook in `solutions/`; nbgrader's own preprocessors make of it what students got.
"""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import nbformat

from autograder.exercises import EXERCISES
from autograder.grader.records import Cell
from autograder.grader.repair import cells_of


class PlanError(ValueError):
    """The instructor's notebook can't be graded by; the message says which cell and why."""


@dataclass(frozen=True)
class Test:
    """One graded test cell of the instructor's, or a quiz.

    names: what is judged, in the order of the call `grade("rome.rank_one_update", rank_one_update)`. A quiz
    that no graded cell asks for has no points: its answers are judged, and the sum stays nbgrader's.
    """

    grade_id: str
    id: str
    names: tuple[str, ...]
    points: float
    quiz: bool


@dataclass(frozen=True)
class Plan:
    """A lesson as it is graded.

    prelude: the sources to run before anything of a student's; cells: what students got, in order; tests: by
    grade_id, in order; digest: changes when any of it changes. ids: the notebook's cell ids, and demos: the
    places of the demonstrations, which are never run; both go with `cells`.
    """

    lesson: str
    prelude: tuple[str, ...]
    cells: tuple[Cell, ...]
    tests: dict[str, Test]
    digest: str
    ids: tuple[str, ...] = ()
    demos: frozenset[int] = frozenset()
    _index: dict[str, dict[str, int]] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        graded = [
            (cell.grade_id, n) for n, cell in enumerate(self.cells) if cell.kind in ("solution", "test")
        ]
        quizzes = [
            (cell.exercise, n) for n, cell in enumerate(self.cells) if cell.kind == "code" and cell.exercise
        ]
        sources = [(cell.source.strip(), n) for n, cell in enumerate(self.cells)]
        for name, pairs in (("graded", graded), ("quizzes", quizzes), ("sources", sources)):
            self._index[name] = dict(reversed(pairs))
        self._index["ids"] = {id: n for n, id in enumerate(self.ids)}
        solutions = {cell.exercise: n for n, cell in enumerate(self.cells) if cell.kind == "solution"}
        self._index["solutions"] = solutions

    def place_of_grade_id(self, grade_id: str) -> int | None:
        return self._index["graded"].get(grade_id)

    def place_of_quiz(self, id: str) -> int | None:
        return self._index["quizzes"].get(id)

    def place_of_id(self, id: str) -> int | None:
        return self._index["ids"].get(id)

    def place_of_source(self, source: str) -> int | None:
        return self._index["sources"].get(source.strip()) if source.strip() else None

    def solution_of(self, place: int) -> int:
        """The place of the solution that the test at `place` judges; -1 where there is none."""
        return self._index["solutions"].get(self.cells[place].exercise, -1)

    def needed(self, place: int) -> bool:
        """Whether a missing cell comes back: what runs, but no demonstrations and nothing of the prelude."""
        cell = self.cells[place]
        return (
            cell.kind != "markdown"
            and place not in self.demos
            and cell.source not in self.prelude
            and (bool(cell.exercise) or _does_something(cell.source))
        )


def plan_of(lesson: str, notebook: Mapping[str, Any]) -> Plan:
    """The plan in an instructor's notebook, the one with the solutions.

    Raises PlanError where a graded cell has no line that grades, or where an id comes twice.
    """
    given = [cell for cell in cells_of(notebook) if "lecturer" not in _tags(cell)]
    tests = _tests(lesson, given)
    by_id = {test.id: test for test in tests.values()}
    cells: list[Cell] = []
    prelude: list[str] = []
    demos = set()
    for place, cell in enumerate(_released(lesson, given)):
        nbgrader, source = _nbgrader(cell), cell["source"]
        grade_id = str(nbgrader.get("grade_id", ""))
        quiz = _call(source, "quiz") if cell["cell_type"] == "code" and not nbgrader else None
        if nbgrader.get("grade"):
            cells.append(Cell("test", source, (), tests[grade_id].id, grade_id))
        elif nbgrader.get("solution"):
            test = tests.get(f"{grade_id}-test")
            if test is None:
                raise PlanError(f"Lesson {lesson}: no test cell grades the solution cell {grade_id!r}.")
            cells.append(Cell("solution", source, (), test.id, grade_id))
        elif quiz and quiz[0] in by_id:
            cells.append(Cell("code", source, (), quiz[0], by_id[quiz[0]].grade_id))
        else:
            cells.append(Cell("code" if cell["cell_type"] == "code" else "markdown", source))
            if "demo" in _tags(cell):
                demos.add(place)
            elif cell["cell_type"] == "code" and not any(one.kind == "solution" for one in cells):
                prelude += [source] if _does_something(source) else []
    ids = tuple(cell["id"] for cell in given)
    facts = [lesson, prelude, [dataclasses.asdict(cell) for cell in cells], sorted(demos), ids]
    facts.append([dataclasses.asdict(test) for test in tests.values()])
    digest = hashlib.sha256(json.dumps(facts, ensure_ascii=True).encode()).hexdigest()
    return Plan(lesson, tuple(prelude), tuple(cells), tests, digest, ids, frozenset(demos))


def _tests(lesson: str, cells: list[dict[str, Any]]) -> dict[str, Test]:
    """Test cells and quizzes by grade_id, in the notebook's order; a quiz's is made of its id."""
    exercises = {row.id for row in EXERCISES}
    tests: dict[str, Test] = {}
    graded = {
        call[0] for cell in cells if _nbgrader(cell).get("grade") and (call := _call(cell["source"], "grade"))
    }
    for cell in cells:
        nbgrader, call = _nbgrader(cell), None
        if nbgrader.get("grade"):
            grade_id = str(nbgrader.get("grade_id", ""))
            call = _call(cell["source"], "grade")
            if call is None:
                raise PlanError(f'Lesson {lesson}: the test cell {grade_id!r} has no line grade("id", name).')
            test = Test(
                grade_id, call[0], call[1], float(nbgrader.get("points", 0)), call[0] not in exercises
            )
        elif cell["cell_type"] == "code" and not nbgrader and (call := _call(cell["source"], "quiz")):
            if call[0] in graded:
                continue
            test = Test(call[0].replace(".", "-"), call[0], call[1], 0.0, True)
        else:
            continue
        if test.grade_id in tests or test.id in {other.id for other in tests.values()}:
            raise PlanError(f"Lesson {lesson}: {test.id!r} is graded by two cells.")
        tests[test.grade_id] = test
    return tests


def _call(source: str, function: str) -> tuple[str, tuple[str, ...]] | None:
    """Id and names of the one top-level line `function("id", name, ...)`; None without one."""
    for node in _parsed(source):
        call = node.value if isinstance(node, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.func.id != function:
            continue
        first, names = call.args[:1], call.args[1:]
        if first and isinstance(first[0], ast.Constant) and isinstance(first[0].value, str) and names:
            return first[0].value, tuple(ast.unparse(name) for name in names)
    return None


def _released(lesson: str, cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What nbgrader makes of the cells for students: solutions emptied, hidden tests taken out."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions

    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    notebook = nbformat.from_dict(json.loads(json.dumps(whole)))
    resources: dict[str, Any] = {}
    try:
        for step in (ClearSolutions, ClearHiddenTests):
            notebook, resources = step().preprocess(notebook, resources)
    except (RuntimeError, ValueError) as error:
        raise PlanError(f"Lesson {lesson}: nbgrader can't empty its solutions ({error}).") from error
    return [dict(cell) for cell in notebook.cells]


def _does_something(source: str) -> bool:
    """Whether a cell has statements; one of comments has not. A cell with magics is taken to have some."""
    try:
        return bool(ast.parse(source).body)
    except SyntaxError:
        return True


def _parsed(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:
        return []


def _nbgrader(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    found = cell["metadata"].get("nbgrader")
    return found if isinstance(found, Mapping) else {}


def _tags(cell: Mapping[str, Any]) -> list[Any]:
    found = cell["metadata"].get("tags")
    return found if isinstance(found, list) else []
