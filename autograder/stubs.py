"""reset and explain: an exercise as it was before you began, and our own version once you have tried.

A stub is the reference's signature and docstring with its body taken out, so the two can't drift apart.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from html import escape
from importlib import import_module
from typing import Any

from autograder.card import CODE, section
from autograder.exercises import exercise
from autograder.score import Score
from autograder.sentences import say

tried: set[str] = set()  # exercises on which a check has seen code of the learner's own in this session


class Source(str):
    """Python source and what is said about it; shows itself as text, and as HTML in a notebook."""

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return section("source", f'<pre style="{CODE}">{escape(self)}</pre>')


def remember_attempt(id: str, score: Score) -> None:
    """Notes that a check has judged code of the learner's own; a stub is no attempt."""
    if not score.judgement.note:
        tried.add(id)


def reference_source(id: str) -> str:
    """The source of our own function, without decorators."""
    row = exercise(id)
    function = getattr(import_module(row.reference), row.function)
    return textwrap.dedent(inspect.getsource(inspect.unwrap(function)))


def stub(id: str) -> str:
    """The source of the untouched exercise: signature, docstring, and a body that raises
    NotImplementedError.
    """
    written = getattr(import_module(f"autograder.lessons.{exercise(id).id}"), "STUB", None)
    source = written or reference_source(id)
    node = next(n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef))
    has_docstring = ast.get_docstring(node) is not None
    last = (node.body[0].end_lineno if has_docstring else node.body[0].lineno - 1) or 0
    head = "\n".join(source.splitlines()[node.lineno - 1 : last])
    return f'{head}\n    raise NotImplementedError("Your code here")\n'


def reset(id: str) -> Source:
    """One exercise back to its stub. In a notebook a new cell with the stub appears below; your old cell
    stays.
    """
    source = stub(id)
    shell = running_shell()
    if shell is not None:
        shell.set_next_input(source)
    return Source(source)


def explain(id: str) -> Source:
    """Our own version and why it is as it is, once you have tried yours with `check`."""
    row = exercise(id)
    if id not in tried:
        return Source(say("try first", id=id, function=row.function))
    content = import_module(f"autograder.lessons.{id}")
    lines = [textwrap.fill(sentence, 100) for sentence in content.EXPLANATION]
    return Source(f"{row.id} · {row.equation}\n\n{reference_source(id)}\n" + "\n\n".join(lines))


def running_shell() -> Any:
    """IPython's shell where there is one, else None."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()
