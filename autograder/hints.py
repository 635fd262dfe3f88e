"""hint: three rungs per exercise, from a nudge to a skeleton, one more at each call."""

from __future__ import annotations

from html import escape
from importlib import import_module

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
        return (
            f'<section lang="en" style="border-left:5px solid #0072B2;padding:.4em .9em;margin:.4em 0">'
            f"<strong>{escape(title)}</strong>"
            f'<pre style="white-space:pre-wrap;background:transparent;color:inherit;margin:.3em 0">{escape(text)}</pre></section>'
        )


def hint(id: str, rung: int | None = None) -> Hint:
    """The next hint for an exercise: call again for the next rung, or name it (1, 2 or 3)."""
    hints: tuple[str, ...] = import_module(f"autograder.lessons.{exercise(id).id}").HINTS
    if rung is None:
        rung = min(taken.get(id, 0) + 1, RUNGS)
    if rung not in range(1, RUNGS + 1):
        raise ValueError(f"There are hints 1 to {RUNGS} for {id}; rung {rung} was asked for.")
    taken[id] = max(taken.get(id, 0), rung)
    return Hint(f"Hint {rung} of {RUNGS} · {id}\n{hints[rung - 1]}")
