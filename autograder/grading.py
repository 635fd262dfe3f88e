"""Grade a class's notebooks of one lesson with stock nbgrader: generate, autograde, feedback.

Everything lands in one folder `out`: a copy of each submission, the graded copies, the feedback pages and
nbgrader's `gradebook.db`, which formgrader and `nbgrader export` can read. One bad notebook is one named
rejection.

Student code runs in this process' kernels without any isolation: grade only notebooks that you would open
yourself.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat.reader import NotJSONError

from autograder.exercises import EXERCISES
from autograder.nbgrader_config import ROOT, course_config, make_folders
from autograder.nbgrader_steps import StepFailed, must, nbgrader

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Graded:
    """One student's result: points by exercise id, the feedback page, or the sentence that says why there is
    none.
    """

    student: str
    points: dict[str, float] = field(default_factory=dict)
    feedback: Path | None = None
    rejected: str = ""

    @property
    def score(self) -> float:
        """The sum of the points."""
        return sum(self.points.values())


class GradingError(RuntimeError):
    """The lesson itself can't be graded here; nothing was graded."""


def grade_submissions(
    lesson: str, submissions: Path | Iterable[Path], out: Path, progress: Progress | None = None
) -> list[Graded]:
    """Grade notebooks of `lesson` ("05_rome") and return one `Graded` per submission, in the order of the
    names.

    `submissions` are notebooks, folders of notebooks, folders with one folder per student, or nbgrader's
    `submitted/` tree. A student's name is the notebook's own name, or its folder's where the notebook is
    called like the lesson. `progress(done, total, student)` is called before each submission.
    Raises GradingError where the lesson has no solution notebook (grading needs a clone) or nbgrader refuses
    it.
    """
    solution = ROOT / "solutions" / lesson / f"{lesson}.ipynb"
    if not solution.is_file():
        raise GradingError(
            f"There is no solution notebook of lesson {lesson!r}; grading needs a clone of the project, "
            f"where `edu-edit build {lesson}` makes it."
        )
    out = out.resolve()
    make_folders(out)
    config = course_config(out, work=out)
    config.CourseDirectory.source_directory = "source"
    config.CourseDirectory.release_directory = "release"
    (out / "source" / lesson).mkdir(parents=True, exist_ok=True)
    shutil.copyfile(solution, out / "source" / lesson / f"{lesson}.ipynb")
    found = _submitted(lesson, [submissions] if isinstance(submissions, Path) else submissions)
    results: list[Graded] = []
    with nbgrader(config) as api:
        try:
            must(api.generate_assignment(lesson), f"nbgrader could not prepare lesson {lesson!r}")
        except StepFailed as error:
            raise GradingError(str(error)) from error
        for number, (student, notebook) in enumerate(found):
            if progress is not None:
                progress(number, len(found), student)
            results.append(
                _grade_one(api, lesson, student, notebook, out, {graded.student for graded in results})
            )
    return results


def _grade_one(api: Any, lesson: str, student: str, notebook: Path, out: Path, seen: set[str]) -> Graded:
    """Take in one notebook, grade it, write its page; every failure becomes a sentence."""
    if student in seen:
        return Graded(
            student, rejected=f"{notebook.name}: a second notebook of {student!r}; only the first counts."
        )
    problem = _fault(notebook)
    if problem:
        return Graded(student, rejected=f"{notebook.name}: {problem}")
    folder = out / "submitted" / student / lesson
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(notebook, folder / f"{lesson}.ipynb")
    try:
        must(api.autograde(lesson, student), "nbgrader could not grade it")
        must(api.generate_feedback(lesson, student), "nbgrader could not write its feedback")
    except StepFailed as error:
        return Graded(student, rejected=f"{notebook.name}: {error}")
    page = out / "feedback" / student / lesson / f"{lesson}.html"
    return Graded(student, _points(api, lesson, student), page if page.is_file() else None)


def _points(api: Any, lesson: str, student: str) -> dict[str, float]:
    """Points by exercise id, from the gradebook."""
    names = {f"{row.id.replace('.', '-')}-test": row.id for row in EXERCISES if row.lesson == lesson}
    with api.gradebook as gradebook:
        submission = gradebook.find_submission(lesson, student)
        return {
            names[grade.name]: float(grade.score)
            for notebook in submission.notebooks
            for grade in notebook.grades
            if grade.name in names
        }


def _submitted(lesson: str, paths: Iterable[Path]) -> list[tuple[str, Path]]:
    """(student, notebook) pairs under the given paths, sorted by student."""
    pairs = []
    for path in paths:
        if not path.exists():
            raise GradingError(f"There is no file or folder {str(path)!r} to grade.")
        notebooks = [path] if path.is_file() else sorted(path.rglob("*.ipynb"))
        for notebook in notebooks:
            if ".ipynb_checkpoints" in notebook.parts:
                continue
            folder = notebook.parent.parent if notebook.parent.name == lesson else notebook.parent
            name = folder.name if notebook.stem == lesson else notebook.stem
            pairs.append((re.sub(r"[^\w.@-]", "_", name) or "unnamed", notebook))
    if not pairs:
        raise GradingError("There is no notebook to grade in the given folders.")
    return sorted(pairs)


def _fault(path: Path) -> str:
    """Why a file is not a notebook that can be graded; "" where it is."""
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except (OSError, UnicodeError) as error:
        return f"the file can't be read as UTF-8 text ({type(error).__name__})."
    except NotJSONError:
        return "the file is not JSON, so it is not a notebook."
    except Exception as error:  # nbformat raises many kinds for one reason: this is no valid notebook
        return f"not a valid notebook ({type(error).__name__}): {str(error).splitlines()[0][:120]}."
    return ""
