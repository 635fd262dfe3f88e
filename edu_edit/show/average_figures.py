"""Pictures of the average causal trace over facts, and of severing (figure 5.15; lesson 04). L = layers."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from torch import Tensor

from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.heatmap import PRINTED, array, heat, limits, short
from edu_edit.show.trace_figures import KINDS

ROLES = (
    "first subject token*",
    "middle subject tokens*",
    "last subject token*",
    "first token after it",
    "further tokens",
    "last token",
)
AverageMaps = Mapping[str, Float[Tensor, "6 L"]]


@styled
def plot_average_trace(
    maps: Float[Tensor, "6 L"] | AverageMaps, n_facts: int | None = None, alt: str | None = None
) -> AltFigure:
    """Average causal trace, six roles x layers: one map, or {kind: map} side by side.

    All panels share one colour scale. NaN (a role that no fact had) is drawn as a dash.
    """
    panels = {"resid": maps} if isinstance(maps, Tensor) else maps
    over = f" over {n_facts} facts" if n_facts else ""
    return _average_rows({f"Average effect{over} of restoring the": panels}, alt)


@styled
def compare_average_traces(models: Mapping[str, AverageMaps], alt: str | None = None) -> AltFigure:
    """Average causal traces of several models, one row each, on one colour scale (lesson 04's control)."""
    return _average_rows(models, alt)


def _average_rows(rows: Mapping[str, AverageMaps], alt: str | None) -> AltFigure:
    kinds = list(next(iter(rows.values())))
    scale = limits(*[array(m) for panels in rows.values() for m in panels.values()])
    width = 9.0 if len(kinds) > 1 else WIDTH
    fig = AltFigure(width, 0.35 + 2.55 * len(rows))
    subfigures = fig.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for subfigure, (name, panels) in zip(subfigures, rows.items(), strict=True):
        subfigure.suptitle(drawable(name), x=0.01, ha="left", fontsize=11)
        axes = subfigure.subplots(1, len(kinds), squeeze=False)[0]
        for column, (ax, kind) in enumerate(zip(axes, kinds, strict=True)):
            values = array(panels[kind])
            image = heat(
                ax, values, list(ROLES) if column == 0 else [""] * 6, scale, 7.5 if len(kinds) > 1 else 9.0
            )
            ax.set_title(KINDS.get(kind, kind), fontsize=10)
        subfigure.colorbar(image, ax=list(axes), pad=0.01, aspect=16, label="average effect")
    fig.alt = alt or "Heat maps, six token roles by layers. " + " ".join(
        _describe_average((f"{name}: " if len(rows) > 1 else "") + KINDS.get(kind, kind), array(m))
        for name, panels in rows.items()
        for kind, m in panels.items()
    )
    return fig


def _describe_average(name: str, values: np.ndarray) -> str:
    peaks = ", ".join(
        f"{role} absent"
        if np.isnan(row).all()
        else f"{role} {np.nanmax(row):+.2f} at layer {np.nanargmax(row)}"
        for role, row in zip(ROLES, values, strict=True)
    )
    return f"{name}, largest average effect of each role: {peaks}."


@styled
def plot_severed(
    effects: Mapping[str, Float[Tensor, " L"]], where: str = "the last subject token", alt: str | None = None
) -> AltFigure:
    """Effect of restoring each layer's hidden state, with nothing, MLPs or attention severed (figure 5.15).

    `effects` maps the label of a series ("nothing severed", ...) to its L effects, in the order of drawing.
    """
    series = {name: array(values) for name, values in effects.items()}
    n_layers = len(next(iter(series.values())))
    fig = AltFigure(WIDTH, 3.6)
    ax = fig.add_subplot()
    looks = (("blue", ""), ("orange", "///"), ("green", "..."), ("purple", "xx"))
    wide = 0.84 / len(series)
    for i, ((name, values), (colour, hatch)) in enumerate(zip(series.items(), looks, strict=False)):
        x = np.arange(n_layers) + (i - (len(series) - 1) / 2) * wide
        bars = ax.bar(
            x, values, wide, label=name, color=PALETTE[colour], hatch=hatch, edgecolor="white", linewidth=0.5
        )
        if n_layers <= PRINTED:
            turned = 0 if n_layers <= 8 else 90
            ax.bar_label(bars, [short(v) for v in values], padding=2, fontsize=7.5, rotation=turned)
    ax.axhline(0, color="black", linewidth=0.8)
    ax.margins(y=0.12)
    ax.set_xticks(range(0, n_layers, 1 if n_layers <= PRINTED else 4))
    ax.set_xlabel(f"layer whose hidden state is restored at {where}")
    ax.set_ylabel("effect: P restored − P corrupted")
    fig.legend(loc="outside upper left", ncols=len(series))
    fig.alt = alt or f"Bars per layer, effect of restoring the hidden state at {where}. " + " ".join(
        f"{name}: " + ", ".join(f"layer {layer} {value:+.2f}" for layer, value in enumerate(values)) + "."
        for name, values in series.items()
    )
    return fig
