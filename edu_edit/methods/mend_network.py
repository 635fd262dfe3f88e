"""MEND's editor network: it turns the factors of a gradient into those of a better update.

Mitchell et al. 2022 (MEND, arXiv 2110.11309) section 3, textbook section 5.2.2. Per token, the input x of a
matrix and the gradient delta at its output are made comparable (`RunningMoments`), set side by side,

    z = [x; delta]
    h = z + s(a_1 * (U_1 V_1 z + b_1) + o_1)
    [x~; delta~] = h + s(a_2 * (U_2 V_2 h + b_2) + o_2)

and taken apart again. U starts at 0, so the network starts as the identity. One network serves all matrices
of a shape; a scale a and a shift o of its own tell it which one it has before it.
s(p) = max(p, 0), but with slope 1 at 0: with U = 0 every p is 0, and a slope of 0 there would never let U
move.
Shapes: n tokens, w = d_in + d_out, r rank, S matrices of one shape.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RunningMoments:
    """Mean and standard deviation of each coordinate over all rows seen so far (Welford; Chan et al. 1983).

    Equal to those of one pass over all rows together. State: count, mean and `scatter`, the sum of squared
    distances from the mean; in float64, so that long trainings stay exact.
    """

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean: Float[Tensor, " w"] = torch.zeros(width, dtype=torch.float64)
        self.scatter: Float[Tensor, " w"] = torch.zeros(width, dtype=torch.float64)

    def update(self, rows: Float[Tensor, "n w"]) -> None:
        """Take further rows in."""
        if not len(rows):
            return
        rows = rows.detach().to(self.mean)
        total = self.count + len(rows)
        mean = rows.mean(0)
        apart = mean - self.mean
        self.scatter = self.scatter + ((rows - mean) ** 2).sum(0) + apart**2 * self.count * len(rows) / total
        self.mean = self.mean + apart * len(rows) / total
        self.count = total

    @property
    def std(self) -> Float[Tensor, " w"]:
        """With count - 1 in the denominator. Raises ValueError before there are two rows."""
        if self.count < 2:
            raise ValueError(f"The statistics have seen {self.count} tokens, and need two: train first.")
        return (self.scatter / (self.count - 1)).sqrt()


class LowRankLayer(nn.Module):
    """z + s(a * (U V z + b) + o), the identity at the start. The rank is at most the width."""

    def __init__(
        self, width: int, rank: int, matrices: int, activation: str, generator: torch.Generator | None
    ) -> None:
        super().__init__()
        rank = min(rank, width)
        self.U = nn.Parameter(torch.zeros(width, rank))
        # Released code draws N(0, 1), for steps of 1e-6; this size gives V z entries of size one.
        self.V = nn.Parameter(torch.randn(rank, width, generator=generator) / width**0.5)
        self.b = nn.Parameter(torch.zeros(width))
        self.scale = nn.Parameter(torch.ones(matrices, width))
        self.shift = nn.Parameter(torch.zeros(matrices, width))
        self.activation = activation

    def forward(self, z: Float[Tensor, "n w"], matrix: int) -> Float[Tensor, "n w"]:
        before = (z @ self.V.T @ self.U.T + self.b) * self.scale[matrix] + self.shift[matrix]
        return z + (before.clamp(min=0) if self.activation == "clamp" else before.relu())


class EditorNetwork(nn.Module):
    """Two low-rank layers for all matrices of one shape; `matrix` says which of them is meant."""

    def __init__(
        self,
        width: int,
        rank: int,
        matrices: int,
        activation: str = "clamp",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            LowRankLayer(width, rank, matrices, activation, generator) for _ in range(2)
        )

    def forward(self, z: Float[Tensor, "n w"], matrix: int = 0) -> Float[Tensor, "n w"]:
        for layer in self.layers:
            z = layer(z, matrix)
        return z
