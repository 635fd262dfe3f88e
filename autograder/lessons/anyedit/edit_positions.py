"""anyedit.edit_positions: the token before each chunk, whose state calls the chunk up.

The oracle is causality itself: which predictions can a changed state reach? Shape letters: T tokens of prompt
and answer together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, whole_gate
from autograder.judgement import Verdict
from autograder.lessons.anyedit.made_up import Chunks, ranges
from autograder.lessons.metrics.common import number, refused
from autograder.mutants import Mutant

ARGUMENTS = ("prompt_len", "chunks")
STUB = '''def edit_positions(prompt_len: int, chunks: list[tuple[int, int]]) -> list[int]:
    """For each chunk the position of the token before it: the last one that is read before the chunk is said.

    prompt_len: tokens of the prompt, which stand before the answer. chunks: (start, stop), counted from the
    answer's first token. Positions count from the prompt's first token.
    Returns a list of whole numbers, one per chunk. Raises ValueError for a prompt_len below 1.
    """
    raise NotImplementedError("Your code here")
'''


def gate(value: Any, prompt_len: int, chunks: Chunks) -> list[int]:
    return list_gate(value, whole_gate, "positions")


def reached(position: int, T: int) -> list[int]:
    """The tokens whose prediction a changed state at `position` can move: the state at t predicts token t + 1
    and is read by all later ones, never by earlier ones.
    """
    reads = torch.ones(T, T, dtype=torch.bool).tril()  # row t looks at columns 0 ... t
    return [t + 1 for t in range(T - 1) if bool(reads[t, position])]


def by_reach(prompt_len: int, chunks: Chunks) -> list[int]:
    """The one position whose first reachable prediction is the chunk's first token."""
    T = prompt_len + chunks[-1][1]
    first = {reached(position, T)[0]: position for position in range(T - 1)}
    return [first[prompt_len + start] for start, _ in chunks]


def judged(student: Student, *problems: tuple[int, Chunks]) -> Verdict:
    return every(*(equal(student(*p), by_reach(*p), f"positions for {p[0]}, {p[1]}") for p in problems))


def one_chunk(student: Student, g: Generator) -> Verdict:
    """The whole answer in one chunk: the prompt's last token."""
    return judged(student, *((number(g, 2, 40), [(0, number(g, 5, 60))]) for _ in range(3)))


def side_by_side(student: Student, g: Generator) -> Verdict:
    return judged(student, *((number(g, 3, 12), ranges(g, n)) for n in (2, 3, 4)))


def first_reached(student: Student, g: Generator) -> Verdict:
    """A state there reaches the chunk's first token, and no token before it."""
    found = []
    for n in (3, 5):
        prompt_len, chunks = number(g, 2, 9), ranges(g, n)
        T = prompt_len + chunks[-1][1]
        mine = [reached(p, T)[:1] if 0 <= p < T else [] for p in student(prompt_len, chunks)]
        wanted = [[prompt_len + start] for start, _ in chunks]
        found.append(equal(mine, wanted, "first predictions that your positions can change"))
    return every(*found)


def overlapping(student: Student, g: Generator) -> Verdict:
    """A chunk that begins inside its predecessor is called up from inside it."""
    return judged(student, *((number(g, 3, 12), ranges(g, n, overlap=True)) for n in (2, 3, 4)))


def short_prompts(student: Student, g: Generator) -> Verdict:
    """A prompt of one token, and chunks of one token."""
    n = number(g, 4, 9)
    return judged(student, (1, ranges(g, 3)), (number(g, 2, 5), [(i, i + 1) for i in range(n)]))


def refuses(student: Student, g: Generator) -> Verdict:
    chunks = ranges(g, 3)
    return every(refused(student, 0, chunks), judged(student, (number(g, 1, 9), chunks)))


CLAIMS = (
    Claim(
        "one chunk",
        "An answer in one chunk is called up at the prompt's last token",
        "The token before the answer's first one is the prompt's last: prompt_len - 1, counted from 0.",
        one_chunk,
        open=True,
    ),
    Claim(
        "side by side",
        "Of chunks without overlap, each is called up at the last token of the one before it",
        "Count from the prompt's first token: the chunk's first token is at prompt_len + start.",
        side_by_side,
        open=True,
    ),
    Claim(
        "first reached",
        "A changed state at the position moves the chunk's first token, and none before it",
        "A state at position p moves the predictions from token p + 1 on. Which p gives the chunk's first?",
        first_reached,
    ),
    Claim(
        "overlapping",
        "With an overlap the position lies inside the chunk before, one before this chunk's start",
        "Take the chunk's own start. The end of the chunk before it is another place when they overlap.",
        overlapping,
    ),
    Claim(
        "short prompts",
        "A prompt of one token and chunks of one token work as well",
        "With a prompt of one token the first position is 0.",
        short_prompts,
    ),
    Claim(
        "refuses",
        "Without a token in the prompt nothing comes before the answer: ValueError",
        "Raise ValueError where prompt_len is below 1: position -1 would be the last token in Python.",
        refuses,
    ),
)


def placed(place: Callable[[int, Chunks], list[int]], refuses: bool = True) -> Callable[..., list[int]]:
    """The function with another place for each chunk."""

    def edit_positions(prompt_len: int, chunks: Chunks) -> list[int]:
        if refuses and prompt_len < 1:
            raise ValueError("no prompt")
        return place(prompt_len, chunks)

    return edit_positions


MUTANTS = [
    Mutant(
        "own_last_token",
        "You chose each chunk's own last token. It is read when the chunk has been said already, so a state "
        "there can't call it up. Some descriptions say \"the chunk's last token\"; the code that belongs to "
        "them edits the token before the chunk.",
        lambda: placed(lambda X, chunks: [X + stop - 1 for _, stop in chunks]),
    ),
    Mutant(
        "own_first_token",
        "You chose each chunk's first token. A state at a token moves what comes *after* it: take one before.",
        lambda: placed(lambda X, chunks: [X + start for start, _ in chunks]),
    ),
    Mutant(
        "without_the_prompt",
        "Your positions count from the answer's first token. The prompt stands before it: add prompt_len.",
        lambda: placed(lambda X, chunks: [start - 1 for start, _ in chunks]),
    ),
    Mutant(
        "two_before",
        "Your positions are one too low. Counted from 0, the prompt's last token is at prompt_len - 1, and the "
        "answer's first one at prompt_len.",
        lambda: placed(lambda X, chunks: [X + start - 2 for start, _ in chunks]),
    ),
    Mutant(
        "always_the_prompt",
        "All your chunks are called up at the prompt's last token. That is the editing of a single token; the "
        "point of chunks is that each has a token of its own.",
        lambda: placed(lambda X, chunks: [X - 1 for _ in chunks]),
    ),
    Mutant(
        "end_of_the_one_before",
        "You took the last token of the chunk before. That is right only without overlap: with one it lies "
        "inside this chunk. Take the token before this chunk's start.",
        lambda: placed(lambda X, chunks: [X - 1, *(X + stop - 1 for _, stop in chunks[:-1])]),
    ),
    Mutant(
        "refuses_nothing",
        "Without a prompt you give -1, which Python reads as the last token of all. Raise ValueError.",
        lambda: placed(lambda X, chunks: [X + start - 1 for start, _ in chunks], refuses=False),
    ),
]

HINTS = (
    "A language model says token t when it has read the tokens before t. Where is the last place at which you "
    "can still change what it will say?",
    "The chunk's first token is at prompt_len + start. The one before it is one less.",
    "if prompt_len < 1:\n    raise ValueError(...)\nreturn [prompt_len + ... for start, stop in chunks]",
)

EXPLANATION = (
    "The state at position p gives the prediction of token p + 1, and later tokens read it through attention. "
    "So p = prompt_len + start - 1 is the last place that can move all of the chunk, and it moves nothing "
    "before the chunk.",
    "For the first chunk this is the prompt's last token: with one chunk AnyEdit is the editing of one token.",
)
