"""`edu-edit grade`: a class's notebooks of one lesson, with points and feedback pages."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from autograder.cli.build import source_of
from autograder.cli.errors import BadInput
from autograder.cli.lessons import solutions_folder
from autograder.files import writable_folder


def grade(
    lesson: Annotated[str, typer.Argument(help="Which lesson: 5, 05, rome or 05_rome.")],
    submissions: Annotated[
        list[Path], typer.Argument(help="Notebooks, folders of them, or an nbgrader submitted/ tree.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for graded notebooks, feedback pages and gradebook.db.")
    ] = Path("edu-edit-graded"),
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON for a script.")] = False,
) -> None:
    """Grade notebooks of a lesson: points per exercise, a feedback page per student, nbgrader's gradebook.

    A notebook that can't be read is named with its reason and does not disturb the others; the command then
    ends with 1. Students' code runs as you, without isolation: grade only notebooks of people you trust.
    """
    if solutions_folder() is None:
        raise BadInput("grading needs a clone of the project: this installation has no solutions/ folder")
    from autograder.build import lesson_slugs

    slug = source_of(lesson, lesson_slugs())
    for path in submissions:
        if not path.exists():
            raise BadInput(f"there is no file or folder {path} to grade")
    results = run(slug, submissions, writable_folder(out), quiet=as_json)
    rejected = [result for result in results if result.rejected]
    if as_json:
        print(json.dumps([as_row(result) for result in results], indent=1))
    else:
        show(results, out)
    if rejected:
        raise typer.Exit(1)


def run(slug: str, submissions: list[Path], out: Path, quiet: bool = False) -> list[Any]:
    """Grade with a progress bar; returns one `Graded` per submission."""
    from autograder.grading import grade_submissions

    with Progress(console=Console(), disable=quiet, transient=True) as bar:
        task = bar.add_task("preparing", total=None)
        return grade_submissions(
            slug,
            submissions,
            out,
            progress=lambda done, total, student: bar.update(
                task, completed=done, total=total, description=f"grading {student}"
            ),
        )


def as_row(result: Any) -> dict[str, Any]:
    """One student's result as plain data."""
    return {
        "student": result.student,
        "score": None if result.rejected else result.score,
        "points": result.points,
        "feedback": str(result.feedback) if result.feedback else None,
        "rejected": result.rejected or None,
    }


def show(results: list[Any], out: Path) -> None:
    """Points as a table, then the rejections, then where everything is."""
    from autograder.exercises import EXERCISES

    ids = list(dict.fromkeys(id for result in results for id in result.points))
    most = {row.id: row.points for row in EXERCISES}
    numbers = [str(number) for number, _ in enumerate(ids, start=1)]
    table = Table("student", *numbers, "total", title="points by exercise")
    total = sum(most[id] for id in ids)
    for result in results:
        if not result.rejected:
            cells = (f"{result.points.get(id, 0):g}/{most[id]:g}" for id in ids)
            table.add_row(result.student, *cells, f"{result.score:g}/{total:g}")
    console = Console()
    console.print(table)
    console.print(
        " · ".join(f"{number} {id}" for number, id in zip(numbers, ids, strict=True)), highlight=False
    )
    for result in results:
        if result.rejected:
            console.print(f"not graded: {result.student}: {result.rejected}", soft_wrap=True, markup=False)
    console.print(f"Feedback pages and gradebook.db are in {out.resolve()}", soft_wrap=True, highlight=False)
