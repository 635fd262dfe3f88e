"""debias.bias_subspace and project_out: a bias's directions, and a matrix that can't write them (DAMA, L12).

Shape letters: n differences, D width of the residual stream, F width of the feed-forward layer, r directions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, float64, rand, randn

from autograder.claims import Claim, Student, at_least, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.debias.bias_subspace_mutants import MUTANTS
from autograder.lessons.metrics.common import number, refused

__all__ = ["ALSO", "ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ALSO = ("project_out",)
ARGUMENTS = ("diff (or W)", "r (or U)")  # of one function, or of the other

STUB = '''def bias_subspace(diff: Float[Tensor, "n D"], r: int) -> Float[Tensor, "D r"]:
    """The r orthonormal directions that hold most of the n differences, as columns, the strongest first.

    The differences are not centred: their mean is the very direction that is wanted. Raises ValueError for a
    negative r, and for one above min(n, D), which n differences of D numbers can't have.
    """
'''


def gate(value: Any, first: Tensor, second: Any) -> Tensor:
    if isinstance(second, Tensor):  # project_out
        return tensor_gate(value, first.shape, "(D, F)", "W", first.dtype)
    return tensor_gate(value, (first.shape[1], second), "(D, r)", "diff", first.dtype)


def directions(g: Generator, D: int) -> Tensor:
    return torch.linalg.qr(randn(D, D, generator=g, dtype=float64)).Q


def planted(g: Generator) -> tuple[Tensor, Tensor]:
    """Differences (n, D), and the directions (D, r) in which they mostly lie, the strongest first.

    The first direction is that of their mean: they all point the same way along it.
    """
    n, D, r = number(g, 9, 13), number(g, 6, 8), number(g, 2, 3)
    own = directions(g, D)
    along = torch.linalg.qr(torch.cat([torch.ones(n, 1), randn(n, D - 1, generator=g)], 1).double()).Q
    sizes = torch.tensor([9.0, 5.0, 3.0, *[0.4 / (i + 1) for i in range(D - 3)]], dtype=float64)
    return (along * sizes) @ own.T, own[:, :r]


def strongest(student: Student, g: Generator) -> Verdict:
    """The columns are orthonormal and span the planted directions; signs are free."""
    found = []
    for _ in range(2):
        diff, own = planted(g)
        U = student(diff, own.shape[1])
        found += [
            close(U.T @ U, torch.eye(own.shape[1]), 1e-6, "UᵀU (should be I)"),
            close(U @ U.T, own @ own.T, 1e-6, "UUᵀ"),
        ]
    return every(*found)


def nothing_holds_more(student: Student, g: Generator) -> Verdict:
    """Of many subspaces of r directions, none holds more of the differences; the first column alone "
    "neither."""
    n, D, r = number(g, 5, 8), number(g, 5, 7), 2
    diff = randn(n, D, generator=g, dtype=float64) + 0.8
    U = student(diff, r)
    held, best = float((diff @ U).norm() ** 2), 0.0
    for _ in range(300):
        other = torch.linalg.qr(randn(D, r, generator=g, dtype=float64)).Q
        best = max(best, float((diff @ other).norm() ** 2))
    energies = torch.linalg.eigvalsh(diff.T @ diff)
    return every(
        close(U.T @ U, torch.eye(r), 1e-6, "UᵀU (should be I)"),
        at_least(held, best, "what U holds of the differences"),
        close(torch.tensor(held), energies[-r:].sum(), 1e-6, "what U holds of the differences"),
        close((diff @ U[:, 0]).norm() ** 2, energies[-1], 1e-6, "what its first column holds"),
    )


def mean_counts(student: Student, g: Generator) -> Verdict:
    """All differences point the same way, and scatter a little. That way is the first direction."""
    n, D = number(g, 8, 12), number(g, 5, 8)
    own = directions(g, D)
    scatter = torch.linalg.qr(torch.cat([torch.ones(n, 1), randn(n, 2, generator=g)], 1).double()).Q[:, 1:]
    diff = 4 * own[:, :1].T.expand(n, D) + (scatter * torch.tensor([2.0, 1.0])) @ own[:, 1:3].T
    two = student(diff.float(), 2)
    return every(
        close(student(diff, 1) @ student(diff, 1).T, own[:, :1] @ own[:, :1].T, 1e-6, "UUᵀ for r = 1"),
        close(two @ two.T, own[:, :2] @ own[:, :2].T, 1e-4, "UUᵀ for r = 2, in float32"),
    )


def matrix(g: Generator, D: int, F: int = 0) -> Tensor:
    return randn(D, F or number(g, D + 2, D + 6), generator=g, dtype=float64)


def vanishes(student: Student, g: Generator) -> Verdict:
    """L12: what W writes along U is gone, what it writes in all other directions is what it was."""
    found = []
    for r in (1, number(g, 2, 3)):
        D = number(g, 6, 9)
        own = directions(g, D)
        W = matrix(g, D)
        new = student(W, own[:, :r], of=1)
        found += [
            close(own[:, :r].T @ new, torch.zeros(r, W.shape[1]), 1e-8, "UᵀW'"),
            close(own[:, r:].T @ new, own[:, r:].T @ W, 1e-8, "VᵀW' for directions V orthogonal to U"),
        ]
    return every(*found)


def skewed(student: Student, g: Generator) -> Verdict:
    """Columns of any length, at any angle: they span the same directions. And a square W, where both "
    "sides fit."""
    D, r = number(g, 7, 9), number(g, 2, 3)
    own = directions(g, D)
    mixed = own[:, :r] @ (randn(r, r, generator=g, dtype=float64) + 2 * torch.eye(r))
    mixed *= 0.3 + 3 * rand(r, generator=g, dtype=float64)
    W, kept = matrix(g, D, D), own[:, r:]
    return every(
        close(student(W, own[:, :r], of=1), kept @ (kept.T @ W), 1e-8, "W' for a square W"),
        close(student(W, mixed, of=1), kept @ (kept.T @ W), 1e-7, "W' for columns that are not orthonormal"),
    )


def once(student: Student, g: Generator) -> Verdict:
    """Projecting twice is projecting once; W in float32 comes back in float32."""
    D, r = number(g, 6, 9), 2
    own = directions(g, D)
    W, kept = matrix(g, D), own[:, r:]
    wanted = kept @ (kept.T @ W)
    return every(
        close(student(wanted, own[:, :r], of=1), wanted, 1e-8, "W' projected again"),
        close(student(W.float(), own[:, :r].float(), of=1), wanted, 1e-5, "W' in float32"),
    )


def refuses(student: Student, g: Generator) -> Verdict:
    diff, own = planted(g)
    W, r = matrix(g, len(own)), own.shape[1]
    same = torch.cat([own, 2 * own[:, :1]], 1)
    U = student(diff, r)
    return every(
        refused(student, diff, -1),
        refused(student, diff, min(diff.shape) + number(g, 1, 3)),
        refused(student, W, same, of=1),
        refused(student, W, torch.cat([own, torch.zeros(len(own), 1)], 1), of=1),
        close(U @ U.T, own @ own.T, 1e-6, "UUᵀ"),
        close(student(W, own, of=1), W - own @ (own.T @ W), 1e-7, "W'"),
    )


CLAIMS = (
    Claim(
        "strongest",
        "bias_subspace gives r orthonormal columns that span the strongest directions of the differences",
        "Singular value decomposition of diff: the first r rows of Vh, as columns.",
        strongest,
        open=True,
    ),
    Claim(
        "vanishes",
        "project_out: UᵀW' = 0, and what W writes in directions orthogonal to U is untouched (L12)",
        "W' = W - U (Uᵀ W): take off, on the output side (the left), what W writes along U.",
        vanishes,
        open=True,
    ),
    Claim(
        "nothing holds more",
        "No other r directions hold more of the differences, and the first column holds most of one",
        "Take right singular vectors of the largest singular values, in falling order.",
        nothing_holds_more,
    ),
    Claim(
        "mean counts",
        "The differences are not centred: what they have in common is found",
        "Don't subtract the mean: it is the direction from one gender to the other.",
        mean_counts,
    ),
    Claim(
        "skewed",
        "Columns of any length and at any angle remove the same directions; a square W is treated from "
        "the left too",
        "I - UUᵀ is a projector only for orthonormal columns: make them so first (torch.linalg.qr).",
        skewed,
    ),
    Claim(
        "once",
        "Projecting twice is projecting once, in either precision",
        "A projector has P² = P. Give W' in the dtype of W.",
        once,
    ),
    Claim(
        "refuses",
        "An r that the differences can't have, and columns that are not independent, are refused: ValueError",
        "Compare r with 0 and min(n, D). After QR a diagonal entry of R near 0 gives dependent columns away.",
        refuses,
    ),
)

HINTS = (
    "First question: along which few directions do v_he - v_she of all professions point? Second: what "
    "must be taken "
    "off W so that it can't write along them?",
    "bias_subspace: torch.linalg.svd(diff, full_matrices=False) gives U, S, Vh; the first r rows of Vh "
    "are the "
    "directions. project_out: Q, R = torch.linalg.qr(U), then W - Q (Qᵀ W). Refuse when a diagonal entry "
    "of R is "
    "tiny beside the largest.",
    "if not 0 <= r <= min(diff.shape):\n"
    "    raise ValueError(...)\n"
    "return torch.linalg.svd(diff, full_matrices=False).Vh[...].T\n\n"
    "Q, R = torch.linalg.qr(U)\n"
    "size = R.diagonal().abs()\n"
    "if size.numel() and size.min() <= 1e-7 * size.max():\n"
    "    raise ValueError(...)\n"
    "return W - ... @ (... @ W)",
)

EXPLANATION = (
    "W's output is what enters the stream, so the projector stands on the left: (I - UUᵀ) W k has no "
    "part along U, "
    "for any key k. On the right it would change which keys are heard.",
    "DAMA itself finds U by partial least squares, which centres the differences. The mean difference is "
    "then not "
    "among what it sees; `edu_edit.uses.debias` has both.",
    "Ours works in float64 and comes back in the dtype of W.",
)
