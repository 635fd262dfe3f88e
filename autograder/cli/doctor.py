"""`edu-edit doctor`: is this machine ready for the course?"""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.cli import machine
from autograder.cli.errors import sentence
from autograder.cli.machine import Row

LOOKS: tuple[Callable[[], list[Row]], ...] = (
    machine.versions,
    machine.cores_and_memory,
    machine.models,
    machine.write_access,
    machine.isolation,
    machine.chinese_font,
    machine.forward,
)
OPTIONAL = (machine.isolation, machine.chinese_font)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON for a script.")] = False,
) -> None:
    """Check this machine: versions, cores, memory, models, write access, isolation, one forward pass.

    Ends with 0 when the course works here, even if optional parts are missing; with 1 when something needed
    is missing. Each row that is not ok says what to do.
    """
    rows: list[Row] = []
    for look in LOOKS:
        try:
            rows += look()
        except Exception as error:  # whatever it is, it belongs into the table
            state: machine.State = "optional" if look in OPTIONAL else "missing"
            rows.append(
                Row(look.__name__.replace("_", " "), sentence(error), state, "install edu-edit again")
            )
    missing = [row for row in rows if row.state == "missing"]
    if as_json:
        print(json.dumps({"ready": not missing, "rows": [asdict(row) for row in rows]}, indent=1))
    else:
        show(rows, missing)
    if missing:
        raise typer.Exit(1)


def show(rows: list[Row], missing: list[Row]) -> None:
    """The findings as a table; words, not colours, carry the meaning."""
    console = Console()
    table = Table(title="edu-edit doctor")
    for heading in ("looked at", "found", "state", "what to do"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        state = Text(row.state, style={"ok": "green", "optional": "yellow", "missing": "red"}[row.state])
        table.add_row(row.what, Text(row.found), state, Text("" if row.state == "ok" else row.advice))
    console.print(table)
    if missing:
        console.print(f"{len(missing)} needed part(s) missing: {', '.join(row.what for row in missing)}.")
    else:
        console.print("Ready. Start with: edu-edit demo   or   edu-edit start 5")
