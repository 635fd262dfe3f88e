"""check and grade: a student's functions against the claims of one exercise.

`check` looks at the open claims and is what a student runs while working. `grade` looks at all of them
and is the one line of a hidden test cell. Problems are drawn fresh from the seed; the same seed gives the
same card.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch

from autograder import quizzes
from autograder.calls import Call
from autograder.claims import Claim, Stopped, Student
from autograder.exercises import EXERCISES, Exercise, exercise
from autograder.gates import Refused
from autograder.judgement import Finding, Judgement, Verdict
from autograder.mutants import likely_cause
from autograder.progress_file import opened_by_a_person, remember
from autograder.score import Score
from autograder.sentences import say
from autograder.stubs import remember_attempt


def check(id: str, *functions: Callable[..., Any], seed: int = 0) -> Score:
    """The open claims of an exercise, judged at once; points are those that the open claims alone would give.

    Arguments: the id, your function (two for an exercise with two), and a seed for other problems.
    Returns a Score: a float that shows the card. Raises KeyError for an id that does not exist.
    """
    row = exercise(id)
    score = judge(row, functions, seed, everything=False)
    remember_attempt(id, score)
    if opened_by_a_person():
        with contextlib.suppress(OSError):  # a full or read-only disk must not cost the card
            remember({id: (float(score), row.points)})
    return score


def grade(id: str, *functions: Any, seed: int = 1) -> Score:
    """All claims of an exercise, open and hidden, or the answers of a quiz: what the hidden test cell
    calls.
    """
    if id in quizzes.ids():
        return quizzes.grade_quiz(id, *functions)
    return judge(exercise(id), functions, seed, everything=True)


def judge(row: Exercise, functions: tuple[Callable[..., Any], ...], seed: int, everything: bool) -> Score:
    """Runs the claims and looks for a likely cause where one does not hold."""
    content = import_module(f"autograder.lessons.{row.id}")
    claims: tuple[Claim, ...] = content.CLAIMS
    asked = [claim for claim in claims if claim.open or everything]
    hidden = len(claims) - len(asked)
    names = (row.function, *getattr(content, "ALSO", ()))
    if misuse := misused(row, functions, names):
        return noted(row, hidden, misuse)
    student = Student(functions, names, content.ARGUMENTS, content.gate, seed)
    findings: list[Finding] = []
    failed: list[Call] = []
    for claim in asked:
        start = len(student.calls)
        finding = decided(claim, student, everything)
        if not_started(student.calls[start:]):
            return stub(row, hidden, student.calls[-1])
        findings.append(finding)
        failed += [] if finding.kept else student.calls[start:]
    cause = likely_cause(content.MUTANTS, student.calls, failed, seed) if failed else None
    stop = next((call.stop for call in failed if call.stop), None)
    kept = sum(finding.kept for finding in findings)
    earned = float(row.points) if kept == len(asked) else round(row.points * kept / len(asked), 2)
    headline = say(
        "open count" if hidden else "all count",
        earned=earned, points=row.points, kept=kept, total=len(asked), more=hidden,
    )  # fmt: skip
    return Score(
        Judgement(
            id=row.id,
            title=row.title,
            equation=f"{row.equation} in {row.source}",
            points=row.points,
            earned=earned,
            headline=headline,
            findings=tuple(findings),
            hidden=hidden,
            cause=cause.sentence if cause else "",
            cause_name=cause.name if cause else "",
            next_step=next_step(row, kept == len(asked), hidden),
            traceback=stop.traceback if stop else "",
            printed=next((call.printed for call in student.calls if call.printed), ""),
        )
    )


def misused(row: Exercise, functions: tuple[Any, ...], names: tuple[str, ...]) -> str:
    """What is wrong with what was handed in, before anything is called; empty when nothing is."""
    if len(functions) != len(names):
        return say("too few", id=row.id, wanted=len(names), given=len(functions))
    for function in functions:
        if not callable(function):
            return say("not callable", id=row.id, function=row.function, given=type(function).__name__)
    return ""


def decided(claim: Claim, student: Student, everything: bool) -> Finding:
    """One claim on its own fresh problem; a gate, an exception or an unreadable answer is a claim not
    kept.
    """
    start = len(student.calls)
    generator = torch.Generator().manual_seed(zlib.crc32(f"{claim.name} {student.seed}".encode()))
    try:
        verdict = claim.decide(student, generator)
    except Refused as refused:
        verdict = refused.verdict
    except Stopped:
        verdict = Verdict(False, said=sentence_of_stop(student))
    except Exception as error:  # the student's answer has a form that the claim did not foresee
        if len(student.calls) == start:  # the fault is ours: nothing of the student's has run yet
            raise
        verdict = Verdict(
            False, said=say("unexpected", function=student.names[0], error=type(error).__name__)
        )
    said = "" if verdict.kept else verdict.said or claim.unless
    if everything and not claim.open:  # a hidden claim shows its sentence, never its data
        verdict = Verdict(verdict.kept)
    return Finding(claim.name, claim.sentence, claim.open, verdict, said)


def not_started(made: list[Call]) -> bool:
    """Whether a call met the stub: NotImplementedError, None or Ellipsis."""
    return any(call.stop.stub if call.stop else call.value is None or call.value is Ellipsis for call in made)


def stub(row: Exercise, hidden: int, call: Call) -> Score:
    nothing = call.stop is None and call.value is None
    return noted(row, hidden, say("nothing" if nothing else "stub", function=row.function))


def noted(row: Exercise, hidden: int, note: str) -> Score:
    """A score of 0 with one sentence instead of claims."""
    return Score(
        Judgement(
            row.id,
            row.title,
            f"{row.equation} in {row.source}",
            row.points,
            0.0,
            headline=f"0 / {row.points} points",
            hidden=hidden,
            note=note,
            next_step=say("next hint", id=row.id),
        )
    )


def sentence_of_stop(student: Student) -> str:
    """An exception in one sentence; the traceback is folded away below the claims."""
    call = student.calls[-1]
    if call.stop is None:  # nothing came back: the whole card will say so
        return ""
    error = f"{call.stop.kind}: {call.stop.message}" if call.stop.message else call.stop.kind
    name = student.names[call.of]
    if not call.stop.code:
        return say("error", function=name, error=error)
    return say("error line", function=name, error=error, line=call.stop.line, code=f"`{call.stop.code}`")


def next_step(row: Exercise, all_kept: bool, hidden: int) -> str:
    """What to do now: a hint, or the exercise that follows."""
    if not all_kept:
        return say("next hint", id=row.id)
    done = say("all kept open", more=hidden) if hidden else say("all kept")
    later = EXERCISES[EXERCISES.index(row) + 1 :][:1]
    if later and later[0].lesson == row.lesson:
        return f"{done} {say('next exercise', title=later[0].title, next_id=later[0].id)}"
    return f"{done} {say('next lesson')}"
