"""KE's hypernetwork: it reads a fact as text, and says how to bend the gradient into an edit.

De Cao et al. 2021 (KnowledgeEditor, arXiv 2104.08164) section 3.2, textbook section 5.2.2. A bidirectional
LSTM reads `old >> new || x`, the answers before and after the edit and the question; its last states become a
condition c, and for every matrix (d_out, d_in) a small network maps c to rows r_a, r_b (d_out), columns c_a,
c_b (d_in) and one number eta:

    Delta = max_scale sigma(eta) (grad * (softmax(r_a) c_a^T) + softmax(r_b) c_b^T)

The gradient is masked entry by entry by one rank-one matrix, and shifted by another.
Shapes: B facts, T tokens of a text, t tokens of a question, E width of the embeddings, H of the condition.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Bend(NamedTuple):
    """What KE makes of a fact for one matrix: softmaxed rows, columns, and the scale max_scale sigma(eta)."""

    row_a: Float[Tensor, "B d_out"]
    column_a: Float[Tensor, "B d_in"]
    row_b: Float[Tensor, "B d_out"]
    column_b: Float[Tensor, "B d_in"]
    scale: Float[Tensor, "B 1"]


def ke_update(grad: Float[Tensor, "d_out d_in"], bend: Bend, fact: int = 0) -> Float[Tensor, "d_out d_in"]:
    """The change of one matrix for one of the facts: scale (grad * (row_a column_a^T) + row_b column_b^T).

    De Cao et al. section 3.2; the rows sum to one, the scale is max_scale sigma(eta).
    """
    row_a, column_a, row_b, column_b, scale = (part[fact] for part in bend)
    return scale * (grad * torch.outer(row_a, column_a) + torch.outer(row_b, column_b))


def bent_factors(
    x: Float[Tensor, "B t d_in"], delta: Float[Tensor, "B t d_out"], bend: Bend
) -> tuple[Float[Tensor, "B t1 d_in"], Float[Tensor, "B t1 d_out"]]:
    """`ke_update` without its matrices: factors whose outer products, summed over t + 1 rows, are the change.

    A rank-one mask on sum_t delta_t x_t^T is a scale on each factor: (delta_t * r)(x_t * c)^T; the shift is
    one more outer product.
    """
    left = torch.cat([x * bend.column_a[:, None], bend.column_b[:, None]], dim=1)
    right = torch.cat([delta * bend.row_a[:, None], bend.row_b[:, None]], dim=1)
    return left, right * bend.scale[:, None]


class Hypernetwork(nn.Module):
    """Reads embedded texts and returns one `Bend` per matrix.

    shapes: (d_out, d_in) of every matrix. It starts as a small step of gradient descent: the mask is even and
    negative, and there is no shift.
    """

    def __init__(
        self, embedding: int, hidden: int, shapes: list[tuple[int, int]], generator: torch.Generator | None
    ) -> None:
        super().__init__()
        self.shapes = shapes
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.condition = nn.Linear(2 * hidden, hidden)
        self.heads = nn.ModuleList(nn.Linear(hidden, 2 * sum(shape) + 1) for shape in shapes)
        with torch.no_grad():
            for parameter in self.parameters():
                bound = 1 / hidden**0.5
                parameter.copy_((2 * torch.rand(parameter.shape, generator=generator) - 1) * bound)
            for head, (d_out, d_in) in zip(self.heads, shapes, strict=True):
                weight, bias = head.get_parameter("weight"), head.get_parameter("bias")
                weight[2 * d_out + d_in :] = 0
                bias.zero_()
                bias[d_out : d_out + d_in] = -1

    def forward(
        self, texts: Float[Tensor, "B T E"], lengths: Int[Tensor, " B"], max_scale: float
    ) -> list[Bend]:
        packed = nn.utils.rnn.pack_padded_sequence(
            texts, lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        _, (last, _) = self.lstm(packed)
        condition = self.condition(torch.cat([last[0], last[1]], dim=-1)).tanh()
        bends = []
        for head, (d_out, d_in) in zip(self.heads, self.shapes, strict=True):
            row_a, column_a, row_b, column_b, eta = head(condition).split([d_out, d_in, d_out, d_in, 1], -1)
            rows = row_a.softmax(-1), row_b.softmax(-1)
            bends.append(Bend(rows[0], column_a, rows[1], column_b, max_scale * eta.sigmoid()))
        return bends
