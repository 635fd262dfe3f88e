"""The heat map behind every map: cividis, a row per token or role, a column per layer, values printed."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from edu_edit.show.figure import MAP, drawable

PRINTED = 12  # up to this many cells across, the values stand in the cells


def heat(ax: Axes, values: np.ndarray, rows: list[str], scale: tuple[float, float], size: float) -> AxesImage:
    """Draw (rows, layers) values on `ax`, coloured between the ends of `scale`, printed in `size` points."""
    n_rows, n_layers = values.shape
    palette = mpl.colormaps[MAP].with_extremes(bad="white")
    image = ax.imshow(np.ma.masked_invalid(values), cmap=palette, vmin=scale[0], vmax=scale[1], aspect="auto")
    ax.set_yticks(range(n_rows), [drawable(row) for row in rows])
    ax.set_xticks(range(0, n_layers, 1 if n_layers <= PRINTED else 4))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlabel("layer")
    for (row, layer), value in np.ndenumerate(values):
        if np.isnan(value):
            ax.text(layer, row, "–", ha="center", va="center", color="0.35", fontsize=size)
        elif n_layers <= PRINTED:
            dark = (value - scale[0]) / (scale[1] - scale[0]) < 0.45
            ax.text(
                layer,
                row,
                short(value),
                ha="center",
                va="center",
                color="white" if dark else "black",
                fontsize=size,
            )
    return image


def frame(ax: Axes, row: int, column: int) -> None:
    """Frame one cell, in black and white so that it shows on every colour."""
    for edge, line in (("black", 4.5), ("white", 2.0)):
        ax.add_patch(
            Rectangle((column - 0.48, row - 0.47), 0.96, 0.94, fill=False, edgecolor=edge, linewidth=line)
        )


def short(value: float) -> str:
    """Two decimals without the leading zero: `.33`, `-.05`, `1.00`."""
    text = f"{value:.2f}".replace("-0.00", "0.00")
    return text.replace("0.", ".", 1) if abs(value) < 0.995 else text


def limits(*maps: np.ndarray, top: float = 0.0) -> tuple[float, float]:
    """One colour scale for several maps: from their least value, or 0, to their greatest, or `top`."""
    low, high = min(np.nanmin(m) for m in maps), max(np.nanmax(m) for m in maps)
    return min(0.0, float(low)), max(float(high), top, 0.05)


def array(values: Tensor | np.ndarray) -> np.ndarray:
    """The values on the CPU as a numpy array."""
    return (
        values.detach().double().cpu().numpy()
        if isinstance(values, Tensor)
        else np.asarray(values, dtype=float)
    )
