"""Outputs of a cell as HTML: what can be shown is shown harmlessly, what can't is named.

A picture must be PNG, JPEG or GIF. SVG and JavaScript can run in a reader's browser: they are left out, and a
note says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from autograder.grader import clean, rendering

MOST_OUTPUTS = 60  # of one cell
FULL = '<p class="note">This page is full: what follows was left out.</p>'
LEFT_OUT = {
    "image/svg+xml": "An SVG picture was left out: it can hold scripts.",
    "application/javascript": "JavaScript was left out: feedback pages run no code.",
    "text/javascript": "JavaScript was left out: feedback pages run no code.",
    "application/pdf": "A PDF was left out: feedback pages show text and pictures.",
}


class Room:
    """How much more one page may hold, so that no notebook makes a page that no browser opens."""

    def __init__(self, characters: int = 12_000_000) -> None:
        self.left = characters
        self.full = False

    def take(self, shown: str) -> bool:
        """Whether there is still room; a page that was full stays so. Elements cost more than letters."""
        self.left -= len(shown) + 40 * shown.count("<")
        self.full = self.full or self.left < 0
        return not self.full


def show_outputs(outputs: Iterable[Any], room: Room) -> str:
    """All outputs of one cell, in order."""
    kept = list(merged(outputs))
    parts = []
    for output in kept[:MOST_OUTPUTS]:
        if room.full:
            break
        shown = show(output)
        parts.append(shown if room.take(shown) else FULL)
    if len(kept) > MOST_OUTPUTS:
        parts.append(note(f"{len(kept) - MOST_OUTPUTS} more outputs were left out."))
    return "".join(parts)


def merged(outputs: Iterable[Any]) -> Iterator[dict[str, Any]]:
    """The outputs, pieces of one stream joined; what is no output at all is skipped."""
    stream: dict[str, Any] | None = None
    for output in outputs:
        if not isinstance(output, dict):
            continue
        if output.get("output_type") == "stream":
            if stream is not None and stream["name"] == output.get("name"):
                stream["text"].append(clean.joined(output.get("text")))
                continue
            if stream is not None:
                yield stream
            stream = {"output_type": "stream", "name": output.get("name")}
            stream["text"] = [clean.joined(output.get("text"))]
            continue
        if stream is not None:
            yield stream
            stream = None
        yield output
    if stream is not None:
        yield stream


def show(output: dict[str, Any]) -> str:
    """One output as HTML."""
    kind = output.get("output_type")
    if kind == "stream":
        label = "errors and warnings" if output.get("name") == "stderr" else ""
        return block(clean.terminal(output.get("text")), "stderr" if label else "", label)
    if kind == "error":
        trace = clean.joined([f"{row}\n" for row in rows(output.get("traceback"))])
        what = f"{clean.line(output.get('ename'))}: {clean.line(output.get('evalue'))}"
        return block(clean.terminal(trace or what), "error", "error")
    data = output.get("data")
    return show_data(data, output.get("metadata")) if isinstance(data, dict) else ""


def rows(value: Any) -> list[str]:
    return [row for row in value if isinstance(row, str)] if isinstance(value, list | tuple) else []


def show_data(data: dict[str, Any], metadata: Any) -> str:
    """The best form of a value that can be shown, with a note about the forms that can't."""
    notes = "".join(note(sentence) for kind, sentence in LEFT_OUT.items() if kind in data)
    if shown := clean.html(data.get("text/html")):
        return notes + f'<div class="output">{shown}</div>'
    for kind in clean.PICTURES:
        if kind in data:
            if shown := clean.picture(kind, data[kind], alt(data, metadata, kind)):
                return notes + f'<div class="output">{shown}</div>'
            notes += note(f"A picture was left out: it is no {clean.PICTURES[kind]} that can be read.")
    if words := clean.joined(data.get("text/markdown")):
        return notes + f'<div class="output">{rendering.markdown(words)}</div>'
    if words := clean.joined(data.get("text/latex")):
        return notes + f'<div class="output">{rendering.latex(words)}</div>'
    if words := clean.joined(data.get("text/plain")):
        return notes + block(clean.terminal(words))
    return notes or note(f"An output was left out: it has no form that a page can show ({kinds(data)}).")


def kinds(data: dict[str, Any]) -> str:
    return clean.line(", ".join(str(kind) for kind in data), 120)


def alt(data: dict[str, Any], metadata: Any, kind: str) -> str:
    """A picture's description: its own, else the text form of the same value."""
    about = metadata.get(kind) if isinstance(metadata, dict) else None
    own = about.get("alt") if isinstance(about, dict) else None
    return clean.line(own or data.get("text/plain")) or "Picture without a description"


def block(inside: str, kind: str = "", label: str = "") -> str:
    """Preformatted text, with a word above it where its kind matters."""
    title = f"<p class='label'>{label}</p>" if label else ""
    return f'<div class="output {kind}">{title}<pre>{inside}</pre></div>' if inside.strip() else ""


def note(sentence: str) -> str:
    return f'<p class="note">{escape(sentence)}</p>'
