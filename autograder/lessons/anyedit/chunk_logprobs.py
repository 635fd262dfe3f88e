"""anyedit.chunk_logprobs: the answer's log-probability, shared out among its chunks (law L11).

Shape letters: Ty tokens of the answer, n chunks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.anyedit.made_up import Chunks, ranges
from autograder.lessons.metrics.common import refused
from autograder.mutants import Mutant

ARGUMENTS = ("logp", "chunks")
STUB = '''def chunk_logprobs(logp: Float[Tensor, " Ty"], chunks: list[tuple[int, int]]) -> Float[Tensor, " n"]:
    """Each chunk's log-probability, given the prompt and the chunks before it; their sum is log P(Y | X).

    logp: log P(y_t | X, y_<t) of each token of the answer. chunks: (start, stop), in order, from 0 to Ty.
    A token that lies in two chunks counts in the earlier one, so that each counts once.
    Raises ValueError where the chunks leave a token out or reach beyond the answer.
    """
    raise NotImplementedError("Your code here")
'''


def gate(value: Any, logp: Tensor, chunks: Chunks) -> Tensor:
    return tensor_gate(value, (len(chunks),), "(n,)", "logp", None)


def problem(g: Generator, n: int, overlap: bool = False) -> tuple[Tensor, Chunks]:
    chunks = ranges(g, n, overlap)
    return -0.1 - 3 * rand(chunks[-1][1], generator=g, dtype=torch.float64), chunks


def multiplied(logp: Tensor, chunks: Chunks) -> Tensor:
    """The chain rule with probabilities, token by token: each goes to the first chunk that holds it."""
    product = [1.0] * len(chunks)
    for t, value in enumerate(logp.tolist()):
        first = next(i for i, (start, stop) in enumerate(chunks) if start <= t < stop)
        product[first] *= math.exp(value)
    return torch.tensor([math.log(p) for p in product], dtype=torch.float64)


def judged(student: Student, *problems: tuple[Tensor, Chunks]) -> Verdict:
    return every(*(close(student(*p), multiplied(*p), 1e-9, "log P of the chunks") for p in problems))


def side_by_side(student: Student, g: Generator) -> Verdict:
    return judged(student, problem(g, 2), problem(g, 4))


def adds_up(student: Student, g: Generator) -> Verdict:
    """Law L11, and other chunks of the same answer give the same sum."""
    logp, chunks = problem(g, 4)
    other = [(chunks[0][0], chunks[1][1]), (chunks[2][0], chunks[3][1])]
    total = torch.tensor(sum(logp.tolist()), dtype=torch.float64)
    return every(
        *(
            close(student(logp, each).sum(), total, 1e-9, f"sum over {len(each)} chunks")
            for each in (chunks, other, [(0, len(logp))])
        ),
        judged(student, (logp, chunks)),
    )


def overlapping(student: Student, g: Generator) -> Verdict:
    return judged(student, problem(g, 2, True), problem(g, 3, True), problem(g, 5, True))


def later_changes(student: Student, g: Generator) -> Verdict:
    """What happens in one chunk moves its share alone."""
    logp, chunks = problem(g, 4)
    moved = logp.clone()
    moved[chunks[2][0] : chunks[2][1]] -= 0.5 + rand(1, generator=g, dtype=torch.float64)
    change = multiplied(moved, chunks) - multiplied(logp, chunks)
    return close(student(moved, chunks) - student(logp, chunks), change, 1e-8, "change of the four shares")


def leaves_out(student: Student, g: Generator) -> Verdict:
    logp, chunks = problem(g, 4)
    return every(
        refused(student, logp, chunks[:-1]),
        refused(student, logp, [*chunks[:1], *chunks[2:]]),
        refused(student, logp, chunks[1:]),
        refused(student, logp[:-1], chunks),
        judged(student, (logp, chunks)),
    )


CLAIMS = (
    Claim(
        "side by side",
        "A chunk's log-probability is the sum over its tokens: the product of their probabilities",
        "Add up logp from start to stop for each chunk. No mean: a long chunk is less likely than a short one.",
        side_by_side,
        open=True,
    ),
    Claim(
        "adds up",
        "Together the chunks give log P(Y | X), however the answer is cut",
        "Each token of the answer must be counted once: the sum may not depend on the cuts.",
        adds_up,
        open=True,
    ),
    Claim(
        "overlapping",
        "A token in two chunks counts in the earlier one only",
        "With an overlap you count a token twice, or in the wrong chunk. A chunk adds only tokens after the "
        "last stop.",
        overlapping,
        open=True,
    ),
    Claim(
        "one at a time",
        "A change inside one chunk moves that chunk's share alone",
        "The share of a chunk is a sum over its own tokens: logp holds what came before already.",
        later_changes,
    ),
    Claim(
        "leaves out",
        "Chunks that leave out a token, or reach beyond the answer, are refused: ValueError",
        "Compare the first start with 0, each start with the stop before it, and the last stop with len(logp).",
        leaves_out,
    ),
)


def begins(chunks: Chunks) -> Chunks:
    """The tokens that each chunk adds."""
    stops = [0, *(stop for _, stop in chunks)]
    return list(zip(stops, stops[1:], strict=False))


def shared(
    count: Callable[[Tensor, Chunks], Tensor], refuses: bool = True
) -> Callable[[Tensor, Chunks], Tensor]:
    """The function with another way to count."""

    def chunk_logprobs(logp: Tensor, chunks: Chunks) -> Tensor:
        steps = zip([(0, 0), *chunks], chunks, strict=False)
        fit = chunks[0][0] == 0 and chunks[-1][1] == len(logp) and all(a <= b for (_, b), (a, _) in steps)
        if refuses and not fit:
            raise ValueError("not covered")
        return count(logp, chunks)

    return chunk_logprobs


def later(logp: Tensor, chunks: Chunks) -> Tensor:
    starts = [*(start for start, _ in chunks), len(logp)]
    return torch.stack([logp[a:b].sum() for a, b in zip(starts, starts[1:], strict=False)])


def right(logp: Tensor, chunks: Chunks) -> Tensor:
    return torch.stack([logp[a:b].sum() for a, b in begins(chunks)])


MUTANTS = [
    Mutant(
        "counted_twice",
        "A token in two chunks counts twice here, so that an overlap makes the answer look less likely than it "
        "is. The chain rule has one factor per token.",
        lambda: shared(lambda logp, chunks: torch.stack([logp[a:b].sum() for a, b in chunks])),
    ),
    Mutant(
        "later_chunk",
        "You count shared tokens in the later chunk. They have been said when it begins: count them in the "
        "earlier one.",
        lambda: shared(later),
    ),
    Mutant(
        "means",
        "You took means. The log-probability of a chunk is the sum over its tokens, and only sums add up to "
        "log P(Y | X).",
        lambda: shared(lambda logp, chunks: torch.stack([logp[a:b].mean() for a, b in begins(chunks)])),
    ),
    Mutant(
        "probabilities",
        "These are probabilities. The exercise asks for log-probabilities, which add.",
        lambda: shared(lambda logp, chunks: right(logp, chunks).exp()),
    ),
    Mutant(
        "running_sum",
        "Each of your entries holds the chunks before it too. The prompt and the earlier chunks are given: they "
        "are the condition, not part of the event.",
        lambda: shared(lambda logp, chunks: right(logp, chunks).cumsum(0)),
    ),
    Mutant(
        "last_token",
        "You took each chunk's last token only. All its tokens have to be said.",
        lambda: shared(lambda logp, chunks: torch.stack([logp[b - 1] for _, b in chunks])),
    ),
    Mutant(
        "sums_of_probabilities",
        "You added probabilities and took the logarithm. Probabilities of tokens that follow one another are "
        "multiplied: their logarithms are added.",
        lambda: shared(lambda logp, chunks: torch.stack([logp[a:b].logsumexp(0) for a, b in begins(chunks)])),
    ),
    Mutant(
        "refuses_nothing",
        "You give shares even where the chunks miss tokens. Their sum then belongs to no text: "
        "raise ValueError.",
        lambda: shared(right, refuses=False),
    ),
]

HINTS = (
    "The chain rule: log P(Y | X) is the sum of log P(y_t | X, y_<t) over all t. Who gets which terms?",
    "Check first that the chunks cover 0 to len(logp) without a gap. Then walk along: each chunk adds the "
    "tokens from the stop of the chunk before it (0 for the first) to its own stop.",
    "done, shares = 0, []\n"
    "for start, stop in chunks:\n"
    "    if start > done or stop > len(logp):\n"
    "        raise ValueError(...)\n"
    "    shares.append(logp[...:stop].sum())\n"
    "    done = ...\n"
    "if done != len(logp):\n"
    "    raise ValueError(...)\n"
    "return torch.stack(shares)",
)

EXPLANATION = (
    "P(Y_n | X, Y_<n) is a product over the chunk's tokens, so its logarithm is a sum. Nothing is lost by "
    "cutting: the chunks' terms add up to log P(Y | X) exactly.",
    "The authors' mutual information has the same chain rule: I(X; Y) = Σ I(X; Y_n | Y_<n). That is why "
    "one chunk after the other can be raised by itself.",
)
