"""Checks and grading of the course.

from autograder import check, hint, quiz
check("rome.rank_one_update", rank_one_update)      # open claims, at once, in the notebook
grade("rome.rank_one_update", rank_one_update)      # all claims: the line of a hidden test cell
"""

from autograder.checks import check, grade
from autograder.exercises import EXERCISES, Exercise, exercise
from autograder.hints import hint
from autograder.mutants import Mutant, mutants_of
from autograder.quiz_view import quiz
from autograder.score import Score
from autograder.stubs import explain, reset, stub

__all__ = [
    "EXERCISES",
    "Exercise",
    "Mutant",
    "Score",
    "check",
    "exercise",
    "explain",
    "grade",
    "hint",
    "mutants_of",
    "quiz",
    "reset",
    "stub",
]
