"""Misconceptions about alphaedit.null_projector: the wrong directions, or directions put together wrongly."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant


def projector(
    kept: Callable[[Tensor, float], Tensor] = lambda s, tol: s <= tol * s[-1],
    build: Callable[[Tensor, Tensor, Tensor], Tensor] = lambda U, q, s: U[:, q] @ U[:, q].T,
) -> Callable[[Tensor, float], Tensor]:
    """The reference with one part exchanged."""

    def null_projector(C0: Tensor, tol: float) -> Tensor:
        s, U = torch.linalg.eigh(C0.double())
        return build(U, kept(s, tol), s).to(C0.dtype)

    return null_projector


def in_float32(C0: Tensor, tol: float) -> Tensor:
    s, U = torch.linalg.eigh(C0.float())
    B = U[:, s <= tol * s[-1]]
    return (B @ B.T).to(C0.dtype)


MUTANTS = [
    Mutant(
        "loud_directions",
        "You kept the directions with much energy, those that old keys use most. The null space is the rest.",
        lambda: projector(kept=lambda s, tol: s > tol * s[-1]),
    ),
    Mutant(
        "absolute",
        "You compared the energies with tol itself. Whether 0.02 is little depends on the scale of the "
        "activations: compare with tol times the largest energy.",
        lambda: projector(kept=lambda s, tol: s <= tol),
    ),
    Mutant(
        "rows",
        "You took rows of U. torch.linalg.eigh gives the directions as columns: U[:, i] belongs to energy i.",
        lambda: projector(build=lambda U, q, s: U[q].T @ U[q]),
    ),
    Mutant(
        "roots",
        "You compared square roots. The eigenvalues of C₀ are energies, squares already: compare them as they "
        "are.",
        lambda: projector(kept=lambda s, tol: s.clamp(min=0).sqrt() <= tol * s[-1].sqrt()),
    ),
    Mutant(
        "sum_of_energies",
        "You compared with the sum of all energies. tol is a share of the largest one.",
        lambda: projector(kept=lambda s, tol: s <= tol * s.sum()),
    ),
    Mutant(
        "smallest_share",
        "You kept a fixed share of the directions, tol of them all. How many are kept must depend on their "
        "energies.",
        lambda: projector(kept=lambda s, tol: torch.arange(len(s)) < round(tol * len(s))),
    ),
    Mutant(
        "weighted",
        "Your matrix still holds the energies, B S Bᵀ. A projector has no lengths: leave S out, P = B Bᵀ.",
        lambda: projector(build=lambda U, q, s: (U[:, q] * s[q]) @ U[:, q].T),
    ),
    Mutant(
        "strict",
        "A direction whose energy is exactly tol times the largest counts as unused: use <=, not <.",
        lambda: projector(kept=lambda s, tol: s < tol * s[-1]),
    ),
    Mutant(
        "float32",
        "You looked for the directions in float32. Convert C₀ to float64 first, and P back at the end.",
        lambda: in_float32,
    ),
]
