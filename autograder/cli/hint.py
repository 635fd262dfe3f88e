"""`edu-edit hint`: three rungs per exercise, from a nudge to a skeleton, one at a time."""

from typing import Annotated

import typer

from autograder.cli.errors import BadInput


def hint(
    exercise: Annotated[str, typer.Argument(help="The exercise's id, for example rome.rank_one_update.")],
    rung: Annotated[int, typer.Option(min=1, max=3, help="1 a nudge, 2 the idea, 3 a skeleton.")] = 1,
) -> None:
    """Show one hint of an exercise. Try rung 1 first; it is often enough."""
    from autograder.exercises import EXERCISES
    from autograder.hints import RUNGS
    from autograder.hints import hint as hint_of

    ids = [row.id for row in EXERCISES]
    if exercise not in ids:
        raise BadInput(f"there is no exercise {exercise!r}; the ids are: {', '.join(ids)}")
    print(hint_of(exercise, rung))
    if rung < RUNGS:
        print(f"\nNot enough? edu-edit hint {exercise} --rung {rung + 1}")
