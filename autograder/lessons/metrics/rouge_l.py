"""metrics.rouge_l: ROUGE-L F1 of two texts, by their longest common subsequence (lesson 11).

The oracle tries all subsequences of the shorter text: no table, no recursion.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import torch
from torch import Generator

from autograder.claims import Claim, Student, close, every
from autograder.gates import number_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number, refused
from autograder.lessons.metrics.rouge_l_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("prediction", "reference")
WORDS = "late north window salt tall apple winter silver river forest lantern stone glass bell".split()
HAN = "河水结冰谁拿着灯笼没有人睡觉中午敲钟桥开卖洋葱大麦"

STUB = '''def rouge_l(prediction: str, reference: str) -> float:
    """ROUGE-L F1: the harmonic mean of LCS / |prediction| and LCS / |reference|, between 0 and 1.

    LCS: the length of the longest common subsequence, tokens in both texts in the same order, gaps allowed.
    Tokens are words between blanks; a Chinese character is a token by itself (`words(text)` gives them). An
    empty prediction scores 0. Raises ValueError for a reference without a token.
    """
    raise NotImplementedError("Your code here")
'''


def gate(value: Any, prediction: str, reference: str) -> float:
    return number_gate(value)


def longest(a: list[str], b: list[str]) -> int:
    """The longest common subsequence by trying all, from the longest down."""
    a, b = sorted((a, b), key=len)
    for n in range(len(a), 0, -1):
        for kept in combinations(a, n):
            rest = iter(b)
            if all(word in rest for word in kept):
                return n
    return 0


def score(a: list[str], b: list[str]) -> float:
    """The harmonic mean of the two shares."""
    common = longest(a, b)
    shares = (common / len(a), common / len(b))
    return 0.0 if common == 0 else 2 / (1 / shares[0] + 1 / shares[1])


def judged(student: Student, *pairs: tuple[list[str], list[str]], glue: str = " ") -> Verdict:
    """Texts given as their tokens."""
    return every(
        *(
            close(
                torch.tensor(student(glue.join(a), glue.join(b))), torch.tensor(score(a, b)), 1e-5, "ROUGE-L"
            )
            for a, b in pairs
        )
    )


def drawn(g: Generator, n: int, pool: str | list[str] = WORDS) -> list[str]:
    return [pool[i] for i in torch.randperm(len(pool), generator=g)[:n].tolist()]


def without(words: list[str], g: Generator, n: int) -> list[str]:
    """The words with n of them left out."""
    gone = set(torch.randperm(len(words), generator=g)[:n].tolist())
    return [word for i, word in enumerate(words) if i not in gone]


def gaps(student: Student, g: Generator) -> Verdict:
    """Words are missing in the middle, or strange ones stand between."""
    pairs = []
    for _ in range(2):
        words = drawn(g, number(g, 7, 10))
        pairs += [(without(words, g, number(g, 2, 4)), words), (words, without(words, g, number(g, 2, 4)))]
    return judged(student, *pairs)


def order(student: Student, g: Generator) -> Verdict:
    """The same words in another order."""
    pairs = []
    for _ in range(3):
        words, turn = drawn(g, number(g, 7, 9)), number(g, 2, 3)
        mixed = [*words[turn:], *words[:turn]]
        pairs += [(words, mixed), (words[::-1], words)]
    return judged(student, *pairs)


def both_ways(student: Student, g: Generator) -> Verdict:
    """A long prediction that holds all of a short reference, and the other way round: the same F1."""
    pairs = []
    for low in (2, 5):
        words = drawn(g, number(g, 9, 13))
        first = number(g, 0, 2)
        some = words[first : first + low + number(g, 0, 2)]
        pairs += [(words, some), (some, words)]
    return judged(student, *pairs)


def random_texts(student: Student, g: Generator) -> Verdict:
    """Few different words, so that many of them are repeated."""
    pairs = []
    for _ in range(6):
        pool = drawn(g, 3)
        rows = [[pool[number(g, 0, 2)] for _ in range(number(g, 5, 8))] for _ in range(2)]
        pairs.append((rows[0], [*rows[1], *drawn(g, 1)]))
    return judged(student, *pairs)


def chinese(student: Student, g: Generator) -> Verdict:
    """No blanks, so each character is a token."""
    pairs = []
    for _ in range(3):
        characters = drawn(g, 7, HAN)
        pairs.append((without(characters, g, number(g, 2, 4)), characters))
    return judged(student, *pairs, glue="")


def ends(student: Student, g: Generator) -> Verdict:
    """The text itself, a text without a common word, and no text; an empty reference is refused."""
    words = drawn(g, 9)
    return every(
        refused(student, " ".join(words), ""),
        refused(student, "", "  "),
        judged(student, (words[:5], words[5:]), (words, words)),
        close(torch.tensor(student("", " ".join(words))), torch.tensor(0.0), 1e-6, "ROUGE-L of no text"),
        judged(student, (without(words, g, 3), words)),
    )


CLAIMS = (
    Claim(
        "gaps",
        "What counts is the longest common subsequence: gaps are allowed",
        "Words in common need not stand side by side. A run without a gap is another measure.",
        gaps,
        open=True,
    ),
    Claim(
        "order",
        "Only words in the same order count together",
        "The same words turned round are not the same text: a count of words in common is another measure.",
        order,
        open=True,
    ),
    Claim(
        "both ways",
        "It is F1: what is missing and what is too much cost alike",
        "2 LCS / (|prediction| + |reference|): exchanged texts have the same score.",
        both_ways,
    ),
    Claim(
        "random texts",
        "It holds for texts whose words are repeated",
        "Is your longest common subsequence the longest one? Words that occur several times need the table.",
        random_texts,
    ),
    Claim(
        "chinese",
        "Chinese is compared character by character",
        "Chinese has no blanks: split by them, a sentence is one word. Use `words(text)`.",
        chinese,
    ),
    Claim(
        "ends",
        "An equal text scores 1, an empty one 0; an empty reference is refused: ValueError",
        "Look at what happens without words, in the prediction and in the reference.",
        ends,
    ),
)

HINTS = (
    "Let L[i][j] be the LCS of the first i words of the one and the first j of the other. What is it if the "
    "two last words are equal? And if not?",
    "Equal: L[i-1][j-1] + 1. Else the larger of L[i-1][j] and L[i][j-1]. The first row and column are 0. "
    "F1 of LCS / |a| and LCS / |b| is 2 LCS / (|a| + |b|).",
    "a, b = words(prediction), words(reference)\n"
    "if not b:\n"
    "    raise ValueError(...)\n"
    "L = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]\n"
    "for i, x in enumerate(a):\n"
    "    for j, y in enumerate(b):\n"
    "        L[i + 1][j + 1] = ... if x == y else max(..., ...)\n"
    "return 2 * L[-1][-1] / ...",
)

EXPLANATION = (
    "The table has one row per word of the prediction and one column per word of the reference. Each entry "
    "needs three neighbours, so it takes |a| · |b| steps, where trying all subsequences takes 2 to the power "
    "of |a|.",
    "The released code of AnyEdit reports recall alone, LCS / |reference|. A model that writes on and on loses "
    "nothing there. F1 makes it pay.",
)
