"""A notebook's bytes as nbformat 4 in plain data, or the sentence that says why it is none.

What is harmless is put right without a word: an old format, missing or double cell ids, sources written as
lists, a wrong minor version, lone surrogates, outputs that are no outputs (they count for nothing). Ids that
are given here depend on the place only, so that the same file always becomes the same notebook.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import nbformat

from autograder.grader.finding import clean

CELLS = 2000
DEPTH = 64  # brackets inside each other
BRACKETS, COMMAS = 500_000, 2_000_000  # what JSON may unfold to
SOURCE = 2**20  # letters in one cell
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NoNotebook(Exception):
    """This is no notebook that can be graded; the message is one sentence."""


def notebook_of(content: bytes) -> dict[str, Any]:
    """The notebook in a file's content; raises NoNotebook with a sentence."""
    loaded = _loaded(content)
    if not isinstance(loaded, dict):
        raise NoNotebook("It is JSON, but not a notebook.")
    version = loaded.get("nbformat")
    if isinstance(version, int) and version > 4:
        raise NoNotebook(
            f"It says that it has the notebook format {str(version)[:20]}; only 4 and older are known."
        )
    if not isinstance(loaded.get("cells"), list) and isinstance(loaded.get("worksheets"), list):
        loaded = _upgraded(loaded)
    if not isinstance(loaded.get("cells"), list):
        raise NoNotebook("It is JSON, but not a notebook: it has no list of cells.")
    if len(loaded["cells"]) > CELLS:
        raise NoNotebook(f"It has more than {CELLS} cells.")
    cells = cells_of(loaded)
    if any(len(cell["source"]) > SOURCE for cell in cells):
        raise NoNotebook("One of its cells is longer than a million letters.")
    metadata = loaded.get("metadata")
    head = metadata if isinstance(metadata, dict) else {}
    silent = [cell | {"outputs": []} if "outputs" in cell else cell for cell in cells]
    bare = [cell | {"metadata": _graded_metadata(cell["metadata"])} for cell in silent]
    fault = ""
    for top, kept in ((head, cells), (head, silent), ({}, silent), (head, bare), ({}, bare)):
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": top, "cells": kept}
        fault = _fault(notebook)
        if not fault:
            return notebook
    raise NoNotebook(f"It is not a valid notebook: {fault}.")


def cells_of(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A notebook's cells in one form: a known type, source as text, a dictionary of metadata, an id."""
    given = notebook.get("cells")
    cells: list[dict[str, Any]] = []
    taken: set[str] = set()
    for number, cell in enumerate(given if isinstance(given, list) else []):
        if not isinstance(cell, Mapping):
            continue
        kind, id = cell.get("cell_type"), cell.get("id")
        kind = kind if kind in ("code", "markdown", "raw") else "raw"
        if not isinstance(id, str) or not ID.fullmatch(id) or id in taken:
            id = next(name for n in range(CELLS * 2) if (name := f"cell-{number + n}") not in taken)
        taken.add(id)
        metadata = cell.get("metadata")
        row: dict[str, Any] = {
            "cell_type": kind,
            "id": id,
            "metadata": dict(metadata) if isinstance(metadata, Mapping) else {},
            "source": _text(cell.get("source")),
        }
        if kind == "code":
            outputs = cell.get("outputs")
            row |= {"outputs": outputs if isinstance(outputs, list) else [], "execution_count": None}
        cells.append(row)
    return cells


def _loaded(content: bytes) -> Any:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NoNotebook("It is not UTF-8 text, so it is not a notebook.") from error
    if text.count("[") + text.count("{") > BRACKETS or text.count(",") > COMMAS:
        raise NoNotebook("It holds too much data for a notebook; clear its outputs and hand it in again.")
    try:
        loaded = json.loads(text)
    except RecursionError as error:
        raise NoNotebook("It is JSON nested too deeply for a notebook.") from error
    except ValueError as error:
        raise NoNotebook("It is not JSON, so it is not a notebook.") from error
    if _depth_over(loaded, DEPTH):
        raise NoNotebook("It is JSON nested too deeply for a notebook.")
    return _clean(loaded) if "\\u" in text or "\\U" in text else loaded


def _depth_over(value: Any, most: int) -> bool:
    level = [value]
    for _ in range(most):
        level = [inner for outer in level for inner in _children(outer)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterator[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return (one for one in inner if isinstance(one, (dict, list)))


def _clean(value: Any) -> Any:
    """The same data without lone surrogates; its depth is known to be small."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    if isinstance(value, dict):
        return {clean(key): _clean(one) for key, one in value.items()}
    return value


def _text(source: Any) -> str:
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _graded_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """What grading looks at, in a form that the schema knows."""
    tags = metadata.get("tags")
    names = [tag for tag in tags if isinstance(tag, str) and tag] if isinstance(tags, list) else []
    kept = {"nbgrader": metadata["nbgrader"]} if "nbgrader" in metadata else {}
    return kept | ({"tags": list(dict.fromkeys(names))} if names else {})


def _upgraded(loaded: dict[str, Any]) -> dict[str, Any]:
    """A notebook of format 3 in format 4, by nbformat's own rules."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            old = nbformat.from_dict({**loaded, "nbformat": 3, "nbformat_minor": 0})
            new: dict[str, Any] = json.loads(json.dumps(nbformat.convert(old, 4)))
            for cell in new["cells"]:
                cell["id"] = None  # nbformat drew them by chance
            return new
    except Exception as error:  # nbformat expects well-formed notebooks and raises many kinds
        raise NoNotebook("It is a notebook of an old format that can't be read any more.") from error


def _fault(notebook: dict[str, Any]) -> str:
    """What nbformat's schema has against a notebook; "" where nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbformat.validate(notebook)
    except Exception as error:  # fastjsonschema's and jsonschema's errors have no common base
        return str(error).strip().partition("\n")[0][:120].rstrip(".") or type(error).__name__
    return ""
