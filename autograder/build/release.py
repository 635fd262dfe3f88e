"""The student notebook, made by nbgrader's own generate step from a solution notebook.

nbgrader empties solutions and hidden tests, locks the test cells and writes checksums; the lecturer's cells
go with nbconvert's tag preprocessor. The step runs in a temporary course, so that building never touches a
gradebook.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.build.source import LessonError
from autograder.nbgrader_config import course_config
from autograder.nbgrader_steps import StepFailed, must, nbgrader


def student_notebook(slug: str, solution: NotebookNode) -> NotebookNode:
    """What nbgrader generate_assignment makes of a solution notebook; raises LessonError with nbgrader's
    reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        source = root / "source" / slug
        source.mkdir(parents=True)
        nbformat.write(solution, source / f"{slug}.ipynb")
        config = course_config(root, work=root)
        config.CourseDirectory.source_directory = "source"
        config.CourseDirectory.release_directory = "release"
        try:
            with nbgrader(config) as api:
                must(api.generate_assignment(slug), f"nbgrader could not generate lesson {slug!r}")
        except StepFailed as error:
            raise LessonError(str(error)) from error
        return nbformat.read(root / "release" / slug / f"{slug}.ipynb", as_version=4)


def write_release(slug: str, notebook: NotebookNode, folder: Path) -> Path:
    """Write the student notebook as the one file of its lesson folder; return its path."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    path = folder / f"{slug}.ipynb"
    nbformat.write(notebook, path)
    return path
