"""The plane of least-squares editors: every editor a point, and the curve that none gets past (lesson 06)."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from edu_edit.compare.plane import Point
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, styled

LOOKS = {
    "MEMIT": ("blue", "o", ""),
    "MEMIT with C = I": ("orange", "s", "--"),
    "AlphaEdit": ("vermillion", "^", ":"),
    "ROME in a loop": ("black", "X", ""),
}
OTHERS = (("green", "D", "-."), ("purple", "v", "--"), ("yellow", "P", ":"))
SYMBOL = {"MEMIT": "λ", "AlphaEdit": "tol"}  # what is written beside the points
MOVED = "how far old values move   (share of their length; left is better)"
GAINED = "what new facts get\n(share of what they lacked)"


@styled
def plot_plane(
    points: Mapping[str, Sequence[Point]],
    front: Sequence[Point],
    chosen: Mapping[str, float] | None = None,
    title: str = "",
    alt: str | None = None,
) -> AltFigure:
    """What new facts get against what old keys feel: a marker for each editor, a point for each setting.

    Left and up is better. front: the curve beyond which there is no change at all, grey from there on.
    chosen: {editor: setting} to ring.
    """
    fig = AltFigure(WIDTH, 4.8)
    ax = fig.add_subplot()
    draw_plane(ax, points, front, chosen or {})
    ax.set_title(title)
    fig.legend(loc="outside lower center", ncols=5, handletextpad=0.5, columnspacing=1.4)
    fig.alt = alt or describe_plane(points, front, title)
    return fig


def draw_plane(
    ax: Axes,
    points: Mapping[str, Sequence[Point]],
    front: Sequence[Point],
    chosen: Mapping[str, float],
    only_chosen: bool = False,
) -> None:
    """Draw what `plot_plane` shows into an axes; only_chosen: write no setting but the chosen one."""
    end = max(point.moved for point in front)
    right = min(2.5 * end, 1.15 * max([end, *(p.moved for found in points.values() for p in found)]))
    x, y = [0.0, *(p.moved for p in front), right], [0.0, *(p.gained for p in front), 1.0]
    ax.fill_between(x, y, 1.12, color="0.9", linewidth=0)
    ax.plot(x[:-1], y[:-1], color="0.35", linewidth=1.2, label="the best there is")
    ax.annotate("no change\nof the matrix\ngets here", (0.02, 0.98), xycoords="axes fraction",
                fontsize=9, color="0.25", va="top")  # fmt: skip
    spare = iter(OTHERS * 3)
    for name, found in points.items():
        colour, marker, dash = LOOKS.get(name) or next(spare)
        ax.plot([p.moved for p in found], [p.gained for p in found], color=PALETTE[colour], marker=marker,
                linestyle=dash, linewidth=1.3, markersize=6.5, label=name)  # fmt: skip
        told = [p for p in found if p.moved <= right and (not only_chosen or p.setting == chosen.get(name))]
        _settings(ax, name, told, right)
        for point in found:
            if name in chosen and point.setting == chosen[name]:
                ax.plot(point.moved, point.gained, "o", markersize=16, markerfacecolor="none",
                        markeredgecolor=PALETTE[colour], markeredgewidth=2)  # fmt: skip
    low = min((p.gained for found in points.values() for p in found if p.moved <= right), default=0.0)
    ax.set_xlim(0, right)
    ax.set_ylim(max(min(low, 0.0), -0.5) - 0.03, 1.06)
    ax.set_xlabel(MOVED)
    ax.set_ylabel(GAINED)


def _settings(ax: Axes, name: str, points: Sequence[Point], right: float) -> None:
    """The settings beside their points, where there is room for them."""
    if name not in SYMBOL:
        return
    unit, place = (" F", (11, -3)) if name == "MEMIT" else ("", (7, -14))
    last: tuple[float, float] | None = None
    for point in points:
        here = (point.moved / right, point.gained)
        if last is None or abs(here[0] - last[0]) + abs(here[1] - last[1]) > 0.12:
            last = here
            ax.annotate(f"{SYMBOL[name]} = {point.setting:g}{unit}", (point.moved, point.gained), place,
                        textcoords="offset points", fontsize=8.5, color=PALETTE[LOOKS[name][0]])  # fmt: skip


def describe_plane(points: Mapping[str, Sequence[Point]], front: Sequence[Point], title: str = "") -> str:
    """The plane in words."""
    told = []
    for name, found in points.items():
        at = "; ".join(
            (f"setting {p.setting:g}: " if p.setting else "")
            + f"old values move {p.moved:.2f}, new facts get {p.gained:.2f}"
            for p in found
        )
        told.append(f"{name}: {at}.")
    curve = "; ".join(f"{p.gained:.2f} at {p.moved:.2f}" for p in front[:: max(1, len(front) // 8)])
    start = f"{title}. " if title else ""
    return f"{start}A plane with a curve that no editor passes ({curve}). " + " ".join(told)
