"""The comparison of all methods that was recorded on a bundled model: its table, read back (lesson 12).

`comparison.md` beside the weights keeps a rate for each method and metric, over 60 facts, not the facts
themselves. A mean of values between 0 and 1 varies most when every value is 0 or 1, so an interval from
`all_or_nothing` is at least about as wide as that of the facts would be. Shapes: n facts.
"""

import re
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.compare.levels import Measured
from edu_edit.loading import BUNDLED
from edu_edit.metrics import bootstrap_ci
from edu_edit.scores import Rate

FILE = "comparison.md"
ALONE = ("ES", "PS", "NS", "accuracy", "generality", "portability", "locality")
BATCH = ("ES", "PS", "NS")
WITH_PORTABILITY = 16  # of the 60 facts, those that have a question about what follows


class Recorded(NamedTuple):
    """A method's rates alone and in batch, and what an edit costs; ticked: the table's own word on batches,
    which asks for accuracy by greedy answers.
    """

    method: str
    alone: dict[str, float]
    batch: dict[str, float]
    seconds: float | None
    passes: float | None
    bytes: float | None
    ticked: bool


def recorded(name: str) -> dict[str, Recorded]:
    """The recorded comparison of a bundled model by method; "no edit" is the model as it is.

    Raises ValueError where none was recorded.
    """
    path = BUNDLED / name / FILE
    if not path.is_file():
        known = " or ".join(sorted(found.parent.name for found in BUNDLED.glob(f"*/{FILE}")))
        raise ValueError(f"No comparison was recorded on {name!r}: choose {known}.")
    lines = re.findall(r"^\| (.+) \|$", path.read_text(encoding="utf-8"), re.MULTILINE)[2:]
    return {row.method: row for row in map(_row, lines)}


def _row(line: str) -> Recorded:
    method, *cells = line.split(" | ")
    values = [None if cell == "-" else float(cell.replace(",", "")) for cell in cells[:13]]
    alone, batch, (seconds, passes, size) = values[:7], values[7:10], values[10:13]
    return Recorded(
        method,
        {name: x for name, x in zip(ALONE, alone, strict=True) if x is not None},
        {name: x for name, x in zip(BATCH, batch, strict=True) if x is not None},
        seconds,
        passes,
        size,
        cells[13].endswith("✓"),
    )


def recorded_measured(row: Recorded) -> Measured:
    """What `table_5_2` takes. The batch is judged by ES, the only rate of it that says whether the new answer
    won: a milder question than accuracy asks.
    """
    accuracy, generality, portability, locality = (row.alone.get(name) for name in ALONE[3:])
    batch = row.batch.get("ES")
    return Measured(row.method, accuracy, generality, portability, locality, batch, row.seconds, row.bytes)


def all_or_nothing(rate: float, n: int) -> Float[Tensor, " n"]:
    """n values between 0 and 1 that have this mean and vary as much as such values can: ones, zeros, and at
    most one value between.
    """
    total = rate * n
    return (total - torch.arange(n, dtype=torch.float64)).clamp(0, 1)


def recorded_rates(row: Recorded, facts: int = 60) -> dict[str, Rate]:
    """Rates of single edits with 95 % intervals, from values that are all or nothing."""
    rates = {}
    for name, value in row.alone.items():
        n = WITH_PORTABILITY if name == "portability" else facts
        rates[name] = Rate(value, *bootstrap_ci(all_or_nothing(value, n)), n)
    return rates
