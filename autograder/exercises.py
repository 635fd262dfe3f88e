"""The one list of exercises: notebook metadata, cards, commands and the syllabus page all read it.

An id is `<module>.<function>`. It names the function in `edu_edit` and, with `autograder.lessons` in
front, the module with its claims, mutants and hints. A later lesson adds its rows here and its modules there,
nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass


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


LESSON_05 = "05_rome"
ROME = "edu_edit.methods.rome"
BOOK = "§5.4.3"

EXERCISES: tuple[Exercise, ...] = (
    Exercise("rome.subject_key", LESSON_05, "Read the key of a subject", 2, 8, 1, 4, "(5.15)", BOOK, ROME),
    Exercise(
        "rome.second_moment", LESSON_05, "Collect the second moment", 3, 12, 2, 4, "(5.21), C", BOOK, ROME
    ),
    Exercise(
        "rome.value_loss", LESSON_05, "Say what a good value is", 3, 14, 3, 3, "(5.16)-(5.18)", BOOK, ROME
    ),
    Exercise("rome.optimise_value", LESSON_05, "Find the value", 4, 20, 3, 4, "(5.16)", BOOK, ROME),
    Exercise("rome.rank_one_update", LESSON_05, "Insert the pair", 5, 20, 3, 5, "(5.19)-(5.21)", BOOK, ROME),
    Exercise("rome.rome", LESSON_05, "Put the pieces together", 5, 25, 4, 5, "(5.15)-(5.21)", BOOK, ROME),
)


def exercise(id: str) -> Exercise:
    """The exercise of that id; raises KeyError with a sentence that lists what there is."""
    for row in EXERCISES:
        if row.id == id:
            return row
    raise KeyError(f"There is no exercise {id!r}. The ids are: {', '.join(row.id for row in EXERCISES)}.")
