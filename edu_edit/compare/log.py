"""What a comparison has measured so far, on disk: one JSON line each, so that a run can stop and go on.

The first line says which model and facts the file is about; another comparison is never mixed in.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.loading import BUNDLED


class Log:
    """Rows of plain data in the file `name` of a folder, or in memory alone where there is no folder.

    Rows that are there already are read. Raises ValueError when the file is about something else.
    """

    def __init__(self, folder: str | Path | None, name: str, about: Mapping[str, Any]) -> None:
        self.path = None if folder is None else Path(folder) / name
        self.rows: list[dict[str, Any]] = []
        if self.path is None:
            return
        if not self.path.is_file():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(about) + "\n", encoding="utf-8")
            return
        first, *lines = self.path.read_text(encoding="utf-8").split("\n")
        if json.loads(first) != about:
            raise ValueError(f"{self.path} is about another model or other facts: give a new folder.")
        self.rows = _read(lines)

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Keep the rows, at once."""
        fresh = [dict(row) for row in rows]
        self.rows += fresh
        if self.path is not None:
            with self.path.open("a", encoding="utf-8") as file:
                file.writelines("\n" + json.dumps(row, ensure_ascii=False) for row in fresh)


def _read(lines: Iterable[str]) -> list[dict[str, Any]]:
    """The rows; a last line that a stopped run left half-written is none."""
    return [json.loads(line) for line in lines if line.endswith("}")]


def measured_rows(name: str, file: str, what: str) -> list[dict[str, Any]]:
    """The rows measured beforehand on a bundled model.

    what: their subject, for the ValueError where there are none.
    """
    path = BUNDLED / name / file
    if not path.is_file():
        known = sorted(found.parent.name for found in BUNDLED.glob(f"*/{file}"))
        raise ValueError(f"{what} not measured on {name!r}: choose {' or '.join(known) or 'another model'}.")
    return _read(path.read_text(encoding="utf-8").split("\n")[1:])


def about(lm: LM, facts: Sequence[Fact]) -> dict[str, Any]:
    """What figures depend on: the model's name, and a hash of its output matrices and of the facts."""
    digest = hashlib.blake2b(digest_size=12)
    for layer in range(lm.n_layers):
        digest.update(lm.ffn(layer).W_out.detach().float().cpu().contiguous().numpy().tobytes())
    digest.update(json.dumps([fact.to_json() for fact in facts], ensure_ascii=False).encode())
    return {"model": lm.name, "facts": len(facts), "hash": digest.hexdigest()}
