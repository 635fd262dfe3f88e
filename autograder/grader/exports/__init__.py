"""Grades in the forms that other systems read, under `out/exports/LESSON/`: one module per form.

In every form, who handed in nothing has an empty cell (never a zero) or is left out where a form knows no
empty cell; whose file was rejected has an empty cell, too, and the reason wherever the form has room for
it: `grades.json` and `questions.csv` (status), `moodle.csv` (feedback), `junit.xml` (error),
`results.json`. Canvas has no room. `canvas.csv` and `moodle.csv` leave out who is not on the roster.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from autograder.grader.exports.canvas import write_canvas
from autograder.grader.exports.entries import entries_of
from autograder.grader.exports.gradescope import write_gradescope
from autograder.grader.exports.junit import write_junit
from autograder.grader.exports.moodle import write_moodle
from autograder.grader.exports.nbgrader_csv import write_nbgrader
from autograder.grader.exports.questions import write_questions
from autograder.grader.names import folder_name
from autograder.grader.records import Rejection, Result
from autograder.grader.roster import Roster


def write_exports(
    out: Path,
    lesson: str,
    results: Iterable[Result],
    rejections: Iterable[Rejection],
    roster: Roster | None = None,
) -> list[Path]:
    """Write all forms; the files written.

    Scores are the gradebook's where it has them: with manual grades, after penalties.
    nbgrader's own CSV is written where there is a gradebook, so `gradebook.fill` comes first.
    """
    entries = entries_of(out, lesson, results, rejections, roster)
    folder = out / "exports" / folder_name(lesson)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    files = [write_canvas(folder, lesson, entries), write_moodle(folder, lesson, entries)]
    files += write_questions(folder, lesson, entries)
    files += [write_junit(folder, lesson, entries)]
    files += write_gradescope(folder, lesson, entries)
    if (out / "gradebook.db").is_file():
        files += [write_nbgrader(folder, out, lesson, entries)]
    return files
