"""unke.unke_loss: mean (block(H) - H*)² on the edited text plus the same on what is to be kept.

Shape letters: n tokens of the edited text, m tokens to be kept, D width of the residual stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, randn

from autograder.claims import Claim, Student, close, every
from autograder.gates import shown, tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.metrics.common import number
from autograder.mutants import Mutant

ARGUMENTS = ("out_edit", "want_edit", "out_keep", "want_keep")
STUB = '''def unke_loss(
    out_edit: Float[Tensor, "n D"],
    want_edit: Float[Tensor, "n D"],
    out_keep: Float[Tensor, "m D"],
    want_keep: Float[Tensor, "m D"],
) -> Float[Tensor, ""]:
    """UnKE's loss: the mean squared error on the edited text plus the mean squared error on kept texts.

    out: what the block gives now. want: what it should give. Each mean is over all its own entries, n D or
    m D. There may be nothing to keep (m = 0): then only the first term is left. A scalar tensor, through which
    gradients flow to both outputs.
    """
    raise NotImplementedError("Your code here")
'''
Four = tuple[Tensor, Tensor, Tensor, Tensor]


def gate(value: Any, out_edit: Tensor, want_edit: Tensor, out_keep: Tensor, want_keep: Tensor) -> Tensor:
    return tensor_gate(value, (), "()", "out_edit", None)


def problem(g: Generator, n: int | None = None, m: int | None = None) -> Four:
    """Outputs and what they should be; n and m differ, so that no mean is the other's."""
    D = number(g, 4, 9)
    n, m = number(g, 2, 4) if n is None else n, number(g, 6, 9) if m is None else m
    want = [randn(rows, D, generator=g, dtype=torch.float64) for rows in (n, m)]
    off = [0.3 + randn(rows, D, generator=g, dtype=torch.float64) for rows in (n, m)]
    return want[0] + off[0], want[0], want[1] + off[1], want[1]


def counted(*pairs: tuple[Tensor, Tensor]) -> Tensor:
    """Each pair entry by entry: its squares added up and divided by their number; then the sum of the pairs."""
    total = 0.0
    for out, want in pairs:
        squares = [(a - b) ** 2 for a, b in zip(out.flatten().tolist(), want.flatten().tolist(), strict=True)]
        total += sum(squares) / len(squares)
    return torch.tensor(total, dtype=torch.float64)


def both_terms(student: Student, g: Generator) -> Verdict:
    verdicts = []
    for _ in range(2):
        a, b, c, d = problem(g)
        verdicts.append(close(student(a, b, c, d), counted((a, b), (c, d)), 1e-6, "loss"))
    return every(*verdicts)


def nothing_to_keep(student: Student, g: Generator) -> Verdict:
    a, b, c, d = problem(g, m=0)
    return close(student(a, b, c, d), counted((a, b)), 1e-6, "loss with m = 0")


def one_is_met(student: Student, g: Generator) -> Verdict:
    """One of the terms at zero leaves the other."""
    a, b, c, d = problem(g)
    return every(
        close(student(b, b, c, d), counted((c, d)), 1e-6, "loss where the edit is met"),
        close(student(a, b, d, d), counted((a, b)), 1e-6, "loss where what is kept is met"),
    )


def repeated(student: Student, g: Generator) -> Verdict:
    """Twice the texts to keep weigh no more than once: each term is a mean."""
    a, b, c, d = problem(g)
    twice = [torch.cat([x, x]) for x in (c, d)]
    more = [torch.cat([x, x, x]) for x in (a, b)]
    return every(
        close(student(a, b, *twice), counted((a, b), (c, d)), 1e-6, "loss, kept texts twice"),
        close(student(*more, c, d), counted((a, b), (c, d)), 1e-6, "loss, edited text three times"),
    )


def gradient(student: Student, g: Generator) -> Verdict:
    """2 (out - want) / entries, for both outputs."""
    a, b, c, d = problem(g)
    by_edit, by_keep = student.gradient(a, b, c, d, wrt=(0, 2))
    wanted = (2 * (a - b) / a.numel(), 2 * (c - d) / c.numel())
    for name, by, want in zip(("out_edit", "out_keep"), (by_edit, by_keep), wanted, strict=True):
        if by is None:
            return Verdict(False, f"no gradient reaches {name}", f"∂L/∂{name} = {shown(want)}")
    assert by_edit is not None and by_keep is not None
    return every(
        close(by_edit, wanted[0], 1e-6, "∂L/∂out_edit"), close(by_keep, wanted[1], 1e-6, "∂L/∂out_keep")
    )


CLAIMS = (
    Claim(
        "both terms",
        "The loss is the mean squared error on the edited text plus the one on kept texts",
        "Square the differences, take the mean of each pair by itself, and add the two.",
        both_terms,
        open=True,
    ),
    Claim(
        "nothing to keep",
        "With nothing to keep, the first term alone is left, and no NaN",
        "The mean of no numbers is NaN. Add the second term only where there is something to keep.",
        nothing_to_keep,
        open=True,
    ),
    Claim(
        "one is met",
        "Where one of the two is met exactly, the loss is the other one",
        "Each term looks at its own outputs only.",
        one_is_met,
    ),
    Claim(
        "repeated",
        "The same texts given several times change nothing: each term is a mean of its own",
        "The two terms must not be pooled, and not be sums: then the longer list would count more.",
        repeated,
    ),
    Claim(
        "gradient",
        "Gradients reach both outputs: 2 (out - want), divided by the number of entries",
        "Use plain tensor operations, without .item(), .detach() or a root.",
        gradient,
    ),
)


def loss(
    total: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor], checks: bool = True
) -> Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]:
    """Another total; with `checks` an empty second term is left out."""

    def unke_loss(out_edit: Tensor, want_edit: Tensor, out_keep: Tensor, want_keep: Tensor) -> Tensor:
        if checks and not want_keep.numel():
            out_keep = want_keep = torch.zeros_like(want_edit[:1])
        return total(out_edit, want_edit, out_keep, want_keep)

    return unke_loss


def mse(out: Tensor, want: Tensor) -> Tensor:
    return (out - want).square().mean()


MUTANTS = [
    Mutant(
        "edit_only",
        "Your loss ignores what is to be kept. A block with all its parameters free then forgets: the second "
        "term is what holds it.",
        lambda: loss(lambda a, b, c, d: mse(a, b)),
    ),
    Mutant(
        "sums",
        "You added the squares and did not divide. Then a longer text weighs more. Take the mean of each term.",
        lambda: loss(lambda a, b, c, d: (a - b).square().sum() + (c - d).square().sum()),
    ),
    Mutant(
        "pooled",
        "You took one mean over both. With many texts to keep, the edit then hardly counts. Each term has its "
        "own mean.",
        lambda: loss(lambda a, b, c, d: torch.cat([(a - b).flatten(), (c - d).flatten()]).square().mean()),
    ),
    Mutant(
        "no_check",
        "With nothing to keep your loss is NaN: the mean of no numbers. Leave the second term out then.",
        lambda: loss(lambda a, b, c, d: mse(a, b) + mse(c, d), checks=False),
    ),
    Mutant(
        "root",
        "You took roots. The loss is the mean of the squares themselves.",
        lambda: loss(lambda a, b, c, d: mse(a, b).sqrt() + mse(c, d).sqrt()),
    ),
    Mutant(
        "absolute",
        "You took absolute differences. Square them.",
        lambda: loss(lambda a, b, c, d: (a - b).abs().mean() + (c - d).abs().mean()),
    ),
    Mutant(
        "per_token",
        "You added the squares within each token and took the mean over tokens. The mean is over all entries, "
        "tokens and D together.",
        lambda: loss(lambda a, b, c, d: (a - b).square().sum(1).mean() + (c - d).square().sum(1).mean()),
    ),
]

HINTS = (
    "Twice the same thing: how far is what comes out from what should come out? And what if the second list is "
    "empty?",
    "(out - want).square().mean() for each pair, added. want_keep.numel() is 0 where there is nothing to keep.",
    "loss = (out_edit - want_edit)....\n"
    "if want_keep.numel():\n"
    "    loss = loss + ...\n"
    "return loss",
)

EXPLANATION = (
    "want_edit equals what the block gave before, except at the anchors, where it is z. So the first term also "
    "protects the other tokens of the edited text.",
    "MEMIT weighs old keys by λ C, which needs no texts. UnKE has a whole block to train, for which no such "
    "matrix is known, and takes texts instead.",
)
