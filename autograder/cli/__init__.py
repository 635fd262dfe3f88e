"""The `edu-edit` command: one typer app, one module per command.

Only typer is imported here; each command imports what it needs when it runs, so that `edu-edit --help`
answers at once. Exit codes: 0 done, 1 the thing failed, 2 bad usage.
"""

import importlib.metadata
import os
from typing import Annotated

import typer

from autograder.cli import (
    build,
    check,
    cite,
    compare,
    demo,
    doctor,
    errors,
    forget,
    grade,
    hint,
    moments,
    progress,
    start,
    world,
)

app = typer.Typer(
    cls=errors.PoliteGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Learn knowledge editing by building every method: lessons, checks, reference models, grading.",
    epilog="New here?  edu-edit doctor, then  edu-edit demo, then  edu-edit start 5",
)


def show_version(asked: bool) -> None:
    if asked:
        print(f"edu-edit {importlib.metadata.version('edu-edit')}")
        raise typer.Exit


@app.callback()
def settings(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks (the same as EDU_EDIT_DEBUG=1).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if debug:
        os.environ[errors.DEBUG] = "1"


LEARN, TEACH, RESEARCH = "To learn", "To teach", "To do research"
app.command(rich_help_panel=LEARN)(demo.demo)
app.command(rich_help_panel=LEARN)(doctor.doctor)
app.command(rich_help_panel=LEARN)(start.start)
app.command(rich_help_panel=LEARN)(check.check)
app.command(rich_help_panel=LEARN)(hint.hint)
app.command(rich_help_panel=LEARN)(progress.progress)
app.command(rich_help_panel=TEACH)(build.build)
app.command(rich_help_panel=TEACH)(grade.grade)
app.command(rich_help_panel=TEACH)(forget.forget)
app.add_typer(
    world.app,
    name="world",
    rich_help_panel=RESEARCH,
    help="Train the bundled models again, and measure what they show.",
)
app.command(rich_help_panel=RESEARCH)(moments.moments)
app.command(rich_help_panel=RESEARCH)(compare.compare)
app.command(rich_help_panel=RESEARCH)(cite.cite)
