"""The scope of an edit as nested frames: what it must change, and what it must leave (figure 5.3)."""

from collections.abc import Mapping, Sequence

from matplotlib.patches import FancyBboxPatch

from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled

FRAMES = (("blue", 2.6, "-"), ("green", 2.2, "--"), ("vermillion", 2.0, "-."), ("black", 1.4, ":"))
LINE = 0.24  # inches, of one line of text


@styled
def plot_scope(rings: Mapping[str, Sequence[str]], title: str = "", alt: str | None = None) -> AltFigure:
    """{heading: questions} from the innermost frame outwards, at most four; the last one is out of scope."""
    headings = list(rings)
    heights = [LINE * (1.2 + len(rings[h])) + 0.18 for h in headings]
    fig = AltFigure(9.0, sum(heights) + 0.5)
    ax = fig.add_subplot()
    ax.set(xlim=(0, 9), ylim=(sum(heights) + 0.1, -0.12 * len(rings)))
    ax.axis("off")
    ax.set_title(drawable(title))
    bottom = 0.0
    for i, (heading, height) in enumerate(zip(headings, heights, strict=True)):
        side = 0.15 * (len(rings) - 1 - i)
        colour, width, dash = FRAMES[i]
        top = -0.1 * i
        ax.add_patch(
            FancyBboxPatch(
                (side + 0.1, top),
                8.8 - 2 * side,
                bottom + height - top - 0.06,
                fill=False,
                linestyle=dash,
                edgecolor=PALETTE[colour],
                linewidth=width,
                boxstyle="round,pad=0,rounding_size=0.12",
            )  # fmt: skip
        )
        ax.text(0.85, bottom + 0.17, drawable(heading), color=PALETTE[colour], weight="bold", va="center")
        for n, question in enumerate(rings[heading], start=1):
            ax.text(1.05, bottom + 0.17 + LINE * n, drawable(question), va="center", fontsize=9.5)
        bottom += height
    fig.alt = alt or (
        f"{title}. Nested frames, from the inside out. "
        + " ".join(f"{heading}: {'; '.join(rings[heading])}." for heading in headings)
    )
    return fig
