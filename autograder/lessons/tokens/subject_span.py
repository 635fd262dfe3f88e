"""tokens.subject_span: which tokens are the subject's, from the characters that each token covers.

Shape letter: T tokens. Every claim asks four prompts, since one pair of small numbers can be guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor

from autograder.claims import Claim, Student, equal, every
from autograder.gates import tuple_gate, whole_gate
from autograder.judgement import Verdict
from autograder.lessons.tokens.subject_span_mutants import MUTANTS
from autograder.lessons.tokens.subject_span_problems import (
    Problem,
    at_the_start,
    braces,
    chinese,
    longer_word,
    ordinary,
    twice,
)

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("offsets", "prompt", "subject")
ASKED = 4

STUB = '''def subject_span(offsets: Int[Tensor, "T 2"], prompt: str, subject: str) -> tuple[int, int]:
    """The token range (start, stop) of the subject: all tokens that overlap its characters.

    offsets: token t covers the characters offsets[t, 0] up to, not including, offsets[t, 1] of the *filled*
    prompt. Special tokens cover none: both numbers are equal. prompt: holds `{}` exactly once, and the
    subject stands there; other braces are plain text.
    The range is half-open, as in Python: the subject's last token is stop - 1.
    """
'''


def gate(value: Any, offsets: Tensor, prompt: str, subject: str) -> tuple[int, int]:
    start, stop = tuple_gate(value, whole_gate, whole_gate)
    return start, stop


def asked(make: Callable[[Generator, int], Problem]) -> Callable[[Student, Generator], Verdict]:
    """Four problems of a kind: every answer must be the range that was counted while building."""

    def decide(student: Student, g: Generator) -> Verdict:
        found = []
        for i in range(ASKED):
            problem = make(g, i)
            span = student(problem.offsets, problem.prompt, problem.subject)
            filled = problem.prompt.replace("{}", f"[{problem.subject}]")
            found.append(equal(span, problem.span, f"the tokens of {filled!r}"))
        return every(*found)

    return decide


CLAIMS = (
    Claim(
        "in the middle",
        "A subject of several tokens in the middle of a prompt is found whole",
        'The subject\'s characters begin at prompt.index("{}") and are len(subject) long. Which tokens share '
        "at least one character with them?",
        asked(ordinary),
        open=True,
    ),
    Claim(
        "at the start",
        "A subject at character 0 is found, and special tokens before it are left out",
        "A special token covers no character (its two offsets are equal), so it overlaps nothing.",
        asked(at_the_start),
        open=True,
    ),
    Claim(
        "twice",
        "When the subject's text occurs elsewhere, too, the one at {} counts",
        "Don't search for the subject's text. Its place is where `{}` stands in the prompt.",
        asked(twice),
    ),
    Claim(
        "longer word",
        "A subject that ends inside a token takes the whole token; the same letters in a longer word don't count",
        "In `{}s` the last token may cover the end of the subject and the s. It overlaps, so it belongs to the "
        "range.",
        asked(longer_word),
    ),
    Claim(
        "Chinese",
        "A Chinese subject with several byte tokens per character is found whole",
        "Several tokens may report the same character: all of them overlap the subject.",
        asked(chinese),
    ),
    Claim(
        "braces",
        "Other braces in the prompt are plain text",
        "Only the two characters `{}` together mark the subject; `str.format` and a search for one brace stumble "
        "over code.",
        asked(braces),
    ),
)

HINTS = (
    "Forget tokens for a moment. Between which two characters of the filled prompt does the subject stand? Then "
    "ask each token whether it covers one of these characters.",
    'begin = prompt.index("{}") and end = begin + len(subject): filling in moves nothing that stands before. A '
    "token [a, b) shares a character with [begin, end) when the larger of the two beginnings is smaller than "
    "the smaller of the two ends. Collect the indices of such tokens; give back the first, and the last plus "
    "one.",
    'begin = prompt.index("{}")\n'
    "end = begin + ...\n"
    "inside = [t for t, (a, b) in enumerate(offsets.tolist()) if max(...) < min(...)]\n"
    "return inside[0], ...",
)

EXPLANATION = (
    "The text is tokenised once, as a whole, and the tokenizer itself reports which characters each token covers. "
    "So nothing has to be guessed about blanks, pieces of words, or bytes.",
    "The overlap test with strict signs leaves out neighbours that only touch, and special tokens that cover "
    "nothing. Searching for the subject's text would be shorter, and wrong as soon as a name occurs twice.",
)
