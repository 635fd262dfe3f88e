"""What a loader gives: the entries that it could read, and every row that it had to leave out, and why.

Published files have rows that are no fact: a subject that is not in its prompt, an empty answer, an answer
that changes nothing. Dropping them silently would make two figures of "the same" dataset differ, so they are
counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar, overload

from edu_edit.rows import read_rows

Entry = TypeVar("Entry")
Row = Mapping[str, Any]


class Skipped(NamedTuple):
    """A row that was left out: its number in the file, counted from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True)
class Loaded(Sequence[Entry], Generic[Entry]):
    """The entries of a file in its order, as a sequence; and `skipped`, the rows that were left out."""

    name: str
    entries: tuple[Entry, ...]
    skipped: tuple[Skipped, ...] = ()

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, index: int | slice) -> Entry | tuple[Entry, ...]:
        return self.entries[index]

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __repr__(self) -> str:
        lines = [f"{self.name}: {len(self)} entries, {len(self.skipped)} rows left out"]
        kinds = Counter(one.reason for one in self.skipped)
        lines += [f"  {count} x {reason}" for reason, count in kinds.most_common(5)]
        if len(kinds) > 5:
            lines.append(f"  and {len(kinds) - 5} other reasons: see skipped")
        return "\n".join(lines)


def load_rows(
    path: str | Path,
    what: str,
    convert: Callable[[Row], Iterable[Entry]],
    strict: bool = False,
    limit: int | None = None,
) -> Loaded[Entry]:
    """The entries that `convert` makes of each row of a JSON or JSONL file; limit: the rows that are read.

    strict: raise at the first row that is no entry, instead of leaving it out. Raises ValueError for a file
    that can't be read, and for one without any row of this kind.
    """
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for number, row in enumerate(islice(read_rows(path, what), limit), start=1):
        try:
            if not isinstance(row, Mapping):
                raise ValueError(f"a row of {what} is an object with named fields, not {row!r:.40}")
            entries += convert(row)
        except (ValueError, TypeError, AttributeError) as error:
            reason = str(error) if isinstance(error, ValueError) else f"a field has another form ({error})"
            if strict:
                raise ValueError(f"{path}, row {number}: {reason}") from error
            skipped.append(Skipped(number, reason))
    if not entries and skipped:
        raise ValueError(
            f"{path} has no row that can be read as {what}; row 1: {skipped[0].reason.rstrip('.')}. "
            f"Choose the loader of this file's format."
        )
    return Loaded(Path(path).name, tuple(entries), tuple(skipped))


def required(row: Row, *names: str) -> Any:
    """The first of the named fields that the row has. Raises ValueError where it has none of them."""
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise ValueError(f"the field {' or '.join(repr(name) for name in names)} is missing")


def text_in(value: Any) -> str:
    """A text without blanks around it; of nested lists (answers with other names of them) the first.

    "" where there is none.
    """
    while isinstance(value, list | tuple):
        value = value[0] if value else ""
    if isinstance(value, Mapping) and "str" in value:  # CounterFact wraps its targets
        value = value["str"]
    return value.strip() if isinstance(value, str) else ""


def texts_in(value: Any) -> list[str]:
    """The texts of a list, or of a text alone; empty ones are left out."""
    listed = value if isinstance(value, list | tuple) else [value]
    return [text for text in map(text_in, listed) if text]


def template(prompt: str, subject: str) -> str:
    """The prompt with `{}` for the subject, where it stands first. Raises ValueError where it doesn't."""
    if not subject or subject not in prompt:
        raise ValueError("the subject is not in the prompt")
    return prompt.replace(subject, "{}", 1)


def probes(value: Any) -> list[tuple[str, str]]:
    """KnowEdit's probes as (prompt, answer): {group: [{"prompt", "ground_truth"}]}; those without one go."""
    groups = value.values() if isinstance(value, Mapping) else []
    entries = [
        one for group in groups if isinstance(group, list) for one in group if isinstance(one, Mapping)
    ]
    pairs = [(text_in(one.get("prompt")), text_in(one.get("ground_truth"))) for one in entries]
    return [(prompt, answer) for prompt, answer in pairs if prompt and answer]
