"""What `evaluate` returns: one rate with its interval per metric, before and after an edit, and what the edit
cost.

Textbook section 5.1.3 names five properties: accuracy, generality, portability, locality and efficiency.
CounterFact's ES, PS, NS, their magnitudes EM, PM, NM and their harmonic mean S stand beside them, so that no
single number decides.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from edu_edit.metric_table import CASES, METRICS, Metric

__all__ = ["METRICS", "Efficiency", "Metric", "Rate", "Rates", "Scores"]


@dataclass(frozen=True)
class Rate:
    """The mean of a metric over the facts, its bootstrap interval, and the number n of prompts that it rests
    on.
    """

    value: float
    lo: float
    hi: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.lo:.3f}, {self.hi:.3f}]"


class Rates(Mapping[str, Rate]):
    """{metric: Rate}, also read as attributes. Reading one that was not measured says which field was
    missing.
    """

    def __init__(
        self, rates: Mapping[str, Rate], lacking: frozenset[str] = frozenset(), no_edit: bool = False
    ) -> None:
        self._rates = dict(rates)
        self._lacking = lacking
        self._no_edit = no_edit

    def __getitem__(self, name: str) -> Rate:
        return self._rates[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rates)

    def __len__(self) -> int:
        return len(self._rates)

    def __getattr__(self, name: str) -> Rate:
        if name not in METRICS:
            raise AttributeError(f"There is no metric {name!r}: the metrics are {', '.join(METRICS)}.")
        if name in self._rates:
            return self._rates[name]
        if self._no_edit:
            raise AttributeError(
                f"evaluate was given no edit, so {name} has no value after one: read scores.before.{name}."
            )
        needs, _, by = METRICS[name]
        if by not in {METRICS[other].by for other in self._rates}:
            raise AttributeError(f"{name} was not measured here: use {by}, which measures it.")
        missing = [field for field in needs if field in self._lacking] or list(needs)
        noun, kind = CASES[by]
        raise AttributeError(
            f"{name} was not measured, because no {noun} has {' and '.join(missing)}: "
            f"give {kind}(..., {missing[0]}=...)."
        )

    def __repr__(self) -> str:
        return f"Rates({', '.join(f'{name}={rate}' for name, rate in self.items())})"


@dataclass(frozen=True)
class Efficiency:
    """What the edits cost: seconds to compute, bytes that the model carries besides its parameters, passes
    through the model (a part of the blocks is a part of a pass; None where nobody counted), and how many
    parameters have another value after. Sums over `edits` edits.
    """

    seconds: float = 0.0
    extra_bytes: int = 0
    forward_passes: float | None = None
    backward_passes: float | None = None
    edits: int = 0
    changed_parameters: int = 0

    def __str__(self) -> str:
        passes = [(self.forward_passes, "forward"), (self.backward_passes, "backward")]
        counted = "".join(f", {count:.4g} {name} passes" for count, name in passes if count is not None)
        edits = f"{self.edits} edit{'s' * (self.edits != 1)}"
        changed = f", {self.changed_parameters:,} parameters changed" if self.changed_parameters else ""
        return f"{self.seconds:.2f} s, {self.extra_bytes:,} extra bytes{counted}, {edits}{changed}"


@dataclass(frozen=True)
class Scores:
    """Rates before and after an edit over `facts` facts. A metric read from here (`scores.accuracy`) is that
    after the edit.

    protocol: how it was measured, in words; figures of different protocols can't be compared.
    """

    model: str
    before: Rates
    after: Rates
    efficiency: Efficiency
    protocol: str
    facts: int

    def __getattr__(self, name: str) -> Rate:
        if name not in METRICS:
            raise AttributeError(f"Scores have no {name!r}: the metrics are {', '.join(METRICS)}.")
        rate: Rate = getattr(self.after, name)
        return rate

    @property
    def title(self) -> str:
        return f"{self.model}, {self.facts} fact{'s' * (self.facts != 1)}"

    def rows(self) -> list[tuple[str, str, str, str, str]]:
        """(metric, before, after, prompts, meaning) as text, in the order of the textbook."""
        sides = [(name, self.before.get(name), self.after.get(name)) for name in METRICS]
        return [
            (name, str(b or "-"), str(a or "-"), str(rate.n), METRICS[name].meaning)
            for name, b, a in sides
            if (rate := a or b)
        ]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data for `json.dump`."""
        return {
            "model": self.model,
            "facts": self.facts,
            "protocol": self.protocol,
            "efficiency": asdict(self.efficiency),
            "before": _rows(self.before),
            "after": _rows(self.after),
        }

    def __repr__(self) -> str:
        table = [("metric", "before", "after", "prompts", "meaning"), *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(4)]
        lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, (*widths, 0), strict=True)) for row in table]
        return "\n".join([self.title, *lines, f"efficiency: {self.efficiency}", f"protocol: {self.protocol}"])

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col">{cell}</th>' for cell in ("metric", "before", "after", "prompts", "meaning")
        )
        body = "".join(
            f'<tr><th scope="row">{row[0]}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in self.rows()
        )
        caption = f"{escape(self.title)}. Efficiency: {self.efficiency}."
        return (
            f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            f"<p><small>Protocol: {escape(self.protocol)}</small></p>"
        )


def _rows(rates: Rates) -> dict[str, dict[str, Any]]:
    return {name: asdict(rate) | {"protocol": METRICS[name].by} for name, rate in rates.items()}
