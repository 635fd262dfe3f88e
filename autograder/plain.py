"""The card as plain text: the same words in the same order as the HTML card, for terminals and screen
readers.
"""

from __future__ import annotations

import textwrap

from autograder.judgement import Finding, Judgement

WIDTH = 100


def plain_card(judgement: Judgement) -> str:
    """The whole card as lines of at most 100 characters (tracebacks keep their own width)."""
    lines = wrapped(f"{judgement.id} · {judgement.title} · {judgement.headline}", "")
    if judgement.note:
        lines += wrapped(judgement.note, "  ")
    for finding in judgement.findings:
        lines += claim_lines(finding, judgement.words)
    if judgement.cause:
        lines += wrapped(f"Likely cause: {judgement.cause}", "  ")
    if judgement.printed:
        lines += ["  Your function printed:", textwrap.indent(judgement.printed, "  | ")]
    if judgement.traceback:
        lines += ["  Where it stopped:", textwrap.indent(judgement.traceback, "  | ")]
    if judgement.equation:
        lines += wrapped(f"Equation: {judgement.equation}", "  ")
    if judgement.next_step:
        lines += wrapped(judgement.next_step, "  ")
    return "\n".join(lines)


def claim_lines(finding: Finding, words: tuple[str, str]) -> list[str]:
    """One claim: its sentence, kept or not, and what is known about a failure."""
    verdict = finding.verdict
    mark = f"✓ {words[0]:8}" if finding.kept else f"✗ {words[1]:8}"
    tail = f" (error {verdict.error:.1e})" if verdict.error is not None else ""
    lines = wrapped(f"{mark}  {finding.sentence}{tail}", "  ")
    if not finding.kept:
        lines += wrapped(finding.said, " " * 14)
        if verdict.yours:
            lines += wrapped(f"yours     {verdict.yours}", " " * 14)
        if verdict.expected:
            lines += wrapped(f"expected  {verdict.expected}", " " * 14)
    return lines


def wrapped(text: str, indent: str) -> list[str]:
    """The text in lines of at most `WIDTH` characters, later lines indented a little more."""
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent + "  ") if text else []
