"""The feed-forward network of a block, seen as key-value memory (Geva et al. 2021; textbook section 5.2.2,
equation 5.6).

    GPT-2   k = gelu(W_in q + b_in)             o = W_out k + b_out
    Llama   k = silu(W_gate q) * (W_in q)       o = W_out k

Rows of `W_in` are keys, columns of `W_out` are values, in every family: GPT-2's `Conv1D` stores (in, out),
Llama's `Linear` (out, in), and the difference is settled here, by the type of the module and never by its
shape. Shapes: D model width, F FFN width.
"""

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


def oriented(module: nn.Module) -> Tensor:
    """The weight of a linear map as (out, in): a view of the parameter, not a copy."""
    weight: Tensor = module.weight  # type: ignore[assignment]
    return weight.T if isinstance(module, Conv1D) else weight


class FFN:
    """The FFN of one block. Its weights are views of the model's own parameters.

    `W_gate` is None in GPT-2; `b_in` and `b_out` are None in Llama. `down` is the module that holds `W_out`.
    """

    def __init__(self, mlp: nn.Module) -> None:
        parts: Any = mlp
        gated = hasattr(parts, "gate_proj")
        self.gate: nn.Module | None = parts.gate_proj if gated else None
        self.up: nn.Module = parts.up_proj if gated else parts.c_fc
        self.down: nn.Module = parts.down_proj if gated else parts.c_proj
        self.act: nn.Module = parts.act_fn if gated else parts.act

    @property
    def W_in(self) -> Float[Tensor, "F D"]:
        return oriented(self.up)

    @property
    def b_in(self) -> Float[Tensor, " F"] | None:
        return getattr(self.up, "bias", None)

    @property
    def W_gate(self) -> Float[Tensor, "F D"] | None:
        return None if self.gate is None else oriented(self.gate)

    @property
    def W_out(self) -> Float[Tensor, "D F"]:
        return oriented(self.down)

    @property
    def b_out(self) -> Float[Tensor, " D"] | None:
        return getattr(self.down, "bias", None)

    def activations(self, q: Float[Tensor, "*B D"]) -> Float[Tensor, "*B F"]:
        """The coefficients k of the values: ROME's key. q: the input of the FFN, after its norm."""
        k: Tensor = self.act((self.up if self.gate is None else self.gate)(q))
        return k if self.gate is None else k * self.up(q)

    def forward(self, q: Float[Tensor, "*B D"]) -> Float[Tensor, "*B D"]:
        """The output W_out k (+ b_out), which the block adds to the residual stream."""
        output: Tensor = self.down(self.activations(q))
        return output
