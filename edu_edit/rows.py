"""The rows of a JSON or JSONL file, or one sentence about what is wrong with it."""

import json
from pathlib import Path
from typing import Any


def read_rows(path: str | Path, what: str) -> list[Any]:
    """The entries of a JSON file that holds a list, or of a JSONL file (`.jsonl`), which has one to a line.

    what: what the rows are, for the error. Raises ValueError when the file can't be read as UTF-8 or as JSON,
    and when it holds no list or an empty one.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{path} can't be read as a UTF-8 text file ({error}): give the path of a JSON file."
        ) from error
    if path.suffix.lower() == ".jsonl":
        lines = [(line, entry) for line, entry in enumerate(text.split("\n"), start=1) if entry.strip()]
        rows = [_parsed(entry, path, line) for line, entry in lines]
    else:
        rows = _parsed(text, path, 1)
    if not isinstance(rows, list) or not rows:
        raise ValueError(f"{path} must hold a list of {what}, [{{...}}, {{...}}], with at least one in it.")
    return rows


def _parsed(text: str, path: Path, first_line: int) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise ValueError(f"{path} is not valid JSON at line {line} ({error.msg}): mend that line.") from error
