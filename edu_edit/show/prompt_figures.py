"""The anatomy of an IKE prompt as a picture: a labelled block for each demonstration (lesson 10)."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import FigureBase

from edu_edit.evaluation import Rate
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled, wrapped
from edu_edit.show.score_figures import describe_rates, draw_rates, rates_height

LOOKS = {
    "copy": ("orange", "accuracy"),
    "update": ("sky", "generality"),
    "retain": ("green", "locality"),
    "new fact": ("yellow", "the answer is the model's"),
}  # kind of block: colour, what it is there for
Blocks = Sequence[tuple[str, str]]
LETTERS = 88


@styled
def plot_prompt(blocks: Blocks, title: str = "The prompt", alt: str | None = None) -> AltFigure:
    """The blocks of a prompt, (kind, text) from top to bottom, each with its colour and its name."""
    fig = AltFigure(WIDTH, prompt_height(blocks))
    draw_prompt(fig, blocks, title)
    fig.alt = alt or describe_prompt(blocks, title)
    return fig


@styled
def plot_anatomy(
    blocks: Blocks,
    series: Mapping[str, Mapping[str, Rate]],
    title: str = "The prompt",
    alt: str | None = None,
) -> AltFigure:
    """The blocks of a prompt above, and below the shares of right answers by kind of prompt, a bar per k."""
    heights = [prompt_height(blocks), rates_height(series)]
    fig = AltFigure(WIDTH, sum(heights))
    top, bottom = fig.subfigures(2, 1, squeeze=False, height_ratios=heights)[:, 0]
    draw_prompt(top, blocks, title)
    told = "Right answers, by number of demonstrations asked for"
    draw_rates(bottom, series, told)
    fig.alt = alt or f"{describe_prompt(blocks, title)} {describe_rates(series, told)}"
    return fig


def _lines(text: str) -> str:
    return "\n".join(wrapped(line, LETTERS) for line in text.strip().split("\n"))


def _rows(blocks: Blocks) -> list[float]:
    return [_lines(text).count("\n") + 1.6 for _, text in blocks]


def prompt_height(blocks: Blocks) -> float:
    """Inches that the blocks need."""
    return 0.165 * sum(_rows(blocks)) + 0.4


def draw_prompt(fig: FigureBase, blocks: Blocks, title: str) -> None:
    """Draw what `plot_prompt` shows into a figure or a part of one."""
    rows, ax = _rows(blocks), fig.add_subplot()
    ax.set(xlim=(0, 1), ylim=(sum(rows), 0))
    ax.axis("off")
    ax.set_title(title)
    y = 0.0
    for (kind, text), height in zip(blocks, rows, strict=True):
        colour, purpose = LOOKS[kind]
        ax.barh(y + height / 2, 0.012, height - 0.3, color=PALETTE[colour])
        ax.text(0.022, y + height / 2, kind, va="center", weight="bold", fontsize=9)
        ax.text(0.13, y + height / 2, _lines(text), va="center", fontsize=8.5)
        ax.text(1.0, y + height / 2, purpose, va="center", ha="right", fontsize=8, color="0.35")
        y += height


def describe_prompt(blocks: Blocks, title: str) -> str:
    """The blocks in words."""
    said = " ".join(f"{kind}: {' / '.join(text.strip().splitlines())}." for kind, text in blocks)
    return f"{title}, from top to bottom. {said}"
