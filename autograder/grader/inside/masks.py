"""The reference of an exercise can't be found where the exercise is graded.

Every alias of a function shares its code object, so that is what is replaced; the sources are hidden by the
walls.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from importlib import import_module
from types import FunctionType
from typing import Any

SAID = "This function is what the exercise asks for: it is not here while your answer is graded."


def _absent(*args: Any, **named: Any) -> Any:
    raise NotImplementedError(
        "This function is what the exercise asks for: it is not here while your answer is graded."
    )


def mask(names: Iterable[tuple[str, str]]) -> None:
    """Take the code out of the functions (module, name), under whatever other names they are known."""
    for module, name in names:
        found = getattr(import_module(module), name)
        for function in (found, inspect.unwrap(found)):
            if isinstance(function, FunctionType):
                held = function.__code__.co_freevars  # a function keeps its closure, used or not
                function.__code__ = _absent.__code__.replace(co_name=name, co_freevars=held)
                function.__defaults__ = function.__kwdefaults__ = None
            elif isinstance(function, type):
                raise TypeError(f"{module}.{name} is a class: masks are for functions")
