"""The page that a student gets back: points on top, then the notebook as it was graded, a card at every test.

One file, no script, no request: whatever the notebook holds was made harmless (`clean`, `rendering`,
`outputs`), and the page's own policy forbids everything but its style and the pictures inside it. A hidden
claim shows its sentence, never code or data.
"""

from __future__ import annotations

import dataclasses
import math
from datetime import datetime
from functools import cache, lru_cache
from html import escape
from importlib import import_module
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from autograder.card import html_card
from autograder.exercises import EXERCISES, LESSONS
from autograder.files import write_whole
from autograder.grader import clean, rendering
from autograder.grader.names import folder_name
from autograder.grader.outputs import FULL, Room, show_outputs
from autograder.grader.records import Cell, Mark, Result
from autograder.judgement import Finding, Judgement, Verdict

TEMPLATES = Path(__file__).with_name("templates")
MOST_CELLS = 600
ONE_LINE = ("id", "title", "equation", "headline", "note", "cause", "next_step")  # of a judgement


@cache
def environment() -> Environment:
    """The project's templates: everything that is put into them is escaped."""
    return Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined)


def write_page(result: Result, folder: Path) -> Path:
    """Write `feedback/STUDENT/LESSON/LESSON.html` in `folder`, nbgrader's own place; return its path.

    A name that can't be a folder's is changed into one; the page itself shows the name as it came.
    """
    lesson = folder_name(result.lesson)
    path = folder / "feedback" / folder_name(result.student) / lesson / f"{lesson}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    made = page(result).encode("utf-8", "replace")
    return write_whole(path, lambda part: part.write_bytes(made))


def page(result: Result) -> str:
    """The whole page as HTML."""
    room, marks = Room(), {mark.id: (number, mark) for number, mark in enumerate(result.marks)}
    shown: set[str] = set()
    tested = {cell.exercise for cell in result.cells if cell.kind == "test"}
    cells = []
    for cell in result.cells[:MOST_CELLS]:
        quiz = cell.kind == "code" and cell.exercise not in tested
        here = marks.get(cell.exercise) if cell.kind == "test" or quiz else None
        here = None if cell.exercise in shown else here
        if here:
            shown.add(cell.exercise)
        cells.append(show_cell(cell, here, room))
    rest = [graded(number, mark) for number, mark in marks.values() if mark.id not in shown]
    return (
        environment()
        .get_template("feedback.html.j2")
        .render(
            css=stylesheet(),
            title=lesson_title(result.lesson),
            student=clean.line(result.student) or "no name",
            earned=number_of(result.earned),
            points=number_of(result.points),
            rows=[summary_row(number, mark) for number, mark in enumerate(result.marks) if mark.points],
            notes=[clean.line(sentence, 600) for sentence in result.notes[:100]],
            received=when(result.received),
            level=clean.line(result.level),
            cells=Markup("\n".join(cells)),
            rest=Markup("\n".join(rest)),
            cut=max(len(result.cells) - MOST_CELLS, 0),
        )
    )


@cache
def stylesheet() -> Markup:
    return Markup((TEMPLATES / "page.css").read_text(encoding="utf-8"))


def lesson_title(name: str) -> str:
    """A lesson's number and title; its name where there is none of that name."""
    row = next((lesson for lesson in LESSONS if lesson.name == name), None)
    return f"Lesson {row.number}: {row.title}" if row else clean.line(name) or "Unknown lesson"


def title_of(id: str, judgement: Judgement | None = None) -> str:
    """An exercise's title, else its quiz's, else its id."""
    row = next((exercise for exercise in EXERCISES if exercise.id == id), None)
    return row.title if row else clean.line(judgement.title if judgement else "") or clean.line(id)


def number_of(x: float) -> str:
    """Points in the shortest form: 3, 2.5, 1.67."""
    return f"{x:.2f}".rstrip("0").rstrip(".") if math.isfinite(x) else "0"


def summary_row(number: int, mark: Mark) -> dict[str, Any]:
    share = mark.earned / mark.points if mark.points > 0 and math.isfinite(mark.earned) else 0.0
    share = min(max(share, 0.0), 1.0)
    return {
        "link": f"#mark-{number}",
        "id": clean.line(mark.id),
        "title": title_of(mark.id, mark.judgement),
        "earned": number_of(mark.earned),
        "points": number_of(mark.points),
        "share": round(100 * share),
        "word": "full points" if share == 1 else "some points" if share else "no points",
    }


def when(received: str) -> str:
    """A date as a person writes it; as it came where it is none."""
    try:
        moment = datetime.fromisoformat(received)
    except ValueError:
        return clean.line(received)
    zone = f" ({moment.tzname()})" if moment.tzname() else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def show_cell(cell: Cell, mark: tuple[int, Mark] | None, room: Room) -> str:
    """One cell as HTML; at a test cell the card, and nothing of what the hidden tests wrote."""
    if room.full:
        return ""
    if cell.kind == "markdown":
        shown = rendering.markdown(clean.joined(cell.source))
        return f'<div class="words">{shown}</div>' if room.take(shown) else FULL
    source = clean.joined(cell.source)
    paint = rendering.painted if cell.kind == "solution" else rendering.code  # no two answers are alike
    shown = paint(without_hidden(source) if cell.kind == "test" else source)
    label = {"solution": "Your answer", "test": "Check"}.get(cell.kind, "Code")
    code = f'<pre class="code" aria-label="{label}"><code>{shown}</code></pre>' if shown.strip() else ""
    if not room.take(code):
        code = FULL
    tail = "" if cell.kind == "test" else show_outputs(cell.outputs, room)
    tail += graded(*mark) if mark else ""
    kind = cell.kind if cell.kind in ("solution", "test") else "plain"
    tag = '<p class="label">Your answer</p>' if kind == "solution" else ""
    return f'<div class="cell {kind}">{tag}{code}{tail}</div>'


def without_hidden(source: str) -> str:
    """A test cell's code without its hidden tests."""
    kept, inside = [], False
    for row in source.splitlines():
        if "BEGIN HIDDEN TESTS" in row:
            inside = True
        elif "END HIDDEN TESTS" in row:
            inside = False
        elif not inside:
            kept.append(row)
    return "\n".join(kept).strip()


def graded(number: int, mark: Mark) -> str:
    """The points of one exercise and the card that explains them."""
    title = title_of(mark.id, mark.judgement)
    head = f"Graded: {title}" if mark.points else f"For yourself: {title}"
    points = f"{number_of(mark.earned)} of {number_of(mark.points)} points" if mark.points else ""
    if mark.judgement is None:
        card = '<p class="note">This part was not judged; the notes on top say why.</p>'
    else:
        card = clean.UNREADABLE.sub("\ufffd", html_card(sentences_only(mark.judgement))).replace(
            "\x1b", "\ufffd"
        )
    title = f'<h3>{escape(head)} <span class="points">{points}</span></h3>'
    back = '<p class="back"><a href="#points">Back to all points</a></p>'
    return f'<section class="graded" id="mark-{number}">{title}{card}{back}</section>'


def sentences_only(judgement: Judgement) -> Judgement:
    """A judgement without anything that could tell a hidden problem: its values, messages, prints and errors.

    The error's place stays where an open claim met it first; what was printed could come from any call.
    """
    hidden = any(not finding.open for finding in judgement.findings)
    lines: dict[str, Any] = {name: clean.line(getattr(judgement, name), 600) for name in ONE_LINE}
    return dataclasses.replace(
        judgement,
        findings=tuple(shown(judgement.id, finding) for finding in judgement.findings),
        **lines,
        words=(clean.line(judgement.words[0], 30), clean.line(judgement.words[1], 30)),
        printed="" if hidden else clean.text(judgement.printed),
        traceback=clean.text(judgement.traceback) if open_error(judgement.findings) else "",
    )


def shown(id: str, finding: Finding) -> Finding:
    """A finding as a student may see it; `said` of a hidden one only if it is the course's own sentence."""
    verdict, said, sentence = finding.verdict, finding.said, clean.line(finding.sentence, 2000)
    if finding.open:
        said = clean.text(said, 2000)
        verdict = dataclasses.replace(
            verdict,
            yours=clean.text(verdict.yours, 1000),
            expected=clean.text(verdict.expected, 1000),
            said="",
        )
        return dataclasses.replace(finding, sentence=sentence, verdict=verdict, said=said)
    said = said if said == own_sentences(id).get(finding.name) else ""
    return dataclasses.replace(finding, sentence=sentence, verdict=Verdict(verdict.kept), said=said)


def open_error(findings: tuple[Finding, ...]) -> bool:
    """Whether the first error in a function was met by an open claim."""
    for finding in findings:
        if not finding.kept and not finding.open:
            return False
        if not finding.kept and " stopped with " in finding.said:
            return True
    return not any(not finding.open for finding in findings)


@lru_cache(maxsize=256)
def own_sentences(id: str) -> dict[str, str]:
    """What the course itself says where a claim of that exercise fails, by the claim's name."""
    if all(exercise.id != id for exercise in EXERCISES):
        return {}
    return {claim.name: claim.unless for claim in import_module(f"autograder.lessons.{id}").CLAIMS}
