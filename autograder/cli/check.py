"""`edu-edit check`: the cards of a learner's notebook in the terminal."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from autograder.cli.errors import BadInput, sentence
from autograder.cli.lessons import find_lesson
from autograder.cli.notebook import read_answers
from autograder.cli.start import DEFAULT_FOLDER


def check(
    lesson: Annotated[
        str, typer.Argument(help="Your notebook file, or a lesson in your folder: 5, 05, rome, 05_rome.")
    ],
    exercise: Annotated[
        str | None, typer.Argument(help="Only this exercise, for example rome.rank_one_update.")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Your folder for lessons.", envvar="EDU_EDIT_LESSONS")
    ] = DEFAULT_FOLDER,
    as_json: Annotated[bool, typer.Option("--json", help="Print the results as JSON for a script.")] = False,
) -> None:
    """Check the exercises of your notebook without opening it; `edu-edit progress` remembers the result.

    Runs your solution cells and the definitions around them, not the demonstrations, then the open claims of
    each exercise. Ends with 0 when every exercise checked keeps all its open claims, with 1 when one does
    not.
    """
    path = notebook_of(lesson, folder)
    answers = read_answers(path)
    import autograder
    from autograder.exercises import EXERCISES

    known = {row.id: row for row in EXERCISES}
    if exercise is not None and exercise not in known:
        raise BadInput(f"there is no exercise {exercise!r}; the ids are: {', '.join(known)}")
    ids = [id for id in answers.calls if id in known and exercise in (None, id)]
    if not ids:
        raise BadInput(
            f"{path} holds no exercise{f' {exercise!r}' if exercise else ''} that this version knows"
        )
    console = Console(highlight=False)
    results: list[dict[str, Any]] = []
    for id in ids:
        names = answers.calls[id] or (known[id].function,)
        missing = [name for name in names if name not in answers.names]
        if missing:
            said = (
                answers.stopped.get(id.replace(".", "-")) or f"the notebook defines no function {missing[0]}"
            )
            results.append({"id": id, "earned": 0.0, "points": known[id].points, "text": f"{id}: {said}"})
        else:
            score = autograder.check(id, *(answers.names[name] for name in names))
            results.append({"id": id, "earned": float(score), "points": known[id].points, "text": score.text})
        if not as_json:
            console.print(results[-1]["text"], soft_wrap=True, markup=False)
            console.print()
    finish(results, as_json, console)


def notebook_of(lesson: str, folder: Path) -> Path:
    """The notebook that is meant: a file, or the learner's copy of a lesson."""
    if lesson.endswith(".ipynb"):
        return Path(lesson).expanduser()
    name = find_lesson(lesson).name
    return folder.expanduser() / name / f"{name}.ipynb"


def finish(results: list[dict[str, Any]], as_json: bool, console: Console) -> None:
    """Remember, sum up, and choose the exit code."""
    from autograder.progress_file import remember

    try:
        remember({row["id"]: (row["earned"], row["points"]) for row in results})
    except OSError as error:
        Console(stderr=True).print(
            f"edu-edit: progress was not saved: {sentence(error)}", soft_wrap=True, markup=False
        )
    done = sum(row["earned"] >= row["points"] for row in results)
    if as_json:
        print(json.dumps({"exercises": results, "complete": done, "of": len(results)}, indent=1))
    else:
        console.print(f"{done} of {len(results)} exercises keep all their open claims.")
    if done < len(results):
        raise typer.Exit(1)
