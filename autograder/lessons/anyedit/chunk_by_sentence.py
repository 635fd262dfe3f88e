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
      - after . ! or ? if a blank or line break comes next (a dot inside 3.14 ends nothing);
      - after 。 ！ or ？ whatever comes next;
      - after a line break.
    A blank between two sentences belongs to the later one. White space alone is no piece: it is joined to the
    piece before it, as a line break after a full stop is, or, at the beginning, to the first. A block of code
    between two fences (three backquotes) is one piece, whatever it holds: with its fences, and the line break
    after them if there is one. A fence that is never closed holds all the rest.
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
        text = "  ".join(some(g, ENGLISH, number(g, 2, 4))) + "\n" + "".join(some(g, CHINESE, 2)) + " "
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
    """Verse: lines without a mark at their end. And lines with one: white space makes no piece of its own."""
    verse = [f"{line}\n" for line in some(g, LINES, 3)]
    marked = [f"{line}\n" for line in (*some(g, ENGLISH, 2), *some(g, CHINESE, 1))]
    return cut(
        student,
        [*verse, *some(g, LINES, 1)],
        [*led(some(g, ENGLISH, 2)), f" {verse[0]}", *verse[1:]],
        [f"\n {marked[0]}\n", *marked[1:], f"{some(g, ENGLISH, 1)[0]}  "],
    )


def code_whole(student: Student, g: Generator) -> Verdict:
    """Dots, line breaks and question marks inside a block cut nothing; before and after it they do."""
    texts = []
    for n in (1, 2):
        before = [*led(some(g, ENGLISH, n)), f" {some(g, LINES, 1)[0]}\n"]
        texts.append([*before, code(g), *led(some(g, ENGLISH, 2))])
    never_closed = code(g).removesuffix("```\n")
    texts += [[code(g), some(g, ENGLISH, 1)[0]], [f"{some(g, LINES, 1)[0]}\n", never_closed]]
    return cut(student, *texts)


def refuses(student: Student, g: Generator) -> Verdict:
    return every(refused(student, ""), refused(student, "  \n "), cut(student, led(some(g, ENGLISH, 3))))


CLAIMS = (
    Claim(
        "english",
        "English sentences end after . ! ? before a blank, and the blank goes with the next one",
        "Cut after the mark, not after the blank that follows it.",
        english,
        open=True,
    ),
    Claim(
        "chinese",
        "Chinese sentences end after 。！？ with no blank to follow",
        "Chinese puts no blank after 。！？, so a rule that waits for one finds a single piece.",
        chinese,
        open=True,
    ),
    Claim(
        "joins",
        "Joined, the pieces are the text again, with every blank in its place",
        "The tokens of the pieces have to be those of the text. Strip nothing, drop no piece, and join white "
        "space that stands alone to the piece before it.",
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
        "A line break ends a piece, and belongs to it, whether a full stop comes before it or not",
        "Verse has no full stops. Cut after each line break, and join white space that stands alone.",
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
    'A block is "```.*?(?:```\\n?|\\Z)" with re.DOTALL. Outside, split at places of no width: after 。！？ or a line '
    "break, (?<=[。！？\\n]); and after . ! ? if white space comes next, (?<=[.!?])(?=\\s). A piece without a "
    "word is added to the one before it.",
    "if not text.strip():\n"
    "    raise ValueError(...)\n"
    "END = r'(?<=[。！？\\n])|(?<=[.!?])(?=\\s)'\n"
    "pieces, lead = [], ''\n"
    "for part in re.split(r'(```.*?(?:```\\n?|\\Z))', text, flags=re.DOTALL):\n"
    "    for piece in [part] if part.startswith('```') else re.split(..., part):\n"
    "        if piece.strip():\n"
    "            pieces.append(lead + piece)\n"
    "            lead = ''\n"
    "        elif pieces:\n"
    "            pieces[-1] += ...\n"
    "        else:\n"
    "            lead += ...\n"
    "return pieces",
)

EXPLANATION = (
    "Patterns of no width, (?<=...) and (?=...), say where to cut without eating a letter. So the pieces join "
    "back to the text, and their tokens are the answer's tokens.",
    "Ours also keeps closing quotation marks with their sentence, knows a few abbreviations such as Dr., and "
    "gives pieces without a word to a neighbour. No rule of this kind is perfect. A chunk that is cut badly is "
    "still a chunk: it costs quality, not correctness.",
)
