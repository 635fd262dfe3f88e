"""nbgrader's configuration for this course: `solutions/` is the source, `lessons/en` the release.

    export JUPYTER_CONFIG_PATH=$PWD/autograder      # from the clone's top folder
    nbgrader autograde 05_rome
    jupyter lab                                     # formgrader and Validate read it, too

Submissions, graded copies, feedback and the gradebook live in one working folder, never on the project's top
level: `.course/` in the clone, or the folder that the environment variable EDU_EDIT_COURSE names.
"""

from __future__ import annotations

import os
from pathlib import Path

from nbconvert.preprocessors import TagRemovePreprocessor
from nbgrader import preprocessors as step
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]


def course_config(root: Path = ROOT, work: Path | None = None) -> Config:
    """The configuration of a course whose lessons are in `root` and whose working folders are in `work`."""
    work = Path(work or os.environ.get("EDU_EDIT_COURSE") or root / ".course").expanduser().resolve()
    config = Config()
    course = config.CourseDirectory
    course.course_id = "edu-edit"
    course.root = str(root)
    course.source_directory = "solutions"
    course.release_directory = os.path.join("lessons", "en")
    for name in ("source_with_tests", "submitted", "autograded", "feedback", "solution"):
        setattr(course, f"{name}_directory", _inside(work / name, root))
    course.db_url = f"sqlite:///{work / 'gradebook.db'}"
    # Whatever stands beside a notebook is copied into the release: the sources with the solutions must not
    # be.
    course.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback", "*.py", "*.html"]

    # A cell that loads the model and edits it needs longer than nbgrader's 30 seconds on a busy machine.
    config.Execute.timeout = 300
    config.ExecutePreprocessor.timeout = 300
    config.Execute.skip_cells_with_tag = "demo"
    # The kernel's own notices would come between the grader's lines.
    config.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR"]
    config.Exchange.root = str(work / "exchange")

    config.TagRemovePreprocessor.enabled = True
    config.TagRemovePreprocessor.remove_cell_tags = {"lecturer"}
    config.GenerateAssignment.preprocessors = [
        TagRemovePreprocessor,
        step.IncludeHeaderFooter,
        step.LockCells,
        step.ClearSolutions,
        step.ClearOutput,
        step.CheckCellMetadata,
        step.ComputeChecksums,
        step.SaveCells,
        step.ClearHiddenTests,
        step.ClearMarkScheme,
        step.ComputeChecksums,
        step.CheckCellMetadata,
    ]
    return config


def make_folders(work: Path) -> None:
    """Make the working folders: nbgrader refuses a gradebook folder or an exchange that does not exist."""
    for name in ("submitted", "exchange"):
        (work / name).mkdir(parents=True, exist_ok=True)


def _inside(path: Path, root: Path) -> str:
    """Relative to the course root where it lies inside (formgrader's links need that), else as it is."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


if "get_config" in globals():  # nbgrader and JupyterLab load this file as configuration
    loaded = course_config()
    make_folders(Path(loaded.Exchange.root).parent)
    get_config().merge(loaded)  # type: ignore[name-defined]  # noqa: F821
