"""rome.optimise_value: minimise L(v) of (5.16) by Adam, inside a ball of radius clamp · ‖v_0‖ round v_0.

Shape letter: D, width of the residual stream. Only one of the losses here falls below 0.05, where the
search stops.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, rand, randint

from autograder.claims import Claim, Student, at_most, close, every
from autograder.gates import tensor_gate
from autograder.judgement import Verdict
from autograder.lessons.rome.optimise_value_mutants import MUTANTS
from autograder.lessons.rome.optimise_value_problems import Loss, bowl, slope, start, start_like

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "gate"]

ARGUMENTS = ("loss_of", "v0", "steps", "lr", "clamp")


def gate(value: Any, loss_of: Loss, v0: Tensor, steps: int, lr: float, clamp: float) -> Tensor:
    return tensor_gate(value, v0.shape, "(D,)", "v0", v0.dtype)


def one_step(student: Student, g: Generator) -> Verdict:
    """Adam's first step has length lr in every coordinate, however steep the loss is."""
    v0, lr = start(g, 3.0), 0.05 + 0.1 * float(rand((), generator=g))
    gradient, loss = slope(g, len(v0))
    return close(student(loss, v0, 1, lr, 10.0) - v0, -lr * gradient.sign(), 1e-3, "v - v0 after one step")


def reaches_the_bottom(student: Student, g: Generator) -> Verdict:
    """A bowl whose lowest point lies well inside the ball."""
    v0 = start(g, 4.0)
    bottom = v0 + start_like(v0, g, 1.0)
    steepness = 0.5 + rand(len(v0), generator=g)
    return close(student(bowl(bottom, steepness), v0, 150, 0.05, 2.0), bottom, 2e-2, "v")


def stays_in_the_ball(student: Student, g: Generator) -> Verdict:
    """On a plane the way never ends: v comes to rest on the ball, in the direction that Adam walks."""
    v0, clamp = start(g, 2.0), 0.3 + 0.4 * float(rand((), generator=g))
    gradient, loss = slope(g, len(v0))
    radius = clamp * float(v0.norm())
    v = student(loss, v0, 40, 0.2, clamp)
    inside = at_most(
        float((v - v0).norm()), radius * (1 + 1e-4), "‖v - v0‖", f"at most clamp · ‖v0‖ = {radius:.4g}"
    )
    return every(inside, close(v - v0, -radius * gradient.sign() / len(v0) ** 0.5, 1e-3, "v - v0"))


def counts_its_steps(student: Student, g: Generator) -> Verdict:
    """`steps` is the number of updates: 0 leaves v0 as it is, n on a plane moves every coordinate by n ·
    lr.
    """
    v0, lr, steps = start(g, 5.0), 0.02, int(randint(3, 9, (), generator=g))
    gradient, loss = slope(g, len(v0))
    return every(
        close(
            student(loss, v0, steps, lr, 10.0) - v0,
            -steps * lr * gradient.sign(),
            1e-3,
            f"v - v0 after {steps} steps",
        ),
        close(student(loss, v0, 0, lr, 10.0), v0, 1e-6, "v after 0 steps"),
    )


def never_looks_outside(student: Student, g: Generator) -> Verdict:
    """Every point at which the loss is asked lies inside the ball: v is pulled back after each step, not
    only at the end.
    """
    v0 = start(g, 3.0)
    _, loss = slope(g, len(v0))
    seen: list[float] = []
    start_point = v0.clone()

    def watched(v: Tensor) -> Tensor:
        seen.append(float((v.detach() - start_point).norm()))
        return loss(v)

    v, radius = student(watched, v0, 30, 0.3, 0.25), 0.25 * 3.0
    furthest = max(seen, default=0.0)
    return every(
        at_most(
            furthest,
            radius * (1 + 1e-4),
            "furthest point asked, ‖v - v0‖",
            f"at most clamp · ‖v0‖ = {radius:.4g}",
        ),
        close((v - v0).norm(), torch.tensor(radius), 1e-3, "‖v - v0‖ at the end"),
    )


def stops_when_done(student: Student, g: Generator) -> Verdict:
    """A plane on which n steps bring the loss from 1 to below 0.05; steps for twice as far are allowed."""
    v0, n = start(g, 5.0), int(randint(3, 8, (), generator=g))
    gradient, _ = slope(g, len(v0))
    lr, begin = 0.95 / (n - 0.5) / float(gradient.abs().sum()), v0.clone()
    v = student(lambda v: 1 + (gradient * (v - begin)).sum(), v0, 2 * n, lr, 10.0)
    return close(v - v0, -n * lr * gradient.sign(), 1e-2, f"v - v0, {n} steps being enough")


def uneven_bowl(student: Student, g: Generator) -> Verdict:
    """Steep one way, flat the other: what Adam's per-coordinate steps are for."""
    v0 = start(g, 4.0)
    bottom, steepness = v0 + start_like(v0, g, 0.8), torch.logspace(-2, 3, len(v0))
    return close(student(bowl(bottom, steepness), v0, 150, 0.05, 3.0), bottom, 5e-2, "v")


CLAIMS = (
    Claim(
        "one step",
        "One step moves every coordinate by lr, against its gradient: Adam",
        "Adam divides each gradient by its own size, so the first step is -lr · sign(gradient). Is it "
        "Adam, and does it go downhill?",
        one_step,
        open=True,
    ),
    Claim(
        "reaches the bottom",
        "When the best value lies inside the ball, it is found",
        "The loss has its lowest point inside the ball, and your v is elsewhere.",
        reaches_the_bottom,
        open=True,
    ),
    Claim(
        "stays in the ball",
        "v never leaves the ball of radius clamp · ‖v0‖ round v0",
        "After each step, if ‖v - v0‖ exceeds clamp · ‖v0‖, shorten v - v0 to that length.",
        stays_in_the_ball,
        open=True,
    ),
    Claim(
        "counts its steps",
        "`steps` is the number of updates, and 0 steps give v0",
        "Count the calls of optimiser.step(): there must be exactly `steps`.",
        counts_its_steps,
    ),
    Claim(
        "never looks outside",
        "v is pulled back after every step, so the loss is never asked outside the ball",
        "Project inside the loop, after each step.",
        never_looks_outside,
    ),
    Claim(
        "stops when done",
        "The search stops as soon as the loss is below 0.05",
        "Look at the loss before each update, and stop when it is below 0.05.",
        stops_when_done,
    ),
    Claim(
        "uneven bowl",
        "Steep and flat directions are both followed to the bottom",
        "Plain gradient steps crawl along flat directions and jump over steep ones. Use Adam.",
        uneven_bowl,
    ),
)


HINTS = (
    "Keep v0 fixed and optimise a change delta that starts at zero. What must happen to delta after every "
    "Adam step?",
    "torch.optim.Adam([delta], lr=lr) with delta = torch.zeros_like(v0, requires_grad=True). In each of "
    "`steps` rounds: zero the gradient, call loss_of(v0 + delta), stop if that is below 0.05, backward, "
    "step. Then, under torch.no_grad(), shorten delta if it is longer than clamp · ‖v0‖.",
    "delta = torch.zeros_like(v0, requires_grad=True)\n"
    "adam = torch.optim.Adam([delta], lr=lr)\n"
    "for _ in range(steps):\n"
    "    adam.zero_grad()\n"
    "    loss = loss_of(...)\n"
    "    if ...:\n"
    "        break\n"
    "    loss.backward()\n"
    "    adam.step()\n"
    "    with torch.no_grad():\n"
    "        radius = ...\n"
    "        if delta.norm() > radius:\n"
    "            delta.mul_(...)\n"
    "return (v0 + delta).detach()",
)

EXPLANATION = (
    "Optimising the change from zero keeps v0 untouched and makes the ball a statement about one vector's "
    "length.",
    "The projection comes after every step, so that Adam always measures the loss at a value that is "
    "allowed. The radius is relative: clamp times the length of what the layer said before.",
)
