"""The gradient of a linear layer, taken apart: the equations of MEND.

Mitchell et al. 2022 (MEND, arXiv 2110.11309) section 3, textbook section 5.2.2. With x_t the layer's input at
token t, and delta_t the gradient of the loss at its output,

    grad W = sum_t delta_t x_t^T

so the gradient has rank one *per token*, and not per example. A map from whole gradients to whole updates
would need (d_in d_out)^2 weights; one from factors to factors needs (d_in + d_out)^2.
Shapes: T tokens, n and m rows, V vocabulary.
"""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

EPS = 1e-7


def gradient_factors(
    layer: nn.Module, loss_fn: Callable[[], Float[Tensor, ""]]
) -> tuple[Float[Tensor, "T d_in"], Float[Tensor, "T d_out"]]:
    """The inputs x of a linear layer and the gradients delta of the loss at its outputs, token by token.

    loss_fn() runs the model with the layer in it and returns the loss. Batch and tokens are flattened into T;
    a layer that runs several times gives its tokens in that order. No parameter's `grad` is touched, and the
    parameters may be frozen. Raises ValueError when loss_fn does not run the layer, or when its result is no
    single number.
    """
    inputs: list[Tensor] = []
    outputs: list[Tensor] = []

    def keep(_: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
        inputs.append(args[0].detach().reshape(-1, args[0].shape[-1]))
        outputs.append(output if output.requires_grad else output.detach().requires_grad_())
        return outputs[-1]

    handle = layer.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            loss = loss_fn()
    finally:
        handle.remove()
    if not outputs or not loss.requires_grad or loss.numel() != 1:
        raise ValueError("loss_fn must run the layer, and return one number that depends on its output.")
    deltas = torch.autograd.grad(loss.sum(), outputs)
    return torch.cat(inputs), torch.cat([delta.reshape(-1, delta.shape[-1]) for delta in deltas])


def gradient_from_factors(
    x: Float[Tensor, "T d_in"], delta: Float[Tensor, "T d_out"]
) -> Float[Tensor, "d_out d_in"]:
    """The gradient of the weight (d_out, d_in): sum_t delta_t x_t^T, of rank T at most."""
    return delta.T @ x


def editor_size(d_in: int, d_out: int, factored: bool) -> int:
    """Weights of a linear map from gradients to updates: of the whole gradient, or of one token's factors."""
    return (d_in + d_out) ** 2 if factored else (d_in * d_out) ** 2


def normalise_factors(
    factors: Float[Tensor, "T d"], mean: Float[Tensor, " d"], std: Float[Tensor, " d"]
) -> Float[Tensor, "T d"]:
    """Each coordinate with its mean taken off, in units of its standard deviation: x and delta comparable."""
    return (factors - mean) / (std + EPS)


def mend_update(
    x_t: Float[Tensor, "T d_in"], delta_t: Float[Tensor, "T d_out"], lr: float
) -> Float[Tensor, "d_out d_in"]:
    """The change of the weight, - lr sum_t delta_t x_t^T: with unchanged factors, one step of SGD."""
    return -lr * delta_t.T @ x_t


def editor_loss(
    logp_edit: Float[Tensor, " n"],
    logits_after: Float[Tensor, "m V"],
    logits_before: Float[Tensor, "m V"],
    c_edit: float,
) -> Float[Tensor, ""]:
    """What an editor is trained by: c_edit mean(-log p of the new answers) + mean KL(before || after)."""
    before, after = logits_before.log_softmax(-1), logits_after.log_softmax(-1)
    divergence = (before.exp() * (before - after)).sum(-1)
    return -c_edit * logp_edit.mean() + divergence.mean()
