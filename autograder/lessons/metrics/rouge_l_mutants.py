"""Misconceptions about ROUGE-L: recall alone, bags of words, runs without gaps, letters, greedy matching."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from autograder.mutants import Mutant
from edu_edit.metrics import TOKEN

Words = list[str]


def rouge(
    common: Callable[[Words, Words], int] | None = None,
    total: Callable[[int, int, int], float] = lambda n, a, b: 2 * n / (a + b),
    words: Callable[[str], Words] = TOKEN.findall,
    refuses: bool = True,
) -> Callable[[str, str], float]:
    """The function with another count, another share or other tokens."""

    def rouge_l(prediction: str, reference: str) -> float:
        a, b = words(prediction), words(reference)
        if not b and refuses:
            raise ValueError("no reference")
        return total((common or table)(a, b), len(a), len(b)) if a and b else 0.0

    return rouge_l


def table(a: Words, b: Words) -> int:
    L = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            L[i + 1][j + 1] = L[i][j] + 1 if x == y else max(L[i][j + 1], L[i + 1][j])
    return L[-1][-1]


def run(a: Words, b: Words) -> int:
    """The longest run without a gap."""
    L = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            L[i + 1][j + 1] = L[i][j] + 1 if x == y else 0
    return max(max(row) for row in L)


def bag(a: Words, b: Words) -> int:
    return sum((Counter(a) & Counter(b)).values())


def places(a: Words, b: Words) -> int:
    return sum(x == y for x, y in zip(a, b, strict=False))


def greedy(a: Words, b: Words) -> int:
    """Each word of a takes the next place in b where it stands, whatever it skips."""
    at = 0
    count = 0
    for word in a:
        if word in b[at:]:
            at += b[at:].index(word) + 1
            count += 1
    return count


MUTANTS = [
    Mutant(
        "recall",
        "You divide by the reference's length alone. That is recall, as the released code has it: a prediction "
        "that goes on for ever loses nothing. F1 looks at both lengths.",
        lambda: rouge(total=lambda n, a, b: n / b),
    ),
    Mutant(
        "precision",
        "You divide by the prediction's length alone: one right word would be a perfect answer. F1 looks at "
        "both lengths.",
        lambda: rouge(total=lambda n, a, b: n / a),
    ),
    Mutant(
        "bag_of_words",
        "You count words in common and ignore their order. A subsequence keeps the order.",
        lambda: rouge(bag),
    ),
    Mutant(
        "run",
        "You look for the longest run without a gap (a substring). A subsequence may have gaps.",
        lambda: rouge(run),
    ),
    Mutant(
        "place_by_place",
        "You compare place by place. One word left out at the beginning then makes everything after it wrong.",
        lambda: rouge(places),
    ),
    Mutant(
        "greedy",
        "You match each word with the next place where it occurs. That can jump over words that would fit "
        "later: fill the whole table.",
        lambda: rouge(greedy),
    ),
    Mutant(
        "letters",
        "You compare letters. Tokens are words, and only in Chinese single characters: `words(text)`.",
        lambda: rouge(words=list),
    ),
    Mutant(
        "split_at_blanks",
        "You split at blanks, so a Chinese sentence is one word, right or wrong as a whole. `words(text)` "
        "takes single characters there.",
        lambda: rouge(words=str.split),
    ),
    Mutant(
        "longer_length",
        "You divide by the longer length. F1 is 2 LCS / (|prediction| + |reference|).",
        lambda: rouge(total=lambda n, a, b: n / max(a, b)),
    ),
    Mutant(
        "refuses_nothing",
        "An empty reference can't be matched: raise ValueError, so that a broken data set is noticed.",
        lambda: rouge(refuses=False),
    ),
]
