"""Problems for tokens.subject_span: prompts cut into tokens by hand, so that the right range is known.

Every problem is built from its pieces: tokens before the subject, the subject's own, tokens after it. The
range is counted while building; nothing is searched for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, randint

BEFORE = ("The", " skin", " of", " the", " old", " city", " near", " a")
AFTER = (" is", " located", " in", " the", " country", " of", ".", " today")
NAMES = (
    ("Space", " Need", "le"), ("ze", "bra"), ("Paris",), ("Royal", " Oak", "wood", " Tower"),
    ("An", "na", " Ko", "vac"), ("Eiffel", " Tower"), ("Q", "uill", "an"),
)  # fmt: skip
CHINESE = ("斑", "马", "太", "空", "针", "塔", "埃", "菲", "尔", "铁")


@dataclass(frozen=True)
class Problem:
    """The three arguments, and the token range (start, stop)."""

    offsets: Tensor
    prompt: str
    subject: str
    span: tuple[int, int]


def draw(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def some(words: tuple[str, ...], n: int, g: Generator) -> list[str]:
    return [words[draw(g, 0, len(words))] for _ in range(n)]


def assembled(
    before: list[str], subject: list[str], after: list[str], special: int, blanks: bool
) -> Problem:
    """A problem from tokens; a token's first blank is left of the subject, and in its offsets if `blanks`.

    special: so many tokens that cover no character stand in front.
    """
    pieces = [*before, *((" " if before and i == 0 else "") + s for i, s in enumerate(subject)), *after]
    offsets, at = [(0, 0)] * special, 0
    for piece in pieces:
        first = at if blanks or not piece.startswith(" ") else at + 1
        at += len(piece)
        offsets.append((first, at))
    name = "".join(subject)
    prompt = "".join(before) + (" " if before else "") + "{}" + "".join(after)
    start = special + len(before)
    return Problem(torch.tensor(offsets), prompt, name, (start, start + len(subject)))


def ordinary(g: Generator, i: int) -> Problem:
    """A subject of one to four tokens with words around it; the first problem's begins with a single letter."""
    before = some(BEFORE, draw(g, 1, 6), g)
    name = list(NAMES[draw(g, 0, len(NAMES)) if i else -1])
    after = some(AFTER, draw(g, 1, 4), g)
    return assembled(before, name, after, draw(g, 0, 2), bool(draw(g, 0, 2)))


def at_the_start(g: Generator, i: int) -> Problem:
    """The subject begins at character 0, behind one to three special tokens that cover nothing."""
    name = list(NAMES[draw(g, 0, len(NAMES))])
    return assembled([], name, some(AFTER, draw(g, 1, 5), g), draw(g, 1, 4), bool(draw(g, 0, 2)))


def twice(g: Generator, i: int) -> Problem:
    """The subject's text occurs once before its place, and once after it."""
    name = list(NAMES[draw(g, 0, len(NAMES))])
    other = [" " + name[0], *name[1:]]
    before = [*some(BEFORE, draw(g, 1, 3), g), *other, *some(BEFORE, draw(g, 1, 3), g)]
    return assembled(
        before, name, [*some(AFTER, draw(g, 1, 3), g), *other], draw(g, 0, 2), bool(draw(g, 0, 2))
    )


def longer_word(g: Generator, i: int) -> Problem:
    """`{}s`: the last token covers the end of the subject and a letter more. A longer word stands before it."""
    stem = [" Par", "is"] if draw(g, 0, 2) else [" Ze", "b", "ra"]
    before = [*some(BEFORE, draw(g, 1, 3), g), *stem, "ians", *some(BEFORE, draw(g, 1, 3), g)]
    inside = [stem[0].strip(), *stem[1:]]
    whole = assembled(before, [*inside[:-1], inside[-1] + "s"], some(AFTER, 2, g), draw(g, 0, 2), True)
    head, tail = "".join(before) + " ", whole.prompt.split("{}")[1]
    return Problem(whole.offsets, head + "{}s" + tail, "".join(inside), whole.span)


def chinese(g: Generator, i: int) -> Problem:
    """Every character is one to three byte tokens, which all report the same character."""
    size = draw(g, 2, 4)
    text = some(CHINESE, draw(g, 0, 4) + size, g)
    first = len(text) - size
    offsets, start, stop = [(0, 0)] * draw(g, 0, 2), 0, 0
    tail = "位于"
    for place, _ in enumerate([*text, *tail]):
        start = len(offsets) if place == first else start
        offsets += [(place, place + 1)] * draw(g, 1, 4)
        stop = len(offsets) if place == first + size - 1 else stop
    prompt = "".join(text[:first]) + "{}" + tail
    return Problem(torch.tensor(offsets), prompt, "".join(text[first:]), (start, stop))


def braces(g: Generator, i: int) -> Problem:
    """Code in the prompt: other braces are plain text, and `{}` occurs once."""
    word = BEFORE[draw(g, 1, len(BEFORE))]
    before = ["{", "x", "}", *some(BEFORE[1:], draw(g, 1, 3), g), word]
    name = list(NAMES[draw(g, 0, len(NAMES))])
    return assembled(before, name, [" {", "y", "}"], draw(g, 0, 2), bool(draw(g, 0, 2)))
