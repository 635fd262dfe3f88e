"""Lesson 12's closing widget: your table 5.2 beside the book's, rates with intervals, and scenario cards."""

import html
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from matplotlib.colors import to_hex

from edu_edit.compare.levels import BOOK, Measured, Row, table_5_2
from edu_edit.compare.measured import measured_courses
from edu_edit.compare.recorded import recorded, recorded_measured, recorded_rates
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.figure import WIDTH, AltFigure, styled
from edu_edit.show.scenarios import SCENARIOS, Scenario, fitting, verdicts
from edu_edit.show.status import twin_bundle
from edu_edit.show.table_figures import (
    COLUMNS,
    NONE,
    OTHER,
    PROPERTIES,
    SAME,
    agreement,
    describe_table,
    draw_intervals,
    draw_table,
)

Table = Callable[[Sequence[Measured]], list[Row]]
SIGNS = {True: "✓ yes", False: "✗ no", None: "– not tested"}


class TableExplorer:
    """Which methods, which property as dots, which task, which choice: all is known and shown at once."""

    def __init__(self, name: str, table: Table) -> None:
        self.name, self.rows = name, {k: row for k, row in recorded(name).items() if k != "no edit"}
        self.courses = measured_courses(name)
        self.rates = {method: recorded_rates(row) for method, row in self.rows.items()}
        self.table = table(list(map(recorded_measured, self.rows.values())))
        self.which = toggles([("the book's methods", True), ("all methods", False)])
        self.metric = toggles([(metric, metric) for metric in PROPERTIES])
        self.scenario = toggles([(one.name, one) for one in SCENARIOS])
        self.choice = widgets.Dropdown(
            options=list(self.rows), value="ROME", description="Your choice", **LINE
        )
        self.cells, self.dots, self.card = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.drawn = {
            (metric, books): self._dots(metric, books).to_html()
            for metric in PROPERTIES
            for books in (True, False)
        }
        self.view = widgets.VBox(
            [named("Table", self.which), self.cells, named("Dots", self.metric), self.dots,
             named("Task", self.scenario), self.choice, self.card]
        )  # fmt: skip
        for control in (self.which, self.metric, self.scenario, self.choice):
            control.observe(lambda _: self._show(), names="value")
        self._show()

    def shown(self) -> list[Row]:
        """The rows that are shown."""
        return [row for row in self.table if row.method in BOOK or not self.which.value]

    def explained(self) -> str:
        """What the choice means for the task, in words."""
        task: Scenario = self.scenario.value
        course = self.courses.get(self.choice.value)
        told = " ".join(
            f"{need}: {SIGNS[holds]} ({why})."
            for need, holds, why in verdicts(task, self.rows[self.choice.value], course)
        )
        found, gaps = fitting(task, self.rows, self.courses)
        fits = ", ".join(found) or "none"
        if gaps:
            fits += f"; {gaps} more {'fails' if gaps == 1 else 'fail'} no need, but not all was tested"
        return f"{task.story} You choose {self.choice.value}. {told} Methods that meet every need: {fits}."

    def text(self) -> str:
        """All of it in words."""
        return f"{describe_table(self.shown(), f'Table 5.2 on {self.name}')} {self.explained()}"

    @styled
    def static(self) -> AltFigure:
        """The table above, the dots of the chosen property below."""
        rows = self.shown()
        heights = [0.9 + 0.3 * len(rows), 1.0 + 0.24 * len(rows)]
        fig = AltFigure(WIDTH + 1, sum(heights))
        top, bottom = fig.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
        draw_table(top, rows, f"Table 5.2 on {self.name}:  ours  =/≠  the book's")
        self._draw_dots(bottom.add_subplot(), self.metric.value, [row.method for row in rows])
        fig.alt = self.text()
        return fig

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _draw_dots(self, ax: Any, metric: str, methods: Sequence[str]) -> None:
        known = {method: self.rates[method][metric] for method in methods if metric in self.rates[method]}
        draw_intervals(ax, known, list(methods))
        n = next(iter(known.values())).n
        ax.set_title(f"{metric}, each fact edited alone   (line: 95 % interval, {n} facts)", fontsize=10)

    @styled
    def _dots(self, metric: str, books: bool) -> AltFigure:
        methods = [method for method in self.rows if method in BOOK or not books]
        fig = AltFigure(WIDTH, 0.9 + 0.24 * len(methods))
        self._draw_dots(fig.add_subplot(), metric, methods)
        fig.alt = f"{metric} with intervals. " + " ".join(f"{m}: {self.rates[m][metric]}." for m in methods)
        return fig

    def _show(self) -> None:
        head = "".join(f'<th scope="col">{c}</th>' for c in ("method", *COLUMNS, "seconds", "bytes"))
        body = "".join(self._row(row) for row in self.shown())
        caption = (
            "In each cell: ours, then the book's. = agree, ≠ disagree; nothing where one was not tested."
        )
        self.cells.value = (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )
        self.dots.value = self.drawn[self.metric.value, self.which.value]
        self.card.value = spoken(self.explained())

    def _row(self, row: Row) -> str:
        book = BOOK.get(row.method)
        cells = ""
        for i, same in enumerate(agreement(row, book)):
            colour, sign = NONE if same is None else SAME if same else OTHER
            text = f"{row[1 + i]} {sign or '|'} {book[1 + i]}" if book else row[1 + i]
            cells += f'<td style="background:{to_hex(colour)};color:black;text-align:center">{text}</td>'
        return (
            f'<tr><th scope="row">{html.escape(row.method)}</th>{cells}<td>{row.seconds}</td>'
            f"<td>{row.bytes}</td></tr>"
        )


def your_table(name: str, table: Table = table_5_2) -> TableExplorer:
    """Lesson 12's closing widget, for a bundled model's name. table: your own `table_5_2` may write it.

    Raises ValueError where no comparison was recorded on that model.
    """
    return TableExplorer(name, table)
