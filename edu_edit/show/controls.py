"""How the widgets' controls look: a name of one width on the left, the control beside it."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

LINE: dict[str, Any] = {"style": {"description_width": "8.5em"}, "layout": {"width": "98%"}}


def toggles(options: Sequence[tuple[str, Any]]) -> widgets.ToggleButtons:
    """A row of buttons of which one is down: (text, value) pairs."""
    return widgets.ToggleButtons(options=options, style={"button_width": "auto"})


def named(name: str, control: widgets.Widget) -> widgets.HBox:
    """A control with its name beside it, for toggles, which would put their own description above them."""
    label = f'<div style="width:8.5em;text-align:right">{html.escape(name)}</div>'
    return widgets.HBox([widgets.HTML(label), control])


def spoken(sentence: str) -> str:
    """A sentence as HTML that screen readers speak when it changes."""
    return f'<div role="status" aria-live="polite" style="line-height:1.4">{html.escape(sentence)}</div>'
