"""Checks and grading of the course.

from autograder import check, hint, progress, quiz
progress("05_rome")                                 # what is done of this lesson
check("rome.rank_one_update", rank_one_update)      # open claims, at once, in the notebook
grade("rome.rank_one_update", rank_one_update)      # all claims: the line of a hidden test cell

Names are imported when first used, so that the commands answer at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autograder.checks import check as check
    from autograder.checks import grade as grade
    from autograder.exercises import EXERCISES as EXERCISES
    from autograder.exercises import Exercise as Exercise
    from autograder.exercises import exercise as exercise
    from autograder.hints import hint as hint
    from autograder.mutants import Mutant as Mutant
    from autograder.mutants import mutants_of as mutants_of
    from autograder.progress_file import progress as progress
    from autograder.quiz_view import quiz as quiz
    from autograder.score import Score as Score
    from autograder.stubs import explain as explain
    from autograder.stubs import reset as reset
    from autograder.stubs import stub as stub

_HOMES = {
    "checks": ["check", "grade"],
    "exercises": ["EXERCISES", "Exercise", "exercise"],
    "hints": ["hint"],
    "mutants": ["Mutant", "mutants_of"],
    "progress_file": ["progress"],
    "quiz_view": ["quiz"],
    "score": ["Score"],
    "stubs": ["explain", "reset", "stub"],
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"autograder has no {name!r}: it has {', '.join(__all__)}.")
    return getattr(import_module(f"autograder.{_HOME[name]}"), name)
