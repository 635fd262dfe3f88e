"""A lesson's source, `solutions/NN_slug/NN_slug.py`, read into a notebook.

The source is jupytext's percent format: the one hand-written text of a lesson. Three things are added to it
here, so that nobody has to write them twice: the line under an exercise's title (difficulty, importance,
minutes, equation), the signature and docstring of every stub (from the reference), and cell ids that stay
the same while a cell stays the same. Points and ids are written in the source and compared with
`autograder.exercises`.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode

from autograder.build.stubs import with_reference_head
from autograder.exercises import EXERCISES, Exercise

ROOT = Path(__file__).resolve().parents[2]
KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


class LessonError(ValueError):
    """A lesson's source and the list of exercises disagree, or the source is not a lesson."""


def lesson_slugs(root: Path = ROOT) -> list[str]:
    """The lessons that have a source, in order: ["05_rome", ...]."""
    return sorted(path.stem for path in root.glob("solutions/*/*.py") if path.stem == path.parent.name)


def exercises_of(slug: str) -> list[Exercise]:
    """The exercises of one lesson, in the order of the one list."""
    return [exercise for exercise in EXERCISES if exercise.lesson == slug]


def grade_id(exercise: Exercise | str) -> str:
    """The nbgrader id of an exercise's solution cell: nbgrader knows letters, digits, - and _ only."""
    return (exercise if isinstance(exercise, str) else exercise.id).replace(".", "-")


def read_lesson(slug: str, lang: str = "en", root: Path = ROOT) -> NotebookNode:
    """The solution notebook of a lesson, not executed, in one language.

    Raises LessonError with one sentence where the source is missing or disagrees with the list of exercises.
    """
    path = root / "solutions" / slug / f"{slug}.py"
    if not path.is_file():
        known = ", ".join(lesson_slugs(root)) or "none"
        raise LessonError(
            f"There is no lesson source {slug!r} under {root / 'solutions'}; known lessons: {known}."
        )
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    notebook.cells = [cell for cell in notebook.cells if cell.metadata.get("lang", lang) == lang]
    title = notebook.metadata.get("title", slug)
    notebook.metadata = NotebookNode(kernelspec=KERNEL, language_info={"name": "python"}, title=title)
    notebook.nbformat, notebook.nbformat_minor = 4, 5

    exercises = exercises_of(slug)
    if not exercises:
        raise LessonError(f"autograder.exercises lists no exercise of lesson {slug!r}; add them there first.")
    for cell in notebook.cells:
        if "exercise" in cell.metadata:
            _write_header(cell, exercises)
        elif cell.metadata.get("nbgrader", {}).get("solution"):
            cell.source = with_reference_head(cell.source, _exercise_of(cell, exercises))
    _compare(notebook, exercises, slug)
    _give_ids(notebook)
    return notebook


def _exercise_of(cell: NotebookNode, exercises: list[Exercise]) -> Exercise:
    name = cell.metadata.nbgrader.grade_id
    for exercise in exercises:
        if name in (grade_id(exercise), grade_id(exercise) + "-test"):
            return exercise
    raise LessonError(f"Cell {name!r} belongs to no exercise of this lesson in autograder.exercises.")


def _write_header(cell: NotebookNode, exercises: list[Exercise]) -> None:
    """Put title and facts of the exercise above the prose of its first cell."""
    ids = [exercise.id for exercise in exercises]
    if cell.metadata["exercise"] not in ids:
        raise LessonError(f"A header names the exercise {cell.metadata['exercise']!r}; the list has {ids}.")
    number = ids.index(cell.metadata["exercise"])
    exercise = exercises[number]
    points = "1 point" if exercise.points == 1 else f"{exercise.points:g} points"
    cell.source = (
        f"### Exercise {number + 1} · {exercise.title}\n\n{exercise.header} · {points}\n\n{cell.source}"
    )


def _compare(notebook: NotebookNode, exercises: list[Exercise], slug: str) -> None:
    """Every exercise has header, solution, check and test, once and in order, with the points of the list."""
    headers = [cell.metadata["exercise"] for cell in notebook.cells if "exercise" in cell.metadata]
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    solved = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    want = [exercise.id for exercise in exercises]
    for what, found in (
        ("headers", headers),
        ("solution cells", [_exercise_of(cell, exercises).id for cell in solved]),
        ("test cells", [_exercise_of(cell, exercises).id for cell in graded]),
    ):
        if found != want:
            raise LessonError(f"Lesson {slug!r}: its {what} are {found}; autograder.exercises has {want}.")
    for cell, exercise in zip(graded, exercises, strict=True):
        points = cell.metadata.nbgrader.points
        if points != exercise.points:
            raise LessonError(
                f"Lesson {slug!r}: the test cell of {exercise.id!r} gives {points} points, "
                f"autograder.exercises {exercise.points}; make them equal."
            )
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    for exercise in exercises:
        for call in ("check", "grade"):
            if not re.search(rf'^{call}\("{re.escape(exercise.id)}", \w+', text, re.MULTILINE):
                raise LessonError(f'Lesson {slug!r} never calls {call}("{exercise.id}", ...).')


def _give_ids(notebook: NotebookNode) -> None:
    """Ids from the content: a cell that did not change keeps its id, so versions can be compared."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name is None:
            name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[name] = seen.get(name, 0) + 1
        cell.id = name if seen[name] == 1 else f"{name}-{seen[name]}"
