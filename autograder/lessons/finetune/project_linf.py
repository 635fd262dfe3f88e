"""finetune.project_linf: the point nearest to w with |w - w0| <= eps in every entry, FT-L's ball."""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.finetune.project_linf_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("w", "w0", "eps")


def gate(value: Any, w: Tensor, w0: Tensor, eps: float) -> Tensor:
    letters = f"({', '.join(map(str, w.shape))})"
    return tensor_gate(value, w.shape, letters, "w", w.dtype)


def by_hand(w: Tensor, w0: Tensor, eps: float) -> Tensor:
    """Entry by entry: where it is if that is near enough, else at the end of its interval."""
    out = []
    for here, centre in zip(w.flatten().tolist(), w0.flatten().tolist(), strict=True):
        if here > centre + eps:
            out.append(centre + eps)
        elif here < centre - eps:
            out.append(centre - eps)
        else:
            out.append(here)
    return torch.tensor(out, dtype=torch.float64).reshape(w.shape)


def problem(
    g: Generator, shape: tuple[int, ...], eps: float, centre: float = 1.0, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor, float]:
    """Weights of which some are in the ball and some outside of it, on both sides of their centre."""
    w0 = centre * randn(shape, generator=g, dtype=torch.float64)
    n = w0.numel()
    step = torch.cat([  # outside above, outside below, inside
        1.2 + 3 * rand(n // 3 + 1, generator=g), -1.2 - 3 * rand(n // 3 + 1, generator=g),
        2 * rand(n, generator=g) - 1,
    ])[:n][torch.randperm(n, generator=g)]  # fmt: skip
    w = w0 + eps * step.double().reshape(shape)
    return w.to(dtype), w0.to(dtype), eps


def size(g: Generator) -> tuple[int, int]:
    return int(randint(3, 7, (), generator=g)), int(randint(3, 7, (), generator=g))


def drawn(g: Generator, low: float, high: float) -> float:
    return low + (high - low) * float(rand((), generator=g))


def judged(student: Student, asked: tuple[Tensor, Tensor, float], tolerance: float = 1e-5) -> Verdict:
    return close(student(*asked), by_hand(*asked), tolerance, "the projected weight")


def in_and_out(student: Student, g: Generator) -> Verdict:
    return judged(student, problem(g, size(g), drawn(g, 0.2, 0.8)))


def each_entry(student: Student, g: Generator) -> Verdict:
    """One entry is far out, and the others keep their place."""
    w, w0, eps = problem(g, (int(randint(8, 14, (), generator=g)),), drawn(g, 0.2, 0.8))
    place = int(randint(0, len(w), (), generator=g))
    w[place] = w0[place] + 60 * eps
    return judged(student, (w, w0, eps))


def far_from_zero(student: Student, g: Generator) -> Verdict:
    """Weights far from zero compared with eps, and one start that is exactly zero."""
    w, w0, eps = problem(g, size(g), drawn(g, 0.01, 0.05), centre=5.0)
    w0[0, 0], w[0, 0] = 0.0, 3 * eps
    w0[0, 1], w[0, 1] = 0.0, 0.4 * eps
    return judged(student, (w, w0, eps), 1e-6)


def nearest(student: Student, g: Generator) -> Verdict:
    """The answer is in the ball, and none of 300 other points of it is nearer to w."""
    w, w0, eps = problem(g, (int(randint(4, 7, (), generator=g)),), drawn(g, 0.2, 0.8), dtype=torch.float64)
    mine = student(w, w0, eps).double()
    inside = at_most(
        float((mine - w0).abs().max()), eps * (1 + 1e-6), "largest |entry - w0|", f"at most {eps:.4g}"
    )
    target = by_hand(w, w0, eps)
    others = target + 0.3 * eps * randn(300, len(w), generator=g, dtype=torch.float64)
    others = torch.minimum(torch.maximum(others, w0 - eps), w0 + eps)
    best = min(float((other - w).norm()) for other in (*others, target))
    return every(inside, at_most(float((mine - w).norm()), best * (1 + 1e-6), "distance to w"))


def any_shape(student: Student, g: Generator) -> Verdict:
    """A tensor of three dimensions, and a vector of two entries."""
    return every(
        judged(student, problem(g, (2, 3, 4), drawn(g, 0.2, 0.8))),
        judged(student, problem(g, (2,), drawn(g, 0.2, 0.8))),
    )


CLAIMS = (
    Claim(
        "in and out",
        "Entries in the ball stay, entries outside of it go to its surface, on either side",
        "Look at w - w0 entry by entry: what is longer than eps becomes eps, with its sign; the rest stays.",
        in_and_out,
        open=True,
    ),
    Claim(
        "each entry",
        "One entry that is far out does not move the others",
        "The ball of the maximum norm is a box: each entry has its own limits, and nothing is rescaled.",
        each_entry,
        open=True,
    ),
    Claim(
        "far from zero",
        "The ball lies around w0, however large w0 is, and also where it is 0",
        "Its centre is w0 and its radius is eps, in the units of the weights.",
        far_from_zero,
    ),
    Claim(
        "nearest",
        "The answer is in the ball, and no other point of the ball is nearer to w",
        "A projection moves w no further than it must.",
        nearest,
    ),
    Claim(
        "any shape",
        "Tensors of any shape are projected entry by entry",
        "No norm of a row or a column is needed, so the number of dimensions makes no difference.",
        any_shape,
    ),
)

HINTS = (
    "The ball is a box around w0: each entry may move by eps up or down. What happens to an entry that is "
    "still inside?",
    "Look at the change w - w0, not at w. `clamp(-eps, eps)` cuts a tensor off on both sides, entry by "
    "entry. Then come back to a weight.",
    "change = w - ...\nkept = change.clamp(..., ...)\nreturn ...",
)

EXPLANATION = (
    "The nearest point of a box is found for each coordinate by itself: that is why the maximum norm is so "
    "cheap to project on.",
    "Without the projection a step of Adam moves every weight by about lr, whatever its gradient. The ball "
    "says: in the end no weight may have moved by more than eps.",
)
