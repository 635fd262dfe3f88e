"""Lesson 12's figures: taxonomies, a bootstrap, intervals, a front, lines that cross, table 5.2 twice."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import FigureBase

from edu_edit.compare.levels import BOOK, UNTESTED, Row
from edu_edit.scores import Rate
from edu_edit.show.figure import PALETTE, WIDTH, AltFigure, drawable, styled
from edu_edit.show.score_figures import MEANING

WHERE = (
    "external:\nknowledge cache",
    "external:\nadded parameters",
    "internal:\nmeta-learning",
    "internal:\nlocate and edit",
    "not in fig. 5.4",
)
WHO = ("fixed\nparameters", "human-led", "AI-led")
PLACES = {
    ("fixed\nparameters", "external:\nknowledge cache"): "SERAC, GRACE\nlanguage patch\nregular expressions",
    ("fixed\nparameters", "external:\nadded parameters"): "T-Patcher\nCaliNET",
    ("fixed\nparameters", "not in fig. 5.4"): "IKE (prompt)",
    ("human-led", "internal:\nlocate and edit"): "KN, ROME, MEMIT\nAlphaEdit\nAnyEdit, UnKE",
    ("human-led", "not in fig. 5.4"): "FT, FT-L\n(training)",
    ("AI-led", "internal:\nmeta-learning"): "ENN, KE, MEND",
}
PROPERTIES = ("accuracy", "generality", "portability", "locality")
COLUMNS = (*PROPERTIES, "batch")
SAME, OTHER, NONE = (PALETTE["sky"], "="), (PALETTE["orange"], "≠"), ((0.93, 0.93, 0.93), "")


@styled
def plot_taxonomies(alt: str | None = None) -> AltFigure:
    """Every method of the course in both taxonomies: where new knowledge goes, and who holds the knife."""
    fig = AltFigure(WIDTH + 1, 3.6)
    ax = fig.add_subplot()
    for y, who in enumerate(WHO):
        for x, where in enumerate(WHERE):
            text = PLACES.get((who, where), "")
            ax.barh(
                y, 0.94, 0.9, x - 0.47, color=PALETTE["sky"] if text else "0.95", alpha=0.45 if text else 1
            )
            ax.text(x, y, text, ha="center", va="center", fontsize=9)
    ax.set_xticks(range(len(WHERE)), WHERE)
    ax.set_yticks(range(len(WHO)), WHO)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_ylim(len(WHO) - 0.5, -0.5)
    told = "; ".join(f"{who}, {where}: {names}".replace("\n", " ") for (who, where), names in PLACES.items())
    fig.alt = alt or f"Two taxonomies as a grid, columns from figure 5.4, rows from the lecture. {told}."
    return fig


@styled
def plot_resampled(
    means: Sequence[float], value: float, ends: tuple[float, float], title: str = "", alt: str | None = None
) -> AltFigure:
    """A histogram of resampled means, the mean that was measured, and the interval."""
    fig = AltFigure(WIDTH, 3.2)
    ax = fig.add_subplot()
    ax.hist(means, bins=40, color=PALETTE["sky"], edgecolor="white", linewidth=0.5)
    ax.axvline(value, color=PALETTE["blue"])
    top = ax.get_ylim()[1]
    ax.plot(ends, [0.06 * top] * 2, color="black", marker="|", markersize=14)
    ax.text(sum(ends) / 2, 0.09 * top, f"{ends[0]:.3f} to {ends[1]:.3f}", ha="center", fontsize=9.5,
            bbox={"color": "white", "pad": 1})  # fmt: skip
    ax.text(value, top, f" measured: {value:.3f}", va="top", fontsize=9.5, color=PALETTE["blue"])
    ax.set_xlabel("mean of facts drawn again")
    ax.set_ylabel("number of draws")
    ax.set_title(drawable(title))
    fig.alt = alt or (
        f"{title}. Histogram of {len(means)} resampled means around {value:.3f}; their middle goes from "
        f"{ends[0]:.3f} to {ends[1]:.3f}."
    )
    return fig


@styled
def plot_intervals(
    series: Mapping[str, Mapping[str, Rate]], metrics: Sequence[str] = PROPERTIES, alt: str | None = None
) -> AltFigure:
    """A dot with its interval for each method, a panel per metric. What was not measured has no dot."""
    fig = AltFigure(WIDTH + 1, 1.3 + 0.24 * len(series))
    panels = fig.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for ax, metric in zip(panels, metrics, strict=True):
        draw_intervals(
            ax, {name: rates[metric] for name, rates in series.items() if metric in rates}, list(series)
        )
        ax.set_title(MEANING[metric].replace("\n", ",\n"), fontsize=9)
    fig.supxlabel("rate   (line: 95 % interval)", fontsize=10)
    fig.alt = alt or describe_intervals(series, metrics)
    return fig


def draw_intervals(ax: Axes, rates: Mapping[str, Rate], methods: Sequence[str]) -> None:
    """Dots with intervals, a row for each of the methods."""
    for name, rate in rates.items():
        y = methods.index(name)
        ax.hlines(y, rate.lo, rate.hi, color=PALETTE["blue"], linewidth=1.4)
        ax.plot(rate.value, y, "o", color=PALETTE["blue"], markersize=5)
    ax.set_yticks(range(len(methods)), [drawable(name) for name in methods])
    ax.set_ylim(len(methods) - 0.5, -0.5)
    ax.set_xlim(-0.04, 1.04)
    ax.set_xticks([0, 0.5, 1], ["0", ".5", "1"])
    ax.grid(axis="y", color="0.92")


def describe_intervals(series: Mapping[str, Mapping[str, Rate]], metrics: Sequence[str] = PROPERTIES) -> str:
    """The dots in words."""
    told = " ".join(
        f"{name}: " + ", ".join(f"{m} {rates[m]}" for m in metrics if m in rates) + "."
        for name, rates in series.items()
    )
    return f"Rates with 95 % intervals. {told}"


@styled
def plot_front(
    points: Mapping[str, tuple[float, float]],
    on_front: Sequence[bool],
    xlabel: str,
    ylabel: str,
    title: str = "",
    alt: str | None = None,
) -> AltFigure:
    """Methods as points in two criteria, up and right being better; those that nobody beats are filled."""
    fig = AltFigure(WIDTH, 4.8)
    ax = fig.add_subplot()
    low, high = min(y for _, y in points.values()), max(y for _, y in points.values())
    step = (high - low) * 1.08 / max(1, len(points) - 1)
    ranked = sorted(zip(points.items(), on_front, strict=True), key=lambda one: one[0][1][1])
    for i, ((name, (x, y)), on) in enumerate(ranked):
        ink = PALETTE["vermillion" if on else "sky"]
        ax.plot(x, y, "o" if on else "s", color=ink, markerfacecolor=ink if on else "white")
        ax.annotate(drawable(name), (x, y), (1.08, low + i * step), "data", "data", fontsize=8.5, va="center",
                    weight="bold" if on else "normal", annotation_clip=False,
                    arrowprops={"arrowstyle": "-", "color": ink, "linewidth": 0.7, "alpha": 0.7,
                                "shrinkB": 4, "relpos": (0, 0.5)})  # fmt: skip
    ax.set_xlim(min(x for x, _ in points.values()) - 0.05, 1.3)
    ax.set_xticks([t / 5 for t in range(6) if t / 5 >= ax.get_xlim()[0]])
    ax.set_xlabel(xlabel)
    ax.set_ylabel(ylabel)
    ax.set_title(drawable(title))
    told = "; ".join(
        f"{name} {x:.2f}, {y:.2f}{' (front)' if on else ''}"
        for (name, (x, y)), on in zip(points.items(), on_front, strict=True)
    )
    fig.alt = alt or f"{title}. Points, {xlabel} against {ylabel}: {told}."
    return fig


@styled
def plot_crossing(
    sides: tuple[str, str],
    values: Mapping[str, tuple[float, float]],
    ylabel: str,
    title: str = "",
    alt: str | None = None,
) -> AltFigure:
    """A line for each method from its value under one protocol to that under another. Crossings reverse."""
    fig = AltFigure(WIDTH, 4.2)
    ax = fig.add_subplot()
    for i, (a, b) in enumerate(values.values()):
        ax.plot([0, 1], [a, b], marker="o", color=list(PALETTE.values())[(0, 5, 6, 3, 1, 7, 2)[i % 7]])
    for side, right in ((0, False), (1, True)):
        last = -1.0
        for name, pair in sorted(values.items(), key=lambda item: item[1][side]):
            last = max(last + 0.045, pair[side])
            x, ha = (1.03, "left") if right else (-0.03, "right")
            ax.text(x, last, f"{drawable(name)} {pair[side]:.2f}", va="center", ha=ha, fontsize=9)
    ax.set_xlim(-0.4, 1.4)
    ax.set_ylim(-0.05, 1.2)
    ax.set_xticks([0, 1], sides)
    ax.set_yticks([0, 0.5, 1])
    ax.set_ylabel(ylabel)
    ax.set_title(drawable(title))
    told = "; ".join(f"{name} from {a:.2f} to {b:.2f}" for name, (a, b) in values.items())
    fig.alt = alt or f"{title}. {ylabel}, {sides[0]} against {sides[1]}: {told}."
    return fig


def agreement(row: Row, book: Row | None) -> list[bool | None]:
    """For each of the five columns: whether both say the same; None where one of them says nothing."""
    if book is None:
        return [None] * len(COLUMNS)
    pairs = zip(row[1:6], book[1:6], strict=True)
    return [None if UNTESTED in (ours, theirs) else ours == theirs for ours, theirs in pairs]


def draw_table(fig: FigureBase, rows: Sequence[Row], title: str) -> None:
    """The table as coloured cells: ours / the book's, and what an edit costs."""
    ax = fig.add_subplot()
    for y, row in enumerate(rows):
        book = BOOK.get(row.method)
        for x, (ours, same) in enumerate(zip(row[1:6], agreement(row, book), strict=True)):
            colour, sign = NONE if same is None else SAME if same else OTHER
            ax.barh(y, 0.94, 0.9, x - 0.47, color=colour, alpha=0.6)
            text = f"{ours}  {sign or '|'}  {book[1 + x]}" if book else ours
            ax.text(x, y, drawable(text), ha="center", va="center", fontsize=10)
        for x, cost in ((5, row.seconds), (6, row.bytes)):
            ax.text(x + 0.3, y, cost, ha="right", va="center", fontsize=9.5)
    ax.set_xticks(range(7), [*COLUMNS, "seconds", "bytes"])
    ax.set_yticks(range(len(rows)), [drawable(row.method) for row in rows])
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_xlim(-0.5, 6.5)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_title(drawable(title))


@styled
def plot_table(rows: Sequence[Row], title: str = "ours | the book's", alt: str | None = None) -> AltFigure:
    """Table 5.2 twice: in each cell our level, then the book's; = (blue) they agree, ≠ (orange) not."""
    fig = AltFigure(WIDTH + 1, 1.0 + 0.3 * len(rows))
    draw_table(fig, rows, title)
    fig.alt = alt or describe_table(rows, title)
    return fig


def describe_table(rows: Sequence[Row], title: str = "") -> str:
    """The table in words, and how many cells agree."""
    told, marks = [], []
    for row in rows:
        book, found = BOOK.get(row.method), agreement(row, BOOK.get(row.method))
        marks += [mark for mark in found if mark is not None]
        cells = ", ".join(
            f"{name} {ours}" + (f" (book {book[1 + i]})" if book else "")
            for i, (name, ours) in enumerate(zip(COLUMNS, row[1:6], strict=True))
        )
        told.append(f"{row.method}: {cells}, {row.seconds} s, {row.bytes} bytes.")
    count = f"{sum(marks)} of {len(marks)} cells agree with the book." if marks else ""
    return " ".join([f"{title}.", count, *told])
