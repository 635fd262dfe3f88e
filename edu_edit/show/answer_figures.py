"""The table of answers before and after an edit, as a picture (figure 5.3's questions; lessons 02 and 05)."""

import html
from collections.abc import Sequence

from matplotlib.figure import FigureBase

from edu_edit.show.figure import PALETTE, AltFigure, drawable, styled, wrapped
from edu_edit.show.probes import KINDS, Answered

COLUMNS = (
    ("prompt", 0.0, 46),
    ("wanted", 0.405, 15),
    ("before", 0.555, 16),
    ("after", 0.715, 18),
)  # x, letters


@styled
def plot_answers(answers: Sequence[Answered], title: str = "", alt: str | None = None) -> AltFigure:
    """The answers before and after as a table, grouped by kind of prompt; each row is judged in words."""
    fig = AltFigure(9.0, answers_height(answers, title))
    draw_answers(fig, answers, title)
    fig.alt = alt or describe_answers(answers, title)
    return fig


def _wrap(answer: Answered) -> tuple[list[str], float]:
    """The cells of a row broken into lines, and its height in lines."""
    cells = [wrapped(text, width) for text, (_, _, width) in zip(answer.cells(), COLUMNS, strict=True)]
    return cells, max(cell.count("\n") for cell in cells) + 1.45


def _lines(answers: Sequence[Answered]) -> float:
    return sum(_wrap(a)[1] for a in answers) + 1.4 * len({a.kind for a in answers}) + 1.5


def answers_height(answers: Sequence[Answered], title: str = "") -> float:
    """Inches that the table needs."""
    return 0.175 * _lines(answers) + (0.35 if title else 0.1)


def draw_answers(fig: FigureBase, answers: Sequence[Answered], title: str = "") -> None:
    """Draw what `plot_answers` shows into a figure or a part of one."""
    ax = fig.add_subplot()
    ax.set(xlim=(0, 1), ylim=(_lines(answers), 0))
    ax.axis("off")
    ax.set_title(drawable(title))
    for name, x, _ in COLUMNS:
        ax.text(x, 0.2, name, weight="bold", va="top")
    y = 1.6
    for kind in dict.fromkeys(a.kind for a in answers):
        ax.axhline(y, color="0.6", linewidth=0.8)
        ax.text(0, y + 0.2, KINDS[kind].replace("\n", ": "), va="top", color=PALETTE["blue"], fontsize=9.5)
        y += 1.4
        for answer in (a for a in answers if a.kind == kind):
            cells, height = _wrap(answer)
            for text, (_, x, _) in zip(cells, COLUMNS, strict=True):
                ax.text(x, y, text, va="top", fontsize=9)
            ax.text(1.0, y, answer.verdict, va="top", ha="right", fontsize=9, weight="bold")
            y += height


def describe_answers(answers: Sequence[Answered], title: str = "") -> str:
    """The table in words, one sentence per prompt."""
    said = []
    for a in answers:
        prompt, wanted, before, after = a.cells()
        said.append(f"{a.kind}: {prompt} - wanted {wanted}, before {before}, after {after} ({a.verdict}).")
    return " ".join([f"{title}." if title else "Table of answers.", *said])


def answers_table(answers: Sequence[Answered]) -> str:
    """The table as HTML, with headings that a screen reader can follow."""
    names = ("prompt", "wanted", "before", "after", "")
    look = "text-align:left;padding:1px 12px"
    heads = "".join(f'<th scope="col" style="{look}">{name}</th>' for name in names)
    body = ""
    for kind in dict.fromkeys(a.kind for a in answers):
        name = html.escape(KINDS[kind].replace("\n", ": "))
        body += f'<tr><th colspan="5" scope="rowgroup" style="text-align:left">{name}</th></tr>'
        for a in (a for a in answers if a.kind == kind):
            texts = [html.escape(text) for text in (*a.cells(), a.verdict.replace(" ", "\u00a0"))]
            cells = "".join(f'<td style="{look}">{text}</td>' for text in texts)
            body += f"<tr>{cells}</tr>"
    return (
        '<table style="line-height:1.4"><caption>Answers before and after the edit</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )
