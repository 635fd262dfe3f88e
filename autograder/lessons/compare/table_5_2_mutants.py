"""Misconceptions about compare.table_5_2: dashes, zeros, and what a batch is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograder.mutants import Mutant
from edu_edit.compare import Measured, Row, level

Cell = Callable[[float | None], str]


def cell(rate: float | None) -> str:
    return "-" if rate is None else level(rate)


def well(m: Measured) -> str:
    return "✗" if m.batch is None or level(m.batch) != "高" else "✓"


def written(
    cell: Cell = cell,
    batch: Callable[[Measured], str] = well,
    cost: Callable[[float | None, str], str] = lambda x, form: "-" if x is None else format(x, form),
    forms: tuple[str, str] = (".2f", ",.0f"),
    order: Callable[[Measured], tuple[float | None, ...]] = lambda m: m[1:5],
    keep: Callable[[Sequence[Measured]], Sequence[Measured]] = lambda results: results,
) -> Callable[[Sequence[Measured]], list[Row]]:
    """The function with one of its decisions made in another way."""

    def table_5_2(results: Sequence[Measured]) -> list[Row]:
        rows = []
        for m in keep(results):
            acc, gen, port, loc = map(cell, order(m))
            seconds, size = cost(m.seconds, forms[0]), cost(m.bytes, forms[1])
            rows.append(Row(m.method, acc, gen, port, loc, batch(m), seconds, size))
        return rows

    return table_5_2


MUTANTS = [
    Mutant(
        "untested_is_low",
        "You wrote 低 where nothing was measured. Untested is not failed: the book's dash says that nobody "
        "looked.",
        lambda: written(lambda rate: level(rate or 0.0)),
    ),
    Mutant(
        "zero_is_untested",
        "A rate or a cost of 0 became a dash. It was measured, and it is 0: ask `is None`, since 0 counts as "
        "false.",
        lambda: written(
            lambda rate: level(rate) if rate else "-", cost=lambda x, form: format(x, form) if x else "-"
        ),
    ),
    Mutant(
        "batch_runs",
        "You wrote ✓ wherever a batch was tried. That a method takes many facts does not mean that it writes "
        "them: look at the level of its rate.",
        lambda: written(batch=lambda m: "✗" if m.batch is None else "✓"),
    ),
    Mutant(
        "batch_is_alone",
        "You judged the batch by the accuracy of single edits. Batch is not alone: many methods write one fact "
        "well and sixty badly.",
        lambda: written(batch=lambda m: "✓" if m.accuracy is not None and level(m.accuracy) == "高" else "✗"),
    ),
    Mutant(
        "batch_medium",
        "You let a batch of medium rate pass. Here ✓ asks for 高.",
        lambda: written(batch=lambda m: "✗" if m.batch is None or level(m.batch) == "低" else "✓"),
    ),
    Mutant(
        "columns_exchanged",
        "Portability and locality are exchanged. The book's order is accuracy, generality, portability, "
        "locality.",
        lambda: written(order=lambda m: (m.accuracy, m.generality, m.locality, m.portability)),
    ),
    Mutant(
        "unknown_left_out",
        "You left out methods that lack a rate. Their rows belong in the table, with dashes.",
        lambda: written(keep=lambda results: [m for m in results if None not in m[1:5]]),
    ),
    Mutant(
        "plain_numbers",
        "The costs are not written as asked: seconds with two decimals, bytes whole and with commas.",
        lambda: written(forms=("", "")),
    ),
]
