"""compare.table_5_2: measured rates as a row of the book's table (lesson 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Generator, randperm

from autograder.claims import Claim, Student, equal, every
from autograder.gates import list_gate, text_gate, tuple_gate
from autograder.judgement import Verdict
from autograder.lessons.compare.level import THIRDS, counted
from autograder.lessons.compare.table_5_2_mutants import MUTANTS
from autograder.lessons.metrics.common import number
from edu_edit.compare import Measured

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "gate"]

ARGUMENTS = ("results",)
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa")

STUB = '''
def table_5_2(results: Sequence[Measured]) -> list[Row]:
    """A row of table 5.2 for each method that was measured, in the order of `results`.

    Row(method, accuracy, generality, portability, locality, batch, seconds, bytes), all of them text:
    four levels; "✓" if the rate of the batch is 高, else "✗"; seconds with two decimals ("1.23");
    whole bytes with commas ("2,048"). What was not measured (None) is "-", but for batch, where it is "✗".
    """
'''


def gate(value: Any, results: Sequence[Measured]) -> list[Any]:
    return list_gate(value, lambda row: tuple_gate(row, *[text_gate] * 8), "rows of eight texts")


def rate(g: Generator, place: int) -> float:
    """A rate of the lowest, the middle or the highest third, away from the cuts."""
    return (20 * place + number(g, 2, 17)) / 60


def cell(value: float | None) -> str:
    return "-" if value is None else counted(value, THIRDS)


def expected(m: Measured) -> tuple[str, ...]:
    """A row, cell by cell."""
    costs = ("-" if m.seconds is None else "%.2f" % m.seconds, "-" if m.bytes is None else format(round(m.bytes), ","))
    batch = "✓" if m.batch is not None and cell(m.batch) == "高" else "✗"
    return (m.method, *map(cell, (m.accuracy, m.generality, m.portability, m.locality)), batch, *costs)


def drawn(g: Generator, n: int) -> list[Measured]:
    """n methods, in whose rows every level stands in other columns."""
    rows = []
    for i in randperm(len(NAMES), generator=g)[:n].tolist():
        places = [*randperm(3, generator=g).tolist(), number(g, 0, 2)]
        acc, gen, port, loc = (rate(g, place) for place in places)
        seconds, size = number(g, 3, 400) / 64, float(number(g, 1_000, 90_000))
        rows.append(Measured(NAMES[i], acc, gen, port, loc, rate(g, number(g, 0, 2)), seconds, size))
    return rows


def with_rates(m: Measured, places: Sequence[int], value: float | None) -> Measured:
    """The method with that value in place of some of its four rates."""
    acc, gen, port, loc = (value if i in places else old for i, old in enumerate(m[1:5]))
    return m._replace(accuracy=acc, generality=gen, portability=port, locality=loc)


def judged(student: Student, results: list[Measured], columns: Sequence[int] = range(8)) -> Verdict:
    """Row by row, of each the given columns."""
    yours = student(results)
    picked = [tuple(row[i] for i in columns) for row in yours]
    want = [tuple(expected(m)[i] for i in columns) for m in results]
    if len(picked) != len(want):
        return Verdict(False, f"{len(picked)} rows", f"{len(want)} rows")
    return every(*(equal(a, b, f"row {i + 1}") for i, (a, b) in enumerate(zip(picked, want, strict=True))))


def levels(student: Student, g: Generator) -> Verdict:
    return judged(student, drawn(g, 6), range(5))


def dashes(student: Student, g: Generator) -> Verdict:
    """Each row lacks one or two of its rates."""
    rows = []
    for m in drawn(g, 7):
        lacking = randperm(4, generator=g)[: number(g, 1, 2)].tolist()
        rows.append(with_rates(m, lacking, None))
    return judged(student, rows, range(5))


def zeros(student: Student, g: Generator) -> Verdict:
    """Rates of 0 and costs of 0 were measured."""
    rows = [
        with_rates(m, [number(g, 0, 3)], 0.0)._replace(bytes=0.0, seconds=0.0) for m in drawn(g, 5)
    ]
    return judged(student, rows)


def batches(student: Student, g: Generator) -> Verdict:
    """Batches of every level, and methods that have none; the accuracy alone is another one."""
    places = [None, 0, 1, 2, 0, 1, 2, None]
    rows = [
        m._replace(batch=None if (place := places[i]) is None else rate(g, place))
        for i, m in zip(randperm(8, generator=g).tolist(), drawn(g, 8), strict=True)
    ]
    return judged(student, rows, (0, 1, 5))


def costs(student: Student, g: Generator) -> Verdict:
    rows = drawn(g, 6)
    rows[0] = rows[0]._replace(seconds=None)
    rows[1] = rows[1]._replace(bytes=None)
    rows[2] = rows[2]._replace(bytes=float(number(g, 1_000_000, 9_000_000)), seconds=number(g, 10, 99) + 0.25)
    return judged(student, rows, (0, 6, 7))


def nothing_measured(student: Student, g: Generator) -> Verdict:
    """A method of which nothing is known, between others."""
    rows = drawn(g, 5)
    place = number(g, 0, 4)
    rows[place] = Measured(rows[place].method, None, None, None, None, None, None, None)
    return judged(student, rows)


CLAIMS = (
    Claim(
        "levels",
        "The four rates become levels, each in its own column, methods in the order given",
        "accuracy, generality, portability, locality: in this order.",
        levels,
        open=True,
    ),
    Claim(
        "dashes",
        "What was not measured is a dash",
        'None is no rate: write "-", and no level.',
        dashes,
        open=True,
    ),
    Claim(
        "batches",
        "✓ only where the rate of the batch is 高",
        "That a method takes many facts at once does not mean that it writes them: look at the level.",
        batches,
        open=True,
    ),
    Claim(
        "zeros",
        "A rate or a cost of 0 was measured: it is 低, 0.00 or 0, and no dash",
        "Ask `is None`. 0 is false in Python, just as None is.",
        zeros,
    ),
    Claim(
        "costs",
        "Seconds have two decimals, bytes are whole with commas, what is unknown is a dash",
        'f"{seconds:.2f}" and f"{size:,.0f}".',
        costs,
    ),
    Claim(
        "nothing measured",
        "A method of which nothing is known keeps its row: dashes, and ✗",
        "Don't leave it out: a missing row would look as if the method did not exist.",
        nothing_measured,
    ),
)

HINTS = (
    "Write one row first. Which question decides between a level and a dash?",
    'Two small steps per rate: "-" if it is None, else pieces.level(rate). The batch is ✓ only if its rate is '
    'not None and pieces.level(rate) == "高". For the costs use format strings.',
    'cells = ["-" if rate is None else pieces.level(rate) for rate in (r.accuracy, ...)]\n'
    'batch = "✓" if r.batch is not None and ... else "✗"\n'
    'seconds = "-" if r.seconds is None else f"{r.seconds:...}"\n'
    "rows.append(Row(r.method, *cells, batch, seconds, ...))",
)

EXPLANATION = (
    "The book's ✓ says that a method supports batches. Ours says that a batch of 60 is still answered, which is "
    "stricter: KE takes 60 facts at once, and writes none of them.",
    "The dash is the most honest cell of the table. Read as low, it would blame a method "
    "for what nobody has tried.",
)

