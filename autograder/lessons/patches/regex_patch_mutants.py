"""Misconceptions about patches.regex_patch: one part exchanged."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from autograder.mutants import Mutant

Rules = Sequence[tuple[str, str]]
Patch = Callable[[str, Rules], str]


def applied(
    sub: Callable[[str, str, str], str] = re.sub, order: Callable[[Rules], Rules] = lambda rules: rules
) -> Patch:
    """All rules in some order, by some way to apply one."""

    def regex_patch(x: str, rules: Rules) -> str:
        for pattern, replacement in order(rules):
            x = sub(pattern, replacement, x)
        return x

    return regex_patch


def first_that_matches(x: str, rules: Rules) -> str:
    for pattern, replacement in rules:
        if re.search(pattern, x):
            return re.sub(pattern, replacement, x)
    return x


def last_on_the_original(x: str, rules: Rules) -> str:
    out = x
    for pattern, replacement in rules:
        out = re.sub(pattern, replacement, x)
    return out


def until_nothing_changes(x: str, rules: Rules) -> str:
    for _ in range(12):
        before, x = x, applied()(x, rules)
        if x == before:
            break
    return x


MUTANTS = [
    Mutant(
        "letters",
        "You looked for the letters of the pattern (str.replace, or re.escape). A pattern is a regular "
        "expression: give it to re.sub as it comes.",
        lambda: applied(lambda pattern, new, x: x.replace(pattern, new)),
    ),
    Mutant(
        "first_match_only",
        "Only the first match of each rule was exchanged. Exchange all of them: no count=1.",
        lambda: applied(lambda pattern, new, x: re.sub(pattern, new, x, count=1)),
    ),
    Mutant(
        "last_rule_first",
        "You went through the rules from the last to the first. The order of the list is the order of work.",
        lambda: applied(order=lambda rules: rules[::-1]),
    ),
    Mutant(
        "one_rule_only",
        "You stopped after the first rule that matches. All rules are applied, one after the other.",
        lambda: first_that_matches,
    ),
    Mutant(
        "on_the_original",
        "Each of your rules works on the text as it came, so only the last one is seen. Hand the result on.",
        lambda: last_on_the_original,
    ),
    Mutant(
        "again_and_again",
        "You repeated the rules until nothing changed. Each is applied once: some would never come to rest.",
        lambda: until_nothing_changes,
    ),
    Mutant(
        "case_ignored",
        "You ignored upper and lower case. A rule that wants that says so in its pattern, by (?i).",
        lambda: applied(lambda pattern, new, x: re.sub(pattern, new, x, flags=re.IGNORECASE)),
    ),
]
