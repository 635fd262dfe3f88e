"""hint: three rungs per exercise, from a nudge to a skeleton, one more at each call."""

from __future__ import annotations

from html import escape
from importlib import import_module

from autograder.card import CODE, section
from autograder.exercises import exercise

RUNGS = 3
taken: dict[
    str, int
] = {}  # rungs shown in this session, for the next call and for a lecturer who counts them


class Hint(str):
    """A hint's text, which shows itself as text in a terminal and as HTML in a notebook."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        title, _, text = self.partition("\n")
        body = f'<strong>{escape(title)}</strong><pre style="{CODE}">{escape(text)}</pre>'
        return section(title, body)


def hint(id: str, rung: int | None = None) -> Hint:
    """The next hint for an exercise: call again for the next rung, or name it (1, 2 or 3)."""
    hints: tuple[str, ...] = import_module(f"autograder.lessons.{exercise(id).id}").HINTS
    if rung is None:
        rung = min(taken.get(id, 0) + 1, RUNGS)
    if rung not in range(1, RUNGS + 1):
        raise ValueError(f"There are hints 1 to {RUNGS} for {id}; rung {rung} was asked for.")
    taken[id] = max(taken.get(id, 0), rung)
    return Hint(f"Hint {rung} of {RUNGS} · {id}\n{hints[rung - 1]}")
