"""A comparison in numbers: rates with intervals, what an edit costs, and the rows of table 5.2."""

from collections.abc import Sequence

from edu_edit.compare.levels import BOOK, Measured, Row, table_5_2
from edu_edit.compare.lineup import LINEUP
from edu_edit.compare.running import Outcome
from edu_edit.evaluation import pooled
from edu_edit.scores import Rates

SHOWN = ("ES", "PS", "NS", "accuracy", "generality", "portability", "locality")


def rates_of(outcomes: Sequence[Outcome], method: str, mode: str = "alone") -> Rates:
    """The rates of a method over the facts that it could edit, with bootstrap intervals; "" = no edit.

    A metric that no fact has probes for is absent, and so are all where the method edited nothing.
    """
    values = [o.values for o in outcomes if (o.method, o.mode, o.error) == (method, mode, "")]
    return pooled(values, frozenset(), seed=0) if values else Rates({})


def methods_of(outcomes: Sequence[Outcome]) -> list[str]:
    """The methods that edited alone, in the order of `LINEUP`."""
    known = dict.fromkeys(one.method for one in outcomes if one.mode == "alone")
    return sorted(known, key=[*LINEUP, *known].index)


def measured(outcomes: Sequence[Outcome], method: str) -> Measured:
    """The method's line of table 5.2 in rates and costs; None for what was not measured."""
    alone, batch = rates_of(outcomes, method), rates_of(outcomes, method, "batch")
    costs = [o for o in outcomes if (o.method, o.mode, o.error) == (method, "alone", "")]
    value = {name: rate.value for name, rate in alone.items()}
    return Measured(
        method,
        accuracy=value.get("accuracy"),
        generality=value.get("generality"),
        portability=value.get("portability"),
        locality=value.get("locality"),
        batch=batch["accuracy"].value if "accuracy" in batch else None,
        seconds=sum(o.seconds for o in costs) / len(costs) if costs else None,
        bytes=sum(o.extra_bytes for o in costs) / len(costs) if costs else None,
    )


def side_by_side(outcomes: Sequence[Outcome]) -> list[tuple[Row, Row | None]]:
    """Our rows of table 5.2, each with the textbook's own where it has one."""
    rows = table_5_2([measured(outcomes, method) for method in methods_of(outcomes)])
    return [(row, BOOK.get(row.method)) for row in rows]


READING = """# Methods side by side: {name}

{n} facts, each edited alone by every method with its own defaults, then all at once by the methods that can.
ES, PS, NS: the new object beats the true one on the edited prompt and its paraphrases, the true one the new
one on neighbours (mean log-probability per token). accuracy, generality, portability, locality: (5.1)-(5.4),
by greedy answers. s, passes, bytes: seconds of one edit on a shared machine, passes through the model forward
and backward, and what the model carries besides its parameters. levels: table 5.2 cut from these rates (高
from 2/3, 中 from 1/3), ✓ where the accuracy in batch is 高; textbook: its own levels, from other models.

"""


def report(outcomes: Sequence[Outcome], name: str) -> str:
    """`figures` with a title and a key to its columns."""
    n = len({one.fact for one in outcomes})
    return READING.format(name=name, n=n) + figures(outcomes) + "\n"


def figures(outcomes: Sequence[Outcome]) -> str:
    """The comparison as a Markdown table: rates alone and in batch, costs, our levels and the textbook's."""
    head = ["method", *SHOWN, "batch: ES", "PS", "NS", "s", "passes", "bytes", "levels", "textbook"]
    lines = [head, ["---"] * len(head)]
    for method in ["", *methods_of(outcomes)]:
        mode = "alone" if method else "before"
        alone, batch = rates_of(outcomes, method, mode), rates_of(outcomes, method, "batch")
        cells = [_share(alone, name) for name in SHOWN] + [_share(batch, name) for name in SHOWN[:3]]
        edits = [o for o in outcomes if (o.method, o.mode, o.error) == (method, mode, "")]
        m = measured(outcomes, method)
        passes = sum(o.forward_passes + o.backward_passes for o in edits) / max(1, len(edits))
        row = table_5_2([m])[0]
        cost = [row.seconds, f"{passes:.0f}", row.bytes] if method else ["-"] * 3
        lines.append([method or "no edit", *cells, *cost, _levels(row), _levels(BOOK.get(method))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _share(rates: Rates, name: str) -> str:
    return f"{rates[name].value:.3f}".lstrip("0") if name in rates else "-"


def _levels(row: Row | None) -> str:
    return "" if row is None else "".join(row[1:5]) + row.batch
