"""From measured rates to the textbook's table 5.2, and what lesson 12 asks of it.

Textbook section 5.2.3: table 5.2 gives each method a level, high (高), medium (中) or low (低), for accuracy
(5.1), generality (5.2), portability (5.3) and locality (5.4), says whether it edits in batch, and marks with
"-" what was not tested. The levels are one paper's, for its models and data; here they are cut from rates.
Shapes: n points, d criteria.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Level = Literal["低", "中", "高"]
UNTESTED = "-"


def level(x: float, cuts: tuple[float, float] = (1 / 3, 2 / 3)) -> Level:
    """低 below the first cut, 中 from there, 高 from the second: a value at a cut has the higher level.

    Raises ValueError for a value that is not a number, and for cuts that do not rise.
    """
    low, high = cuts
    if not (x == x and low <= high):
        raise ValueError(f"level({x}, cuts={cuts}): give a number, and cuts in rising order.")
    return "低" if x < low else "中" if x < high else "高"


def pareto(points: Float[Tensor, "n d"]) -> Bool[Tensor, " n"]:
    """Which points no other point beats: none is at least as high in all d criteria and higher in one.

    All criteria are to be high. Equal points stay together: neither beats the other.
    """
    other, mine = points[:, None], points[None]
    beaten = (other >= mine).all(-1) & (other > mine).any(-1)  # (n, n): row beats column
    return ~beaten.any(0)


def edit_lifetime(curve: Float[Tensor, " n"] | Sequence[float], floor: float) -> int:
    """The number of edits after which the curve is below the floor for good; n if it ends at or above it.

    curve[i] is measured after i + 1 edits. A dip that it recovers from does not count.
    """
    values = curve if isinstance(curve, Tensor) else torch.tensor(curve, dtype=torch.float64)
    alive = (values >= floor).nonzero()
    return int(alive[-1]) + 1 if len(alive) else 0


class Measured(NamedTuple):
    """A method's rates, each editing alone; None where there was nothing to measure.

    batch: its accuracy with all facts edited at once (ES, where it is read from a record), None where it
    can't. seconds: per edit. bytes: what the model carries besides its own parameters, per edit.
    """

    method: str
    accuracy: float | None
    generality: float | None
    portability: float | None
    locality: float | None
    batch: float | None
    seconds: float | None
    bytes: float | None


class Row(NamedTuple):
    """A line of table 5.2: four levels, whether it edits in batch (✓ or ✗), and what an edit costs."""

    method: str
    accuracy: str
    generality: str
    portability: str
    locality: str
    batch: str
    seconds: str
    bytes: str


def table_5_2(results: Sequence[Measured]) -> list[Row]:
    """Table 5.2 from measured rates. What was not measured is "-", not low.

    A method edits in batch (✓) when its rate with all facts at once is 高 as well.
    """
    rows = []
    for r in results:
        four = (r.accuracy, r.generality, r.portability, r.locality)
        acc, gen, port, loc = (UNTESTED if x is None else level(x) for x in four)
        batch = "✗" if r.batch is None or level(r.batch) != "高" else "✓"
        seconds = UNTESTED if r.seconds is None else f"{r.seconds:.2f}"
        size = UNTESTED if r.bytes is None else f"{r.bytes:,.0f}"
        rows.append(Row(r.method, acc, gen, port, loc, batch, seconds, size))
    return rows


BOOK = {
    "SERAC": Row("SERAC", "高", "高", "低", "高", "✓", UNTESTED, UNTESTED),
    "CaliNET": Row("CaliNET", "低", "低", UNTESTED, "中", "✓", UNTESTED, UNTESTED),
    "T-Patcher": Row("T-Patcher", "高", "高", "高", "中", "✗", UNTESTED, UNTESTED),
    "KE": Row("KE", "低", "低", UNTESTED, "高", "✓", UNTESTED, UNTESTED),
    "MEND": Row("MEND", "中", "高", "中", "高", "✓", UNTESTED, UNTESTED),
    "KN": Row("KN", "中", "低", UNTESTED, "中", "✗", UNTESTED, UNTESTED),
    "ROME": Row("ROME", "高", "高", "高", "高", "✗", UNTESTED, UNTESTED),
    "MEMIT": Row("MEMIT", "高", "高", "高", "高", "✓", UNTESTED, UNTESTED),
}
"""The textbook's own table 5.2."""
