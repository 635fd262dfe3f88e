"""rome.second_moment: C = E[k k^T], the uncentred second moment of the keys, streamed in batches; the C
of (5.21).

Shape letters: n_i keys in batch i, F width of the feed-forward layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.calls import Stream
from autograder.claims import Claim, Student, close
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.rome.second_moment_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("batches",)


def gate(value: Any, batches: Stream) -> Tensor:
    F = batches.batches[0].shape[1]
    return tensor_gate(value, (F, F), "(F, F)", "batches", None)


def by_hand(batches: tuple[Tensor, ...]) -> Tensor:
    """One key at a time, in float64: the definition, as slowly as it is written."""
    total = torch.zeros(batches[0].shape[1], batches[0].shape[1], dtype=torch.float64)
    n = 0
    for batch in batches:
        for key in batch.double():
            total += key[:, None] * key[None, :]
            n += 1
    return total / n


def width(g: Generator) -> int:
    return int(randint(4, 9, (), generator=g))


def one_batch(student: Student, g: Generator) -> Verdict:
    keys = 0.7 + randn(int(randint(9, 20, (), generator=g)), width(g), generator=g)
    return close(student(Stream((keys,))), by_hand((keys,)), 1e-4, "C")


def unequal_batches(student: Student, g: Generator) -> Verdict:
    """Every key counts once, in whatever batch it comes."""
    batches = of_lengths(g, 1, int(randint(20, 40, (), generator=g)), int(randint(2, 5, (), generator=g)))
    return close(student(Stream(batches)), by_hand(batches), 1e-4, "C")


def empty_batch(student: Student, g: Generator) -> Verdict:
    """A batch without keys adds nothing to the sum and nothing to the count."""
    batches = of_lengths(g, int(randint(3, 8, (), generator=g)), 0, int(randint(9, 15, (), generator=g)))
    return close(student(Stream(batches)), by_hand(batches), 1e-4, "C")


def of_lengths(g: Generator, *lengths: int) -> tuple[Tensor, ...]:
    """Batches of so many keys, each batch with longer keys than the one before."""
    F = width(g)
    return tuple((1 + i) * randn(n, F, generator=g) for i, n in enumerate(lengths))


def not_centred(student: Student, g: Generator) -> Verdict:
    """Keys that are all the same have no spread; their second moment is k k^T all the same."""
    key, n = 1 + randn(width(g), generator=g).abs(), int(randint(3, 8, (), generator=g))
    expected = torch.tensor([[float(a) * float(b) for b in key] for a in key])
    return close(
        student(Stream((key.repeat(n, 1), key.repeat(2 * n, 1)))), expected, 1e-4, "C (should be k k^T)"
    )


def one_buffer(student: Student, g: Generator) -> Verdict:
    """A loader that reuses its memory: right for code that adds each batch as it comes, wrong for code
    that collects.
    """
    F, n = width(g), int(randint(3, 7, (), generator=g))
    batches = tuple(randn(n, F, generator=g) for _ in range(4))
    return close(student(Stream(batches, one_buffer=True)), by_hand(batches), 1e-4, "C")


def half_precision(student: Student, g: Generator) -> Verdict:
    """The sum of the squares of 1500 float16 keys of size 20 is beyond what float16 can hold, 65504."""
    F = width(g)
    mixing = randn(F, F, generator=g)
    batches = tuple((20 * randn(500, F, generator=g) @ mixing).half() for _ in range(3))
    wide = torch.cat(batches).double()
    return close(student(Stream(batches)), torch.einsum("nf,ng->fg", wide, wide) / len(wide), 1e-4, "C")


CLAIMS = (
    Claim(
        "one batch",
        "C is the mean of k k^T over the keys of a batch, (F, F)",
        "C[i, j] is the mean over all keys of k[i] · k[j]. Multiply each key by itself as column times "
        "row, add, and divide by the number of keys.",
        one_batch,
        open=True,
    ),
    Claim(
        "unequal batches",
        "Every key counts once: batches of different lengths give the mean over all keys",
        "Add up the sums of k k^T and the numbers of keys separately, and divide once at the end.",
        unequal_batches,
        open=True,
    ),
    Claim(
        "empty batch",
        "A batch without keys adds nothing",
        "One batch is empty, (0, F): K^T K is then a matrix of zeros, and the number of keys grows by 0.",
        empty_batch,
        open=True,
    ),
    Claim(
        "not centred",
        "C is not centred: keys that are all equal to k give k k^T",
        "No mean is taken off the keys: (5.21) needs E[k k^T], not the covariance.",
        not_centred,
    ),
    Claim(
        "one buffer",
        "Each batch is added as it comes, so a stream of any length needs little memory",
        "The batches come one at a time and may share one buffer: add each one to your running sum before "
        "you ask for the next.",
        one_buffer,
    ),
    Claim(
        "half precision",
        "Keys in float16 are summed without overflow",
        "A sum of squares soon passes 65504, the largest float16. Convert each batch to float32 or "
        "float64 first.",
        half_precision,
    ),
)


HINTS = (
    "Each key k gives one (F, F) matrix k k^T. C is their mean over all keys of all batches. Which two "
    "things must you carry from batch to batch?",
    "Carry the sum of k k^T and the number of keys seen. For a batch K of shape (n, F) the sum over its "
    "keys is K^T K. Convert K to float64 before multiplying.",
    "total, n = 0, 0\n"
    "for K in batches:\n"
    "    K = K.double()\n"
    "    total = total + ...      # (F, F), the sum over this batch\n"
    "    n = n + ...\n"
    "return total / n",
)

EXPLANATION = (
    "K^T K adds up k k^T over a whole batch in one product. Only the running sum (F, F) and a count stay "
    "in memory.",
    "Nothing is subtracted: the update must disturb the keys where they are, not around their mean. "
    "Summing in float64 costs little and saves digits that C^-1 would otherwise magnify.",
)
