"""A student's cells brought into the instructor's order of things.

The instructor's metadata wins. What a cell is (solution, test, quiz, demonstration) is decided by the plan;
the student's metadata only says which of the lesson's cells a cell wants to be. Test cells are never the
student's. What was deleted comes back: a stub before anything that was written in its place, its test behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autograder.grader.plan import Plan, PlanError, Test, plan_of
from autograder.grader.recognise import recognised, wanted
from autograder.grader.records import Cell, Submission
from autograder.grader.repair import cells_of

__all__ = ["Plan", "PlanError", "Step", "Test", "plan_of", "steps"]

# These cells are no Python: they show something or run elsewhere, and leave no name behind.
FOREIGN = re.compile(r"\s*%%(html|javascript|js|latex|markdown|svg|perl|ruby)\b", re.IGNORECASE)
HIDDEN = "### BEGIN HIDDEN TESTS"


@dataclass(frozen=True)
class Step:
    """One cell of the normalised notebook: shown, run, or judged.

    A test cell is judged and never run; a quiz cell is run, and its answers are judged before the next cell,
    since one variable serves several quizzes.
    """

    cell: Cell
    run: bool
    test: Test | None = None


@dataclass
class _Placed:
    """A step on its way: the place in the plan, None for the student's own, and whether it came back."""

    step: Step
    place: int | None
    back: bool = False


def steps(plan: Plan, submission: Submission) -> tuple[list[Step], list[str]]:
    """The cells of a submission in the order to show, run and judge them, and notes, one sentence each."""
    cells = cells_of(submission.notebook)
    chosen = recognised(plan, cells)
    notes = _notes_on_metadata(plan, cells, chosen)
    placed = []
    copied, foreign = 0, 0
    for number, cell in enumerate(cells):
        place = chosen.get(number)
        copy = place is None and wanted(plan, cell) is not None
        if copy and cell["source"].strip() == plan.cells[wanted(plan, cell) or 0].source.strip():
            continue  # one more copy of a cell as it was handed out: nothing is lost without it
        copied += copy
        step = _step(plan, cell, place)
        foreign += bool(step.cell.kind in ("code", "solution") and FOREIGN.match(cell["source"]))
        placed.append(_Placed(step, place))
    if copied:
        notes.append(f"{_cells(copied)} said to be another cell of the lesson; the first one counts.")
    if foreign:
        notes.append(f"{_cells(foreign)} with HTML, JavaScript or another language did not run.")
    notes += _put_back(plan, placed)
    return _without_second_set_up(plan, placed), notes


def _step(plan: Plan, cell: Mapping[str, Any], place: int | None) -> Step:
    """One cell of the student's, as what the plan makes of it."""
    source: str = cell["source"]
    runs = bool(source.strip()) and not FOREIGN.match(source)
    if place is None:
        if cell["cell_type"] == "markdown":
            return Step(Cell("markdown", source), False)
        tags = cell["metadata"].get("tags")
        demo = isinstance(tags, list) and "demo" in tags
        return Step(Cell("code", source), runs and cell["cell_type"] == "code" and not demo)
    own = plan.cells[place]
    if own.kind == "test":
        return Step(own, False, plan.tests[own.grade_id])
    if own.kind == "markdown":
        return Step(Cell("markdown", source), False)
    quiz = plan.tests.get(own.grade_id) if own.kind == "code" else None
    return Step(
        Cell(own.kind, source, (), own.exercise, own.grade_id), runs and place not in plan.demos, quiz
    )


def _put_back(plan: Plan, placed: list[_Placed]) -> list[str]:
    """Put back what the lesson can't be graded without; returns notes."""
    notes = []
    plain = 0
    for place, cell in enumerate(plan.cells):
        there = _places(placed)
        if place in there or cell.kind in ("markdown", "test") or not plan.needed(place):
            continue
        nearest = max((other for other in there if other < place), default=None)
        quiz = plan.tests.get(cell.grade_id) if cell.kind == "code" else None
        back = _Placed(Step(cell, True, quiz), place, back=True)
        placed.insert(0 if nearest is None else there[nearest] + 1, back)
        if cell.kind == "solution":
            notes.append(
                f"The solution cell of {cell.exercise} was missing; it came back as it was handed out."
            )
        elif quiz:
            notes.append(f"The quiz {cell.exercise} was missing; it came back without answers.")
        else:
            plain += 1
    if plain:
        notes.append(
            f"{_cells(plain)} of the lesson that had been deleted came back, so that the rest can run."
        )
    return notes + _tests_put_back(plan, placed)


def _tests_put_back(plan: Plan, placed: list[_Placed]) -> list[str]:
    """Every test stands behind its solution: where the student has it, else before the lesson's next cell."""
    notes = []
    for place, cell in enumerate(plan.cells):
        if cell.kind != "test":
            continue
        there = _places(placed)
        if place not in there:
            notes.append(f"The test cell of {cell.exercise} was missing; the lesson's own was used.")
        elif there[place] > there.get(plan.solution_of(place), -1):
            continue
        else:
            del placed[there[place]]
            there = _places(placed)
        solution = there.get(plan.solution_of(place), -1)
        target = _behind(placed, place, solution)
        placed.insert(target, _Placed(Step(cell, False, plan.tests[cell.grade_id]), place, back=True))
    return notes


def _behind(placed: list[_Placed], place: int, solution: int) -> int:
    """Where a missing test belongs: before the lesson's next cell, but behind code of the student's own that
    may stand for a missing solution.
    """
    places = [one.place if one.place is not None else -1 for one in placed]
    end = len(placed)
    near = min(((there, n) for n, there in enumerate(places) if there > place), default=(0, end))[1]
    kept = [(there, n) for n, there in enumerate(places) if there > place and not placed[n].back]
    far = min(kept, default=(0, end))[1]
    own = any(one.place is None and one.step.run for one in placed[near:far])
    return max(far if own else near, solution + 1)


def _places(placed: list[_Placed]) -> dict[int, int]:
    """Where each of the plan's cells stands now."""
    return {one.place: number for number, one in enumerate(placed) if one.place is not None}


def _without_second_set_up(plan: Plan, placed: list[_Placed]) -> list[Step]:
    """The set-up has run before everything: unchanged, and with nothing of the student's before it, it need
    not run again.
    """
    done = []
    untouched = True
    for one in placed:
        step = one.step
        if step.run and untouched and step.cell.source in plan.prelude:
            step = Step(step.cell, False, step.test)
        untouched = untouched and not step.run
        done.append(step)
    return done


def _notes_on_metadata(plan: Plan, cells: list[dict[str, Any]], chosen: Mapping[int, int]) -> list[str]:
    """What was changed in the metadata and the test cells. It had no effect, but the student should know."""
    notes = []
    strange = tampered = 0
    for number, cell in enumerate(cells):
        nbgrader = cell["metadata"].get("nbgrader")
        place = chosen.get(number)
        own = plan.cells[place] if place is not None else None
        if not isinstance(nbgrader, Mapping):
            continue
        if own is None or own.kind not in ("solution", "test"):
            id = nbgrader.get("grade_id")
            strange += not (isinstance(id, str) and plan.place_of_grade_id(id) is not None)
            continue
        expected: dict[str, Any] = {"grade": own.kind == "test", "solution": own.kind == "solution"}
        expected |= {"locked": True, "points": plan.tests[own.grade_id].points} if own.kind == "test" else {}
        tampered += any(nbgrader.get(name) != value for name, value in expected.items())
        tampered += nbgrader.get("grade_id") != own.grade_id
        given = cell["source"].split(HIDDEN)[0]  # a solution notebook has the lesson's hidden tests
        if own.kind == "test" and given.strip() != own.source.split(HIDDEN)[0].strip():
            notes.append(f"The test cell of {own.exercise} had been changed; the lesson's own was used.")
    if strange:
        notes.append(f"{_cells(strange)} had an id that this lesson does not know; nothing there is graded.")
    if tampered:
        notes.append(
            "Points or other marks of graded cells had been changed in the file; the lesson's own count."
        )
    return notes


def _cells(number: int) -> str:
    return "One cell" if number == 1 else f"{number} cells"
