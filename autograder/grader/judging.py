"""Grade one submission: its cells run in the sandbox, its functions are judged out here.

A fault costs its own question. When a cell or a call ends the sandbox, a new one runs the cells before it
once more, without the one at fault, and the next question goes on there. While an exercise is judged, no
reference of the lesson is in the sandbox; where an answer asks for the reference of another exercise, which
is allowed, it is judged once more with only its own one gone. That is done last: one notebook never has two
sandboxes at a time, or the one could hand over references to the other.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from autograder import quizzes
from autograder.calls import StoppedElsewhere
from autograder.checks import grade, noted
from autograder.exercises import exercise
from autograder.grader.inside.masks import SAID
from autograder.grader.normalise import Plan, Step, Test, steps
from autograder.grader.records import Cell, Mark, Result, Submission
from autograder.grader.redacted import hidden_for
from autograder.grader.session import TOO_LONG, Gone, Session
from autograder.grader.student import StudentFunction
from autograder.grader.view import SandboxError
from autograder.grader.zygotes import Zygote
from autograder.sentences import say

RESTARTS = 6  # sandboxes that one submission may use up


def key_of(submission: Submission, plan: Plan, seed: int, course: str) -> str:
    """Names all that a result depends on; `course` is the digest of checks and library."""
    notebook = json.dumps(submission.notebook, sort_keys=True, default=str)
    files = [hashlib.sha256(content).hexdigest() for _, content in sorted(submission.files.items())]
    parts = [submission.student, notebook, *sorted(submission.files), *files, plan.digest, str(seed), course]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def judge(submission: Submission, plan: Plan, zygote: Zygote, seed: int = 1, key: str = "") -> Result:
    """Run and judge a submission; never raises for anything that is the student's."""
    began, cpu = time.monotonic(), time.process_time()
    todo, notes = steps(plan, submission)
    book = Notebook(submission, plan, todo, zygote)
    cells: list[Cell] = []
    marks: list[Mark] = []
    again: list[tuple[int, int]] = []  # (number of the mark, place)
    for place, step in enumerate(todo):
        cell = step.cell
        if step.run:
            cell = replace(cell, outputs=tuple(book.run(place)))
        cells.append(cell)
        if step.test is not None:
            marks.append(judged(book, place, step.test, seed))
            if asked_for_another(marks[-1]) and set(masks_of(step.test)) != set(book.masks):
                again.append((len(marks) - 1, place))
    book.close()
    if book.unrun:
        notes.append(f"{book.unrun} cells did not run: the notebook had used up its time or its sandboxes.")
    for number, place in again:
        marks[number] = judged_with_others(book, place, marks[number], seed)
    return Result(
        student=submission.student,
        lesson=plan.lesson,
        key=key,
        marks=tuple(marks),
        cells=tuple(cells),
        notes=(*notes, *book.notes),
        received=submission.received,
        level=zygote.level,
        seed=seed,
        seconds=time.monotonic() - began,
        cpu=time.process_time() - cpu + book.cpu,
    )


class UsedUp(Gone):
    """There is no sandbox any more for the rest of a notebook."""


class Notebook:
    """The cells of one submission and the sandbox that they run in, renewed when one of them has ended it."""

    def __init__(self, submission: Submission, plan: Plan, todo: Sequence[Step], zygote: Zygote) -> None:
        self.submission, self.plan, self.todo, self.zygote = submission, plan, todo, zygote
        self.masks = [mask for test in plan.tests.values() for mask in masks_of(test)]
        self.broken: set[int] = set()  # cells that ended a sandbox
        self.notes: list[str] = []
        self.unrun = 0  # cells that had no sandbox any more
        self.cpu = 0.0
        self.left = RESTARTS
        self.ends_at = time.monotonic() + zygote.limits.notebook
        self.session: Session | None = None

    def run(self, place: int) -> list[dict[str, Any]]:
        """The outputs of a cell that is to run."""
        try:
            return self.at(place).run(self.todo[place].cell.source)[0]
        except UsedUp:
            self.unrun += 1
        except Gone as gone:
            self.fault(place, gone)
        except StoppedElsewhere as stopped:
            said, late = stopped.stop.message, stopped.stop.kind == TOO_LONG
            came = f"{said} and was stopped" if late else f"gave no output: {said}"
            self.notes.append(f"Cell {place + 1} {came}.")
        return []

    def fault(self, place: int, gone: Gone) -> None:
        """A cell has ended the sandbox: it does not run again."""
        self.broken.add(place)
        self.notes.append(f"Cell {place + 1} was stopped: {gone}.")

    def at(self, place: int) -> Session:
        """The sandbox in which all cells before this one have run. Raises Gone where there can be none."""
        if self.session is None or self.session.gone:
            self.close()
            self.session = self.reopened(place, self.masks)
        return self.session

    def reopened(self, place: int, masks: Sequence[tuple[str, str]]) -> Session:
        """A new sandbox without these references, brought to the place in the notebook."""
        while self.left and time.monotonic() < self.ends_at:
            self.left -= 1
            session = self.zygote.open(masks, self.submission.files)
            session.ends_at = self.ends_at
            there = False
            try:
                there = self.brought_to(place, session)
            finally:
                if not there:
                    self.ended(session)
            if there:
                return session
        raise UsedUp("the notebook had used up its time, or ended its sandbox too often, before this cell")

    def brought_to(self, place: int, session: Session) -> bool:
        """Run all cells before this one; False when one ends the sandbox."""
        for source in self.plan.prelude:
            session.run(source, patient=True)
        for before in range(place):
            if not self.todo[before].run or before in self.broken:
                continue
            try:
                session.run(self.todo[before].cell.source)
            except Gone as gone:
                self.fault(before, gone)
                return False
            except StoppedElsewhere:
                self.broken.add(before)
        return True

    def ended(self, session: Session) -> None:
        used = session.end("").get("cpu")
        self.cpu += used if isinstance(used, float) else 0.0

    def close(self) -> None:
        if self.session is not None:
            self.ended(self.session)
            self.session = None


def masks_of(test: Test) -> list[tuple[str, str]]:
    """The references that answer a test's exercise."""
    return [] if test.quiz else hidden_for(exercise(test.id))


def judged(book: Notebook, place: int, test: Test, seed: int) -> Mark:
    """The mark of a test, whatever happens."""
    began = time.monotonic()
    try:
        session = book.at(place + 1 if test.quiz else place)
        mark = quiz_mark(session, test) if test.quiz else exercise_mark(session, test, seed)
    except Gone as gone:
        mark = unjudged(test, f"Not judged: {gone}.")
    except StoppedElsewhere as stopped:
        mark = unjudged(test, f"Not judged: {stopped.stop.message}.")
    except SandboxError:
        raise
    except Exception as error:  # the grader's own fault, which this answer has found: nobody else pays for it
        book.close()
        book.notes.append(failed(test, error))
        mark = unjudged(test, "Not judged: the grader failed on this answer.")
    return replace(mark, seconds=time.monotonic() - began)


def failed(test: Test, error: Exception) -> str:
    """The note of a question whose judging itself failed."""
    return f"Judging {test.id} failed ({type(error).__name__}): it has to be graded by hand."


def unjudged(test: Test, said: str) -> Mark:
    """No points, and why."""
    return Mark(test.id, 0.0, test.points, sentence(test, said))


def judged_with_others(book: Notebook, place: int, first: Mark, seed: int) -> Mark:
    """The mark in a sandbox where only the exercise's own reference is gone; the first one if that can't be
    had.
    """
    test = book.todo[place].test
    if test is None:
        return first
    book.left += 1  # this one is for the grader's sake
    book.session = None
    try:
        book.session = book.reopened(place, masks_of(test))
        mark = exercise_mark(book.session, test, seed)
    except (Gone, StoppedElsewhere):
        return first
    except SandboxError:
        raise
    except Exception as error:
        book.notes.append(failed(test, error))
        return first
    finally:
        book.close()
    return replace(mark, seconds=first.seconds)


def exercise_mark(session: Session, test: Test, seed: int) -> Mark:
    kinds = dict(zip(test.names, session.kinds(test.names), strict=True))
    for name, kind in kinds.items():
        if kind != "function":
            said = (
                say("missing function", name=name)
                if kind == "missing"
                else say("not callable", id=test.id, function=name, given=kind)
            )
            return Mark(test.id, 0.0, test.points, sentence(test, said))
    score = grade(test.id, *(StudentFunction(session, name) for name in test.names), seed=seed)
    return Mark(test.id, float(score), test.points, score.judgement)


def quiz_mark(session: Session, test: Test) -> Mark:
    """The points of the answers that stand in the notebook."""
    given = session.value(test.names[0])
    pairs = given.items() if isinstance(given, dict) else ()
    answers = {name: letter for name, letter in pairs if isinstance(name, str) and isinstance(letter, str)}
    score = quizzes.grade_quiz(test.id, answers)
    return Mark(test.id, float(score) if test.points else 0.0, test.points, score.judgement)


def sentence(test: Test, said: str) -> Any:
    """A judgement of no points with one sentence."""
    if test.quiz:
        return replace(quizzes.grade_quiz(test.id, {}).judgement, note=said)
    return noted(exercise(test.id), 0, said).judgement


def asked_for_another(mark: Mark) -> bool:
    """Whether the answer ran into a reference that is hidden for the sake of another exercise."""
    if mark.judgement is None or mark.earned >= mark.points:
        return False
    texts = [mark.judgement.traceback, *(finding.said for finding in mark.judgement.findings)]
    return any(SAID in text for text in texts)
