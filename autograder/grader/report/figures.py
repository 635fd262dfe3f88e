"""What a class did, as plain figures: counted from results, drawn and printed elsewhere."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import mean, median

from autograder.exercises import EXERCISES
from autograder.grader import clean
from autograder.grader.feedback import lesson_title, title_of
from autograder.grader.records import Mark, Rejection, Result
from autograder.grader.report.similar import Pair, similar
from autograder.quizzes import find_quiz
from autograder.stubs import stub


@dataclass(frozen=True)
class Missed:
    """A claim, and how many of those whose answer could be judged did not keep it."""

    exercise: str
    title: str
    sentence: str
    open: bool
    missed: int
    judged: int

    @property
    def share(self) -> float:
        return self.missed / self.judged if self.judged else 0.0


@dataclass(frozen=True)
class Cause:
    """A misconception, and how many answers behave like it."""

    exercise: str
    name: str
    sentence: str
    count: int
    answers: int


@dataclass(frozen=True)
class Part:
    """One exercise or quiz: how the class did."""

    id: str
    title: str
    points: float
    mean_share: float
    full: int
    partial: int
    zero: int
    not_judged: int  # of the zeros: not started, or nothing that could be called
    claims: tuple[Missed, ...]
    causes: tuple[Cause, ...]
    unexplained: int  # answers that lost points and behave like no known misconception

    @property
    def answers(self) -> int:
        return self.full + self.partial + self.zero


@dataclass(frozen=True)
class Report:
    """A class and a lesson. `expected` is the size of the roster, 0 where there is none; `teach_next` holds
    the most missed claim of each of up to three exercises, the most missed first.
    """

    lesson: str
    title: str
    expected: int
    handed_in: int
    graded: int
    rejections: tuple[Rejection, ...]
    missing: tuple[str, ...]
    not_on_roster: tuple[str, ...]
    points: float
    scores: tuple[float, ...]
    seconds: tuple[float, ...]
    parts: tuple[Part, ...]
    teach_next: tuple[Missed, ...]
    alike: tuple[Pair, ...]
    notes: tuple[tuple[str, str], ...]  # (student, sentence)
    levels: tuple[tuple[str, int], ...]

    @property
    def mean(self) -> float:
        return mean(self.scores) if self.scores else 0.0

    @property
    def median(self) -> float:
        return median(self.scores) if self.scores else 0.0


def class_report(
    lesson: str,
    results: Iterable[Result],
    rejections: Iterable[Rejection] = (),
    roster: Iterable[str] | None = None,
    threshold: float = 0.7,
) -> Report:
    """Count what a class did in one lesson; results of other lessons are left out.

    `roster` holds student ids; `threshold` is the share from which two answers count as similar.
    """
    rows = [row for row in results if row.lesson == lesson]
    refused = tuple(rejections)
    came = {row.student for row in rows} | {one.student for one in refused}
    expected = list(dict.fromkeys(roster)) if roster is not None else []
    parts = tuple(part_of(id, rows) for id in ids_in_order(rows))
    worst = [max(part.claims, key=lambda claim: claim.missed) for part in parts if part.claims]
    return Report(
        lesson=lesson,
        title=lesson_title(lesson),
        expected=len(expected),
        handed_in=len(came),
        graded=len({row.student for row in rows}),
        rejections=refused,
        missing=tuple(student for student in expected if student not in came),
        not_on_roster=tuple(sorted(came - set(expected))) if expected else (),
        points=max((finite(row.points) for row in rows), default=0.0),
        scores=tuple(finite(row.earned) for row in rows),
        seconds=tuple(finite(row.seconds) for row in rows),
        parts=parts,
        teach_next=tuple(sorted(filter(missed, worst), key=lambda claim: -claim.missed)[:3]),
        alike=similar(rows, threshold, given_code(lesson)),
        notes=tuple((row.student, sentence) for row in rows for sentence in row.notes),
        levels=tuple(Counter(row.level or "not known" for row in rows).most_common()),
    )


def missed(claim: Missed) -> bool:
    return claim.missed > 0


def finite(x: float) -> float:
    return float(x) if math.isfinite(x) else 0.0


def ids_in_order(results: Sequence[Result]) -> list[str]:
    """All ids that bring points, in the order of the notebook that has most of them; quizzes bring none."""
    longest = max((row.marks for row in results), key=len, default=())
    marks = [*longest, *(mark for row in results for mark in row.marks)]
    return list(dict.fromkeys(mark.id for mark in marks if mark.points))


def given_code(lesson: str) -> dict[str, str]:
    """The stub of every exercise of a lesson: what every student was given."""
    return {row.id: stub(row.id) for row in EXERCISES if row.lesson == lesson}


def part_of(id: str, results: Sequence[Result]) -> Part:
    """One exercise, counted over all results."""
    marks = [mark for row in results for mark in row.marks if mark.id == id]
    shares = [share_of(mark) for mark in marks]
    first = next((mark.judgement for mark in marks if mark.judgement), None)
    title = title_of(id, first)
    causes = Counter(m.judgement.cause_name for m in marks if m.judgement and m.judgement.cause_name)
    said = {m.judgement.cause_name: m.judgement.cause for m in marks if m.judgement}
    lost = [
        m
        for m, share in zip(marks, shares, strict=True)
        if share < 1 and m.judgement and m.judgement.findings
    ]
    return Part(
        id=id,
        title=title,
        points=max((finite(mark.points) for mark in marks), default=0.0),
        mean_share=mean(shares) if shares else 0.0,
        full=sum(share == 1 for share in shares),
        partial=sum(0 < share < 1 for share in shares),
        zero=sum(share == 0 for share in shares),
        not_judged=sum(not (m.judgement and m.judgement.findings) for m in marks),
        claims=claims_of(id, title, marks),
        causes=tuple(
            Cause(id, name, clean.line(said[name], 600), count, len(marks))
            for name, count in causes.most_common()
        ),
        unexplained=sum(not (m.judgement and m.judgement.cause_name) for m in lost),
    )


def share_of(mark: Mark) -> float:
    return min(max(finite(mark.earned) / mark.points, 0.0), 1.0) if mark.points > 0 else 0.0


def claims_of(id: str, title: str, marks: Sequence[Mark]) -> tuple[Missed, ...]:
    """Every claim with how many missed it, in the order of the check."""
    findings = [finding for mark in marks if mark.judgement for finding in mark.judgement.findings]
    asked = Counter(finding.name for finding in findings)
    failed = Counter(finding.name for finding in findings if not finding.kept)
    sentences = questions(id)
    rows: dict[str, Missed] = {}
    for finding in findings:
        sentence = sentences.get(finding.name, finding.sentence)
        rows.setdefault(
            finding.name,
            Missed(
                id, title, clean.line(sentence, 600), finding.open, failed[finding.name], asked[finding.name]
            ),
        )
    return tuple(rows.values())


def questions(id: str) -> dict[str, str]:
    """The questions of a quiz by name; nothing for an exercise, whose claims say themselves."""
    try:
        return {question.name: question.text for question in find_quiz(id).questions}
    except KeyError:
        return {}
