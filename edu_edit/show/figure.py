"""One style for every figure, and a figure that carries its own description in words.

Colours: Okabe and Ito's sequence (matplotlib >= 3.11) for lines and bars, always with a hatch or a marker and
a label; cividis for maps, whose lightness rises with the value, so that a print in grey reads the same.
"""

import base64
import html
import io
import textwrap
from collections.abc import Callable
from functools import cache, wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import matplotlib.style
import numpy as np
from matplotlib import font_manager
from matplotlib.backend_bases import RendererBase
from matplotlib.figure import Figure

P = ParamSpec("P")
T = TypeVar("T")
PALETTE = dict(
    zip(
        ("black", "orange", "sky", "green", "yellow", "blue", "vermillion", "purple"),
        mpl.color_sequences["okabe_ito"],
        strict=True,
    )
)
MAP = "cividis"
CHINESE = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei",
    "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "SimHei", "Arial Unicode MS",
)  # fmt: skip
WIDTH = 8.0  # inches: the width of a notebook's output


@cache
def families() -> tuple[str, ...]:
    """Fonts to draw with: matplotlib's own, then the first Chinese one that this computer has."""
    installed = set(font_manager.get_font_names())
    return ("DejaVu Sans", *[name for name in CHINESE if name in installed][:1])


@cache
def _glyphs() -> frozenset[int]:
    paths = (font_manager.findfont(family) for family in families())
    return frozenset(code for path in paths for code in font_manager.get_font(path).get_charmap())


def drawable(text: str) -> str:
    """`text` with a box for each letter that no font here can draw (else matplotlib warns and omits it)."""
    return text if text.isascii() else "".join(c if ord(c) in _glyphs() else "□" for c in text)


def wrapped(text: str, width: int) -> str:
    """`text` in drawable lines of at most `width` letters."""
    return "\n".join(textwrap.wrap(drawable(text), width)) or text


@cache
def style() -> Any:
    """Matplotlib settings of every figure of the course."""
    return {
        "font.family": list(families()),
        "font.size": 10.0,
        "axes.titlesize": 11.0,
        "axes.labelsize": 10.0,
        "xtick.labelsize": 9.0,
        "ytick.labelsize": 9.5,
        "legend.fontsize": 9.5,
        "legend.frameon": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlelocation": "left",
        "text.parse_math": False,  # a "$" in a prompt is a dollar
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "hatch.linewidth": 0.8,
        "lines.linewidth": 2.0,
        "lines.markersize": 7.0,
    }


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Let `draw` draw in the course's style; the settings of the reader's session come back afterwards."""

    @wraps(draw)
    def inside(*args: P.args, **kwargs: P.kwargs) -> T:
        with mpl.style.context(["default", style()]):
            return draw(*args, **kwargs)

    return inside


class AltFigure(Figure):
    """A matplotlib `Figure` with `alt`, the description that a screen reader speaks.

    It belongs to no pyplot state, so nothing has to be closed. As the last value of a cell (or by `display`)
    it shows itself as an image that carries the description, in JupyterLab and in pages that nbconvert makes.
    """

    @styled
    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        self.alt = ""

    @styled
    def draw(self, renderer: RendererBase) -> None:
        super().draw(renderer)

    def png(self, dpi: int = 130) -> bytes:
        """The picture as PNG, in at most 256 colours, which keeps notebooks small.

        It is drawn once, where `savefig` draws twice for its layout.
        """
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from PIL import Image

        canvas, before, small = FigureCanvasAgg(self), self.dpi, io.BytesIO()
        self.dpi = dpi
        try:
            canvas.draw()
        finally:
            self.dpi = before
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
        picture.quantize(256, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
        return small.getvalue()

    def to_html(self, png: bytes | None = None) -> str:
        """An `<img>` with the description as its `alt` and the picture (`png`, else drawn now) inside it."""
        data = base64.b64encode(png or self.png()).decode("ascii")
        width = round(self.get_figwidth() * 96)
        return (
            f'<img alt="{html.escape(self.alt)}" width="{width}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{data}">'
        )

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        png = self.png()  # JupyterLab and HTML pages take the <img> with the description, PDF takes the PNG
        data = {"text/plain": self.alt, "text/html": self.to_html(png), "image/png": png}
        return data, {"image/png": {"alt": self.alt}}


def words_figure(text: str) -> AltFigure:
    """A figure that only says something: what a widget shows where it has nothing to draw."""
    fig = AltFigure(WIDTH, 1.2)
    fig.text(0.02, 0.5, wrapped(text, 90), va="center")
    fig.alt = text
    return fig
