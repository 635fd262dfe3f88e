"""The learner's functions, taken out of a notebook file without running the notebook.

Of the ordinary cells only imports, definitions and assignments without a call are run; of the solution
cells everything. So the demonstrations of a lesson cost nothing, and half a notebook can be checked.
"""

import ast
import contextlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.cli.errors import BadInput

DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
LINE_MAGIC = re.compile(r"^\s*[%!]")


@dataclass
class Answers:
    """What a notebook defines: its names, and the cells that stopped, as {grade id: sentence}."""

    names: dict[str, Any] = field(default_factory=dict)
    stopped: dict[str, str] = field(default_factory=dict)
    calls: dict[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # exercise id -> names given to check(...)


def read_cells(path: Path) -> list[Any]:
    """The code cells of a notebook file; BadInput when it is not one."""
    import nbformat

    if not path.is_file():
        raise BadInput(f"there is no notebook {path}; copy a lesson first: edu-edit start 5")
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds
        raise BadInput(
            f"{path} is not a readable notebook ({type(error).__name__}); get a fresh copy: edu-edit start"
        ) from None
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def read_answers(path: Path) -> Answers:
    """Run the definitions of a notebook and the learner's solution cells, quietly."""
    answers = Answers(names={"__name__": "__main__"})
    for cell in read_cells(path):
        marks = cell.metadata.get("nbgrader", {})
        graded, solution = bool(marks.get("grade")), bool(marks.get("solution"))
        answers.calls |= calls_of_check(cell.source)
        if (graded and not solution) or "demo" in cell.metadata.get("tags", []):
            continue
        name = marks.get("grade_id", "a cell")
        source = "\n".join("" if LINE_MAGIC.match(line) else line for line in cell.source.splitlines())
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            if solution:
                answers.stopped[name] = f"line {error.lineno} is not Python: {error.msg}"
            continue
        if not solution:
            tree.body = [node for node in tree.body if isinstance(node, DEFINITIONS) or calls_nothing(node)]
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(
                    compile(tree, f"<{name}>", "exec"), answers.names
                )  # the learner's own code, on the learner's machine
        except Exception as error:
            if solution:
                answers.stopped[name] = f"{type(error).__name__}: {error}"
    return answers


def calls_nothing(node: ast.stmt) -> bool:
    """`N = 3`, `pieces = library`: assignments without a call, which cost nothing."""
    return isinstance(node, ast.Assign) and not any(isinstance(part, ast.Call) for part in ast.walk(node))


def calls_of_check(source: str) -> dict[str, tuple[str, ...]]:
    """The names that a cell hands to `check("id", name, ...)`."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return {}
    found = {}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "check"
            and node.args
        ):
            first, *rest = node.args
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                found[first.value] = tuple(arg.id for arg in rest if isinstance(arg, ast.Name))
    return found
