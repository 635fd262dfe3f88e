"""rome.second_moment: C = E[k k^T], the uncentred second moment of the keys, streamed in batches; the C of (5.21).

Shape letters: n_i keys in batch i, F width of the feed-forward layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.calls import Stream
from autograder.claims import Claim, Student, close, tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

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
    keys = randn(int(randint(9, 20, (), generator=g)), width(g), generator=g)
    return close(student(Stream((keys,))), by_hand((keys,)), 1e-4, "C")


def unequal_batches(student: Student, g: Generator) -> Verdict:
    """Every key counts once, in whatever batch it comes; an empty batch adds nothing."""
    F = width(g)
    lengths = (1, int(randint(20, 40, (), generator=g)), 0, int(randint(2, 5, (), generator=g)))
    batches = tuple((1 + i) * randn(n, F, generator=g) for i, n in enumerate(lengths))
    return close(student(Stream(batches)), by_hand(batches), 1e-4, "C")


def not_centred(student: Student, g: Generator) -> Verdict:
    """Keys that are all the same have no spread; their second moment is k k^T all the same."""
    key, n = 1 + randn(width(g), generator=g).abs(), int(randint(3, 8, (), generator=g))
    expected = torch.tensor([[float(a) * float(b) for b in key] for a in key])
    return close(
        student(Stream((key.repeat(n, 1), key.repeat(2 * n, 1)))), expected, 1e-4, "C (should be k k^T)"
    )


def one_buffer(student: Student, g: Generator) -> Verdict:
    """A loader that reuses its memory: right for code that adds each batch as it comes, wrong for code that collects."""
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
        "C[i, j] is the mean over all keys of k[i] · k[j]. Multiply each key by itself as column times row, add, and "
        "divide by the number of keys.",
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
        "not centred",
        "C is not centred: keys that are all equal to k give k k^T",
        "No mean is taken off the keys: (5.21) needs E[k k^T], not the covariance.",
        not_centred,
    ),
    Claim(
        "one buffer",
        "Each batch is added as it comes, so a stream of any length needs little memory",
        "The batches come one at a time and may share one buffer: add each one to your running sum before you ask for the "
        "next.",
        one_buffer,
    ),
    Claim(
        "half precision",
        "Keys in float16 are summed without overflow",
        "A sum of squares soon passes 65504, the largest float16. Convert each batch to float32 or float64 first.",
        half_precision,
    ),
)


def summed(
    finish: Callable[[Tensor, int], Tensor],
    before: Callable[[Tensor], Tensor] = Tensor.double,
    product: Callable[[Tensor], Tensor] = lambda k: k.T @ k,
) -> Callable[[Iterable[Tensor]], Tensor]:
    """A streamed sum of products with one thing done differently; the answer is as wide as ours."""

    def second_moment(batches: Iterable[Tensor]) -> Tensor:
        total, n = torch.zeros((), dtype=torch.float64), 0
        for batch in batches:
            total = total + product(before(batch))
            n += len(batch)
        return finish(total, n)

    return second_moment


def covariance(batches: Iterable[Tensor]) -> Tensor:
    total, mean, n = torch.zeros((), dtype=torch.float64), torch.zeros((), dtype=torch.float64), 0
    for batch in batches:
        total, mean, n = (
            total + batch.double().T @ batch.double(),
            mean + batch.double().sum(0),
            n + len(batch),
        )
    return total / n - torch.outer(mean / n, mean / n)


def mean_of_means(batches: Iterable[Tensor]) -> Tensor:
    means = [batch.double().T @ batch.double() / max(len(batch), 1) for batch in batches]
    return torch.stack(means).mean(0)


def last_batch(batches: Iterable[Tensor]) -> Tensor:
    for batch in batches:
        C = batch.double().T @ batch.double() / max(len(batch), 1)
    return C


def collected(batches: Iterable[Tensor]) -> Tensor:
    keys = torch.cat(list(batches)).double()
    return keys.T @ keys / len(keys)


def narrow(batches: Iterable[Tensor]) -> Tensor:
    total, n = 0, 0
    for batch in batches:
        total, n = total + batch.T @ batch, n + len(batch)
    return total / n  # type: ignore[operator, return-value]


MUTANTS = [
    Mutant(
        "centred",
        "You took the mean of the keys off: that is the covariance. (5.21) needs the *uncentred* second moment "
        "E[k k^T]; the seed text's word for it is easily misread.",
        lambda: covariance,
    ),
    Mutant(
        "mean_of_means",
        "You averaged the C of each batch. A short batch then counts as much as a long one: add the sums, "
        "add the counts, divide once.",
        lambda: mean_of_means,
    ),
    Mutant(
        "not_divided",
        "You added k k^T over all keys but did not divide by their number.",
        lambda: summed(lambda total, n: total),
    ),
    Mutant(
        "n_minus_one",
        "You divided by n - 1. That belongs to a variance with an estimated mean; here nothing is estimated: "
        "divide by n.",
        lambda: summed(lambda total, n: total / (n - 1)),
    ),
    Mutant(
        "transposed",
        "You multiplied (n, F) by (F, n), which gives one number per pair of *keys*. C has one number per pair "
        "of *channels*: (F, n) times (n, F).",
        lambda: summed(lambda total, n: total / n, product=lambda k: k @ k.T),
    ),
    Mutant(
        "last_batch",
        "Only the last batch is left in your answer: the sum starts anew with each batch.",
        lambda: last_batch,
    ),
    Mutant(
        "collected",
        "You collected all batches before adding. On a real corpus they don't fit into memory, and a loader may "
        "reuse the buffer: add each batch as it comes.",
        lambda: collected,
    ),
    Mutant(
        "narrow",
        "You summed in the dtype of the keys. Half-precision keys overflow: convert each batch before you "
        "multiply.",
        lambda: narrow,
    ),
    Mutant(
        "unit_keys",
        "You normalised the keys to length 1. C is about the keys as they are.",
        lambda: summed(
            lambda total, n: total / n, lambda k: torch.nn.functional.normalize(k.double(), dim=1)
        ),
    ),
]

HINTS = (
    "Each key k gives one (F, F) matrix k k^T. C is their mean over all keys of all batches. Which two things must you carry "
    "from batch to batch?",
    "Carry the sum of k k^T and the number of keys seen. For a batch K of shape (n, F) the sum over its keys is K^T K. Convert "
    "K to float64 before multiplying.",
    "total, n = 0, 0\nfor K in batches:\n    K = K.double()\n    total = total + ...      # (F, F), the sum over this batch\n"
    "    n = n + ...\nreturn total / n",
)

EXPLANATION = (
    "K^T K adds up k k^T over a whole batch in one product. Only the running sum (F, F) and a count stay in memory.",
    "Nothing is subtracted: the update must disturb the keys where they are, not around their mean. Summing in float64 costs "
    "little and saves digits that C^-1 would otherwise magnify.",
)
