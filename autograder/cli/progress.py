"""`edu-edit progress`: what is done, what is next, how many minutes are left.

Kept in one local file by `edu-edit check`; nothing leaves the machine.
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from autograder.cli.errors import BadInput
from autograder.cli.files import writable_folder, write_whole

HOME = "EDU_EDIT_HOME"


def state_folder() -> Path:
    """Where the learner's progress is kept: $EDU_EDIT_HOME, or the folder for this purpose on this system."""
    return Path(os.environ.get(HOME) or typer.get_app_dir("edu-edit")).expanduser()


def load() -> dict[str, dict[str, Any]]:
    """{exercise id: {"earned", "points", "when"}}; empty before the first check or when damaged."""
    path = state_folder() / "progress.json"
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["exercises"]
        return {id: dict(row) for id, row in known.items() if {"earned", "points"} <= set(row)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def remember(scores: dict[str, tuple[float, float]]) -> None:
    """Add the results of a check, {id: (earned, points)}; OSError, a sentence, when that can't be written."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    known = load() | {
        id: {"earned": earned, "points": points, "when": now} for id, (earned, points) in scores.items()
    }
    text = json.dumps({"version": 1, "exercises": known}, indent=1)
    write_whole(
        writable_folder(state_folder()) / "progress.json",
        lambda path: path.write_text(text, encoding="utf-8"),
    )


def forget() -> None:
    """Delete the learner's progress file."""
    (state_folder() / "progress.json").unlink(missing_ok=True)


def progress(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON for a script.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget all progress on this machine.")] = False,
) -> None:
    """What is done, what is next, and the minutes left.

    Filled by `edu-edit check`. Everything is kept in one file on this machine and is sent nowhere.
    """
    from autograder.exercises import EXERCISES

    if reset:
        if as_json:
            raise BadInput("--reset and --json don't go together; first reset, then ask")
        forget()
        print("Progress forgotten.")
        return
    known = load()
    rows = [
        {
            "id": row.id,
            "lesson": row.lesson,
            "title": row.title,
            "earned": float(known.get(row.id, {}).get("earned", 0)),
            "points": row.points,
            "minutes": row.minutes,
            "done": known.get(row.id, {}).get("earned", -1) >= row.points,
        }
        for row in EXERCISES
    ]
    left = sum(row["minutes"] for row in rows if not row["done"])
    following = next((row for row in rows if not row["done"]), None)
    if as_json:
        print(
            json.dumps(
                {"exercises": rows, "minutes_left": left, "next": following and following["id"]}, indent=1
            )
        )
    else:
        show(rows, left, following)


def show(rows: list[dict[str, Any]], left: int, following: dict[str, Any] | None) -> None:
    """One line per exercise, a word for its state, and the next step."""
    from rich.console import Console

    console = Console(highlight=False)
    for lesson in dict.fromkeys(row["lesson"] for row in rows):
        mine = [row for row in rows if row["lesson"] == lesson]
        done = sum(row["done"] for row in mine)
        console.print(
            f"[bold]{lesson}[/]  {'█' * done}{'░' * (len(mine) - done)}  {done} of {len(mine)} exercises"
        )
        for row in mine:
            state = "done" if row["done"] else "begun" if row["earned"] else "to do"
            points = f"{row['earned']:g}/{row['points']:g}"
            console.print(f"  {state:6} {points}  {row['id']}: {row['title']} ({row['minutes']} min)")
    if following is None:
        console.print("Everything that exists is done. Well done.")
    else:
        console.print(f"Next: {following['id']} ({following['minutes']} min). Left in all: about {left} min.")
