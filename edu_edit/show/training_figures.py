"""The course of a fine-tuning as a picture: four rates over the steps, and the ten answers (lesson 02)."""

from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from edu_edit.show.answer_figures import answers_height, describe_answers, draw_answers
from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled
from edu_edit.show.line_figures import LOOKS
from edu_edit.show.training import PROPERTIES, Training, short

WIDTH, HEIGHT = 9.0, 3.3  # inches, of the curves
MARKED = (0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 40, 50)  # steps with a marker and a tick
APART = 0.012  # equal rates are drawn beside each other, not on top of each other


@styled
def plot_training(training: Training, step: int | None = None, alt: str | None = None) -> AltFigure:
    """Curves over the steps of training and, below, the answers after `step` steps (None: after the last)."""
    step = len(training.losses) - 1 if step is None else step
    rows = short(training.answers[step])
    title = f"Answers after {step} steps"
    heights = [HEIGHT, answers_height(rows, title)]
    fig = AltFigure(WIDTH, sum(heights))
    top, bottom = fig.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    draw_curves(top, training, step)
    draw_answers(bottom, rows, title)
    fig.alt = alt or f"{describe_curves(training)} {training.told(step)} {describe_answers(rows, title)}"
    return fig


@styled
def plot_training_curves(training: Training) -> AltFigure:
    """The curves alone, with no step marked."""
    fig = AltFigure(WIDTH, HEIGHT)
    draw_curves(fig, training)
    fig.alt = describe_curves(training)
    return fig


def draw_curves(fig: FigureBase, training: Training, step: int | None = None) -> Axes:
    """Draw the four rates into a figure or a part of one; a dotted line marks a step. Early steps, where most
    happens, are drawn wider.
    """
    ax: Axes = fig.add_subplot()
    last = len(training.losses) - 1
    for i, ((name, curve), (colour, marker, dash)) in enumerate(
        zip(training.curves().items(), cycle(LOOKS), strict=False)
    ):
        prompts = sum(a.kind in PROPERTIES[name] for a in training.answers[0])
        ax.plot(
            [value - i * APART for value in curve], color=PALETTE[colour], marker=marker, linestyle=dash,
            markevery=[s for s in MARKED if s <= last], clip_on=False,
            label=f"{name} ({prompts} prompt{'s' * (prompts > 1)})",
        )  # fmt: skip
    if step is not None:
        ax.axvline(step, color="0.35", linewidth=1.2, linestyle=":")
        ax.annotate(
            f"step {step}", (step, 1.0), (0, 3), ("data", "axes fraction"), "offset points", ha="center",
            fontsize=9,
        )  # fmt: skip
    ax.set_xscale("function", functions=(lambda x: np.sqrt(np.maximum(x, 0)), np.square))
    ax.set_xlim(0, last)
    ax.set_xticks([s for s in MARKED if s <= last])
    ax.set_ylim(-0.07, 1.05)
    ax.set_xlabel("step of training   (early steps are drawn wider)")
    ax.set_ylabel("share of the prompts")
    fig.legend(
        loc="outside upper left", ncols=4, alignment="left",
        title=drawable(f"“{training.fact.question} {training.fact.target_new}”: {training.recipe.name}"),
    )  # fmt: skip
    return ax


def describe_curves(training: Training) -> str:
    """The curves in words: each rate where it changes."""
    said = []
    for name, curve in training.curves().items():
        turns = [0] + [s for s in range(1, len(curve)) if curve[s] != curve[s - 1]]
        said.append(f"{name}: " + ", ".join(f"{curve[s]:.2f} from step {s}" for s in turns) + ".")
    return (
        f"Curves over {len(training.losses) - 1} steps of fine-tuning on '{training.fact.question} "
        f"{training.fact.target_new}', {training.recipe.name}. {' '.join(said)}"
    )
