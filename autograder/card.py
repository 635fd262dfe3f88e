"""The card as HTML: no script, no style sheet, no colour that carries meaning alone.

It inherits text and background colours, so it reads in light and dark JupyterLab and in nbgrader's
feedback page; the only colour is a bar at the left, beside the words. Folded parts are `<details>`, which
work without a kernel.
"""

from __future__ import annotations

import re
from html import escape
from math import isfinite

from autograder.judgement import Finding, Judgement, Picture

KEPT, NOT_KEPT = "#0072B2", "#D55E00"  # Okabe-Ito blue and vermilion: told apart by every eye and in grey
CIVIDIS = ("#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838")
BOX = "padding:.4em .9em;margin:.4em 0;line-height:1.45;border-left:5px solid"
CODE = (
    "white-space:pre-wrap;overflow-wrap:anywhere;word-break:normal;"
    "background:transparent;color:inherit;margin:.3em 0"
)
LINE = "margin:.15em 0"
STARS = re.compile(r"(?<![\w*])\*(\w(?:[^*\n]*\w)?)\*(?![\w*])")  # not the star of k_* or a * b
LEFT = "text-align:left;background:transparent;color:inherit"


def html_card(judgement: Judgement) -> str:
    """The whole card, one `<section>`."""
    done = judgement.earned == judgement.points and not judgement.note
    title = f"<strong>{mark(done)} {escape(judgement.id)}</strong> · {escape(judgement.title)}"
    parts = [f'<p style="{LINE}">{title} · {escape(judgement.headline)}</p>', paragraph(judgement.note)]
    if judgement.findings:
        rows = "".join(claim_item(finding, judgement.words) for finding in judgement.findings)
        parts.append(f'<ul style="list-style:none;padding-left:.5em;margin:.3em 0">{rows}</ul>')
    parts.append(paragraph(judgement.cause, "Likely cause:"))
    parts.append(folded("Your function printed", judgement.printed))
    parts.append(folded("Where it stopped", judgement.traceback))
    parts.append(paragraph(judgement.equation, "Equation:"))
    parts.append(paragraph(judgement.next_step))
    return section(f"{judgement.id}: {judgement.headline}", "".join(parts), KEPT if done else NOT_KEPT)


def section(label: str, inside: str, bar: str = KEPT) -> str:
    """A box with a coloured bar at its left; `label` is what a screen reader calls it."""
    return f'<section lang="en" aria-label="{escape(label)}" style="{BOX} {bar}">{inside}</section>'


def mark(kept: bool) -> str:
    return "✓" if kept else "✗"


def rich(text: str) -> str:
    """Escaped text in which `backticks` become code and *stars* around words become emphasis."""
    pieces = escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if i % 2 else STARS.sub(r"<em>\1</em>", piece)
        for i, piece in enumerate(pieces)
    )


def paragraph(text: str, label: str = "") -> str:
    """A line of text with a label in bold; nothing where there is no text."""
    if not text:
        return ""
    start = f"<strong>{label}</strong> " if label else ""
    return f'<p style="{LINE}">{start}{rich(text)}</p>'


def folded(title: str, text: str) -> str:
    """Long text behind a click; nothing where there is no text."""
    if not text:
        return ""
    return f'<details><summary>{escape(title)}</summary><pre style="{CODE}">{escape(text)}</pre></details>'


def claim_item(finding: Finding, words: tuple[str, str]) -> str:
    """One claim: mark, word and sentence; below a failing one, what was said and both values."""
    verdict = finding.verdict
    word = escape(words[0] if finding.kept else words[1])
    error = f" (error {verdict.error:.1e})" if verdict.error is not None else ""
    inside = f"{mark(finding.kept)} <strong>{word}</strong> · {rich(finding.sentence)}{error}"
    if not finding.kept:
        more = rich(finding.said) + values(finding) + picture(verdict.picture)
        inside += f'<div style="margin-left:1.6em">{more}</div>'
    return f'<li style="{LINE}">{inside}</li>'


def values(finding: Finding) -> str:
    """The student's value beside the expected one, as a two-row table."""
    pairs = (("yours", finding.verdict.yours), ("expected", finding.verdict.expected))
    rows = "".join(
        f'<tr><th scope="row" style="{LEFT};padding-right:1em">{name}</th>'
        f'<td style="{LEFT}"><code style="{LEFT}">{escape(text)}</code></td></tr>'
        for name, text in pairs
        if text
    )
    return f'<table style="margin:.2em 0;border:0">{rows}</table>' if rows else ""


def picture(tables: Picture | None) -> str:
    """Two little heat maps with their numbers printed, one scale for both."""
    if tables is None:
        return ""
    numbers = [
        abs(x) for table in (tables.yours, tables.expected) for row in table for x in row if isfinite(x)
    ]
    top = max(numbers, default=0.0) or 1.0
    maps = heat("yours", tables.yours, top) + heat("expected", tables.expected, top)
    return f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{maps}</div>'


def heat(caption: str, table: tuple[tuple[float, ...], ...], top: float) -> str:
    """One heat map: cividis for the size of a number, which runs from dark to light, in grey too."""
    rows = "".join(f"<tr>{''.join(heat_cell(x, top) for x in row)}</tr>" for row in table)
    return (
        f'<table style="border-collapse:collapse;margin:.3em 0;font-size:85%">'
        f'<caption style="caption-side:top;{LEFT}">{caption}, upper left corner</caption>{rows}</table>'
    )


def heat_cell(x: float, top: float) -> str:
    step = min(int(abs(x) / top * len(CIVIDIS)), len(CIVIDIS) - 1) if isfinite(x) else 0
    ink = "#ffffff" if step < 3 else "#000000"
    style = f"background-color:{CIVIDIS[step]};color:{ink};padding:.15em .4em;text-align:right"
    return f'<td style="{style};border:1px solid #808080">{x:.2g}</td>'
