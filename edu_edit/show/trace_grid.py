"""A heat map made of buttons: every cell can be clicked, in plain ipywidgets, with no picture to redraw."""

import html
from collections.abc import Callable, Sequence
from functools import partial

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
from matplotlib.colors import to_hex

from edu_edit.show.figure import MAP
from edu_edit.show.heatmap import PRINTED, short

SHADES = 32


class TraceGrid:
    """Tokens x layers of buttons in the colours of `plot_trace`. A click calls `clicked(token, layer)`."""

    def __init__(self, n_layers: int, clicked: Callable[[int, int], None]) -> None:
        self.n_layers, self.clicked = n_layers, clicked
        self.marked: tuple[int, int] | None = None
        self.cells: list[list[widgets.Button]] = []
        size = {"width": "auto", "height": "28px", "padding": "0", "margin": "0"}
        self.plain = widgets.Layout(**size, border="3px solid transparent")
        self.chosen = widgets.Layout(**size, border="3px solid #D55E00")
        palette = mpl.colormaps[MAP]
        self.shades = [
            widgets.ButtonStyle(
                button_color=to_hex(palette(i / (SHADES - 1))),
                text_color="white" if i < 0.45 * SHADES else "black",
            )
            for i in range(SHADES)
        ]
        self.view = widgets.GridBox(
            layout=widgets.Layout(
                grid_template_columns=f"minmax(6em, max-content) repeat({n_layers}, 1fr)", width="98%"
            )
        )

    def show(
        self,
        labels: Sequence[str],
        values: np.ndarray,
        scale: tuple[float, float],
        texts: Sequence[Sequence[str]] | None = None,
        hover: Sequence[Sequence[str]] | None = None,
        columns: Sequence[str] | None = None,
    ) -> None:
        """Fill the grid with (tokens, layers) values, one row per label.

        texts: what stands in the cells, hover: what is told over them, columns: their heads (None: the value,
        label and value, the layers).
        """
        if len(self.cells) != len(labels):
            self.cells = [
                [self._cell(t, layer) for layer in range(self.n_layers)] for t in range(len(labels))
            ]
        self.marked = None
        for token, (label, row, cells) in enumerate(zip(labels, values, self.cells, strict=True)):
            for layer, (value, cell) in enumerate(zip(row, cells, strict=True)):
                shade = round((SHADES - 1) * float(np.clip((value - scale[0]) / (scale[1] - scale[0]), 0, 1)))
                with cell.hold_sync():
                    number = short(value) if self.n_layers <= PRINTED else ""
                    cell.description = number if texts is None else texts[token][layer]
                    told = f"{label}, layer {layer}: {value:+.2f}" if hover is None else hover[token][layer]
                    cell.tooltip = told
                    cell.style, cell.layout = self.shades[shade], self.plain
        names = columns or [str(layer) for layer in range(self.n_layers)]
        heads = [_text(""), *(_text(name, "center") for name in names)]
        rows = [[_text(label, "right"), *cells] for label, cells in zip(labels, self.cells, strict=True)]
        self.view.children = [*heads, *(item for row in rows for item in row)]

    def mark(self, token: int, layer: int) -> None:
        """Frame one cell."""
        if self.marked is not None:
            self.cells[self.marked[0]][self.marked[1]].layout = self.plain
        self.cells[token][layer].layout = self.chosen
        self.marked = token, layer

    def _cell(self, token: int, layer: int) -> widgets.Button:
        # the keyboard reaches every cell through the sliders, so a hundred buttons stay out of its way
        cell = widgets.Button(layout=self.plain, style=self.shades[0], tabbable=False)
        cell.on_click(partial(self._on_click, token, layer))
        return cell

    def _on_click(self, token: int, layer: int, _: widgets.Button) -> None:
        self.clicked(token, layer)


def _text(text: str, align: str = "left") -> widgets.HTML:
    return widgets.HTML(
        f'<div style="text-align:{align};line-height:28px;padding:0 6px">{html.escape(text)}</div>'
    )
