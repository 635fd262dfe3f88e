"""ke.ke_lagrangian: loss_edit + α (KL - margin), what KE minimises in its network and maximises in α."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, rand

from autograder.claims import Claim, Student, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant

ARGUMENTS = ("loss_edit", "kl_keep", "margin", "alpha")
Ask = tuple[Tensor, Tensor, float, Tensor]


def gate(value: Any, loss_edit: Tensor, kl_keep: Tensor, margin: float, alpha: Any) -> Tensor:
    return tensor_gate(value, (), "()", "loss_edit", None)


def problem(g: Generator, violated: bool) -> Ask:
    """A loss, a divergence above the margin or below it, the margin, a price."""
    loss, margin, apart, alpha = (0.2 + rand((), generator=g, dtype=torch.float64) for _ in range(4))
    kl = margin + apart if violated else margin * (0.2 + 0.5 * rand((), generator=g, dtype=torch.float64))
    return loss, kl, float(margin), alpha


def on_the_edge(student: Student, g: Generator) -> Verdict:
    """KL = margin: whatever α is, only the edit counts; one unit further, α is added."""
    loss, _, margin, alpha = problem(g, True)
    edge = torch.tensor(margin, dtype=torch.float64)
    return every(
        close(student(loss, edge, margin, alpha), loss, 1e-6, "L at KL = margin"),
        close(student(loss, edge + 1, margin, alpha), loss + alpha, 1e-6, "L at KL = margin + 1"),
    )


def price(student: Student, g: Generator) -> Verdict:
    """Above the margin, each unit of damage costs α: from two points, the slope."""
    loss, kl, margin, alpha = problem(g, True)
    there, further = student(loss, kl, margin, alpha), student(loss, kl + 1, margin, alpha)
    return every(
        close(further - there, alpha, 1e-6, "one more unit of KL costs"),
        close(there - loss, alpha * kl - alpha * margin, 1e-6, "L - loss_edit"),
    )


def below(student: Student, g: Generator) -> Verdict:
    """Below the margin the second term is negative, and stays."""
    found = []
    for _ in range(2):
        loss, kl, margin, alpha = problem(g, False)
        wanted = loss - alpha * abs(float(kl) - margin)
        found.append(close(student(loss, kl, margin, alpha), wanted, 1e-6, "L below the margin"))
    return every(*found)


def free(student: Student, g: Generator) -> Verdict:
    """α = 0 drops the constraint, on either side of the margin; α = 1 counts it once."""
    found = []
    for violated in (True, False):
        loss, kl, margin, _ = problem(g, violated)
        zero, one = torch.zeros_like(loss), torch.ones_like(loss)
        found += [
            close(student(loss, kl, margin, zero), loss, 1e-6, "L at α = 0"),
            close(student(loss, kl, margin, one), loss + float(kl) - margin, 1e-6, "L at α = 1"),
        ]
    return every(*found)


def ascent(student: Student, g: Generator) -> Verdict:
    """∂L/∂α = KL - margin, so ascent raises α while the constraint is violated, and lowers it where it is
    kept; ∂L/∂loss_edit = 1 and ∂L/∂KL = α train the network.
    """
    found = []
    for violated in (True, False):
        loss, kl, margin, alpha = problem(g, violated)
        by_loss, by_kl, by_alpha = student.gradient(loss, kl, margin, alpha, wrt=(0, 1, 3))
        for name, got, wanted in (
            ("loss_edit", by_loss, torch.ones(())), ("kl_keep", by_kl, alpha), ("alpha",
            by_alpha, kl - margin),
        ):  # fmt: skip
            if got is None:
                found.append(
                    Verdict(False, f"no gradient reaches {name}", f"∂L/∂{name} = {float(wanted):.4g}")
                )
            else:
                found.append(close(got, wanted, 1e-6, f"∂L/∂{name}"))
    return every(*found)


CLAIMS = (
    Claim("on the edge", "At KL = margin only the edit counts, whatever α is",
          "The constraint is KL - margin ≤ 0: at its edge the second term is 0.", on_the_edge, open=True),
    Claim("price", "Above the margin, each unit of damage costs α",
          "The second term is α times the excess KL - margin, added to the edit's loss.", price, open=True),
    Claim("below", "Below the margin the second term is negative, and is not cut off",
          "Without the negative side α would never be told to come down again.", below,
        open=True,
    ),
    Claim("free", "With α = 0 nothing but the edit counts",
          "α multiplies the whole constraint, margin included.", free),
    Claim("ascent", "By α its gradient is KL - margin; gradients also reach loss_edit and kl_keep",
          "Ascent in α needs this gradient on both sides of the margin: no clamp, no .item().", ascent),
)  # fmt: skip

Lagrangian = Callable[[Any, Any, Any, Any], Tensor]


def like(lagrangian: Lagrangian) -> Callable[[], Lagrangian]:
    return lambda: lagrangian


MUTANTS = [
    Mutant(
        "hinge",
        "You cut the constraint off at 0. Below the margin its gradient by α would be 0 and α could never "
        "come "
        "down. It is α that is kept above 0, not KL - margin.",
        like(lambda loss, kl, m, alpha: loss + alpha * (kl - m).clamp(min=0)),
    ),
    Mutant(
        "no_margin",
        "You left out the margin. Then every bit of divergence costs, and α could only ever grow.",
        like(lambda loss, kl, m, alpha: loss + alpha * kl),
    ),
    Mutant(
        "turned_round",
        "You turned the constraint round: with margin - KL, damage is rewarded.",
        like(lambda loss, kl, m, alpha: loss + alpha * (m - kl)),
    ),
    Mutant(
        "margin_outside",
        "You took the margin off outside the bracket: α multiplies KL - margin as a whole.",
        like(lambda loss, kl, m, alpha: loss + alpha * kl - m),
    ),
    Mutant(
        "price_on_the_edit",
        "You put α on the edit's loss. It is the price of the constraint.",
        like(lambda loss, kl, m, alpha: alpha * loss + kl - m),
    ),
    Mutant(
        "fixed_price",
        "You turned α into a plain number. Ascent in α needs the gradient by α: multiply by the tensor as "
        "it is.",
        like(lambda loss, kl, m, alpha: loss + float(alpha) * (kl - m)),
    ),
]

STUB = '''def ke_lagrangian(
    loss_edit: Float[Tensor, ""],
    kl_keep: Float[Tensor, ""],
    margin: float,
    alpha: Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """What KE's network minimises, and its price alpha maximises.

    loss_edit: how unlikely the new answer is. kl_keep: how far the kept prompts moved. margin: how far they
    may move. alpha: the price of moving further. Returns one number, differentiable in loss_edit, kl_keep
    and alpha.
    """
'''

HINTS = (
    "A constraint g ≤ 0 enters a Lagrangian as + α g. What is g, if KL may be at most the margin?",
    "g = kl_keep - margin: positive while the constraint is violated. Then descent in the network makes it "
    "smaller, and ascent makes α larger.",
    "return loss_edit + alpha * (...)",
)

EXPLANATION = (
    "α adapts itself. While damage exceeds the margin, ∂L/∂α > 0 and ascent raises the "
    "price; once "
    "the constraint holds, the price falls, and the edit is all that counts.",
    "A fixed weight such as c_edit needs trying out. The margin says the wish directly: at most so much "
    "damage.",
)
