"""The head of a stub, signature and docstring, put over the body of a solution cell.

A solution cell of the source holds a bare `def name(arguments):` and a body between the markers `### BEGIN
SOLUTION` and `### END SOLUTION`. Signature with shapes and docstring are those of `autograder.stub`, which
takes them from the reference, so that what a student reads and what the library does can't drift apart.
"""

from __future__ import annotations

import ast

from autograder.exercises import Exercise
from autograder.stubs import stub

EMPTY = "    raise NotImplementedError"


def with_reference_head(cell: str, exercise: Exercise) -> str:
    """The solution cell under the reference's signature and docstring; raises ValueError where they
    disagree.
    """
    head = stub(exercise.id).rpartition(EMPTY)[0]
    wanted = _function(head + EMPTY, exercise.function)
    function = _function(cell, exercise.function)
    if function is None or wanted is None:
        raise ValueError(f"The solution cell of {exercise.id!r} defines no function {exercise.function!r}.")
    if ast.get_docstring(wanted) is None:
        raise ValueError(f"The reference of {exercise.id!r} has no docstring to show to students.")
    if _arguments(function) != _arguments(wanted):
        raise ValueError(
            f"The solution of {exercise.id!r} takes {_arguments(function)}, "
            f"the reference {_arguments(wanted)}."
        )
    lines = cell.splitlines()
    marker = next((n for n, line in enumerate(lines) if "BEGIN SOLUTION" in line), None)
    if marker is None:
        raise ValueError(f"The solution cell of {exercise.id!r} has no line '### BEGIN SOLUTION'.")
    return "\n".join([*lines[: function.lineno - 1], head.rstrip(), *lines[marker:]])


def _function(source: str, name: str) -> ast.FunctionDef | None:
    nodes = ast.parse(source).body
    return next((node for node in nodes if isinstance(node, ast.FunctionDef) and node.name == name), None)


def _arguments(function: ast.FunctionDef) -> list[str]:
    return [argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)]
