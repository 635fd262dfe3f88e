"""Markdown and code of a notebook as HTML that holds nothing of what a stranger could put into it.

Markdown goes through nbconvert's own grammar, then through the allowlist; only then are its formulas put in,
as MathML that was made from a fixed list of commands. What is the same in every notebook of a class is made
once.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape
from typing import Any

from mistune import HTMLRenderer
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from autograder.grader import clean
from autograder.grader.mathml import mathml

LONGEST_MARKDOWN, LONGEST_CODE = 20_000, 30_000  # above, as plain text: parsers are not made for books
OPEN, CLOSE = (
    "\ue000",
    "\ue001",
)  # around the number of a formula; `clean` takes them out of what strangers wrote
FORMULA = re.compile(f"{OPEN}(\\d+){CLOSE}")
PYTHON = HtmlFormatter(nowrap=True)


class Renderer(HTMLRenderer):
    """Markdown's pieces: headings below the page's own, links and pictures as words, formulas by number."""

    def __init__(self) -> None:
        super().__init__(escape=False)
        self.formulas: list[str] = []

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        level = min(level + 2, 6)
        return f"<h{level}>{text}</h{level}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        shown = escape(url[:300])
        return text if not shown or shown == text else f"{text} ({shown})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        where = "" if url.startswith(("data:", "attachment:")) else f", {escape(url[:300])}"
        return f"[picture: {text}{where}]"

    def inline_math(self, body: str) -> str:
        return self.put_aside(mathml(body))

    def block_math(self, body: str) -> str:
        return self.put_aside(mathml(body, block=True))

    def latex_environment(self, name: str, body: str) -> str:
        return self.put_aside(mathml(f"\\begin{{{name}}}{body}\\end{{{name}}}", block=True))

    def put_aside(self, formula: str) -> str:
        self.formulas.append(formula)
        return f"{OPEN}{len(self.formulas) - 1}{CLOSE}"


@lru_cache(maxsize=256)
def markdown(source: str) -> str:
    """Markdown as harmless HTML with its formulas."""
    if len(source) > LONGEST_MARKDOWN:
        return f"<pre>{clean.terminal(source)}</pre>"
    readable = clean.text(source).replace("\x1b", "\ufffd")
    renderer = Renderer()
    try:
        raw = str(MarkdownWithMath(renderer=renderer)(readable))
    except (RecursionError, ValueError, KeyError, IndexError):  # a parser that gave up: the words still count
        return f"<pre>{escape(readable)}</pre>"
    page = clean.harmless(raw, headings=True)
    return FORMULA.sub(lambda found: renderer.formulas[int(found[1])], page)


def latex(source: str) -> str:
    """A LaTeX output: one formula, with or without its dollars."""
    readable = clean.text(source, 4000).replace("\x1b", "\ufffd").strip()
    block = not readable.startswith("$") or readable.startswith("$$")
    return mathml(readable.strip("$").removeprefix("\\displaystyle").strip(), block)


@lru_cache(maxsize=256)
def code(source: str) -> str:
    """`painted`, once for what stands in many notebooks."""
    return painted(source)


def painted(source: str) -> str:
    """Python as HTML with its words coloured; plain where there is very much of it."""
    readable = clean.text(source, LONGEST_CODE).replace("\x1b", "\ufffd")
    if len(source) > LONGEST_CODE:
        return escape(readable)
    return str(highlight(readable, PythonLexer(stripnl=False, ensurenl=False), PYTHON))
