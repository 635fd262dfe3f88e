"""patches.mix_patch: gate p_patch + (1 - gate) p_orig, a mixture of probabilities (textbook §5.2.1).

Shape letters: B questions, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("gate", "p_patch", "p_orig")

STUB = '''
def mix_patch(
    gate: Float[Tensor, " B"], p_patch: Float[Tensor, "B V"], p_orig: Float[Tensor, "B V"]
) -> Float[Tensor, "B V"]:
    """The next-token distribution of a language patch: gate p_patch + (1 - gate) p_orig, question by question.

    gate: how sure it is that the patch's condition applies, from 0 to 1. p_patch: the distribution if the
    patch is followed; p_orig: the model's own. Each row of both adds up to 1.
    """
'''


def gate(value: Any, gate: Tensor, p_patch: Tensor, p_orig: Tensor) -> Tensor:
    return tensor_gate(value, p_orig.shape, "(B, V)", "p_orig", p_orig.dtype)


def problem(g: Generator, square: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """Gates between .1 and .9, and two distributions for each question."""
    B = int(randint(3, 6, (), generator=g))
    V = B if square else B + int(randint(2, 5, (), generator=g))
    p = [(1.5 * randn(B, V, generator=g, dtype=torch.float64)).softmax(-1) for _ in range(2)]
    gates = 0.1 + 0.8 * rand(B, generator=g, dtype=torch.float64)
    return gates, p[0], p[1]


def mixed(gates: Tensor, p_patch: Tensor, p_orig: Tensor) -> Tensor:
    """Number by number."""
    out = torch.zeros_like(p_orig)
    for b in range(len(out)):
        for v in range(out.shape[1]):
            share = float(gates[b])
            out[b, v] = share * float(p_patch[b, v]) + (1 - share) * float(p_orig[b, v])
    return out


def mixture(student: Student, g: Generator) -> Verdict:
    asked = [problem(g), problem(g)]
    return every(*(close(student(*p), mixed(*p), 1e-6, "p") for p in asked))


def closed_and_open(student: Student, g: Generator) -> Verdict:
    """A gate of 0 leaves the model's answer, one of 1 gives the patch's; here both in one batch."""
    gates, p_patch, p_orig = problem(g)
    gates = (torch.arange(len(gates)) % 2).double()
    wanted = torch.where(gates[:, None] > 0, p_patch, p_orig)
    return every(
        close(student(gates, p_patch, p_orig), wanted, 1e-9, "p with gates 0 and 1"),
        close(student(1 - gates, p_patch, p_orig), p_patch + p_orig - wanted, 1e-9, "p with gates 1 and 0"),
    )


def adds_up(student: Student, g: Generator) -> Verdict:
    """A mixture of distributions is one, and no word gets less than both say."""
    gates, p_patch, p_orig = problem(g)
    p = student(gates, p_patch, p_orig)
    return every(
        at_most(float((p.sum(-1) - 1).abs().max()), 1e-6, "how far a row's sum is from 1"),
        at_most(float((torch.minimum(p_patch, p_orig) - p).max()), 1e-9, "below both by"),
        close(p, mixed(gates, p_patch, p_orig), 1e-6, "p"),
    )


def as_many_words_as_questions(student: Student, g: Generator) -> Verdict:
    """B = V: then no shape says whether a gate belongs to a row or to a column."""
    p = problem(g, square=True)
    return close(student(*p), mixed(*p), 1e-6, "p with B = V")


CLAIMS = (
    Claim(
        "mixture",
        "Each question gets gate · p_patch + (1 - gate) · p_orig",
        "The surer the gate, the more of the patch's distribution, and the less of the model's.",
        mixture,
        open=True,
    ),
    Claim(
        "closed and open",
        "A gate of 0 leaves the model's own answer, a gate of 1 gives the patch's",
        "Put 0 and 1 in for the gate: one of the two terms has to vanish.",
        closed_and_open,
        open=True,
    ),
    Claim(
        "adds up",
        "The mixture is a distribution: each row adds up to 1",
        "The two shares, gate and 1 - gate, add up to 1. Mix the probabilities themselves.",
        adds_up,
    ),
    Claim(
        "as many words as questions",
        "Each question is mixed by its own gate, also where B = V",
        "The gate belongs to a row: gate[:, None], shape (B, 1).",
        as_many_words_as_questions,
    ),
)

Mix = Callable[[Tensor, Tensor, Tensor], Tensor]


def by(mix: Mix, share: Callable[[Tensor], Tensor] = lambda gate: gate[:, None]) -> Callable[[], Mix]:
    return lambda: lambda gate, p_patch, p_orig: mix(share(gate), p_patch, p_orig)


def geometric(gate: Tensor, p_patch: Tensor, p_orig: Tensor) -> Tensor:
    return (gate * p_patch.clamp(min=1e-30).log() + (1 - gate) * p_orig.clamp(min=1e-30).log()).softmax(-1)


def linear(gate: Tensor, p_patch: Tensor, p_orig: Tensor) -> Tensor:
    return gate * p_patch + (1 - gate) * p_orig


MUTANTS = [
    Mutant(
        "exchanged",
        "The two shares are exchanged: a sure gate must bring in the patch.",
        by(lambda gate, p_patch, p_orig: linear(gate, p_orig, p_patch)),
    ),
    Mutant(
        "logarithms",
        "You mixed logarithms (or logits). One word that either side calls impossible is then impossible "
        "whatever the gate says: mix the probabilities.",
        by(geometric),
    ),
    Mutant(
        "hard",
        "You chose one side at .5. That is SERAC's hard route; a language patch mixes.",
        by(lambda gate, p_patch, p_orig: torch.where(gate > 0.5, p_patch, p_orig)),
    ),
    Mutant(
        "added_on_top",
        "You added the patch on top of the model's whole distribution. The model keeps only the share 1 - "
        "gate.",
        by(lambda gate, p_patch, p_orig: gate * p_patch + p_orig),
    ),
    Mutant(
        "along_the_words",
        "Your gate runs along the words. It has one number per question: gate[:, None].",
        by(linear, lambda gate: gate),
    ),
    Mutant(
        "mean_gate",
        "You used one gate for the whole batch. Each question has its own.",
        by(linear, lambda gate: gate.mean()),
    ),
]

HINTS = (
    "If the gate is .8, how much of the answer comes from the patch, and how much is left to the model?",
    "gate[:, None] has shape (B, 1) and multiplies whole rows. The second share is 1 minus the first.",
    "g = gate[:, None]\nreturn g * ... + (1 - g) * ...",
)

EXPLANATION = (
    "A mixture of distributions is a distribution, so nothing has to be normalised again.",
    "A sigmoid is never quite 0. So a soft mixture changes every question a little, where a hard route "
    "leaves the "
    "others bit for bit. Locality is paid for by that.",
)
