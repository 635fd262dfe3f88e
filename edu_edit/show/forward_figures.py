"""One run of a model as textbook figure 5.12 draws it: tokens side by side, layers upwards (lesson 01)."""

import numpy as np
from matplotlib.lines import Line2D

from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled
from edu_edit.show.heatmap import array
from edu_edit.show.lens import ForwardPass, shown
from edu_edit.show.lens_figures import cut

LARGEST = 260.0  # area, in square points, of a mark whose write is as long as the stream after it
LOOK = {"attn": ("vermillion", "D", 0.33), "mlp": ("green", "s", 0.66)}  # colour, marker, height in the layer
NAMES = {"attn": "attention writes", "mlp": "FFN writes"}
MOST = 16  # tokens have room side by side


def shares(run: ForwardPass) -> dict[str, np.ndarray]:
    """(L, T) per module: the length of what it writes over the length of the stream after its block."""
    after = array(run.stream)[1:]
    return {kind: np.minimum(array(getattr(run, kind)) / after, 1.0) for kind in LOOK}


@styled
def plot_forward_pass(
    run: ForwardPass, span: tuple[int, int] | None = None, alt: str | None = None
) -> AltFigure:
    """The residual stream of every token, with what attention and FFN of each layer add to it.

    A mark's area is the share that the write has in the stream. `span` = (start, stop) marks the subject's
    tokens with `*`. Only the last 16 tokens of a longer text are drawn.
    """
    sizes, L = shares(run), len(run.attn)
    first = max(0, len(run.tokens) - MOST)
    kept = range(first, len(run.tokens))
    letters = max(5, min(10, 72 // len(kept)))
    fig = AltFigure(9.0, 2.2 + min(0.5, 6.0 / L) * L)
    ax = fig.add_subplot()
    for x, t in enumerate(kept):
        ax.plot([x, x], [0, L], color=PALETTE["purple"], linewidth=5, alpha=0.35, zorder=1)
        ax.scatter([x] * (L + 1), range(L + 1), s=70, marker="o", color=PALETTE["purple"], zorder=3)
        for layer in range(L):
            if x:
                ax.plot(
                    [x - 1, x - 0.22], [layer, layer + LOOK["attn"][2]], color="0.7", linewidth=1, zorder=0
                )
            for kind, (colour, marker, height) in LOOK.items():
                side, y = (-0.22 if kind == "attn" else 0.22), layer + height
                ax.plot([x + side, x], [y, y], color=PALETTE[colour], linewidth=1, zorder=2)
                area = LARGEST * sizes[kind][layer, t] + 4
                ax.scatter([x + side], [y], s=area, marker=marker, color=PALETTE[colour], edgecolor="0.2",
                           linewidth=0.5, zorder=4)  # fmt: skip
        word, p = run.said[t]
        weight = "bold" if t == kept[-1] else "normal"
        said = f"{drawable(cut(shown(word), letters))}\n{p:.2f}"
        ax.text(
            x, L + 0.3, said, ha="center", va="bottom", weight=weight, fontsize=9 if len(kept) < 12 else 7.5
        )
    inside = range(*span) if span else ()
    labels = [
        cut(shown(run.tokens[t]), 14 if len(kept) < 8 else 9) + ("*" if t in inside else "") for t in kept
    ]
    ax.set_xticks(
        range(len(labels)), [drawable(label) for label in labels], rotation=0 if len(labels) < 9 else 35
    )
    ax.set_yticks(np.arange(L) + 0.5, [str(layer) for layer in range(L)])
    ax.set(xlim=(-0.6, len(labels) - 0.4), ylim=(-0.35, L + 1.25))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylabel("layer")
    ax.set_xlabel("token that is read" + ("   (* = subject)" if span else ""))
    ax.set_title("One run of the model. On top: the next word, with its probability")
    ax.legend(handles=_key(), loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=5, columnspacing=1.2,
              handletextpad=0.4)  # fmt: skip
    fig.alt = alt or describe_forward_pass(run, sizes)
    return fig


def _key() -> list[Line2D]:
    def line(colour: str, marker: str, area: float, label: str) -> Line2D:
        return Line2D([], [], color=PALETTE[colour], marker=marker, markersize=area**0.5, label=label,
                      linestyle="", markeredgecolor="0.2", markeredgewidth=0.5)  # fmt: skip

    half = LARGEST / 2
    marks = [line(colour, marker, half, NAMES[kind]) for kind, (colour, marker, _) in LOOK.items()]
    state = Line2D([], [], color=PALETTE["purple"], marker="o", label="residual stream", linewidth=3)
    reads = Line2D([], [], color="0.7", linewidth=1, label="read from the left")
    return [state, *marks, line("green", "s", LARGEST / 4, "¼ of the stream"), reads]


def describe_forward_pass(run: ForwardPass, sizes: dict[str, np.ndarray]) -> str:
    """The run in words: what is said after each token, and the shares at the last token, layer by layer."""
    said = ", ".join(
        f"after {shown(token)} {shown(word)} {p:.2f}"
        for token, (word, p) in zip(run.tokens, run.said, strict=True)
    )
    writes = "; ".join(
        f"layer {layer} attention {a:.2f}, FFN {m:.2f}"
        for layer, (a, m) in enumerate(zip(sizes["attn"][:, -1], sizes["mlp"][:, -1], strict=True))
    )
    return (
        f"One run of the model over {len(run.tokens)} tokens and {len(run.attn)} layers: every token has a "
        "vertical line, its residual stream, into which attention and FFN of every layer write. "
        f"Next words: {said}. Length of each write as a share of the stream, at the last token: {writes}."
    )
