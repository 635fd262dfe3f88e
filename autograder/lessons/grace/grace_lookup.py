"""grace.grace_lookup: the value of the nearest key where h lies in its ball, else the layer's own output.

Shape letters: B activations, n entries of the codebook, D their width (textbook §5.2.1).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from autograder.claims import Claim
from autograder.gates import tensor_gate
from autograder.lessons.grace import grace_lookup_problems as problems
from autograder.lessons.grace.grace_lookup_mutants import MUTANTS

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("h", "keys", "values", "eps", "out")

STUB = '''
def grace_lookup(
    h: Float[Tensor, "B D"],
    keys: Float[Tensor, "n D"],
    values: Float[Tensor, "n D"],
    eps: Float[Tensor, " n"],
    out: Float[Tensor, "B D"],
) -> Float[Tensor, "B D"]:
    """The layer's output, with the value of the nearest key in its place where h lies in that key's ball.

    h: what goes into the layer; out: what the layer makes of it. An activation is compared with all keys by
    Euclidean distance. If the nearest one, at distance d, has d <= its own eps, its value is the answer, and
    out where not. Of keys equally near the earlier counts. With an empty codebook (n = 0) it is out.
    """
'''


def gate(value: Any, h: Tensor, keys: Tensor, values: Tensor, eps: Tensor, out: Tensor) -> Tensor:
    return tensor_gate(value, out.shape, "(B, D)", "out", torch.float32)


CLAIMS = (
    Claim(
        "in and out",
        "In the ball of its nearest key an activation gets that key's value; elsewhere the layer answers",
        "Find the nearest key, compare the distance with that key's radius, and choose value or out.",
        problems.in_and_out,
        open=True,
    ),
    Claim(
        "bit for bit",
        "Outside all balls, and with an empty codebook, it is the layer's own output bit for bit",
        "Choose by torch.where. A product with 0 and 1 also rounds, and fails where there is no key.",
        problems.bit_for_bit,
        open=True,
    ),
    Claim(
        "nearest alone",
        "Only the nearest key is asked, even if a farther one has a ball that reaches h",
        "First the nearest key, then its radius. A big ball farther away has no say.",
        problems.nearest_alone,
        open=True,
    ),
    Claim(
        "between two balls",
        "Between two balls the layer answers by itself",
        "Each ball has its own radius, eps[index]: don't use one radius for all.",
        problems.between_two_balls,
    ),
    Claim(
        "on the edge",
        "On the edge, d = eps, the value speaks, also with eps = 0 on the key itself",
        "Compare by <=, and with the distance itself, not with its square.",
        problems.on_the_edge,
    ),
    Claim(
        "ties",
        "Of two keys equally near the earlier one answers",
        "argmin promises nothing about ties. Mark the least distances, and take the first mark.",
        problems.ties,
    ),
    Claim(
        "far from the origin",
        "Distances are right where all activations share a large part, as they do in a model",
        "Subtract, then square. |h|² - 2 h·k + |k|² (and cdist's own shortcut) rounds small distances away.",
        problems.far_from_the_origin,
    ),
)

HINTS = (
    "Three steps: distances (B, n), the nearest key of each row with its distance, and a choice between two "
    "rows.",
    "(h[:, None] - keys[None]).norm(dim=-1) gives the distances. With least = amin(1) and the first place "
    "where it stands, hit = least <= eps[index]. torch.where(hit[:, None], values[index], out).",
    "if len(keys) == 0:\n"
    "    return out.clone()\n"
    "d = (h[:, None] - keys[None]).norm(dim=-1)\n"
    "least = d.amin(1)\n"
    "index = (d == least[:, None]).byte().argmax(1)\n"
    "return torch.where((least <= ...)[:, None], ..., out)",
)

EXPLANATION = (
    "A hit replaces one row of the output; which tokens those rows are is decided elsewhere. The weights of "
    "the layer are never touched.",
    "Only the nearest key is asked. So a large ball can't take what lies nearer to another key: in the plane "
    "the balls are cut off halfway between their centres.",
)
