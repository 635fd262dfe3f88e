"""The card as HTML: no script, no style sheet, no colour that carries meaning alone.

It inherits text and background colours, so it reads in light and dark JupyterLab and in nbgrader's feedback page; the
only colour is a bar at the left, beside the words. Folded parts are `<details>`, which work without a kernel.
"""

from __future__ import annotations

from html import escape

from autograder.judgement import Finding, Judgement, Picture

KEPT, NOT_KEPT = "#0072B2", "#D55E00"  # Okabe-Ito blue and vermilion: told apart by every eye and in grey
CIVIDIS = ("#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838")
LINE = "margin:.15em 0"


def html_card(judgement: Judgement) -> str:
    """The whole card, one `<section>`."""
    done = judgement.earned == judgement.points and not judgement.note
    parts = [
        f'<p style="{LINE}"><strong>{mark(done)} {escape(judgement.id)}</strong> · {escape(judgement.title)} · '
        f"{escape(judgement.headline)}</p>"
    ]
    if judgement.note:
        parts.append(paragraph(judgement.note))
    if judgement.findings:
        rows = "".join(claim_item(finding) for finding in judgement.findings)
        parts.append(f'<ul style="list-style:none;padding-left:.5em;margin:.3em 0">{rows}</ul>')
    if judgement.cause:
        parts.append(f'<p style="{LINE}"><strong>Likely cause:</strong> {rich(judgement.cause)}</p>')
    parts += [paragraph(sentence) for sentence in judgement.explanations]
    parts += [
        folded("Your function printed", judgement.printed),
        folded("Where it stopped", judgement.traceback),
    ]
    if judgement.equation:
        parts.append(paragraph(f"Equation: {judgement.equation}"))
    if judgement.next_step:
        parts.append(paragraph(judgement.next_step))
    bar = KEPT if done else NOT_KEPT
    return (
        f'<section lang="en" aria-label="{escape(judgement.id)}: {escape(judgement.headline)}" '
        f'style="border-left:5px solid {bar};padding:.4em .9em;margin:.4em 0;line-height:1.45">'
        + "".join(parts)
        + "</section>"
    )


def mark(kept: bool) -> str:
    return "✓" if kept else "✗"


def rich(text: str) -> str:
    """Escaped text in which `backticks` become code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if i % 2 else piece for i, piece in enumerate(pieces))


def paragraph(text: str) -> str:
    return f'<p style="{LINE}">{rich(text)}</p>'


def folded(title: str, text: str) -> str:
    """Long text behind a click; nothing where there is no text."""
    if not text:
        return ""
    return (
        f'<details><summary>{escape(title)}</summary><pre style="white-space:pre-wrap;overflow-wrap:anywhere;'
        f'background:transparent;color:inherit">{escape(text)}</pre></details>'
    )


def claim_item(finding: Finding) -> str:
    """One claim: mark, word and sentence; below a failing one, what was said and both values."""
    verdict = finding.verdict
    word = "kept" if finding.kept else "not kept"
    error = f" (error {verdict.error:.1e})" if verdict.error is not None else ""
    inside = f"{mark(finding.kept)} <strong>{word}</strong> · {rich(finding.sentence)}{error}"
    if not finding.kept:
        inside += f'<div style="margin-left:1.6em">{rich(finding.said)}{values(finding)}{picture(verdict.picture)}</div>'
    return f'<li style="{LINE}">{inside}</li>'


def values(finding: Finding) -> str:
    """The student's value beside the expected one, as a two-row table."""
    pairs = (("yours", finding.verdict.yours), ("expected", finding.verdict.expected))
    rows = "".join(
        f'<tr><th scope="row" style="text-align:left;padding-right:1em">{name}</th>'
        f'<td style="text-align:left"><code style="background:transparent;color:inherit">{escape(text)}</code></td></tr>'
        for name, text in pairs
        if text
    )
    return f'<table style="margin:.2em 0;border:0">{rows}</table>' if rows else ""


def picture(tables: Picture | None) -> str:
    """Two little heat maps with their numbers printed, one scale for both."""
    if tables is None:
        return ""
    numbers = [abs(x) for table in (tables.yours, tables.expected) for row in table for x in row]
    top = max([x for x in numbers if x == x and x != float("inf")], default=0.0) or 1.0
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:1.5em">{heat("yours", tables.yours, top)}'
        f"{heat('expected', tables.expected, top)}</div>"
    )


def heat(caption: str, table: tuple[tuple[float, ...], ...], top: float) -> str:
    """One heat map: cividis for the size of a number, which runs from dark to light, in grey too."""
    rows = "".join(f"<tr>{''.join(heat_cell(x, top) for x in row)}</tr>" for row in table)
    return (
        f'<table style="border-collapse:collapse;margin:.3em 0;font-size:85%">'
        f'<caption style="caption-side:top;text-align:left;color:inherit">{caption} (upper left corner)</caption>{rows}</table>'
    )


def heat_cell(x: float, top: float) -> str:
    finite = x == x and abs(x) != float("inf")
    step = min(int(abs(x) / top * len(CIVIDIS)), len(CIVIDIS) - 1) if finite else 0
    ink = "#ffffff" if step < 3 else "#000000"
    return (
        f'<td style="background-color:{CIVIDIS[step]};color:{ink};padding:.15em .4em;text-align:right;'
        f'border:1px solid #808080">{x:.2g}</td>'
    )
