"""Misconceptions about debias.bias_subspace and project_out: one of the two with one part exchanged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Subspace = Callable[[Tensor, int], Tensor]
Project = Callable[[Tensor, Tensor], Tensor]


def found(
    centre: bool = False,
    pick: Callable[[Tensor, Tensor, int], Tensor] = lambda S, Vh, r: Vh[:r].T,
    refuses: bool = True,
) -> Subspace:
    """bias_subspace with one part exchanged."""

    def bias_subspace(diff: Tensor, r: int) -> Tensor:
        if refuses and not 0 <= r <= min(diff.shape):
            raise ValueError("r")
        given = diff.double() - (diff.double().mean(0) if centre else 0)
        _, S, Vh = torch.linalg.svd(given, full_matrices=False)
        return pick(S, Vh, r).to(diff.dtype)

    return bias_subspace


def projected(
    columns: Callable[[Tensor], Tensor] = lambda U: torch.linalg.qr(U.double()).Q,
    take: Callable[[Tensor, Tensor], Tensor] = lambda W, Q: W - Q @ (Q.T @ W),
    refuses: bool = True,
) -> Project:
    """project_out with one part exchanged."""

    def project_out(W: Tensor, U: Tensor) -> Tensor:
        size = torch.linalg.qr(U.double()).R.diagonal().abs()
        if refuses and size.numel() and not bool(size.min() > 1e-7 * size.max()):
            raise ValueError("dependent")
        return take(W.double(), columns(U.double())).to(W.dtype)

    return project_out


def finding(subspace: Subspace) -> Callable[[], tuple[Subspace, Project]]:
    return lambda: (subspace, projected())


def projecting(project: Project) -> Callable[[], tuple[Subspace, Project]]:
    return lambda: (found(), project)


MUTANTS = [
    Mutant(
        "input_side",
        "You projected on the input side, W (I - UUᵀ). That decides which keys are heard. The bias is in "
        "what the "
        "layer *writes*: (I - UUᵀ) W.",
        projecting(projected(take=lambda W, Q: W - (W @ Q) @ Q.T)),
    ),
    Mutant(
        "keeps_the_bias",
        "You kept UUᵀW, the part along the bias, and threw everything else away. Wanted is W minus that "
        "part.",
        projecting(projected(take=lambda W, Q: Q @ (Q.T @ W))),
    ),
    Mutant(
        "not_orthonormal",
        "You took the columns of U as orthonormal. With others W - UUᵀW takes off too much or too "
        "little: make them "
        "orthonormal first, by QR.",
        projecting(projected(columns=lambda U: U)),
    ),
    Mutant(
        "only_normalised",
        "You made every column one long, but left them at an angle. What two columns share is then taken "
        "off twice: "
        "QR makes them orthogonal, too.",
        projecting(projected(columns=lambda U: U / U.norm(dim=0))),
    ),
    Mutant(
        "first_column",
        "You took off the first direction only. All r of them have to go.",
        projecting(projected(columns=lambda U: torch.linalg.qr(U).Q[:, :1])),
    ),
    Mutant(
        "reflected",
        "You took the part along U off twice, so its sign is turned round: who was *he* is now *she*. "
        "Take it off "
        "once.",
        projecting(projected(take=lambda W, Q: W - 2 * Q @ (Q.T @ W))),
    ),
    Mutant(
        "accepts_dependent",
        "You accepted columns that are not independent. QR then makes up a direction of its own, and "
        "takes that off "
        "as well: raise ValueError.",
        projecting(projected(refuses=False)),
    ),
    Mutant(
        "centred",
        "You subtracted the mean of the differences. That mean is the direction from one gender to the "
        "other, the "
        "very thing that is looked for.",
        finding(found(centre=True)),
    ),
    Mutant(
        "weakest",
        "You took the directions with the smallest singular values, where the differences hardly ever "
        "lie. torch's "
        "svd gives the largest first.",
        finding(found(pick=lambda S, Vh, r: Vh[len(Vh) - r :].T)),
    ),
    Mutant(
        "rows",
        "Your directions are rows. They should be the columns of a matrix (D, r): transpose.",
        finding(found(pick=lambda S, Vh, r: Vh[:r])),
    ),
    Mutant(
        "scaled",
        "You multiplied the directions by their singular values. A direction has length 1.",
        finding(found(pick=lambda S, Vh, r: (S[:r, None] * Vh[:r]).T)),
    ),
    Mutant(
        "accepts_any_r",
        "You did not look at r. n differences of D numbers have min(n, D) directions at most, and never "
        "fewer than "
        "0: raise ValueError.",
        finding(found(refuses=False)),
    ),
]
