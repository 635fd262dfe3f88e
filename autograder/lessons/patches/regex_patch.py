"""patches.regex_patch: a text after rules (pattern, replacement), each applied once, in order (lesson 09)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from torch import Generator, randint

from autograder.claims import Claim, Student, equal, every
from autograder.gates import text_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import words
from autograder.lessons.patches.regex_patch_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

Rules = Sequence[tuple[str, str]]
ARGUMENTS = ("x", "rules")

STUB = '''
def regex_patch(x: str, rules: Sequence[tuple[str, str]]) -> str:
    """The text x after all rules: each (pattern, replacement) in turn, in one pass that changes every match.

    A pattern is a regular expression. A later rule sees what the earlier ones wrote. A replacement may name
    groups of its pattern, as in r"\\\\1". Where no rule matches, x comes back as it is.
    """
'''


def gate(value: Any, x: str, rules: Rules) -> str:
    return text_gate(value)


def number(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high + 1, (), generator=g))


def judged(student: Student, text: str, rules: Rules, wanted: str) -> Verdict:
    return equal(student(text, list(rules)), wanted, f"{text!r}, patched,")


def everywhere(student: Student, g: Generator) -> Verdict:
    """Built from the answer: words between words, all of one kind exchanged; and a text without any."""
    old, new, *rest = words(g, 8)
    parts = [rest[number(g, 0, 3)] for _ in range(number(g, 3, 5))]
    there, gone = f" {old} ".join(parts), f" {new} ".join(parts)
    other = " and ".join(rest)
    return every(
        judged(student, there, [(re.escape(old), new)], gone),
        judged(student, other, [(re.escape(old), new)], other),
    )


def in_order(student: Student, g: Generator) -> Verdict:
    """A chain: each rule works on what the one before it wrote; turned round, only the last link moves."""
    chain, found = words(g, number(g, 4, 6)), []
    rules = list(zip(chain, chain[1:], strict=False))
    begin = f"{chain[0]}, then {chain[0]}"
    found.append(judged(student, begin, rules, f"{chain[-1]}, then {chain[-1]}"))
    found.append(judged(student, begin, rules[::-1], f"{chain[1]}, then {chain[1]}"))
    return every(*found)


def once_each(student: Student, g: Generator) -> Verdict:
    """A rule whose replacement it would match again; and two that undo each other."""
    one, two, name = words(g, 3)
    again = [(one, f"{one} {two}")]
    back = [(one, two), (two, one)]
    return every(
        judged(student, f"{name}: {one}", again, f"{name}: {one} {two}"),
        judged(student, f"{name}: {one}, {two}", back, f"{name}: {one}, {one}"),
    )


def expressions(student: Student, g: Generator) -> Verdict:
    """Word boundaries, classes and groups mean what they mean in regular expressions."""
    name, place, n = *words(g, 2), number(g, 10, 99)
    return every(
        judged(student, f"cat, concat, {name}'s cat", [(r"\bcat\b", "dog")], f"dog, concat, {name}'s dog"),
        judged(student, f"{name} has {n} of {n + 7}", [(r"\d+", "many")], f"{name} has many of many"),
        judged(student, f"{n}:{place}", [(r"(\d+):(.+)", r"\2 has \1")], f"{place} has {n}"),
    )


def special_characters(student: Student, g: Generator) -> Verdict:
    """An escaped dot is a dot, a bare one any character; case counts; other scripts have no blanks."""
    n, name = number(g, 2, 9), words(g, 1)[0]
    price = f"{name} costs ${n}.50 (or $\u200a{n}x50)"
    said = ("他是来打酱油的", "她也打酱油")[number(g, 0, 1)]
    return every(
        judged(student, price, [(rf"\${n}\.50", "nothing")], f"{name} costs nothing (or $\u200a{n}x50)"),
        judged(student, f"{n}.5 {n}x5", [(f"{n}.5", "half")], "half half"),
        judged(student, f"Us, us: {name}", [("us", "them")], f"Us, them: {name}"),
        judged(student, said, [("打酱油", "路过")], said.replace("打酱油", "路过")),
    )


CLAIMS = (
    Claim(
        "everywhere",
        "A rule changes every place that it matches, and a text without such a place not at all",
        "Exchange all matches of the pattern, and nothing else.",
        everywhere,
        open=True,
    ),
    Claim(
        "in order",
        "Rules work one after the other: each sees what the one before it wrote",
        "Give the result of one rule to the next, in the order of the list.",
        in_order,
        open=True,
    ),
    Claim(
        "once each",
        "Each rule is applied once, even if it would match again",
        "Go through the rules once. Don't repeat until nothing changes.",
        once_each,
    ),
    Claim(
        "expressions",
        "Patterns are regular expressions: word boundaries, classes and groups work",
        "Use re.sub: str.replace looks for the letters of the pattern themselves.",
        expressions,
    ),
    Claim(
        "special characters",
        "An escaped dot is a dot, a bare one any character, and case counts",
        "Take pattern and replacement as they come: no re.escape, no flags.",
        special_characters,
    ),
)

HINTS = (
    "One rule is one call of a function of Python's re module. What has the second rule to work on?",
    "re.sub(pattern, replacement, text) exchanges every match. Loop over the rules, and put what it gives "
    "back "
    "into the variable that the next round reads.",
    "for pattern, replacement in rules:\n    x = re.sub(..., ..., x)\nreturn x",
)

EXPLANATION = (
    "Order matters because each rule rewrites what the next one reads. Two lists with the same rules can be "
    "two patches.",
    "A match is a match of letters, not of meaning. That makes the patch exact, cheap and blind.",
)
