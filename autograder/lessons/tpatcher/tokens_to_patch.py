"""tpatcher.tokens_to_patch: where a patch is needed, start - 1 + i for each wrong answer token i.

Shape letter: Ty tokens of the answer. Each claim asks several problems, since a short list can be guessed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Generator, Tensor, randint, randperm

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, whole_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("pred", "target", "start")
STUB = '''def tokens_to_patch(pred: Int[Tensor, " Ty"], target: Int[Tensor, " Ty"], start: int) -> list[int]:
    """The positions in the text that need a patch: where a wrong token of the answer is predicted.

    pred: what the model says for each of the answer's Ty tokens, while the answer `target` is fed in.
    start: the position of the answer's first token in the text, 1 or more. At most 5, the first ones, in
    order.
    """
'''


def gate(value: Any, pred: Tensor, target: Tensor, start: int) -> list[int]:
    return list_gate(value, whole_gate, "whole numbers")


def draw(g: Generator, low: int, high: int) -> int:
    return int(randint(low, high, (), generator=g))


def problem(g: Generator, Ty: int, wrong: int) -> tuple[tuple[Tensor, Tensor, int], list[int]]:
    """An answer of Ty tokens of which so many are predicted wrongly, and all positions where that happens."""
    start, target = draw(g, 4, 30), 100 + randperm(400, generator=g)[:Ty]
    places = sorted(randperm(Ty, generator=g)[:wrong].tolist())
    pred = target.clone()
    for i in places:
        pred[i] += 1000
    return (pred, target, start), [start + i - 1 for i in places]


def asked(*cases: tuple[int, int], most: int = 5) -> Callable[[Student, Generator], Verdict]:
    """A decision that asks one problem for every (Ty, wrong)."""

    def decide(student: Student, g: Generator) -> Verdict:
        verdicts = []
        for Ty, wrong in cases:
            given, places = problem(g, Ty, wrong)
            what = f"positions, {wrong} of {Ty} tokens wrong, start = {given[2]}"
            verdicts.append(equal(student(*given), places[:most], what))
        return every(*verdicts)

    return decide


CLAIMS = (
    Claim(
        "only the wrong ones",
        "Each token that is predicted wrongly gets one position, and the others get none",
        "Compare pred with target, token by token. Only where they differ is there something to mend.",
        asked((5, 2), (7, 3), (4, 1)),
        open=True,
    ),
    Claim(
        "all right",
        "An answer that the model gives already needs no patch",
        "Where pred equals target everywhere, the list is empty; where one token is wrong, it has one entry.",
        asked((4, 0), (4, 1), (3, 0), (6, 1)),
        open=True,
    ),
    Claim(
        "predicting position",
        "A token at position t is mended at t - 1, where it is predicted; so is the first one",
        "The model says a token one position before it stands. For the answer's first token that is start "
        "- 1, the "
        "last token of the question.",
        asked((3, 3), (2, 2), (4, 4)),
    ),
    Claim(
        "one token",
        "It works for answers of one token",
        "An answer of one token needs the position start - 1, or none.",
        asked((1, 1), (1, 0), (1, 1)),
    ),
    Claim(
        "at most five",
        "There are at most five, the first ones",
        "A fact gets at most five patches. The first wrong tokens come first: the later ones depend on them.",
        asked((9, 8), (7, 6), (6, 6), (8, 5)),
        open=True,
    ),
)


def one_earlier(wrong: list[int], start: int) -> list[int]:
    return [start - 1 + i for i in wrong]


def positions(
    wanted: Callable[[list[int], int], list[int]] = one_earlier,
    keep: Callable[[list[int]], list[int]] = lambda found: found[:5],
) -> Callable[[Tensor, Tensor, int], list[int]]:
    """The positions, with one part exchanged."""

    def tokens_to_patch(pred: Tensor, target: Tensor, start: int) -> list[int]:
        return keep(wanted([i for i in range(len(pred)) if int(pred[i]) != int(target[i])], start))

    return tokens_to_patch


def right_ones(pred: Tensor, target: Tensor, start: int) -> list[int]:
    return [start - 1 + i for i in range(len(pred)) if int(pred[i]) == int(target[i])][:5]


MUTANTS = [
    Mutant(
        "at_the_token",
        "These are the positions where the wrong tokens stand. They are predicted one position earlier, and "
        "there the patch has to speak: start - 1 + i.",
        lambda: positions(lambda wrong, start: [start + i for i in wrong]),
    ),
    Mutant(
        "all_tokens",
        "You gave a position for every token of the answer. Tokens that are right already need no patch.",
        lambda: lambda pred, target, start: [start - 1 + i for i in range(min(5, len(pred)))],
    ),
    Mutant(
        "index_in_answer",
        "You counted from the beginning of the answer. The positions are those in the whole text: the answer "
        "begins at start.",
        lambda: positions(lambda wrong, start: wrong),
    ),
    Mutant(
        "no_limit",
        "You gave more than five positions. A fact gets at most five patches, the first ones.",
        lambda: positions(keep=lambda found: found),
    ),
    Mutant(
        "last_five",
        "You kept the last five. Keep the first ones: what comes later is predicted from what came before.",
        lambda: positions(keep=lambda found: found[-5:]),
    ),
    Mutant(
        "first_only",
        "You stopped at the first wrong token. Every wrong token gets a patch of its own.",
        lambda: positions(keep=lambda found: found[:1]),
    ),
    Mutant(
        "right_ones",
        "These are the tokens that the model predicts rightly. The others are to be patched.",
        lambda: right_ones,
    ),
    Mutant(
        "one_more",
        "You are one position too far left. The answer's first token, i = 0, is predicted at start - 1.",
        lambda: positions(lambda wrong, start: [start - 2 + i for i in wrong]),
    ),
]

HINTS = (
    "Two questions. Which of the answer's tokens does the model get wrong? And where in the text does a "
    "causal "
    "model say the token that stands at position t?",
    "Token i of the answer stands at start + i and is predicted at start + i - 1. Collect these positions "
    "for all i "
    "with pred[i] != target[i], and keep the first five.",
    "wrong = [i for i in range(len(pred)) if ...]\nreturn [start ... for i in wrong][...]",
)

EXPLANATION = (
    "The patch must fire where the prediction is made: its query is the one at the position before the "
    "token.",
    "All answer tokens are fed in, right or wrong (teacher forcing). So each position is judged as if all "
    "tokens "
    "before it had been right, and a patch for each wrong one makes the whole answer come out.",
)
