"""The one list of lessons and exercises: notebook metadata, cards and commands all read it.

It stands in exercises.toml. An id is `<home>.<function>`: it names the function in `edu_edit` and, with
`autograder.lessons` in front, the module with its claims, mutants and hints. A later lesson adds its rows
there and its modules here, nothing else.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Exercise:
    """One graded exercise: `difficulty` and `importance` run from 1 to 5, `equation` and `source` are the
    textbook's.
    """

    id: str
    lesson: str
    title: str
    points: int
    minutes: int
    difficulty: int
    importance: int
    equation: str
    source: str
    reference: str  # the module of edu_edit that holds our own version

    @property
    def function(self) -> str:
        """The name of the function to write, as in `rank_one_update`."""
        return self.id.partition(".")[2]

    @property
    def header(self) -> str:
        """The line above every exercise: `difficulty ●●○○○ · importance ●●●●○ · 12 min · (5.21)`."""
        return (
            f"difficulty {dots(self.difficulty)} · importance {dots(self.importance)} · "
            f"{self.minutes} min · {self.equation}"
        )


def dots(level: int) -> str:
    """A level from 1 to 5 as filled and empty dots."""
    return "●" * level + "○" * (5 - level)


@dataclass(frozen=True)
class Lesson:
    """One lesson: its folder's name, its title, minutes of self-study, the package that holds its quizzes."""

    name: str
    title: str
    minutes: int
    quizzes: str

    @property
    def number(self) -> int:
        """The number that its name begins with."""
        return int(self.name[:2])

    @property
    def slug(self) -> str:
        """Its name without the number, as in `rome`."""
        return self.name[3:]


_TABLE = tomllib.loads(Path(__file__).with_name("exercises.toml").read_text(encoding="utf-8"))

LESSONS: tuple[Lesson, ...] = tuple(
    Lesson(row["slug"], row["title"], row["minutes"], row["quizzes"]) for row in _TABLE["lesson"]
)

EXERCISES: tuple[Exercise, ...] = tuple(
    Exercise(
        id, lesson["slug"], title, points, minutes, difficulty, importance, equation, source,
        _TABLE["homes"][id.partition(".")[0]],
    )
    for lesson in _TABLE["lesson"]
    for id, title, points, minutes, difficulty, importance, equation, source in lesson["exercises"]
)  # fmt: skip


def exercise(id: str) -> Exercise:
    """The exercise of that id; raises KeyError with a sentence that lists what there is."""
    for row in EXERCISES:
        if row.id == id:
            return row
    raise KeyError(f"There is no exercise {id!r}. The ids are: {', '.join(row.id for row in EXERCISES)}.")
