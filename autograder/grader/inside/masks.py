"""The reference of an exercise can't be found where the exercise is graded.

Every alias of a function shares its code object, so that is what is replaced; the sources are hidden by the
walls.
"""

from __future__ import annotations

import ctypes
import inspect
import sys
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


def bytecode(code: CodeType) -> tuple[int, int]:
    """Where a function's instructions lie in memory, and how many bytes they are.

    Asking Python for them (`co_code`) would leave one more copy behind.
    """
    length = ctypes.c_ssize_t.from_address(id(code) + object.__basicsize__).value  # of a PyVarObject
    return id(code) + type(code).__basicsize__, 2 * length


def wipe(code: CodeType) -> None:
    """Overwrite bytecode, which would stay in memory after it was freed, by as many `raise`."""
    place, size = bytecode(code)
    ctypes.memmove(place, bytes([opmap["RAISE_VARARGS"], 0]) * (size // 2), size)


def layout_is_known() -> bool:
    """Whether this Python keeps code where `bytecode` looks for it."""
    place, size = bytecode(_absent.__code__)
    return ctypes.string_at(place, size) == _absent.__code__._co_code_adaptive  # type: ignore[attr-defined]


def mask(names: Iterable[tuple[str, str]]) -> None:
    """Take the code out of the functions (module, name), under whatever other names they are known."""
    if not layout_is_known():
        raise RuntimeError(
            f"Python {sys.version.split()[0]} keeps its code in a way that the sandbox can't wipe."
        )
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
