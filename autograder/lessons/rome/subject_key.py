"""rome.subject_key: k_* = (1/N) Σ_j k(x_j + s), read at the subject's last token (5.15).

Shape letters: N prompts, T tokens, F width of the feed-forward layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("keys", "last")


def gate(value: Any, keys: Tensor, last: Tensor) -> Tensor:
    return tensor_gate(value, keys.shape[2:], "(F,)", "keys", keys.dtype)


def sizes(generator: Generator) -> tuple[int, int, int]:
    """Between 3 and 6 prompts, 5 and 9 tokens, 6 and 12 channels."""
    N, T, F = (int(randint(low, high, (), generator=generator)) for low, high in ((3, 7), (5, 10), (6, 13)))
    return N, T, F


def different_positions(N: int, T: int, generator: Generator) -> Tensor:
    """One index per prompt, never the row's end, the first two different."""
    last = randint(1, T - 1, (N,), generator=generator)
    last[1:2] = last[0] % (T - 2) + 1
    return last


def one_prompt(student: Student, g: Generator) -> Verdict:
    _, T, F = sizes(g)
    keys, t = randn(1, T, F, generator=g), int(randint(1, T - 1, (), generator=g))
    return close(student(keys, torch.tensor([t])), keys[0, t], 1e-6, f"k_* (keys[0, {t}])")


def average(student: Student, g: Generator) -> Verdict:
    """A planted key: what the prompts add to it cancels in the mean, and only there."""
    N, T, F = sizes(g)
    planted, noise = randn(F, generator=g), randn(N, F, generator=g)
    keys, last = 3 * randn(N, T, F, generator=g), different_positions(N, T, g)
    for j in range(N):
        keys[j, last[j]] = planted + noise[j] - noise.sum(0) / N
    return close(student(keys, last), planted, 1e-5, "k_*")


def ends(student: Student, g: Generator) -> Verdict:
    """The subject may be the first token or the last of its row."""
    N, T, F = sizes(g)
    keys, planted = 5 * randn(N, T, F, generator=g), randn(F, generator=g)
    last = torch.tensor([0, T - 1] * N)[:N]
    keys[torch.arange(N), last] = planted
    return close(student(keys, last), planted, 1e-5, "k_*")


def only_the_subject_counts(student: Student, g: Generator) -> Verdict:
    """Everything else is a thousand times larger, and moves nothing."""
    N, T, F = sizes(g)
    keys, last, planted = randn(N, T, F, generator=g), different_positions(N, T, g), randn(N, F, generator=g)
    keys = 1000 * keys
    for j in range(N):
        keys[j, last[j]] = planted[j]
    each = [float(sum(planted[j, f] for j in range(N))) / N for f in range(F)]
    return close(student(keys, last), torch.tensor(each), 1e-5, "k_*")


CLAIMS = (
    Claim(
        "one prompt",
        "With one prompt, k_* is that prompt's key at the subject's last token",
        "The key of a single prompt is one row of `keys[0]`: the row whose index is `last[0]`.",
        one_prompt,
        open=True,
    ),
    Claim(
        "average",
        "With N prompts, k_* is the mean of their N keys",
        "What differs between the prompts must cancel: add the N keys, one from each prompt, and divide "
        "by N.",
        average,
        open=True,
    ),
    Claim(
        "ends",
        "The subject may stand at the very start or the very end of a prompt",
        "`last` holds plain indices from 0 to T-1: use them as they are.",
        ends,
    ),
    Claim(
        "only the subject counts",
        "Keys of all other tokens have no influence, however large they are",
        "Something other than the subject's last token got into the mean.",
        only_the_subject_counts,
    ),
)


def each_prompts_own(keys: Tensor, last: Tensor, shift: int = 0) -> Tensor:
    return keys[torch.arange(len(last)), last + shift]


MUTANTS = [
    Mutant(
        "last_token",
        "You read the last token of each row. The key of (5.15) is read at the subject's last token: its "
        "index is in `last`, and it is usually further left.",
        lambda: lambda keys, last: keys[:, -1].mean(0),
    ),
    Mutant(
        "sum",
        "You added the keys of the prompts but did not divide by their number N.",
        lambda: lambda keys, last: each_prompts_own(keys, last).sum(0),
    ),
    Mutant(
        "all_tokens",
        "You averaged over all tokens of the prompts. Take one token per prompt, the one at `last`.",
        lambda: lambda keys, last: keys.mean((0, 1)),
    ),
    Mutant(
        "one_before",
        "You read one token too early. `last` is the index of the subject's last token itself, not one "
        "past it.",
        lambda: lambda keys, last: each_prompts_own(keys, last, -1).mean(0),
    ),
    Mutant(
        "first_prompt",
        "You used the first prompt only. The other prompts carry random prefixes, and averaging over them "
        "is what makes k_* hold in other contexts.",
        lambda: lambda keys, last: keys[0, last[0]],
    ),
    Mutant(
        "one_position",
        "You used the first prompt's position for every prompt. Prefixes have different lengths, so the "
        "subject ends elsewhere in each.",
        lambda: lambda keys, last: keys[:, last[0]].mean(0),
    ),
    Mutant(
        "every_pair",
        "`keys[:, last]` takes all N positions from every prompt, N·N rows. Pair prompt j with its own "
        "`last[j]`: index both dimensions.",
        lambda: lambda keys, last: keys[:, last].mean((0, 1)),
    ),
    Mutant(
        "unit_length",
        "You divided k_* by its length. (5.15) is a plain mean: the update needs the real length of the key.",
        lambda: lambda keys, last: torch.nn.functional.normalize(each_prompts_own(keys, last).mean(0), dim=0),
    ),
]

HINTS = (
    "You need one row of `keys` per prompt: which row it is differs from prompt to prompt. What says which?",
    "`keys[rows, columns]` with two index tensors of length N picks N rows, the j-th at (rows[j], "
    "columns[j]). Here rows are 0, 1, …, N-1 and columns are `last`. Then (5.15) is a mean over the N "
    "rows.",
    "rows = torch.arange(len(last))\n"
    "picked = keys[rows, ...]     # (N, F): which column belongs to each row?\n"
    "return picked...             # (F,): the mean over the N prompts",
)

EXPLANATION = (
    "Pairing `arange(N)` with `last` picks exactly one token per prompt; `keys[:, last]` would pick N "
    "from each.",
    "The mean runs over the prompts: what the random prefixes add differs from prompt to prompt and "
    "cancels, what the subject adds stays. So the key still matches when the subject is mentioned in "
    "another context.",
)
