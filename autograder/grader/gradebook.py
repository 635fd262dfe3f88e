"""Results put into nbgrader's own gradebook, so that formgrader and `nbgrader export` say what we say.

nbgrader's `generate_assignment` makes the lesson's cells once; the submissions are then written with
nbgrader's models in one transaction, as `nbgrader autograde` would have left them. What people have added
in formgrader (manual scores, comments, extensions) stays. Filling twice changes nothing.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.plugins import BasePlugin
from nbgrader.utils import compute_checksum, parse_utc
from sqlalchemy import text

from autograder.files import write_whole
from autograder.grader.graded_copy import graded_copy, test_id
from autograder.grader.late import late_penalty, late_plugin
from autograder.grader.names import folder_name, printable
from autograder.grader.records import Result, Submission
from autograder.grader.roster import Roster
from autograder.grading import GradingError
from autograder.nbgrader_config import ROOT, course_config, make_folders
from autograder.nbgrader_steps import StepFailed, must, nbgrader

STAMP = "%Y-%m-%d %H:%M:%S.%f UTC"  # nbgrader's own format of timestamp.txt


def fill(
    out: Path,
    lesson: str,
    results: Iterable[Result],
    *,
    due: datetime | None = None,
    late: str | BasePlugin = "none",
    roster: Roster | None = None,
    root: Path = ROOT,
) -> None:
    """Put results into `out/gradebook.db` and write the graded copies into `out/autograded`.

    due: when the lesson had to be handed in; without it, the gradebook's own due date counts. late: "none",
    "zero", "subtract" or a plug-in (`late.py`). roster: names, addresses and LMS
    ids for the students. `results` are gone through twice.
    Raises GradingError where the lesson has no solution notebook, or nbgrader refuses it.
    """
    out = out.resolve()
    with open_gradebook(out) as api, api.gradebook as gradebook:
        _prepare(api, gradebook, lesson, out, root)
        lesson_row = gradebook.find_assignment(lesson)
        if due is not None:
            lesson_row.duedate = parse_utc(due)
        write = _Writer(gradebook, lesson_row, late_plugin(late))
        for result in results:
            write.submission(result)
        for person in roster.people if roster else ():
            write.person(folder_name(person.student), person.details())
        gradebook.db.commit()
        checksums = {cell.name: cell.checksum for cell in write.notebook.source_cells}
    plan = json.loads((out / "release" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8"))
    for result in results:
        folder = out / "autograded" / folder_name(result.student) / lesson
        _keep(folder / f"{lesson}.ipynb", graded_copy(result, plan, checksums))
        _stamp(folder, result.received)


def keep_submission(out: Path, submission: Submission) -> Path:
    """Write the notebook as it was handed in to `out/submitted`; its path."""
    folder = out / "submitted" / folder_name(submission.student) / submission.lesson
    path = folder / f"{submission.lesson}.ipynb"
    _keep(path, json.dumps(submission.notebook, indent=1) + "\n")
    _stamp(folder, submission.received)
    return path


def scores(out: Path, lesson: str) -> dict[str, tuple[float, float]]:
    """(score after penalty, penalty) by folder name, manual grades included; empty without a gradebook."""
    if not (out / "gradebook.db").is_file():
        return {}
    with open_gradebook(out) as api, api.gradebook as gradebook:
        rows = gradebook.db.query(
            SubmittedAssignment.student_id,
            SubmittedAssignment.score,
            SubmittedAssignment.late_submission_penalty,
        ).filter(SubmittedAssignment.assignment.has(name=lesson))
        return {student: (max(0.0, score - penalty), penalty) for student, score, penalty in rows}


def forget(out: Path, student: str) -> list[Path]:
    """Remove a student's rows from the gradebook, and from the file's free pages, too."""
    if not (out / "gradebook.db").is_file():
        return []
    with open_gradebook(out) as api, api.gradebook as gradebook:
        try:
            gradebook.remove_student(folder_name(student))
        except MissingEntry:
            return []
        gradebook.db.execute(text("VACUUM"))
    return [out / "gradebook.db"]


class _Writer:
    """Writes submissions of one lesson within one transaction; what is there is read once, at the start."""

    def __init__(self, gradebook: Gradebook, lesson: Any, plugin: BasePlugin) -> None:
        self.db, self.lesson, self.plugin = gradebook.db, lesson, plugin
        self.notebook = lesson.notebooks[0]
        self.cells = {cell.name: cell for cell in self.notebook.grade_cells}
        self.solutions = {cell.name: cell for cell in self.notebook.solution_cells}
        self.checksums = {cell.name: cell.checksum for cell in self.notebook.source_cells}
        self.students = {student.id: student for student in self.db.query(Student)}
        self.submissions = {row.student_id: row for row in lesson.submissions}
        rows = self.db.query(SubmittedNotebook).filter(SubmittedNotebook.notebook_id == self.notebook.id)
        self.notebooks = {row.assignment_id: row for row in rows}
        self.grades = _by_notebook(self.db.query(Grade).join(SubmittedNotebook), self.notebook.id)
        self.comments = _by_notebook(self.db.query(Comment).join(SubmittedNotebook), self.notebook.id)

    def person(self, id: str, details: dict[str, str]) -> Any:
        """The student's row, made if need be; details that are known replace what is there."""
        row = self.students.get(id)
        if row is None:
            row = self.students[id] = Student(id=id)
            self.db.add(row)
        for name, value in details.items():
            if value:
                setattr(row, name, value)
        return row

    def submission(self, result: Result) -> None:
        id = folder_name(result.student)
        row = self.submissions.get(id)
        if row is None:
            row = SubmittedAssignment(assignment=self.lesson, student=self.person(id, {}))
            copy = SubmittedNotebook(notebook=self.notebook, assignment=row)
            grades = {name: Grade(cell=cell, notebook=copy) for name, cell in self.cells.items()}
            comments = {name: Comment(cell=cell, notebook=copy) for name, cell in self.solutions.items()}
            self.db.add(row)
        else:
            copy = self.notebooks[row.id]
            grades, comments = self.grades.get(copy.id, {}), self.comments.get(copy.id, {})
        row.timestamp = _time(result.received)
        self._grade(result, grades)
        self._comment(result, comments)
        copy.late_submission_penalty = self._penalty(row, id, grades)

    def _grade(self, result: Result, grades: dict[str, Any]) -> None:
        marks = {test_id(mark): mark.earned for mark in result.marks}
        for name, grade in grades.items():
            earned = float(marks.get(name, 0.0))
            earned = earned if isfinite(earned) else 0.0
            if grade.manual_score is None:
                grade.needs_manual_grade = False
            elif grade.auto_score != earned:  # a person's score stands, but should be looked at again
                grade.needs_manual_grade = True
            grade.auto_score = earned

    def _comment(self, result: Result, comments: dict[str, Any]) -> None:
        """nbgrader's own remark on a solution cell that was left as it was handed out."""
        sources = {cell.grade_id: cell.source for cell in result.cells if cell.kind == "solution"}
        for name, comment in comments.items():
            untouched = name in sources and _checksum(name, sources[name]) == self.checksums.get(name)
            comment.auto_comment = "No response." if untouched else None

    def _penalty(self, row: Any, id: str, grades: dict[str, Any]) -> float | None:
        if self.lesson.duedate is None:
            return None
        score = sum(_score(grade) for grade in grades.values())
        return late_penalty(self.plugin, id, score, row.total_seconds_late)


def _score(grade: Any) -> float:
    """A grade's score as nbgrader computes it in the database."""
    points = grade.auto_score if grade.manual_score is None else grade.manual_score
    return float((points or 0.0) + (grade.extra_credit or 0.0))


def _by_notebook(query: Any, notebook: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for row in query.filter(SubmittedNotebook.notebook_id == notebook):
        found.setdefault(row.notebook_id, {})[row.cell.name] = row
    return found


def _checksum(name: str, source: str) -> str:
    meta = {"grade_id": name, "grade": False, "solution": True, "locked": False}
    cell = NotebookNode(
        source=printable(source), cell_type="code", metadata=NotebookNode(nbgrader=NotebookNode(meta))
    )
    return str(compute_checksum(cell))


def _prepare(api: Any, gradebook: Gradebook, lesson: str, out: Path, root: Path) -> None:
    """Let nbgrader make the lesson's cells, unless it has made them from this very notebook."""
    solution = root / "solutions" / lesson / f"{lesson}.ipynb"
    if not solution.is_file():
        raise GradingError(
            f"There is no solution notebook of lesson {lesson!r}; grading needs a clone of the project, "
            f"where `edu-edit build {lesson}` makes it."
        )
    source = out / "source" / lesson / f"{lesson}.ipynb"
    released = out / "release" / lesson / f"{lesson}.ipynb"
    same = source.is_file() and source.read_bytes() == solution.read_bytes()
    if same and released.is_file() and any(row.name == lesson for row in gradebook.assignments):
        return
    source.parent.mkdir(parents=True, exist_ok=True)
    released.unlink(missing_ok=True)  # half a step, if it fails, is done again
    write_whole(source, partial(shutil.copyfile, solution))
    try:
        must(api.generate_assignment(lesson, force=True), f"nbgrader could not prepare lesson {lesson!r}")
    except StepFailed as error:
        raise GradingError(str(error)) from error
    gradebook.db.expire_all()


@contextmanager
def open_gradebook(out: Path) -> Iterator[Any]:
    """nbgrader's API on the gradebook of one output folder."""
    make_folders(out)
    config = course_config(out, work=out)
    config.CourseDirectory.source_directory = "source"
    config.CourseDirectory.release_directory = "release"
    with nbgrader(config) as api:
        yield api


def _time(received: str) -> datetime | None:
    """nbgrader's time, UTC without zone; None for what is no time."""
    try:
        return parse_utc(received) if received else None
    except (ValueError, OverflowError, TypeError):
        return None


def _stamp(folder: Path, received: str) -> None:
    time = _time(received)
    if time is not None:
        _keep(folder / "timestamp.txt", time.strftime(STAMP))


def _keep(path: Path, text: str) -> None:
    """Write a file unless it says so already."""
    try:
        if path.read_text(encoding="utf-8") == text:
            return
    except (OSError, UnicodeError):
        pass
    path.parent.mkdir(parents=True, exist_ok=True)
    write: Callable[[Path], object] = partial(_write, text)
    write_whole(path, write)


def _write(text: str, path: Path) -> None:
    path.write_text(text, encoding="utf-8")
