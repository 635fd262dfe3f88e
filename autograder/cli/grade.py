"""`edu-edit grade`: a class's notebooks of one lesson, with points and feedback pages."""

import json
import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from autograder.cli.build import source_of
from autograder.cli.errors import BadInput
from autograder.cli.lessons import solutions_folder
from autograder.files import writable_folder

LISTED = 60  # students whose points are shown one by one
NO_WALLS = (
    "no isolation works here, so strangers' notebooks can't be graded: install bubblewrap (`edu-edit doctor` "
    "tries it), or add --unsafe for notebooks that you would open yourself"
)


def grade(
    lesson: Annotated[str, typer.Argument(help="Which lesson: 5, 05, rome or 05_rome.")],
    submissions: Annotated[
        list[Path], typer.Argument(help="Notebooks, folders of them, zips, or an nbgrader submitted/ tree.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for results, feedback pages, exports, report and gradebook.db.")
    ] = Path("edu-edit-graded"),
    seed: Annotated[
        int | None,
        typer.Option(help="Seed of the problems. Left out: one that is drawn once and kept in --out."),
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Notebooks graded at the same time.")] = 2,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask cluster to grade on.")] = "",
    roster: Annotated[Path | None, typer.Option(help="CSV list of the class: tells who is missing.")] = None,
    due: Annotated[datetime | None, typer.Option(help="When it was due, for late penalties.")] = None,
    late: Annotated[
        str, typer.Option(help="Penalty after the due date: none, zero, or subtract (a tenth per day).")
    ] = "none",
    regrade: Annotated[list[str] | None, typer.Option(help="A student to grade anew; repeatable.")] = None,
    unsafe: Annotated[
        bool, typer.Option("--unsafe", help="No isolation: students' code runs as you.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON for a script.")] = False,
) -> None:
    """Grade notebooks of a lesson: points per exercise, feedback pages, nbgrader's gradebook, a class report.

    Students' code runs in a sandbox without network; checks and solutions stay outside. A notebook that can't
    be read is named with its reason and does not disturb the others; the command then ends with 1. A run that
    was stopped goes on where it was.
    """
    slug = checked(lesson, submissions)
    from autograder.grader.grading import Settings
    from autograder.grader.roster import RosterError, read_roster

    try:
        people = read_roster(roster) if roster is not None else None
    except RosterError as error:
        raise BadInput(str(error)) from error
    folder = writable_folder(out)
    settings = Settings(
        level=level(unsafe),
        seed=kept_seed(folder) if seed is None else seed,
        workers=workers,
        scheduler=scheduler,
        due=due,
        late=late,
        roster=people,
        regrade=frozenset(regrade or ()),
    )
    graded = run(slug, submissions, folder, settings, quiet=as_json)
    if as_json:
        print(json.dumps(as_rows(graded, out), indent=1))
    else:
        show(graded, out)
    if graded.rejections:
        raise typer.Exit(1)


def kept_seed(folder: Path) -> int:
    """The folder's own seed: drawn when it is first graded into, and the same ever after."""
    path = folder / "seed"
    if not path.is_file():
        path.write_text(f"{secrets.randbelow(10**9)}\n", encoding="utf-8")
    try:
        return int(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path} should hold a whole number: delete it, and a new seed is drawn") from error


def checked(lesson: str, submissions: list[Path]) -> str:
    """The lesson's name; raises BadInput for what can't be graded at all."""
    if solutions_folder() is None:
        raise BadInput("grading needs a clone of the project: this installation has no solutions/ folder")
    from autograder.build import lesson_slugs

    slug = source_of(lesson, lesson_slugs())
    for path in submissions:
        if not path.exists():
            raise BadInput(f"there is no file or folder {path} to grade")
    return slug


def level(unsafe: bool) -> str:
    """The level of isolation that is asked for and works; raises BadInput where there is none."""
    from autograder.cli.machine import isolation_level

    if unsafe:
        return "none"
    found = isolation_level()
    if found == "none":
        raise BadInput(NO_WALLS)
    return found


def run(slug: str, submissions: list[Path], out: Path, settings: Any, quiet: bool = False) -> Any:
    """Grade with a progress bar; returns what `grade_class` does."""
    from autograder.grader.grading import grade_class
    from autograder.grader.ledger import LedgerBusy
    from autograder.grader.view import SandboxError

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar:
        task = bar.add_task("starting the sandboxes", total=None)

        def progress(done: int, total: int, student: str) -> None:
            bar.update(task, completed=done, total=total, description=f"graded {student}")

        try:
            return grade_class(slug, submissions, out, settings, progress)
        except (LedgerBusy, SandboxError) as error:
            raise BadInput(str(error)) from error


def as_rows(graded: Any, out: Path) -> list[dict[str, Any]]:
    """Every student's result as plain data."""
    rows = [
        {
            "student": result.student,
            "score": result.earned,
            "points": {mark.id: mark.earned for mark in result.marks},
            "feedback": str(page_of(result, out)),
            "notes": list(result.notes),
            "rejected": None,
        }
        for result in graded.results
    ]
    return rows + [
        {
            "student": one.student,
            "score": None,
            "points": {},
            "feedback": None,
            "notes": [],
            "rejected": one.reason,
        }
        for one in graded.rejections
    ]


def page_of(result: Any, out: Path) -> Path:
    """Where a student's feedback page lies."""
    from autograder.grader.names import folder_name

    return out / "feedback" / folder_name(result.student) / result.lesson / f"{result.lesson}.html"


def show_points(results: list[Any], console: Console) -> None:
    """Points by student and exercise; numbers stand for the exercises, and below is which is which."""
    ids = list(dict.fromkeys(mark.id for result in results for mark in result.marks if mark.points))
    table = Table("student", *(str(number) for number, _ in enumerate(ids, start=1)), "total", title="points")
    for result in results:
        marks = {mark.id: f"{mark.earned:g}/{mark.points:g}" for mark in result.marks}
        row = [*(marks.get(id, "") for id in ids), f"{result.earned:g}/{result.points:g}"]
        table.add_row(Text(result.student), *row)
    console.print(table)
    numbered = (f"{number} {id}" for number, id in enumerate(ids, start=1))
    console.print(" · ".join(numbered), highlight=False)


def show(graded: Any, out: Path) -> None:
    """Points by student, the class report, then where everything is."""
    from autograder.grader.report import print_report

    console = Console()
    if len(graded.results) <= LISTED:
        show_points(graded.results, console)
    for one in graded.rejections:
        console.print(f"not graded: {one.student}: {one.reason}", soft_wrap=True, markup=False)
    print_report(graded.report, console)
    if graded.known:
        console.print(f"{graded.known} results were there already and were kept.", highlight=False)
    where = out.resolve()
    console.print(
        f"Pages for students: {where / 'feedback'}\nFiles for other systems: {where / 'exports'}\n"
        f"Class report: {where / (graded.report.lesson + '-report.html')}",
        soft_wrap=True,
        highlight=False,
    )
