"""What a sandbox says, as far as it has the form of what was asked for: nothing of it is believed."""

from __future__ import annotations

import json
from typing import Any

from autograder.calls import Stop


def stop_of(answer: dict[str, Any]) -> Stop:
    """What the sandbox says about an exception, as far as it has the form of one."""

    line = answer.get("line")
    return Stop(
        kind=text_of(answer, "kind", 80) or "Error",
        message=text_of(answer, "message", 300),
        line=line if type(line) is int and 0 <= line < 10**6 else None,
        code=text_of(answer, "code", 200),
        traceback=text_of(answer, "traceback", 4000),
        stub=answer.get("stub") is True,
    )


def text_of(answer: dict[str, Any], name: str, most: int) -> str:
    """A text that came under this name, cut, and without what can't be written down; "" for anything else."""
    found = answer.get(name)
    return found[:most].encode("utf-8", "replace").decode() if isinstance(found, str) else ""


def told_outputs(outputs: Any, most: int) -> list[dict[str, Any]]:
    """What came as outputs of a cell, as far as it has the form of some and fits into so many characters."""
    kept: list[dict[str, Any]] = []
    for output in outputs if isinstance(outputs, list) else []:
        if not isinstance(output, dict) or deep(output):
            continue
        most -= len(json.dumps(output))
        if most < 0:
            break
        kept.append(output)
    return kept


def deep(value: Any, most: int = 40) -> bool:
    """Whether containers lie in each other more than so many times."""
    level = [value]
    for _ in range(most):
        inside = [
            list(one.values()) if isinstance(one, dict) else one
            for one in level
            if isinstance(one, (dict, list))
        ]
        level = [one for several in inside for one in several]
        if not level:
            return False
    return True
