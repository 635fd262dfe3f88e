"""The directions of a layer's keys that old knowledge does not use.

Fang et al. 2025 (AlphaEdit, arXiv 2410.02355) section 3.2. C = U S U^T is the old keys' second moment: s_i
is the energy that they have in direction u_i, and P = sum of u_i u_i^T over the quiet ones (s_i <= tol)
projects onto what they leave free.
Shapes: F FFN width.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.methods.rome import moment_fingerprint, usable_moment
from edu_edit.methods.spreading import usable_moments


def null_projector(C0: Float[Tensor, "F F"], tol: float, relative: bool = True) -> Float[Tensor, "F F"]:
    """P, the projector onto the eigenvectors of C0 whose eigenvalues are at most tol.

    relative: tol is a share of the largest eigenvalue; False = absolute, as in released code. In float64,
    returned in C0's dtype. P = 0 where no direction is that quiet, P = I where all are. Raises ValueError for
    tol below 0.
    """
    if not tol >= 0:
        raise ValueError(f"tol={tol}: give 0 or more, the energy below which a direction counts as unused.")
    C = C0.double()
    energies, U = torch.linalg.eigh((C + C.T) / 2)
    B = U[:, energies <= (tol * energies[-1] if relative else tol)]
    return (B @ B.T).to(C0.dtype)


class Projector(NamedTuple):
    """A layer's P, the share of C's energy that it lets through (None = not known), what it was made from."""

    P: Float[Tensor, "F F"]
    energy: float | None
    made_from: tuple[str, float, bool]


def projectors(
    lm: LM,
    layers: Sequence[int],
    tol: float,
    relative: bool,
    C: Mapping[int, Tensor] | str | None,
    P: Mapping[int, Tensor] | None,
    known: Sequence[Mapping[int, Projector]],
) -> dict[int, Projector]:
    """P of every layer: the one given, a known one that was made from the same, or one made now.

    Raises ValueError where P is given, but not for all layers.
    """
    if P is not None:
        lacking = [layer for layer in layers if layer not in P]
        if lacking:
            raise ValueError(f"P has no projector for layers {lacking}: give one for each of {list(layers)}.")
        given = {layer: usable_moment(lm, layer, P[layer]) for layer in layers}
        return {layer: Projector(Q, None, ("given", tol, relative)) for layer, Q in given.items()}
    out = {}
    for layer, moment in usable_moments(lm, layers, C).items():
        made_from = (moment_fingerprint(moment), tol, relative)
        same = [one[layer] for one in known if layer in one and one[layer].made_from == made_from]
        if same:
            out[layer] = same[-1]
        else:
            Q = null_projector(moment, tol, relative)
            out[layer] = Projector(Q, max(0.0, float((Q * moment).sum() / moment.trace())), made_from)
    return out
