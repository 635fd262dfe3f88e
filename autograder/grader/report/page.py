"""The class report as one HTML file: no script, no request, pictures inside."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from autograder.card import rich
from autograder.files import write_whole
from autograder.grader import clean
from autograder.grader.feedback import environment, number_of, stylesheet
from autograder.grader.names import folder_name
from autograder.grader.report.charts import plot_parts, plot_scores, plot_times
from autograder.grader.report.figures import Report


def write_report(report: Report, folder: Path) -> Path:
    """Write `LESSON-report.html` into `folder`; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    made = report_page(report).encode("utf-8", "replace")
    return write_whole(
        folder / f"{folder_name(report.lesson)}-report.html", lambda part: part.write_bytes(made)
    )


def report_page(report: Report) -> str:
    """The whole report as HTML."""
    pictures = {}
    if report.scores:
        pictures = {"scores": plot_scores(report), "times": plot_times(report), "parts": plot_parts(report)}
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            css=stylesheet(),
            report=report,
            line=clean.line,
            rich=lambda sentence: Markup(rich(sentence)),
            number=number_of,
            percent=lambda share: f"{round(100 * share)}%",
            pictures={name: Markup(figure.to_html()) for name, figure in pictures.items()},
        )
    )
