"""The class report in a terminal: the same figures in the same order."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from autograder.grader import clean
from autograder.grader.feedback import number_of
from autograder.grader.report.figures import Report

BAR = 20  # characters of the longest bar


def print_report(report: Report, console: Console) -> None:
    """Print the report. What came from students is printed as plain text, never as markup or commands."""

    def say(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), highlight=False)

    say(clean.line(report.title), "bold")
    of = f" of {report.expected}" if report.expected else ""
    say(
        f"{report.handed_in}{of} handed in · {report.graded} graded · {len(report.rejections)} rejected"
        + (f" · {len(report.missing)} missing" if report.expected else "")
    )
    if report.scores:
        say(
            f"points: mean {number_of(report.mean)}, median {number_of(report.median)}, from "
            f"{number_of(min(report.scores))} to {number_of(max(report.scores))} "
            f"of {number_of(report.points)}"
        )
        histogram(report, console)
    if report.teach_next:
        say("\nWhat to teach next", "bold")
        for number, claim in enumerate(report.teach_next, start=1):
            say(f" {number}. {claim.title}: {claim.sentence} ({claim.missed} of {claim.judged} missed it)")
    if report.parts:
        exercises(report, console)
        misconceptions(report, console)
        claims(report, console)
    if report.alike:
        say("\nSimilar answers", "bold")
        say(" Similar, not copied: people who work together write alike. Read both before you ask.")
        for pair in report.alike:
            names = f"{clean.line(pair.one)} and {clean.line(pair.other)}"
            say(f" {pair.share:4.0%}  {names}: {clean.line(', '.join(pair.exercises))}")
    listing(report, console)


def table(title: str, *columns: tuple[str, bool]) -> Table:
    made = Table(title=Text(f"\n{title}", style="bold"), title_justify="left", box=None, pad_edge=False)
    for name, number in columns:
        made.add_column(name, justify="right" if number else "left", overflow="fold")
    return made


def histogram(report: Report, console: Console) -> None:
    """Students by tenths of the points."""
    counts = [0] * 10
    for score in report.scores:
        counts[min(max(int(10 * score / (report.points or 1.0)), 0), 9)] += 1
    for at, count in enumerate(counts):
        bar = "█" * round(BAR * count / max(counts))
        row = f" {at * 10:3}-{(at + 1) * 10:3}%  {bar:{BAR}}  {count or ''}"
        console.print(Text(row.rstrip()), highlight=False)


def exercises(report: Report, console: Console) -> None:
    made = table(
        "Exercises", ("exercise", False), ("mean", True), ("full", True), ("some", True), ("none", True)
    )
    for part in report.parts:
        made.add_row(
            Text(part.title), f"{part.mean_share:.0%}", str(part.full), str(part.partial), str(part.zero)
        )
    console.print(made)


def misconceptions(report: Report, console: Console) -> None:
    made = table("What answers behave like", ("answers", True), ("exercise", False), ("likely cause", False))
    for part in report.parts:
        for cause in part.causes:
            made.add_row(f"{cause.count} of {cause.answers}", Text(part.title), Text(cause.sentence))
    if made.row_count:
        console.print(made)


def claims(report: Report, console: Console) -> None:
    made = table("Claims that were not kept", ("missed", True), ("exercise", False), ("claim", False))
    for part in report.parts:
        for claim in part.claims:
            if claim.missed:
                hidden = "" if claim.open else " (hidden)"
                made.add_row(
                    f"{claim.missed} of {claim.judged}", Text(part.title), Text(claim.sentence + hidden)
                )
    if made.row_count:
        console.print(made)


def listing(report: Report, console: Console) -> None:
    """Names: who was rejected and why, who is missing, what happened while grading."""
    named = (
        ("Rejected", [f"{one.student} ({one.file}): {one.reason}" for one in report.rejections]),
        ("Missing", list(report.missing)),
        ("Not on the roster", list(report.not_on_roster)),
        ("What happened while grading", [f"{student}: {sentence}" for student, sentence in report.notes]),
    )
    for title, rows in named:
        if rows:
            console.print(Text(f"\n{title}", style="bold"))
            for row in rows:
                console.print(Text(f" {clean.line(row, 600)}"), highlight=False)
