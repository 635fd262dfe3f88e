"""Side neurons: R more neurons beside an FFN, and the hooks that add what they say.

Huang et al. 2023 (T-Patcher) and Dong et al. 2022 (CaliNET), textbook (5.6)-(5.7): an FFN is a sum of values
weighted by activations, so a neuron more is one more addend,

    FFN'(q) = FFN(q) + sum_r act(q k_r + b_r) v_r

Appending k_r and v_r to the model's two matrices gives the same sum, but in another order, which moves every
output by a rounding error. Added beside the FFN, a neuron that is silent (activation exactly 0) changes no
bit. In a gated FFN (Llama) the side neurons are not gated: their activation is act(q k_r + b_r) alone.
Shapes: R side neurons, D model width.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.tracing import Site

Activation = Callable[[Tensor], Tensor]


class SideNeurons(NamedTuple):
    """Keys k (R, D), biases b (R,) and values v (R, D) of side neurons, and their activation function."""

    k: Float[Tensor, "R D"]
    b: Float[Tensor, " R"]
    v: Float[Tensor, "R D"]
    act: Activation

    def said(self, q: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """What they add to the FFN's output: act(q k^T + b) v, token by token, in their own precision."""
        spoken: Tensor = self._active(q) @ self.v.to(q.device)
        return spoken

    def squared_length(self, q: Float[Tensor, "*B D"]) -> Float[Tensor, "*B"]:
        """|said(q)|^2, token by token, by the values' inner products: R numbers per token instead of D."""
        a, v = self._active(q), self.v.to(q.device)
        return ((a @ (v @ v.T)) * a).sum(-1)

    def _active(self, q: Float[Tensor, "*B D"]) -> Float[Tensor, "*B R"]:
        k, b = self.k.to(q.device), self.b.to(q.device)
        active: Tensor = self.act(q.to(k.dtype) @ k.T + b)
        return active

    @property
    def extra_bytes(self) -> int:
        """What a model has to carry for them."""
        return sum(x.numel() * x.element_size() for x in (self.k, self.b, self.v))


def none(width: int, act: Activation, like: Tensor) -> SideNeurons:
    """No side neuron (R = 0) of an FFN of this width, in float32 on the device of `like`."""
    empty = torch.zeros(0, width, device=like.device)
    return SideNeurons(empty, empty[:, 0], empty, act)


def together(parts: Sequence[SideNeurons]) -> SideNeurons:
    """Several groups as one: their contributions add up, in whatever order they come."""
    k, b, v = (torch.cat(group) for group in zip(*((p.k, p.b, p.v) for p in parts), strict=True))
    return SideNeurons(k, b, v, parts[0].act)


def side_hooks(layer: int, side: SideNeurons) -> dict[Site, Callable[[Tensor], Tensor]]:
    """Hooks for `Edit`: the FFN's input is noted, and what the neurons say to it is added to its output.

    They look at each token by itself, whatever the batch or its padding.
    """
    noted: list[Tensor] = []

    def note(q: Tensor) -> Tensor:
        noted[:] = [q]
        return q

    def add(h: Tensor) -> Tensor:
        return (h + side.said(noted.pop()).to(h.device)).to(h.dtype)

    return {Site("query", layer): note, Site("mlp", layer): add}
