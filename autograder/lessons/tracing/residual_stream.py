"""tracing.residual_stream: what stands in the stream before block 0 and after each block, at one token.

Shape letters: L layers, D model width. The oracles are a small decoder that is run and recorded step by step,
and marks that every module writes on an axis of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("embed", "attn", "mlp")

STUB = '''def residual_stream(
    embed: Float[Tensor, "D"], attn: Float[Tensor, "L D"], mlp: Float[Tensor, "L D"]
) -> Float[Tensor, "L+1 D"]:
    """The residual stream at one token: before block 0 (row 0) and after each block (rows 1 to L).

    embed: what enters block 0. attn[l], mlp[l]: what attention and FFN of block l write at this token.
    """
'''


def gate(value: Any, embed: Tensor, attn: Tensor, mlp: Tensor) -> Tensor:
    return tensor_gate(value, (len(attn) + 1, len(embed)), "(L+1, D)", "embed", embed.dtype)


def problem(g: Generator, low: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Random writes of 2 to 6 layers in 4 to 9 dimensions."""
    L, D = int(randint(low, 7, (), generator=g)), int(randint(4, 10, (), generator=g))
    embed, attn, mlp = randn(D, generator=g), randn(L, D, generator=g), 2 * randn(L, D, generator=g)
    return embed, attn, mlp


def summed(embed: Tensor, attn: Tensor, mlp: Tensor) -> Tensor:
    """Every row from the start: the embedding, and all that was written up to there, number by number."""
    rows = []
    for upto in range(len(attn) + 1):
        written = [embed, *attn[:upto], *mlp[:upto]]
        rows.append([sum(float(w[d]) for w in written) for d in range(len(embed))])
    return torch.tensor(rows)


def one_block(student: Student, g: Generator) -> Verdict:
    """One block: two rows that can be added on paper."""
    D = int(randint(4, 10, (), generator=g))
    embed, attn, mlp = (randn(D, generator=g) for _ in range(3))
    expected = torch.tensor([
        [float(x) for x in embed],
        [float(e) + float(a) + float(m) for e, a, m in zip(embed, attn, mlp, strict=True)],
    ])  # fmt: skip
    return close(student(embed, attn[None], mlp[None]), expected, 1e-5, "the stream")


def several_blocks(student: Student, g: Generator) -> Verdict:
    embed, attn, mlp = problem(g)
    return close(student(embed, attn, mlp), summed(embed, attn, mlp), 1e-5, "the stream")


def recorded(student: Student, g: Generator) -> Verdict:
    """A decoder for one token with random modules is run, and its stream is written down on the way."""
    L, D = int(randint(3, 7, (), generator=g)), int(randint(4, 10, (), generator=g))
    maps = randn(L, 2, D, D, generator=g)
    h = randn(D, generator=g)
    stream, wrote_attn, wrote_mlp = [h.clone()], [], []
    for of_attn, of_mlp in maps:
        wrote_attn.append(torch.tanh(of_attn @ h))
        between = h + wrote_attn[-1]
        wrote_mlp.append(torch.relu(of_mlp @ (between / between.norm())))
        h = between + wrote_mlp[-1]
        stream.append(h.clone())
    got = student(stream[0], torch.stack(wrote_attn), torch.stack(wrote_mlp))
    return close(got, torch.stack(stream), 1e-4, "the stream")


def marks(student: Student, g: Generator) -> Verdict:
    """Every module writes one number on its own axis: after block l just the first 1 + 2l axes are marked."""
    L = int(randint(3, 7, (), generator=g))
    values = 1 + randn(1 + 2 * L, generator=g).abs()
    everything = torch.diag(values)
    expected = torch.zeros(L + 1, 1 + 2 * L)
    for row in range(L + 1):
        for axis in range(1 + 2 * row):
            expected[row, axis] = values[axis]
    got = student(everything[0], everything[1::2].clone(), everything[2::2].clone())
    return close(got, expected, 1e-6, "the stream")


def silent_layers(student: Student, g: Generator) -> Verdict:
    """Only one layer writes: the stream is one vector before it and another one after it, bit for bit."""
    embed, attn, mlp = problem(g, low=4)
    writer = int(randint(1, len(attn) - 1, (), generator=g))
    loud = torch.zeros(len(attn), 1)
    loud[writer] = 1
    later = torch.tensor([float(e) for e in embed]) + (attn[writer] + mlp[writer])
    expected = torch.stack([embed] * (writer + 1) + [later] * (len(attn) - writer))
    return close(student(embed, attn * loud, mlp * loud), expected, 1e-6, "the stream")


CLAIMS = (
    Claim(
        "one block",
        "With one block: row 0 is the embedding, row 1 is embedding + attention + FFN",
        "Two rows come back: what enters the block, and that plus what its two modules write.",
        one_block,
        open=True,
    ),
    Claim(
        "several blocks",
        "Each row is the row before it plus what the block's attention and FFN write",
        "h^l = h^(l-1) + a^l + m^l: nothing is replaced, everything is added.",
        several_blocks,
        open=True,
    ),
    Claim(
        "recorded",
        "It equals the stream that was recorded while a small decoder ran",
        "The rows must be the sums in the order of the layers, as the model itself forms them.",
        recorded,
    ),
    Claim(
        "marks",
        "What a module has written stays in the stream to the end",
        "Each mark, once made, must be in every later row, unchanged, and in no earlier one.",
        marks,
    ),
    Claim(
        "silent layers",
        "A layer that writes zeros leaves the stream as it is",
        "Where attention and FFN write nothing, two neighbouring rows are equal.",
        silent_layers,
    ),
)


def running(embed: Tensor, writes: Tensor) -> Tensor:
    return torch.cat([embed[None], embed + writes.cumsum(0)])


def in_place(embed: Tensor, attn: Tensor, mlp: Tensor) -> Tensor:
    rows, h = [embed], embed
    for a, m in zip(attn, mlp, strict=True):
        h += a + m
        rows.append(h)
    return torch.stack(rows)


def each_module(embed: Tensor, attn: Tensor, mlp: Tensor) -> Tensor:
    return running(embed, torch.stack([attn, mlp], 1).flatten(0, 1))


MUTANTS = [
    Mutant(
        "overwritten",
        "Each of your rows holds only what its own block wrote. The stream is not overwritten, it is added to: "
        "sum over all blocks so far.",
        lambda: lambda embed, attn, mlp: torch.cat([embed[None], attn + mlp]),
    ),
    Mutant(
        "one_step",
        "You added each block's writes to the embedding alone. Block l adds to what all blocks before it left: a "
        "running sum (cumsum).",
        lambda: lambda embed, attn, mlp: torch.cat([embed[None], embed + attn + mlp]),
    ),
    Mutant(
        "no_start",
        "Your first row is already the output of block 0. The stream has L+1 rows, and row 0 is the embedding.",
        lambda: lambda embed, attn, mlp: embed + (attn + mlp).cumsum(0),
    ),
    Mutant(
        "no_embedding",
        "You left the embedding out of the sums. It stays in the stream to the end, like everything else.",
        lambda: lambda embed, attn, mlp: torch.cat([embed[None], (attn + mlp).cumsum(0)]),
    ),
    Mutant(
        "mlp_only",
        "The attention's writes are missing. Every block adds twice: once from attention, once from the FFN.",
        lambda: lambda embed, attn, mlp: running(embed, mlp),
    ),
    Mutant(
        "attn_only",
        "The FFN's writes are missing. Every block adds twice: once from attention, once from the FFN.",
        lambda: lambda embed, attn, mlp: running(embed, attn),
    ),
    Mutant(
        "in_place",
        "You added in place, so all rows of your list are one and the same tensor, and the caller's embedding has "
        "changed, too. Write h = h + a + m, which makes a new tensor.",
        lambda: in_place,
    ),
    Mutant(
        "each_module",
        "You made one row per module. Asked for is one row per block: after its attention and its FFN.",
        lambda: each_module,
    ),
    Mutant(
        "wrong_dimension",
        "Your sum runs along the D numbers of a vector. It has to run along the layers, dimension 0.",
        lambda: lambda embed, attn, mlp: torch.cat([embed[None], embed + (attn + mlp).cumsum(1)]),
    ),
]

HINTS = (
    "Take a pencil: row 0 is `embed`. What is row 1? And row 2, if you already have row 1?",
    "Either a loop that keeps h, replaces it by h + attn[l] + mlp[l], and collects the rows; or `cumsum(0)` over "
    "the layers of attn + mlp, with the embedding added to every row and put in front.",
    "rows = [embed]\n"
    "for a, m in zip(attn, mlp):\n"
    "    rows.append(rows[-1] + ...)\n"
    "return torch.stack(...)      # (L+1, D)",
)

EXPLANATION = (
    "A block never replaces the stream. It reads it, and adds two vectors to it. So the state after block l is a sum "
    "of 1 + 2(l+1) vectors, and every one of them can be looked at alone.",
    "That is why an edit in one layer can be understood at all: changing what one module writes changes one "
    "summand, and all layers above read the new sum.",
)
