"""The plane of least-squares editors: what new facts get against what old keys feel (lesson 06).

ROME in a loop, MEMIT and AlphaEdit all answer one question about a single matrix: given keys K, what they
lack R, and the second moment C of old keys, which change Delta? So each is a point in one plane, with no run
of the model:

    gained = 1 - |Delta K - R|^2 / |R|^2              the share of what was lacking that is now there
    moved  = (tr Delta C Delta^T / tr W C W^T)^1/2    how far old values move, as a share of their length

MEMIT minimises a sum of the two squares. So no Delta whatever lies above its curve.
Shapes: n facts, D model width, F FFN width.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.alphaedit import alphaedit_update, null_projector
from edu_edit.methods.memit import memit_update
from edu_edit.methods.rome import moment_factor, rank_one_update, usable_moment
from edu_edit.methods.spreading import read_keys, reading
from edu_edit.tokens import target_ids

RIDGE = 0.1  # of the median k^T P k, as in `alphaedit`
PRICES = (0.01, 0.1, 0.4, 1.0, 3.0, 10.0)
TOLS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.2, 1.0)


class Problem(NamedTuple):
    """What one layer is asked: the second moment of old keys, new keys, what they lack, and the weight."""

    C: Float[Tensor, "F F"]
    K: Float[Tensor, "F n"]
    R: Float[Tensor, "D n"]
    W: Float[Tensor, "D F"]


class Point(NamedTuple):
    """An editor's place in the plane, and the price or tolerance that it has there."""

    setting: float
    moved: float
    gained: float


def plane_problem(lm: LM, facts: Sequence[Fact], layer: int | None = None) -> Problem:
    """Real keys and a real C, with stand-ins for what the facts lack, which would take minutes to search.

    What a fact lacks is the direction that tells its new answer's word from the old one's at the model's end,
    as long as the value that W gives its key. Raises ValueError for a fact without an old answer.
    """
    if any(fact.target_true is None for fact in facts):
        raise ValueError("Facts in the plane need target_true: choose those that have an old answer.")
    layer = lm.checked(lm.default_layer if layer is None else layer)
    keys, _ = read_keys(lm, reading(lm, facts, ["{}"], "prompt"), [layer], layer)
    W = lm.ffn(layer).W_out.detach().double()
    words = [
        [target_ids(lm, str(answer), fact.question)[0] for answer in (fact.target_new, fact.target_true)]
        for fact in facts
    ]
    new, old = lm.W_U.detach().double()[torch.tensor(words)].unbind(1)
    R = torch.nn.functional.normalize(new - old, dim=1).T * (W @ keys[layer]).norm(dim=0)
    return Problem(usable_moment(lm, layer, None), keys[layer], R, W)


def place(problem: Problem, delta: Float[Tensor, "D F"], setting: float = 0.0) -> Point:
    """Where a change lies in the plane."""
    C, K, R, W = problem
    moved, whole = (((M @ C) * M).sum().clamp(min=0).sqrt() for M in (delta.double(), W))
    return Point(setting, float(moved / whole), 1 - float((delta @ K - R).square().sum() / R.square().sum()))


def front(problem: Problem, n: int = 80) -> list[Point]:
    """The curve that no change gets past, in closed form: MEMIT for n prices from a millionth to a million F.

    With C = L L^T and L^-1 K = U S V^T, direction i of the facts gets the share s_i^2 / (s_i^2 + lam).
    """
    C, K, R, W = problem
    Q = torch.linalg.solve_triangular(moment_factor(C), K, upper=False)
    _, s, Vh = torch.linalg.svd(Q, full_matrices=False)
    lacks = (R @ Vh.T).square().sum(0)  # |R v_i|^2
    whole = ((W @ C) * W).sum()
    curve = []
    for lam in torch.logspace(-6, 6, n, dtype=C.dtype).flip(0):
        left = lam * len(C) / (s * s + lam * len(C))
        moved = (lacks * (1 - left) ** 2 / (s * s)).sum() / whole
        gained = 1 - (lacks * left**2).sum() / R.square().sum()
        curve.append(Point(float(lam), float(moved.sqrt()), float(gained)))
    return curve


def rome_in_a_loop(problem: Problem) -> Float[Tensor, "D F"]:
    """The sum of one rank-one update (5.21) for each fact, each made with those before it in the weight."""
    C, K, R, W = problem
    total = torch.zeros_like(W)
    for k, v in zip(K.T, (W @ K + R).T, strict=True):
        total = total + rank_one_update(W + total, C, k, v)
    return total


def plane_points(
    problem: Problem,
    prices: Sequence[float] = PRICES,
    tols: Sequence[float] = TOLS,
    memit_update: Callable[..., Tensor] = memit_update,
    null_projector: Callable[..., Tensor] = null_projector,
    alphaedit_update: Callable[..., Tensor] = alphaedit_update,
) -> dict[str, list[Point]]:
    """Every editor's points: MEMIT, the same with C = I, AlphaEdit, and ROME in a loop.

    prices: lam in multiples of F; a price of 0 has no point. tols: of the largest eigenvalue. Give your own
    updates and projector to see them there.
    """
    C, K, R, _ = problem
    level = torch.eye(len(C), dtype=C.dtype) * C.diagonal().mean()
    nothing_before = torch.zeros_like(C)
    alpha = []
    for tol in tols:
        P = null_projector(C, tol)
        seen = (K * (P @ K)).sum(0).median()  # k^T P k
        if seen > 1e-9 * K.square().sum(0).median():
            delta = alphaedit_update(P, K, R, nothing_before, RIDGE * float(seen))
            alpha.append(place(problem, delta, tol))

    def paid(moment: Float[Tensor, "F F"]) -> list[Point]:
        return [place(problem, memit_update(moment, K, R, lam * len(C)), lam) for lam in prices if lam > 0]

    return {
        "MEMIT": paid(C),
        "MEMIT with C = I": paid(level),
        "AlphaEdit": alpha,
        "ROME in a loop": [place(problem, rome_in_a_loop(problem))],
    }
