"""Answers that are unusually alike, whatever their variables are called and in whatever order they stand.

An answer becomes a list of words in which every name of the student's own counts as the same word; comments,
docstrings and spaces count for nothing. Of every run of words a few are kept as fingerprints (winnowing:
Schleimer, Wilkerson and Aiken, 2003). What stands in the stub, or in many answers of the class, says nothing
about two of them and is left out. A high share means similar, not copied: people who work together, or follow
one book, write alike.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

from autograder.grader.clean import joined
from autograder.grader.records import Result

RUN, WINDOW = 7, 4  # words in a fingerprint; every run of RUN + WINDOW - 1 equal words is found
FEW = 12  # fingerprints that two students must share before anything is said about them
LONGEST = 20_000  # characters of one answer that are compared


@dataclass(frozen=True)
class Pair:
    """Two students whose answers are alike: where, and how much of what is rare in the shorter is in both."""

    one: str
    other: str
    share: float
    exercises: tuple[str, ...]


def similar(
    results: Sequence[Result], threshold: float = 0.7, given: Mapping[str, str] | None = None
) -> tuple[Pair, ...]:
    """Pairs of students who share at least `threshold` of what is rare in the class, most alike first.

    `given` holds the stub of each exercise. A pair's exercises are those where the share is as high, too.
    """
    prints = {(row.student, id): own for row in results for id, own in fingerprints(row).items()}
    stubs = {id: marks_of(source) for id, source in (given or {}).items()}
    holders: dict[tuple[str, int], list[str]] = defaultdict(list)
    for (student, id), own in prints.items():
        for one in own - stubs.get(id, frozenset()):
            holders[id, one].append(student)
    many = max(4, min(30, len({row.student for row in results}) // 10))
    rare: Counter[tuple[str, str]] = Counter()
    shared: Counter[tuple[str, str, str]] = Counter()
    for (id, _), students in holders.items():
        if len(students) <= many:
            rare.update((student, id) for student in students)
            shared.update((one, other, id) for one, other in combinations(sorted(students), 2))
    return _pairs(rare, shared, threshold)


def _pairs(
    rare: Counter[tuple[str, str]], shared: Counter[tuple[str, str, str]], threshold: float
) -> tuple[Pair, ...]:
    together: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for (one, other, id), count in shared.items():
        together[one, other][id] = count
    ids_of: dict[str, set[str]] = defaultdict(set)
    for student, id in rare:
        ids_of[student].add(id)
    found = []
    for (one, other), counts in together.items():
        both = ids_of[one] & ids_of[other]
        least = {id: min(rare[one, id], rare[other, id]) for id in both}
        share = sum(counts.values()) / sum(least.values())
        if share >= threshold and sum(counts.values()) >= FEW:
            where = tuple(sorted(id for id, count in counts.items() if count >= threshold * least[id]))
            found.append(Pair(one, other, share, where))
    return tuple(sorted(found, key=lambda pair: (-pair.share, pair.one, pair.other)))


def fingerprints(result: Result) -> dict[str, frozenset[int]]:
    """The fingerprints of each answer, by exercise."""
    sources: dict[str, str] = defaultdict(str)
    for cell in result.cells:
        if cell.kind == "solution" and cell.exercise:
            sources[cell.exercise] += joined(cell.source)[:LONGEST] + "\n"
    return {id: marks_of(source[:LONGEST]) for id, source in sources.items()}


@lru_cache(maxsize=256)
def marks_of(source: str) -> frozenset[int]:
    """Of every `WINDOW` neighbouring runs of words, the one with the smallest hash."""
    found = words(source)
    hashes = [
        zlib.crc32(" ".join(found[at : at + RUN]).encode("utf-8", "replace"))
        for at in range(len(found) - RUN + 1)
    ]
    return frozenset(min(hashes[at : at + WINDOW]) for at in range(max(len(hashes) - WINDOW + 1, 0)))


def words(source: str) -> list[str]:
    """The words of Python code; every name that is not an attribute or built in is the same word."""
    found: list[str] = []
    for kind, text in PythonLexer().get_tokens(source):
        if kind in Comment or kind in String.Doc or (kind in Text and not text.strip()):
            continue
        if kind in Name:
            own = kind not in Name.Builtin and (not found or found[-1] != ".")
            found.append("name" if own else text)
        elif kind in String:
            if not found or found[-1] != "text":
                found.append("text")
        elif kind in Number or kind in Keyword or kind in Operator or kind in Punctuation:
            found.append(text)
        else:
            found.append("?")
    return found
