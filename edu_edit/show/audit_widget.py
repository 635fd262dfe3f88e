"""Lesson 13's closing widget: the audit sheet of one intervention at one strength."""

import html
from typing import Any

import ipywidgets as widgets

from edu_edit.lm import LM
from edu_edit.show.audit_figures import HEADINGS, UNDO, plot_audit
from edu_edit.show.controls import named, toggles
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.status import Status, twin_bundle
from edu_edit.uses.sheets import PARTS, Intervention, Sheet, interventions, saved_sheets, sheet


class AuditSheet:
    """Choose an intervention and its strength: the sheet appears at once where it was measured before.

    The sheets of a bundled model lie beside its weights. Others are measured by the button, and then kept.
    """

    def __init__(self, lm: LM, cases: dict[str, Intervention], known: dict[tuple[str, str], Sheet]) -> None:
        self.lm, self.cases = lm, cases
        self.sheets = {key: one for key, one in known.items() if key[0] in cases}
        self.what = toggles([(name, name) for name in cases])
        names = self._strengths()
        self.strength = toggles([(name, name) for name in names])
        self.strength.value = names[len(names) // 2]
        self.go = widgets.Button(
            button_style="primary", layout={"width": "auto"}, description="Measure it (half a minute or more)"
        )
        self.status, self.table = Status(), widgets.HTML()
        rows = [named("Intervention", self.what), named("Strength", self.strength)]
        self.view = widgets.VBox([*rows, self.go, self.status.view, self.table])
        self.what.observe(lambda _: self._chosen(), names="value")
        self.strength.observe(lambda _: self._show(), names="value")
        self.go.on_click(lambda _: self.measure())
        self._show()

    @property
    def key(self) -> tuple[str, str]:
        return self.what.value, self.strength.value

    def measure(self) -> None:
        """Do what the button does: make the edit and ask everything, or show what is known."""
        self.status.run(self._measure, "the audit", self.key in self.sheets)
        self._draw()

    def static(self) -> AltFigure:
        """The sheet that is shown, as a figure."""
        if self.key not in self.sheets:
            return words_figure(self.status.text)
        return plot_audit(self.sheets[self.key], self._title())

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _strengths(self) -> list[str]:
        return list(self.cases[self.what.value].strengths)

    def _title(self) -> str:
        what, strength = self.key
        return f"Audit of {what}, {strength}: {self.cases[what].purpose}"

    def _chosen(self) -> None:
        """Another intervention has other strengths; its middle one is shown first."""
        names = self._strengths()
        self.strength.options = [(name, name) for name in names]
        self.strength.value = names[len(names) // 2]
        self._show()

    def _show(self) -> None:
        if self.strength.value not in self._strengths():
            return  # the options are being exchanged
        if self.key in self.sheets:
            self.status.say("Shown from memory.")
        else:
            self.status.say(
                "Not measured yet: press the button. It makes the edit and asks everything twice."
            )
        self._draw()

    def _measure(self) -> None:
        if self.key not in self.sheets:
            what, strength = self.key
            self.sheets[what, strength] = sheet(self.lm, self.cases[what], strength)

    def _draw(self) -> None:
        known = self.sheets.get(self.key)
        self.table.value = "" if known is None else sheet_table(known, self._title())


def sheet_table(sheet: Sheet, title: str) -> str:
    """A sheet as an HTML table with headings that a screen reader can follow."""
    look = "text-align:left;padding:1px 12px"
    rows = ""
    for part in PARTS:
        rows += f'<tr><th scope="rowgroup" colspan="3" style="{look}">{html.escape(HEADINGS[part])}</th></tr>'
        for found in getattr(sheet, part):
            new = f"<b>{found.after:.2f}</b>"
            rows += (
                f'<tr><td style="{look}">{html.escape(found.probe)}</td>'
                f'<td style="{look}">{found.before:.2f}</td><td style="{look}">{new}</td></tr>'
            )
    said = "".join(f"<li>{html.escape(one)}</li>" for one in sheet.undo)
    head = "".join(
        f'<th scope="col" style="{look}">{name}</th>' for name in ("asked", "without", "with the edit")
    )
    return (
        f'<table style="line-height:1.3"><caption style="text-align:left">{html.escape(title)}</caption>'
        f"<tr>{head}</tr>{rows}</table><p><b>{html.escape(UNDO)}</b></p><ul>{said}</ul>"
    )


def audit_sheet(lm: LM, cases: dict[str, Intervention] | None = None) -> AuditSheet:
    """Lesson 13's closing widget. cases: None = all interventions of `edu_edit.uses.sheets`.

    Raises ValueError for no case.
    """
    cases = interventions() if cases is None else cases
    if not cases:
        raise ValueError("audit_sheet got no intervention: give at least one, or None for all.")
    return AuditSheet(lm, cases, saved_sheets(lm))
