"""`edu-edit start`: put a lesson into the learner's folder and open it.

The learner's folder is the learner's: a file that is already there is never overwritten.
"""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.errors import BadInput
from autograder.cli.lessons import find_lesson, written
from autograder.exercises import LESSONS
from autograder.files import copy_missing, writable_folder

DEFAULT_FOLDER = Path("edu-edit-lessons")


def start(
    lesson: Annotated[
        str | None, typer.Argument(help="Which lesson: 5, 05, rome or 05_rome. Left out: list them.")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Your folder for lessons.", envvar="EDU_EDIT_LESSONS")
    ] = DEFAULT_FOLDER,
    lang: Annotated[str, typer.Option(help="Language of the lesson.")] = "en",
    open_it: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the notebook in JupyterLab.")
    ] = True,
) -> None:
    """Copy a lesson into your folder and open it in JupyterLab.

    Your work is safe: files that are already in your folder are kept, so the same command also continues
    where you stopped. For a fresh copy, rename yours first or choose another --folder.
    """
    console = Console()
    if lesson is None:
        list_lessons(console, lang)
        return
    source = find_lesson(lesson, lang)
    target = folder.expanduser().resolve() / source.name
    if target.exists() and not target.is_dir():
        raise BadInput(
            f"{target} is a file where the lesson's folder should be; rename it or choose another --folder"
        )
    _, kept = copy_missing(source, writable_folder(target))
    advice = source.with_name("AGENTS.md")  # what an AI assistant finds when the learner's folder is opened
    if advice.is_file() and not target.with_name(advice.name).exists():
        shutil.copyfile(advice, target.with_name(advice.name))
    notebook = target / f"{source.name}.ipynb"
    if notebook in kept:
        console.print(f"Your own {notebook.name} is kept as you left it.", soft_wrap=True)
    console.print(f"Lesson {source.name} is in {target}", soft_wrap=True, highlight=False)
    if open_it:
        open_in_jupyterlab(notebook)
    else:
        console.print(
            f"Open it with: {Path(sys.executable).name} -m jupyterlab {notebook}",
            soft_wrap=True,
            highlight=False,
        )


def list_lessons(console: Console, lang: str) -> None:
    """The thirteen lessons, and which of them can be opened."""
    there = written(lang)
    for item in LESSONS:
        state = there[item.number].name if item.number in there else "(not written yet)"
        console.print(
            f"{item.number:2d}  {item.title}  ({item.minutes} min)  {state}", soft_wrap=True, highlight=False
        )
    if there:
        console.print(f"\nOpen one with: edu-edit start {next(iter(there))}")


def open_in_jupyterlab(notebook: Path) -> None:
    """Run JupyterLab on the notebook until the learner closes it."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise RuntimeError(
            f"JupyterLab is not installed in this Python; your lesson is ready at {notebook}: "
            "run `pip install jupyterlab` and start again, or open the file in an editor that reads notebooks"
        )
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "jupyterlab", str(notebook)], cwd=notebook.parent
        ).returncode
    except KeyboardInterrupt:
        return
    if ended not in (0, -2, 130):
        raise RuntimeError(f"JupyterLab ended with code {ended}; your lesson is safe at {notebook}")
