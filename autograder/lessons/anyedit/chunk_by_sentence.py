"""anyedit.chunk_by_sentence: a long answer cut where sentences end, in English and Chinese, code kept whole.

Problems are put together from known pieces, so the pieces are the oracle.
"""

from __future__ import annotations

from typing import Any

from torch import Generator

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, text_gate
from autograder.judgement import Verdict
from autograder.lessons.anyedit.chunk_by_sentence_mutants import MUTANTS
from autograder.lessons.anyedit.sentences import CHINESE, DOTTED, ENGLISH, LINES, code, some
from autograder.lessons.metrics.common import number, refused

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("text",)

STUB = '''def chunk_by_sentence(text: str) -> list[str]:
    """The sentences of a text, English or Chinese, in order; joined they are the text again.

    A piece ends
      - behind . ! or ? if a blank or line break comes next (a dot inside 3.14 ends nothing);
      - behind 。 ！ or ？ whatever comes next;
      - behind a line break.
    A blank between two sentences belongs to the later one. A block of code between two fences (three
    backquotes) is one piece, whatever it holds: with its fences, and the line break behind them if there is
    one.
    Raises ValueError for a text of blanks.
    """
    raise NotImplementedError("Your code here")
'''


def gate(value: Any, text: str) -> list[str]:
    return list_gate(value, text_gate, "texts")


def cut(student: Student, *texts: list[str]) -> Verdict:
    """Each text is given as the pieces that are expected."""
    return every(*(equal(student("".join(pieces)), pieces, "pieces") for pieces in texts))


def led(sentences: list[str]) -> list[str]:
    """English sentences with a blank between them, which goes with the later one."""
    return [sentences[0], *(f" {sentence}" for sentence in sentences[1:])]


def english(student: Student, g: Generator) -> Verdict:
    return cut(student, led(some(g, ENGLISH, 3)), led(some(g, ENGLISH, 5)), some(g, ENGLISH, 1))


def chinese(student: Student, g: Generator) -> Verdict:
    """No blanks between sentences; and both languages in one text."""
    mixed = [*led(some(g, ENGLISH, 2)), f" {some(g, CHINESE, 1)[0]}", *some(g, CHINESE, 1)]
    return cut(student, some(g, CHINESE, 3), some(g, CHINESE, 4), mixed)


def joins(student: Student, g: Generator) -> Verdict:
    """Nothing is lost, no piece is empty, and there are as many as there are sentences."""
    verdicts = []
    for _ in range(3):
        text = "  ".join(some(g, ENGLISH, number(g, 2, 4))) + "".join(some(g, CHINESE, 2))
        pieces = student(text)
        marks = sum(text.count(mark) for mark in ".!?。！？")
        verdicts += [
            equal("".join(pieces), text, "pieces joined"),
            equal([piece for piece in pieces if not piece.strip()], [], "pieces of blanks"),
            Verdict(1 < len(pieces) <= marks, f"{len(pieces)} pieces", f"2 to {marks} pieces"),
        ]
    return every(*verdicts)


def numbers(student: Student, g: Generator) -> Verdict:
    """Dots that end nothing."""
    return cut(student, led([*some(g, DOTTED, 2), *some(g, ENGLISH, 1)]), led(some(g, DOTTED, 3)))


def lines(student: Student, g: Generator) -> Verdict:
    """Verse: lines without a mark at their end."""
    verse = [f"{line}\n" for line in some(g, LINES, 3)]
    return cut(student, [*verse, *some(g, LINES, 1)], [*led(some(g, ENGLISH, 2)), f" {verse[0]}", *verse[1:]])


def code_whole(student: Student, g: Generator) -> Verdict:
    """Dots, line breaks and question marks inside a block cut nothing; before and behind it they do."""
    texts = []
    for n in (1, 2):
        before = [*led(some(g, ENGLISH, n)), f" {some(g, LINES, 1)[0]}\n"]
        texts.append([*before, code(g), *led(some(g, ENGLISH, 2))])
    return cut(student, *texts, [code(g), some(g, ENGLISH, 1)[0]])


def refuses(student: Student, g: Generator) -> Verdict:
    return every(refused(student, ""), refused(student, "  \n "), cut(student, led(some(g, ENGLISH, 3))))


CLAIMS = (
    Claim(
        "english",
        "English sentences end behind . ! ? before a blank, and the blank goes with the next one",
        "Cut behind the mark, not behind the blank that follows it.",
        english,
        open=True,
    ),
    Claim(
        "chinese",
        "Chinese sentences end behind 。！？ with no blank to follow",
        "Chinese puts no blank behind 。！？, so a rule that waits for one finds a single piece.",
        chinese,
        open=True,
    ),
    Claim(
        "joins",
        "Joined, the pieces are the text again, with every blank in its place",
        "The tokens of the pieces have to be those of the text. Strip nothing, and drop no piece.",
        joins,
        open=True,
    ),
    Claim(
        "numbers",
        "A dot inside a number or a name of a file ends nothing",
        "A dot is an end only if a blank or a line break comes next.",
        numbers,
    ),
    Claim(
        "lines",
        "A line break ends a piece, and belongs to it",
        "Verse has no full stops. Cut behind each line break.",
        lines,
    ),
    Claim(
        "code whole",
        "A block of code between fences is one piece, whatever it holds",
        "Find the blocks first, and cut only what lies between them.",
        code_whole,
    ),
    Claim(
        "refuses",
        "A text without a word is refused: ValueError",
        "Raise ValueError where text.strip() is empty.",
        refuses,
    ),
)

HINTS = (
    "Two steps: where are the blocks of code, and where do sentences end in what lies between them? "
    "re.split keeps what a group in the pattern matches, so nothing needs to get lost.",
    'A block is "```.*?```\\n?" with re.DOTALL. Outside, split at places of no width: behind 。！？ or a line '
    "break, (?<=[。！？\\n]); and behind . ! ? if white space comes next, (?<=[.!?])(?=\\s). Leave out empty "
    "pieces.",
    "if not text.strip():\n"
    "    raise ValueError(...)\n"
    "END = r'(?<=[。！？\\n])|(?<=[.!?])(?=\\s)'\n"
    "pieces = []\n"
    "for part in re.split(r'(```.*?```\\n?)', text, flags=re.DOTALL):\n"
    "    pieces += [part] if part.startswith('```') else re.split(..., part)\n"
    "return [piece for piece in pieces if ...]",
)

EXPLANATION = (
    "Patterns of no width, (?<=...) and (?=...), say where to cut without eating a letter. So the pieces join "
    "back to the text, and their tokens are the answer's tokens.",
    "Ours also keeps closing quotation marks with their sentence, knows a few abbreviations such as Dr., and "
    "gives pieces without a word to a neighbour. No rule of this kind is perfect. A chunk that is cut badly is "
    "still a chunk: it costs quality, not correctness.",
)
