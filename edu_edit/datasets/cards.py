"""A card for every dataset of textbook table 5.1, and for four that came later.

The cards are data (`edu_edit/data/dataset_cards.json`): what a dataset tests, how large it is, where it comes
from, which loader reads it, and what to mind when its figures are read. Sizes are those of table 5.1 where it
has the dataset; None = not known to us, so count your copy.
"""

import json
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple


class Paper(NamedTuple):
    """A source: its title, its year, and its arXiv id where it has one."""

    title: str
    year: int
    arxiv: str | None = None

    def __str__(self) -> str:
        return f"{self.title} ({self.year}{', arXiv ' + self.arxiv if self.arxiv else ''})"


@dataclass(frozen=True)
class Card:
    """One dataset.

    source: the paper that it comes from; editing: the one that made it a task of model editing, where that is
    another. loader: the function of `edu_edit.datasets` that reads its file, "" = none. licence "" = not
    stated in the sources that we read.
    """

    name: str
    title: str
    tests: str
    kind: str
    train: str
    test: str
    input: str
    output: str
    source: Paper
    editing: Paper | None
    licence: str
    format: str
    get: str
    loader: str
    traps: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        """(heading, text) of everything that is known."""
        shown = [
            ("tests", self.tests),
            ("kind", self.kind),
            ("size", f"training {self.train or 'not known'}, test {self.test or 'not known'}"),
            ("input", self.input),
            ("output", self.output),
            ("source", str(self.source)),
            ("editing", str(self.editing or "")),
            ("licence", self.licence or "not stated in its papers: read the terms where you get it"),
            ("format", self.format),
            ("get it", self.get),
            ("loader", f"datasets.{self.loader}(path)" if self.loader else "none in this library"),
            *(("mind", trap) for trap in self.traps),
        ]
        return [(heading, text) for heading, text in shown if text]

    def __repr__(self) -> str:
        return "\n".join([f"{self.title} ({self.name})", *(f"  {a:<8} {b}" for a, b in self.rows())])

    def _repr_html_(self) -> str:
        body = "".join(
            f'<tr><th scope="row">{escape(a)}</th><td>{escape(b)}</td></tr>' for a, b in self.rows()
        )
        return f"<table><caption>{escape(self.title)}</caption><tbody>{body}</tbody></table>"


class Cards(tuple[Card, ...]):
    """All cards; shown as a table with a line for each."""

    HEAD = ("name", "kind", "training", "test", "input", "output", "loader")

    def rows(self) -> list[tuple[str, ...]]:
        """One line of texts for each card."""
        return [
            (c.name, c.kind, c.train or "-", c.test or "-", c.input, c.output, c.loader or "-") for c in self
        ]

    def __repr__(self) -> str:
        table = [self.HEAD, *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.HEAD))]
        return "\n".join(
            "  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in table
        )

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{escape(text)}</th>' for text in self.HEAD)
        body = "".join(
            f'<tr><th scope="row">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(text)}</td>" for text in row[1:])
            + "</tr>"
            for row in self.rows()
        )
        caption = "<caption>Datasets of model editing</caption>"
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


@cache
def cards() -> Cards:
    """The cards of all datasets, those of table 5.1 first and in its order."""
    text = files("edu_edit").joinpath("data", "dataset_cards.json").read_text(encoding="utf-8")
    return Cards(_card(row) for row in json.loads(text))


def card(name: str) -> Card:
    """The card of one dataset, by its name or title. Raises ValueError for one that there is no card of."""
    names = {key.casefold(): one for one in cards() for key in (one.name, one.title)}
    if name.casefold() not in names:
        near = get_close_matches(name.casefold(), names, n=1)
        hint = f"did you mean {names[near[0]].name!r}?" if near else "see datasets.cards()."
        raise ValueError(f"There is no card of {name!r}: {hint}")
    return names[name.casefold()]


def _card(row: dict[str, Any]) -> Card:
    papers = {key: _paper(row[key]) for key in ("source", "editing")}
    return Card(**{**row, **papers, "traps": tuple(row["traps"])})


def _paper(value: object) -> Paper | None:
    return Paper(**value) if isinstance(value, dict) else None
