"""The library as the sandbox sees it: every file, but without the bodies of the graded references."""

from __future__ import annotations

import ast
import shutil
from importlib import import_module
from pathlib import Path

from autograder.exercises import EXERCISES, Exercise

# Exercises whose references answer each other: while one of them is judged, all of them are gone.
TWINS = (frozenset({"metrics.portability", "metrics.locality"}),)


def hidden_for(row: Exercise) -> list[tuple[str, str]]:
    """The references that answer an exercise: its own, and those of its twins."""
    ids = {row.id}.union(*(twins for twins in TWINS if row.id in twins))
    return [reference for one in EXERCISES if one.id in ids for reference in references(one)]


def references(row: Exercise) -> list[tuple[str, str]]:
    """The graded functions of an exercise, each as the module that it is written in and its name."""
    also = getattr(import_module(f"autograder.lessons.{row.id}"), "ALSO", ())
    functions = [getattr(import_module(row.reference), name) for name in (row.function, *also)]
    return [(function.__module__, function.__name__) for function in functions]


def redact(library: Path, out: Path) -> Path:
    """Copy the library to `out`, the body of every graded function left out of its source."""
    shutil.copytree(library, out, ignore=shutil.ignore_patterns("__pycache__"))
    names: dict[str, set[str]] = {}
    for row in EXERCISES:
        for module, name in references(row):
            names.setdefault(module, set()).add(name)
    for module, hidden in names.items():
        path = out.joinpath(*module.split(".")[1:]).with_suffix(".py")
        if not path.is_file():
            path = path.with_suffix("") / "__init__.py"
        path.write_text(without(path.read_text(encoding="utf-8"), hidden), encoding="utf-8")
    return out


def without(source: str, names: set[str]) -> str:
    """Source text without the bodies of these top-level functions; every other line keeps its number."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and node.name in names:
            names = names - {node.name}
            begin, end = node.body[0].lineno - 1, node.end_lineno or len(lines)
            lines[begin:end] = ["    raise NotImplementedError", *[""] * (end - begin - 1)]
    if names:
        raise ValueError(f"There is no function {min(names)} to leave out.")
    return "\n".join(lines) + "\n"
