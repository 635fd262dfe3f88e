"""What a learner has done so far: one local file, and a bar at the top of each notebook.

`check` in JupyterLab and `edu-edit check` add to it, `edu-edit progress` shows it. Nothing leaves the
machine. A notebook that a program runs, a grader for one, neither reads nor changes it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from autograder.card import section
from autograder.exercises import EXERCISES, Exercise
from autograder.files import writable_folder, write_whole

HOME = "EDU_EDIT_HOME"
OPENED = "JPY_SESSION_NAME"  # set where a person opened the notebook in JupyterLab


def state_folder() -> Path:
    """Where the learner's progress is kept: $EDU_EDIT_HOME, or the folder for this purpose on this system."""
    import typer  # only here: a check in a notebook that a program runs never comes this far

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


def opened_by_a_person() -> bool:
    """Whether this is a notebook in JupyterLab, not one that a grader or a build runs."""
    return bool(os.environ.get(OPENED))


@dataclass(frozen=True)
class State:
    """An exercise and what was earned on it; `done` where nothing is missing."""

    exercise: Exercise
    earned: float
    done: bool


@dataclass(frozen=True)
class Progress:
    """The exercises of a lesson, or of the course, with what is done. Shows itself as a bar in a notebook."""

    states: tuple[State, ...]

    def of(self, lesson: str) -> Progress:
        """The part that belongs to a lesson, given by its folder's name; KeyError if it has no exercises."""
        mine = tuple(state for state in self.states if state.exercise.lesson == lesson)
        if not mine:
            lessons = ", ".join(dict.fromkeys(state.exercise.lesson for state in self.states))
            raise KeyError(f"There is no lesson {lesson!r} with exercises; there are: {lessons}.")
        return Progress(mine)

    @property
    def done(self) -> int:
        """How many exercises are done."""
        return sum(state.done for state in self.states)

    @property
    def minutes_left(self) -> int:
        """Minutes that the exercises not yet done are planned for."""
        return sum(state.exercise.minutes for state in self.states if not state.done)

    @property
    def next(self) -> Exercise | None:
        """The first exercise that is not done."""
        return next((state.exercise for state in self.states if not state.done), None)

    def __str__(self) -> str:
        return f"{'█' * self.done}{'░' * (len(self.states) - self.done)}  {self._said()}"

    def _said(self) -> str:
        count = f"{self.done} of {len(self.states)} exercises"
        if self.next is None:
            return f"{count} · all done"
        return f"{count} · next: {self.next.id} · about {self.minutes_left} min left"

    def _repr_html_(self) -> str:
        size = f'value="{self.done}" max="{len(self.states)}"'
        return section("progress", f"<progress {size}></progress> {escape(self._said())}")


def progress_of() -> Progress:
    """What is done of the course."""
    earned = {id: float(row["earned"]) for id, row in load().items()}
    return Progress(
        tuple(
            State(row, earned.get(row.id, 0.0), earned.get(row.id, -1.0) >= row.points) for row in EXERCISES
        )
    )


def progress(lesson: str) -> Progress | None:
    """The bar at the top of a lesson's notebook; None in a notebook that no person has opened."""
    return progress_of().of(lesson) if opened_by_a_person() else None
