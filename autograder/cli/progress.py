"""`edu-edit progress`: what is done, what is next, how many minutes are left."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.cli.errors import BadInput

if TYPE_CHECKING:
    from autograder.progress_file import Progress


def progress(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON for a script.")] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget all progress on this machine.")] = False,
) -> None:
    """What is done, what is next, and the minutes left.

    Filled by the checks in JupyterLab and by `edu-edit check`. Everything is kept in one file on this machine
    and is sent nowhere.
    """
    from autograder.progress_file import forget, progress_of

    if reset:
        if as_json:
            raise BadInput("--reset and --json don't go together; first reset, then ask")
        forget()
        print("Progress forgotten.")
        return
    course = progress_of()
    if as_json:
        rows = [
            {
                "id": state.exercise.id,
                "lesson": state.exercise.lesson,
                "title": state.exercise.title,
                "earned": state.earned,
                "points": state.exercise.points,
                "minutes": state.exercise.minutes,
                "done": state.done,
            }
            for state in course.states
        ]
        following = course.next and course.next.id
        print(
            json.dumps({"exercises": rows, "minutes_left": course.minutes_left, "next": following}, indent=1)
        )
    else:
        show(course)


def show(course: "Progress") -> None:
    """One line per exercise, a word for its state, and the next step."""
    from rich.console import Console

    console = Console(highlight=False)
    for lesson in dict.fromkeys(state.exercise.lesson for state in course.states):
        part = course.of(lesson)
        console.print(f"[bold]{lesson}[/]  {str(part).split(' · ')[0]}")
        for state in part.states:
            word = "done" if state.done else "begun" if state.earned else "to do"
            row = state.exercise
            points = f"{state.earned:g}/{row.points:g}"
            console.print(f"  {word:6} {points}  {row.id}: {row.title} ({row.minutes} min)")
    if course.next is None:
        console.print("Everything that exists is done. Well done.")
    else:
        minutes = course.next.minutes
        console.print(
            f"Next: {course.next.id} ({minutes} min). Left in all: about {course.minutes_left} min."
        )
