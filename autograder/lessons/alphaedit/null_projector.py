"""alphaedit.null_projector: P, the projector onto the directions that old keys do not use.

Shape letters: F width of the feed-forward layer, n old keys. C0 is planted: its eigenvectors and energies are
chosen, so the directions that P must keep are known.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, float64, rand, randint, randn

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.alphaedit.null_projector_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("C0", "tol")


def gate(value: Any, C0: Tensor, tol: float) -> Tensor:
    return tensor_gate(value, C0.shape, "(F, F)", "C0", C0.dtype)


def planted(g: Generator, F: int = 0) -> tuple[Tensor, Tensor, Tensor, float]:
    """C0, its loud directions, its quiet ones, and a tol between them.

    The largest energy is far from 1, the least loud one just above tol times it, the quietest far below.
    """
    F = F or int(randint(7, 12, (), generator=g))
    quiet = int(randint(2, F - 3, (), generator=g))
    U = torch.linalg.qr(randn(F, F, generator=g, dtype=float64)).Q
    top = 100 + 100 * float(rand((), generator=g))
    tol = 0.05 + 0.05 * float(rand((), generator=g))
    between = 0.3 + 0.6 * rand(F - quiet - 2, generator=g, dtype=float64)
    loud_energies = top * torch.cat([torch.tensor([1.0, 1.3 * tol], dtype=float64), between])
    quiet_energies = top * (0.002 + 0.02 * rand(quiet, generator=g, dtype=float64))
    quiet_energies[0] = top * tol**2 / 2
    loud, rest = U[:, : F - quiet], U[:, F - quiet :]
    C0 = (loud * loud_energies) @ loud.T + (rest * quiet_energies) @ rest.T
    return (C0 + C0.T) / 2, loud, rest, tol


def is_projector(student: Student, g: Generator) -> Verdict:
    C0, _, quiet, tol = planted(g)
    P = student(C0, tol)
    return every(
        close(P.T, P, 1e-5, "Pᵀ (should be P)"),
        close(P @ P, P, 1e-5, "P² (should be P)"),
        close(P.trace(), torch.tensor(float(quiet.shape[1])), 1e-5, "tr P, the number of directions kept"),
    )


def keeps_quiet_directions(student: Student, g: Generator) -> Verdict:
    C0, loud, quiet, tol = planted(g)
    P = student(C0, tol)
    return every(
        close(P @ quiet, quiet, 1e-5, "P u for directions with little energy (should be u)"),
        at_most(float((P @ loud).norm()), 1e-5, "‖P u‖ for directions with much energy", "0"),
    )


def old_keys_feel_nothing(student: Student, g: Generator) -> Verdict:
    """Fewer old keys than F: a true null space. ΔP leaves each of them alone, and not everything is gone."""
    F = int(randint(9, 14, (), generator=g))
    K0 = randn(F, F - 4, generator=g, dtype=float64)
    P = student(K0 @ K0.T / K0.shape[1], 1e-8)
    delta = randn(5, F, generator=g, dtype=float64)
    free = delta - delta @ K0 @ torch.linalg.pinv(K0)
    return every(
        at_most(float((delta @ P @ K0).norm()), 1e-5, "‖ΔP K₀‖ for a Δ that was drawn", "0"),
        close(delta @ P, free, 1e-5, "ΔP, what is left of that Δ"),
    )


def other_units(student: Student, g: Generator) -> Verdict:
    """Activations a hundred times larger or smaller: the same directions are quiet."""
    C0, _, quiet, tol = planted(g)
    return every(
        close(student(1e4 * C0, tol), quiet @ quiet.T, 1e-6, "P for 10000 C₀"),
        close(student(C0 / 1e4, tol), quiet @ quiet.T, 1e-6, "P for C₀ / 10000"),
    )


def full_rank(student: Student, g: Generator) -> Verdict:
    """Without a tolerance nothing is free, with one of 1 everything is, and in between tol decides."""
    C0, _, quiet, tol = planted(g)
    none, everything = student(C0, 1e-6), student(C0, 1.0)
    energy = float((student(C0, tol) @ C0).trace())
    return every(
        at_most(float(none.norm()), 1e-9, "‖P‖ for tol = 1e-6 and a C₀ of full rank", "0: nothing is free"),
        close(everything, torch.eye(len(C0), dtype=float64), 1e-8, "P for tol = 1 (should be I)"),
        close(
            torch.tensor(energy), (quiet.T @ C0 @ quiet).trace(), 1e-6, "tr P C₀, the energy that gets through"
        ),
    )


def single_precision(student: Student, g: Generator) -> Verdict:
    C0, _, quiet, tol = planted(g, F=24)
    return close(student(C0.float(), tol), quiet @ quiet.T, 1e-5, "P for a float32 C₀")


CLAIMS = (
    Claim(
        "projector",
        "P² = P = Pᵀ, and tr P is the number of directions with little energy",
        "A projector onto r directions is B Bᵀ with r orthonormal columns in B, and its trace is r.",
        is_projector,
        open=True,
    ),
    Claim(
        "quiet directions",
        "Directions with little energy pass unchanged, the others give zero",
        "Which eigenvectors did you keep? Those whose energy is at most tol times the largest.",
        keeps_quiet_directions,
        open=True,
    ),
    Claim(
        "old keys",
        "ΔP K₀ = 0 for every Δ, when there are fewer old keys than F",
        "A change that is multiplied by P must give every old key nothing, and keep all the rest of Δ.",
        old_keys_feel_nothing,
    ),
    Claim(
        "other units",
        "C₀ in other units gives the same P: tol is a share of the largest eigenvalue",
        "Your P depends on the scale of the activations. Compare energies with tol times the largest one.",
        other_units,
    ),
    Claim(
        "full rank",
        "A C₀ of full rank leaves nothing free without a tolerance, and all with tol = 1",
        "Energies of at most tol times the largest count as unused; the largest itself counts for tol = 1.",
        full_rank,
    ),
    Claim(
        "single precision",
        "A float32 C₀ gives a float32 P that is right to its last digits",
        "Convert C₀ to float64 for the eigenvectors, and P back to the dtype of C₀.",
        single_precision,
    ),
)

HINTS = (
    "C₀ = U S Uᵀ: column i of U is a direction, S[i] the energy that old keys have in it. Which columns are "
    "free to use?",
    "torch.linalg.eigh(C0) gives the energies in rising order and the directions as columns. Keep the columns "
    "whose energy is at most tol times the largest, as a matrix B (F, r). Then P = B Bᵀ.",
    "energies, U = torch.linalg.eigh(C0.double())\n"
    "B = U[:, energies <= ...]      # (F, r)\n"
    "return (...).to(C0.dtype)",
)

EXPLANATION = (
    "For a unit vector u, uᵀ C₀ u is the mean of (uᵀk)² over the old keys. On an eigenvector it is the "
    "eigenvalue. Where it is small, a change of W can write along u and no old key will notice.",
    "A C₀ from more tokens than F has full rank, so no direction is entirely free. tol says how much energy "
    "still counts as none; taken relative to the largest eigenvalue, it means the same in every layer.",
)

STUB = '''def null_projector(C0: Float[Tensor, "F F"], tol: float) -> Float[Tensor, "F F"]:
    """P, the projector onto the eigenvectors of C0 whose eigenvalues are at most tol times the largest.

    C0: second moment of the old keys. tol: from 0 to 1. Computed in float64, given back in the dtype of C0.
    P = 0 where no direction is that quiet, P = I where all are.
    """
    raise NotImplementedError("Your code here")
'''
