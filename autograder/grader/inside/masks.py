"""The reference of an exercise can't be found where the exercise is graded.

Every alias of a function shares its code object, so that is what is replaced; the sources are hidden by the
walls.
"""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Iterable
from importlib import import_module
from opcode import opmap
from types import CodeType, FunctionType
from typing import Any

SAID = "This function is what the exercise asks for: it is not here while your answer is graded."


def _absent(*args: Any, **named: Any) -> Any:
    raise NotImplementedError(  # SAID in full: this code runs with another module's globals
        "This function is what the exercise asks for: it is not here while your answer is graded."
    )


def wipe(code: CodeType) -> None:
    """Overwrite bytecode, which would stay in memory after it was freed, by as many `raise`."""
    place, size = id(code) + type(code).__basicsize__, len(code.co_code)
    if ctypes.string_at(place, size) == code._co_code_adaptive:  # type: ignore[attr-defined]
        ctypes.memmove(place, bytes([opmap["RAISE_VARARGS"], 0]) * (size // 2), size)


def mask(names: Iterable[tuple[str, str]]) -> None:
    """Take the code out of the functions (module, name), under whatever other names they are known."""
    for module, name in names:
        found = getattr(import_module(module), name)
        for function in (found, inspect.unwrap(found)):
            if isinstance(function, FunctionType):
                code, held = function.__code__, function.__code__.co_freevars  # a function keeps its closure
                function.__code__ = _absent.__code__.replace(co_name=name, co_freevars=held)
                function.__defaults__ = function.__kwdefaults__ = None
                wipe(code)
            elif isinstance(function, type):
                raise TypeError(f"{module}.{name} is a class: masks are for functions")
