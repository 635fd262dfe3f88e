"""The patch dial as a picture: prompts on a line by how loudly a patch answers them (lesson 08)."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled, wrapped
from edu_edit.show.patch_work import WANTED, Met

LOOKS = {
    "edit": ("its own question", "blue", "o"),
    "paraphrases": ("other wordings", "sky", "s"),
    "same subject": ("same subject", "orange", "D"),
    "neighbours": ("neighbours", "green", "^"),
}


@styled
def plot_patch_line(
    met: Sequence[Met],
    remembered: Float[Tensor, " m"],
    beta: float = -3.0,
    notes: Sequence[str] = (),
    title: str = "",
    alt: str | None = None,
) -> AltFigure:
    """How loudly one patch answers each prompt and each remembered query: its pre-activations, on one line.

    A prompt right of 0 fires the patch: its marker is filled, and crossed out where it should not fire.
    Beside each stands the first token of the answer. Below: the remembered queries, and the threshold beta.
    """
    fig = AltFigure(9.0, 2.3 + 0.27 * len(met) + 0.22 * len(notes))
    above, below = fig.subplots(2, 1, sharex=True, height_ratios=(len(met) + 1, 4))
    _prompts(above, met)
    values = remembered.detach().cpu().numpy()
    lowest = float(np.quantile(values, 0.02)) if len(values) else -1.0
    low = min([lowest, beta - 1, *(m.activation for m in met)]) - 0.5
    high = max([2.0, *(m.activation for m in met)]) + 2.2
    counts, edges = np.histogram(np.clip(values, low, high), bins=60, range=(low, high))
    below.stairs(np.log10(1 + counts), edges, color="0.6", fill=True)
    below.set_yticks(np.log10([1, 11, 101]), ["0", "10", "100"])
    below.axvline(beta, color=PALETTE["purple"], linestyle="--", linewidth=1.5)
    below.annotate(f"β = {beta:g}", (beta, 1), (-3, -3), xycoords=("data", "axes fraction"), ha="right",
                   va="top", textcoords="offset points", fontsize=9)  # fmt: skip
    for ax in (above, below):
        ax.axvline(0, color="black", linewidth=1)
    below.set_xlim(low, high)
    below.set_ylabel("remembered\nqueries", fontsize=9)
    below.set_xlabel("silent  ←  0  →  fires        pre-activation q · k_p + b_p")
    above.set_title(drawable(title))
    fig.legend(*above.get_legend_handles_labels(), loc="outside upper center", ncols=4, fontsize=8.5)
    if notes:
        said = "\n".join(wrapped(line, 118) for line in notes)
        fig.supxlabel(said, x=0.01, ha="left", fontsize=9.5)
    fig.alt = alt or " ".join([title, *map(in_words, met), _memory_in_words(values, beta), *notes]).strip()
    return fig


def in_words(met: Met) -> str:
    """One prompt, in a sentence."""
    state = "fires" if met.fires else "is silent"
    where = ", where it should not," if met.stranger else ""
    name = LOOKS[met.kind][0]
    return f"{name}: {met.prompt!r}, the patch {state}{where} ({met.activation:.2f}): {met.token}."


def _prompts(ax: Axes, met: Sequence[Met]) -> None:
    seen: set[str] = set()
    for row, m in enumerate(met):
        name, colour, marker = LOOKS[m.kind]
        face = PALETTE[colour] if m.fires else "white"
        ax.plot(m.activation, row, marker, markersize=8, markerfacecolor=face, linestyle="none",
                markeredgecolor=PALETTE[colour], markeredgewidth=1.6,
                label=None if name in seen else name)  # fmt: skip
        seen.add(name)
        if m.stranger:
            ax.plot(m.activation, row, "x", markersize=13, color=PALETTE["vermillion"], markeredgewidth=2.4)
        said = ("fires by mistake: " if m.stranger else "fires: " if m.fires else "silent: ") + m.token
        weight = "bold" if m.stranger or (m.kind in WANTED and m.fires) else "normal"
        ax.annotate(drawable(said), (m.activation, row), (11, 0), textcoords="offset points", va="center",
                    fontsize=8.5, weight=weight)  # fmt: skip
    ax.set_yticks(range(len(met)), [drawable(f"{m.prompt} …") for m in met], fontsize=8.5)
    ax.set_ylim(len(met) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0)


def _memory_in_words(values: "np.typing.NDArray[np.float32]", beta: float) -> str:
    if not len(values):
        return "Nothing is remembered."
    return (
        f"Of {len(values)} remembered queries {int((values > beta).sum())} lie above the threshold {beta:g} "
        f"and {int((values > 0).sum())} fire the patch; the loudest is at {float(values.max()):.2f}."
    )
