"""Misconceptions about tokens.subject_span."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from autograder.mutants import Mutant

Span = tuple[int, int]
Inside = Callable[[int, int, int, int], bool]


def overlap(a: int, b: int, begin: int, end: int) -> bool:
    return max(a, begin) < min(b, end)


def ranged(offsets: Tensor, begin: int, end: int, inside: Inside = overlap) -> Span:
    found = [t for t, (a, b) in enumerate(offsets.tolist()) if inside(a, b, begin, end)]
    return found[0], found[-1] + 1


def placed(prompt: str, subject: str) -> Span:
    begin = prompt.index("{}")
    return begin, begin + len(subject)


def first_occurrence(offsets: Tensor, prompt: str, subject: str) -> Span:
    begin = prompt.replace("{}", subject).index(subject)
    return ranged(offsets, begin, begin + len(subject))


def contained(offsets: Tensor, prompt: str, subject: str) -> Span:
    return ranged(offsets, *placed(prompt, subject), lambda a, b, begin, end: begin <= a and b <= end)


def touching(offsets: Tensor, prompt: str, subject: str) -> Span:
    return ranged(offsets, *placed(prompt, subject), lambda a, b, begin, end: a <= end and b >= begin)


def last_index(offsets: Tensor, prompt: str, subject: str) -> Span:
    start, stop = ranged(offsets, *placed(prompt, subject))
    return start, stop - 1


def last_token(offsets: Tensor, prompt: str, subject: str) -> Span:
    _, stop = ranged(offsets, *placed(prompt, subject))
    return stop - 1, stop


def first_token(offsets: Tensor, prompt: str, subject: str) -> Span:
    start, _ = ranged(offsets, *placed(prompt, subject))
    return start, start + 1


def words(offsets: Tensor, prompt: str, subject: str) -> Span:
    start = len(prompt[: prompt.index("{}")].split())
    return start, start + len(subject.split())


def unfilled(offsets: Tensor, prompt: str, subject: str) -> Span:
    begin = prompt.index("{}")
    return ranged(offsets, begin, begin + 2)


def first_brace(offsets: Tensor, prompt: str, subject: str) -> Span:
    begin = prompt.index("{")
    return ranged(offsets, begin, begin + len(subject))


MUTANTS = [
    Mutant(
        "contained",
        "You kept only tokens that lie entirely inside the subject. A token may begin with the blank before "
        "it or end after it, and a special token of no characters lies inside without being part of it: ask "
        "for an overlap.",
        lambda: contained,
    ),
    Mutant(
        "first_occurrence",
        "You searched for the subject's text and took the first place where it stands. It may occur twice, or "
        'inside a longer word: the subject stands where `{}` is, so count from `prompt.index("{}")`.',
        lambda: first_occurrence,
    ),
    Mutant(
        "characters",
        "You gave back places of characters. The model knows tokens only: look up which tokens cover these "
        "characters.",
        lambda: lambda offsets, prompt, subject: placed(prompt, subject),
    ),
    Mutant(
        "last_index",
        "Your second number is the last token itself. A range (start, stop) is half-open, as in Python: stop "
        "is one past the last token.",
        lambda: last_index,
    ),
    Mutant(
        "words",
        "You counted words. A word can be several tokens, and special tokens may stand in front: use the "
        "offsets.",
        lambda: words,
    ),
    Mutant(
        "last_token",
        "You gave the range of the subject's last token only. The range has to hold all of the subject's "
        "tokens; its last one is then stop - 1.",
        lambda: last_token,
    ),
    Mutant(
        "first_token",
        "You treated the subject as one token. It can have several, and its range ends after the last one.",
        lambda: first_token,
    ),
    Mutant(
        "touching",
        "You also took tokens that only touch the subject. Characters [a, b) and [c, d) overlap when a < d and "
        "c < b, both strictly.",
        lambda: touching,
    ),
    Mutant(
        "unfilled",
        "You measured the length of `{}`, two characters. In the filled prompt the subject stands there, with "
        "len(subject) characters.",
        lambda: unfilled,
    ),
    Mutant(
        "first_brace",
        "You looked for the first brace. Other braces in a prompt are plain text: look for the two characters "
        "`{}` together.",
        lambda: first_brace,
    ),
]
