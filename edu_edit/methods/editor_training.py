"""The outer loop that trains MEND, KE and ENN: draw facts, edit, judge, and step.

Textbook section 5.2.2, equation (5.5): the inner problem (writing the facts) is the editor's; the outer one
is an ordinary loss of its parameters. The model's own parameters never get a gradient.
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.methods.edit_batches import EditBatch, EditData

CLIP = 1.0  # the longest gradient
# Called after every step with its number (from 0), the loss, and the mean log-probability of the answers.
Progress = Callable[[int, float, float], None]


def facts_per_edit(together: int | Sequence[int], step: int, drawn: int) -> int:
    """How many of the facts drawn at a step one edit writes: `together`, or its numbers in turn.

    Where that does not divide the batch, the largest divisor of both is taken. Raises ValueError for no
    number, or one below 1.
    """
    sizes = [together] if isinstance(together, int) else list(together)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"together={together}: give how many facts an edit writes, 1 or more.")
    return math.gcd(sizes[step % len(sizes)], drawn)


def fit(
    parameters: Sequence[tuple[Sequence[Tensor], float]],
    objective: Callable[[EditBatch, int], tuple[Float[Tensor, ""], Float[Tensor, " n"]]],
    data: EditData,
    steps: int,
    batch: int,
    generator: torch.Generator | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """Train the parameters by Adam for `steps` batches; each group has a learning rate, which falls to 0 in
    the second half.

    objective(batch, step) returns the loss, and the log-probabilities of the answers it was judged by.
    Returns what is worth knowing about the training. Raises ValueError for a number of steps or facts below
    one, and when the loss is no longer finite.
    """
    if steps < 1 or batch < 1:
        raise ValueError(f"steps={steps}, batch={batch}: train for a step or more, on a fact or more each.")
    began = time.perf_counter()
    flat = [parameter for group, _ in parameters for parameter in group]
    adam = torch.optim.Adam([{"params": list(group), "lr": lr} for group, lr in parameters])
    rates = [lr for _, lr in parameters]
    losses = []
    for step in range(steps):
        for group, lr in zip(adam.param_groups, rates, strict=True):
            group["lr"] = lr * min(1.0, 2 * (1 - step / steps))
        with torch.enable_grad():
            loss, logp = objective(data.draw(batch, generator), step)
            grads = torch.autograd.grad(loss, flat)
        losses.append(loss.item())
        if not loss.isfinite():
            raise ValueError(f"The loss of step {step} is {losses[-1]}: give lower learning rates.")
        for parameter, grad in zip(flat, grads, strict=True):
            parameter.grad = grad
        torch.nn.utils.clip_grad_norm_(flat, CLIP)
        adam.step()
        if progress is not None:
            progress(step, losses[-1], float(logp.detach().mean()))
    for parameter in flat:
        parameter.grad = None
    return {
        "steps": steps, "batch": batch, "facts": len(data.facts), "keep": len(data.keep),
        "seed": None if generator is None else generator.initial_seed(),
        "seconds": round(time.perf_counter() - began, 1), "losses": losses[:: max(1, steps // 50)],
    }  # fmt: skip
