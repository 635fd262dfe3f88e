"""Grade a class: take in, grade what is not graded yet, write down as it comes.

`out` holds everything: `results/` (what the grader found, the one source of the rest), nbgrader's
`gradebook.db` with `submitted/` and `autograded/`, `feedback/`, `exports/`, and the class report. A run that
was killed goes on where it was: a result counts for as long as the notebook, the lesson, the checks and the
seed are what they were.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import autograder
import edu_edit
from autograder.grader import gradebook
from autograder.grader.exports import write_exports
from autograder.grader.feedback import write_page
from autograder.grader.intake import take_in
from autograder.grader.judging import key_of
from autograder.grader.ledger import Ledger, Results
from autograder.grader.plan import Plan, plan_of
from autograder.grader.pool import Job, grade_all, grade_on_cluster
from autograder.grader.records import Rejection, Result, Submission
from autograder.grader.report import class_report, write_report
from autograder.grader.report.figures import Report
from autograder.grader.roster import Roster
from autograder.grader.session import Limits
from autograder.nbgrader_config import ROOT

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Settings:
    """How a class is graded.

    level: "bubblewrap", "landlock", or "none" for notebooks that you would open yourself; seed: of the
    problems, the same for all; scheduler: address of a Dask cluster ("" = processes here); due and late:
    nbgrader's penalties; regrade: students whose results are made anew.
    """

    level: str = "bubblewrap"
    seed: int = 1
    workers: int = 2
    scheduler: str = ""
    due: datetime | None = None
    late: str = "none"
    roster: Roster | None = None
    regrade: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Graded:
    """A graded class: results and rejections, the report, and how many results had been there already."""

    results: list[Result]
    rejections: list[Rejection]
    report: Report
    known: int


def grade_class(
    lesson: str, paths: Iterable[Path], out: Path, settings: Settings, progress: Progress | None = None
) -> Graded:
    """Grade all notebooks of a lesson under the given paths; see the module.

    progress(done, total, student) is called after each. Raises PlanError for a lesson that can't be graded,
    LedgerBusy while another run writes to `out`, and SandboxError where no sandbox of that level can be
    started.
    """
    plan = plan_of_lesson(lesson)
    with Ledger(out) as ledger, waiting_room(out) as waiting:
        known: list[str] = []
        todo: list[tuple[Path, str]] = []  # submissions wait on the disk: a class may not fit into memory

        def take(submission: Submission) -> None:
            gradebook.keep_submission(out, submission)
            key = key_of(submission, plan, settings.seed, course_digest())
            if submission.student not in settings.regrade and ledger.find(submission.student, lesson, key):
                known.append(submission.student)
                return
            todo.append((waiting / str(len(todo)), key))
            todo[-1][0].write_bytes(pickle.dumps(submission))

        def jobs() -> Iterator[Job]:
            for path, key in todo:
                submission = pickle.loads(path.read_bytes())
                path.unlink()
                yield Job(submission, plan, settings.seed, key, settings.level, settings.limits)

        rejections = take_in(paths, lesson, take, without=out)
        ledger.reject(lesson, rejections)
        graded = (
            grade_on_cluster(jobs(), settings.scheduler)
            if settings.scheduler
            else grade_all(jobs(), min(settings.workers, max(len(todo), 1)))
        )
        for number, result in enumerate(graded, start=len(known) + 1):
            write_page(result, out)
            ledger.add(result)
            if progress is not None:
                progress(number, len(known) + len(todo), result.student)
        return write_down(lesson, ledger.results(lesson), rejections, out, settings, len(known))


@contextmanager
def waiting_room(out: Path) -> Iterator[Path]:
    """A folder for this run only; one that a killed run has left is removed."""
    for left in out.glob(".waiting-*"):
        shutil.rmtree(left, ignore_errors=True)
    with TemporaryDirectory(prefix=".waiting-", dir=out) as room:
        yield Path(room)


def write_down(
    lesson: str,
    whole: Results,
    rejections: Sequence[Rejection],
    out: Path,
    settings: Settings,
    known: int,
) -> Graded:
    """Gradebook, exports and class report of a lesson, made from the results."""
    gradebook.fill(out, lesson, whole, due=settings.due, late=settings.late, roster=settings.roster)
    results = [result.slim() for result in whole]
    write_exports(out, lesson, results, rejections, settings.roster)
    report = class_report(lesson, results, rejections, expected(settings.roster, results, rejections))
    write_report(report, out)
    return Graded(results, list(rejections), report, known)


def expected(
    roster: Roster | None, results: Sequence[Result], rejections: Sequence[Rejection]
) -> list[str] | None:
    """Everyone on the roster, by the name that they handed in under where they did."""
    if roster is None:
        return None
    came = dict.fromkeys([*(result.student for result in results), *(one.student for one in rejections)])
    return [name for name in came if roster.person(name)] + [
        person.student for person in roster.missing(came)
    ]


def plan_of_lesson(lesson: str) -> Plan:
    """The plan of a lesson, from the instructor's notebook in the clone."""
    path = ROOT / "solutions" / lesson / f"{lesson}.ipynb"
    return plan_of(lesson, json.loads(path.read_text(encoding="utf-8")))


@cache
def course_digest() -> str:
    """Changes with every change of checks and library."""
    digest = hashlib.sha256()
    for module in (autograder, edu_edit):
        folder = Path(module.__path__[0])
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.toml")]):
            digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()
