"""Misconceptions about rome.optimise_value: the loop with one part exchanged, and the sentence that each
must trigger.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from autograder.mutants import Mutant

Loss = Callable[[Tensor], Tensor]
ENOUGH = 0.05  # the search stops below this loss


def pull_back(delta: Tensor, radius: Tensor) -> None:
    if delta.norm() > radius:
        delta.mul_(radius / delta.norm())


def optimiser(
    project: Callable[[Tensor, Tensor, float], None] = lambda delta, v0, clamp: pull_back(
        delta, clamp * v0.norm()
    ),
    updates: Callable[[int], int] = lambda steps: steps,
    kind: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    sign: float = 1.0,
    finish: Callable[[Tensor, Tensor, float], Tensor] = lambda delta, v0, clamp: v0 + delta,
    enough: float = ENOUGH,
) -> Callable[..., Tensor]:
    """The loop with one part exchanged."""

    def optimise_value(loss_of: Loss, v0: Tensor, steps: int, lr: float, clamp: float) -> Tensor:
        delta = torch.zeros_like(v0, requires_grad=True)
        adam = kind([delta], lr=lr)
        for _ in range(updates(steps)):
            loss = loss_of(v0 + delta)
            if loss < enough:
                break
            adam.zero_grad()
            (sign * loss).backward()
            adam.step()
            with torch.no_grad():
                project(delta, v0, clamp)
        return finish(delta.detach(), v0, clamp)

    return optimise_value


def ball_round_zero(delta: Tensor, v0: Tensor, clamp: float) -> None:
    v = v0 + delta
    pull_back(v, clamp * v0.norm())
    delta.copy_(v - v0)


def only_at_the_end(delta: Tensor, v0: Tensor, clamp: float) -> Tensor:
    pull_back(delta, clamp * v0.norm())
    return v0 + delta


def nothing(delta: Tensor, v0: Tensor, clamp: float) -> None:
    """No projection at all."""


def box(delta: Tensor, v0: Tensor, clamp: float) -> None:
    side = clamp * float(v0.norm())
    delta.clamp_(-side, side)


def on_the_sphere(delta: Tensor, v0: Tensor, clamp: float) -> None:
    delta.mul_(clamp * v0.norm() / delta.norm().clamp(min=1e-12))


def in_place(loss_of: Loss, v0: Tensor, steps: int, lr: float, clamp: float) -> Tensor:
    centre, v = v0.clone(), v0.requires_grad_()
    adam = torch.optim.Adam([v], lr=lr)
    for _ in range(steps):
        adam.zero_grad()
        loss = loss_of(v)
        if loss < ENOUGH:
            break
        loss.backward()
        adam.step()
        with torch.no_grad():
            delta = v - centre
            pull_back(delta, clamp * centre.norm())
            v.copy_(centre + delta)
    return v.detach()


MUTANTS = [
    Mutant(
        "no_clamp",
        "There is no clamp: v walks as far as it likes. A value far from v0 shouts down everything else "
        "in the residual stream.",
        lambda: optimiser(nothing),
    ),
    Mutant(
        "round_zero",
        "Your ball is round 0. It belongs round v0: the change v - v0 is what must stay short.",
        lambda: optimiser(ball_round_zero),
    ),
    Mutant(
        "absolute",
        "The radius of your ball is clamp itself. It is clamp · ‖v0‖, so that one clamp fits layers with "
        "long and with short outputs.",
        lambda: optimiser(lambda delta, v0, clamp: pull_back(delta, torch.tensor(clamp))),
    ),
    Mutant(
        "box",
        "You clamped each coordinate by itself: that is a box. The ball limits the length of the whole "
        "vector v - v0.",
        lambda: optimiser(box),
    ),
    Mutant(
        "at_the_end",
        "You pull v back only once, after the last step. In between the loss is asked far outside the "
        "ball; project after every step.",
        lambda: optimiser(nothing, finish=only_at_the_end),
    ),
    Mutant(
        "on_the_sphere",
        "You always stretch v - v0 to the full radius. Only shorten it, and only when it is too long.",
        lambda: optimiser(on_the_sphere),
    ),
    Mutant(
        "one_step_less",
        "You make one update fewer than `steps`. (The released code does that too: its loop ends before "
        "the last update.)",
        lambda: optimiser(updates=lambda steps: max(steps - 1, 0)),
    ),
    Mutant(
        "never_stops",
        "You go on although the loss is already below 0.05. The answer is learned by then, and further "
        "steps only move v away from v0.",
        lambda: optimiser(enough=-float("inf")),
    ),
    Mutant(
        "plain_gradient",
        "You follow the plain gradient (SGD). Adam scales each coordinate by the size of its own "
        "gradient, which an lr of 0.5 relies on.",
        lambda: optimiser(kind=torch.optim.SGD),
    ),
    Mutant(
        "uphill",
        "You walk uphill: the loss grows with every step. Minimise it.",
        lambda: optimiser(sign=-1.0),
    ),
    Mutant(
        "only_delta",
        "You returned the change v - v0. The value is v0 plus that change.",
        lambda: optimiser(finish=lambda delta, v0, clamp: delta),
    ),
    Mutant(
        "in_place",
        "You optimise v0 itself, so the caller's v0 is overwritten (and the centre of the ball with it). "
        "Start from a copy.",
        lambda: in_place,
    ),
]
