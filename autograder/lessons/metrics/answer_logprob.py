"""metrics.answer_logprob: log P(answer | what stands before it), the sum over the answer's tokens, each read
one position to its left.

Shape letters: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.answer_logprob_mutants import MUTANTS
from autograder.lessons.metrics.common import number, refused

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("logits", "ids", "is_answer")
Problem = tuple[Tensor, Tensor, Tensor]


def gate(value: Any, logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
    return tensor_gate(value, ids.shape[:1], "(B,)", "logits", None)


def by_hand(logits: Tensor, ids: Tensor, is_answer: Tensor) -> Tensor:
    """Token by token with `math`: log of exp(logit) over the sum of all exp(logit), one position before."""
    totals = []
    for row in range(len(ids)):
        total = 0.0
        for t in range(ids.shape[1]):
            if is_answer[row, t]:
                scores = logits[row, t - 1].tolist()
                top = max(scores)
                total += (
                    scores[int(ids[row, t])] - top - math.log(math.fsum(math.exp(x - top) for x in scores))
                )
        totals.append(total)
    return torch.tensor(totals, dtype=torch.float64)


def problem(g: Generator, starts: list[int], lengths: list[int], T: int, scale: float = 2.0) -> Problem:
    """Rows of T tokens whose answers begin at `starts` and have `lengths`; neighbouring tokens differ."""
    B, V = len(starts), number(g, 7, 14)
    ids = torch.stack([torch.randperm(V, generator=g).repeat(T // V + 1)[:T] for _ in range(B)])
    places = torch.arange(T)
    first, past = (
        torch.tensor(starts)[:, None],
        torch.tensor(starts)[:, None] + torch.tensor(lengths)[:, None],
    )
    return scale * randn(B, T, V, generator=g), ids, (places >= first) & (places < past)


def judged(student: Student, asked: Problem, tolerance: float = 1e-5) -> Verdict:
    return close(student(*asked), by_hand(*asked), tolerance, "log P")


def one_token(student: Student, g: Generator) -> Verdict:
    T = number(g, 5, 8)
    return judged(student, problem(g, [number(g, 2, T - 2)], [1], T))


def several_tokens(student: Student, g: Generator) -> Verdict:
    """Rows with answers of different lengths that begin at different places, with text behind them."""
    B, T = number(g, 3, 5), number(g, 9, 11)
    starts = [2 + int(x) for x in randint(0, 3, (B,), generator=g)]
    lengths = [2 + (i + number(g, 0, 1)) % 3 for i in range(B)]
    return judged(student, problem(g, starts, lengths, T))


def at_the_edges(student: Student, g: Generator) -> Verdict:
    """Answers that begin at the second token, and answers that end with the row."""
    T = number(g, 6, 9)
    return judged(student, problem(g, [1, T - 3, 1], [2, 3, T - 1], T))


def nothing_else_counts(student: Student, g: Generator) -> Verdict:
    """Padding and prompt carry logits a hundred times larger and other tokens; the answer is what it was."""
    T = number(g, 8, 10)
    logits, ids, is_answer = problem(g, [3, 4], [2, 3], T)
    reads = is_answer.roll(-1, 1)  # position t - 1 predicts the token at t
    loud = torch.where(reads[..., None], logits, 100 * randn(logits.shape, generator=g))
    other = torch.where(is_answer, ids, randint(0, logits.shape[2], ids.shape, generator=g))
    return judged(student, (loud, other, is_answer))


def all_answers(student: Student, g: Generator) -> Verdict:
    """One prompt, every answer of two tokens as a row of its own: their probabilities add up to 1."""
    V, T = 3, number(g, 4, 6)
    pairs = torch.tensor(list(product(range(V), repeat=2)))
    shared = 1.5 * randn(1, T, V, generator=g).expand(len(pairs), T, V).clone()
    ids = randint(0, V, (1, T), generator=g).expand(len(pairs), T).clone()
    ids[:, -2:] = pairs
    marked = torch.zeros_like(ids, dtype=torch.bool)
    marked[:, -2:] = True
    answer = student(shared, ids, marked).double()
    total = close(answer.exp().sum(), torch.tensor(1.0), 1e-4, "P of all two-token answers together")
    return every(total, close(answer, by_hand(shared, ids, marked), 1e-5, "log P"))


def rare_tokens(student: Student, g: Generator) -> Verdict:
    """Logits so far apart that float32 has no probability for the answer; its logarithm is a plain number."""
    T = number(g, 6, 8)
    logits, ids, is_answer = problem(g, [2, 3], [2, 3], T, scale=1.0)
    places = torch.arange(T)[None, :-1].expand(2, -1)
    rows = torch.arange(2)[:, None].expand(2, T - 1)
    logits[rows, places, ids[:, 1:]] -= 300.0
    return judged(student, (logits, ids, is_answer))


def first_token(student: Student, g: Generator) -> Verdict:
    """Nothing predicts the first token of a row; without that mark the same rows have an answer."""
    T = number(g, 5, 7)
    logits, ids, is_answer = problem(g, [1, 2], [2, 2], T)
    marked = is_answer.clone()
    marked[number(g, 0, 1), 0] = True
    return every(refused(student, logits, ids, marked), judged(student, (logits, ids, is_answer)))


CLAIMS = (
    Claim(
        "one token",
        "An answer of one token has the log-probability that the position before it gives to that token",
        "Softmax over the vocabulary, logarithm, and then the entry of the answer's token: read at the "
        "position before the token, because the model predicts what comes next.",
        one_token,
        open=True,
    ),
    Claim(
        "several tokens",
        "An answer of several tokens has the sum of its tokens' log-probabilities, row by row",
        "Each token of the answer is predicted at the place to its left. Add these logarithms in each row; "
        "the rows' answers have different lengths and places.",
        several_tokens,
        open=True,
    ),
    Claim(
        "at the edges",
        "Answers may begin at the second token and end with the row",
        "The first token of an answer and the last one count too: check the slice at both ends.",
        at_the_edges,
    ),
    Claim(
        "nothing else counts",
        "Prompt and padding have no influence, whatever their logits",
        "Something outside the answer got into the sum: keep only what is_answer marks, after the shift.",
        nothing_else_counts,
    ),
    Claim(
        "all answers",
        "The probabilities of all answers of two tokens add up to 1",
        "A probability of a sequence is the product of its tokens' probabilities, so its logarithm is their "
        "sum: no mean, no other scale.",
        all_answers,
    ),
    Claim(
        "rare tokens",
        "A very improbable answer has a finite log-probability",
        "In float32 exp(-300) is 0 and its logarithm is minus infinity: use log_softmax, which never leaves "
        "the logarithms.",
        rare_tokens,
    ),
    Claim(
        "first token",
        "A row whose first token is marked as answer raises ValueError",
        "No logits stand before the first token. Raise ValueError instead of leaving it out in silence.",
        first_token,
    ),
)

HINTS = (
    "The logits at position t say what comes at t + 1. So which row of logits belongs to the token at t? "
    "Line the two up first; everything else is a lookup and a sum.",
    "Drop the last position of the logits and the first token of ids and is_answer: now entry t of one "
    "belongs to entry t of the other. Take log_softmax over V, pick each token's own entry with `gather`, "
    "put 0 where is_answer is False, and sum over the tokens.",
    "if is_answer[:, 0].any():\n"
    "    raise ValueError(...)\n"
    "logp = logits[:, :-1].log_softmax(-1)                  # (B, T-1, V)\n"
    "chosen = logp.gather(-1, ids[:, ...].unsqueeze(-1)).squeeze(-1)\n"
    "return (chosen * is_answer[:, ...]).sum(...)",
)

EXPLANATION = (
    "The shift lines up each prediction with the token that it predicts; one slice too many or too few and "
    "you score the wrong word, with numbers that look quite normal.",
    "log_softmax stays finite where softmax followed by log gives minus infinity. A sum of logarithms is a "
    "product of probabilities: the chain rule, log P(o) = sum of log P(o_t | o_<t).",
    "The sum favours short answers. Where answers of different lengths are compared, as in ES, the mean per "
    "token is used instead.",
)
