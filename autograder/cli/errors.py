"""What the user sees when something goes wrong: one sentence, never a traceback.

The library and the commands raise ordinary exceptions whose text is a sentence (what was given, what was
expected, what to do next). `PoliteGroup` prints it on stderr and chooses the exit code: 2 for bad usage, 1
for the rest. EDU_EDIT_DEBUG=1 (or `edu-edit --debug ...`) lets the traceback through.
"""

import os
import sys
from typing import Any

import typer
import typer.core

DEBUG = "EDU_EDIT_DEBUG"


class BadInput(Exception):
    """What was typed can't be used. The text says what was given, what is expected, and what to do next."""


def debugging() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def sentence(error: BaseException) -> str:
    """The text of an error as one line, for people."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror}{where}"
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    text = " ".join(text.split())
    expected = isinstance(error, (BadInput, ValueError, LookupError, RuntimeError, ImportError, OSError))
    if expected and text:
        return text
    detail = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"something unexpected went wrong ({detail}); set {DEBUG}=1 and run it again to see where"


def report(error: BaseException) -> int:
    """Print the sentence on stderr; return the exit code."""
    sys.stdout.flush()
    print(f"edu-edit: {sentence(error)}", file=sys.stderr)
    return 2 if isinstance(error, BadInput) else 1


class PoliteGroup(typer.core.TyperGroup):
    """A typer group whose commands fail with a sentence and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            ours = not hasattr(error, "exit_code") and not isinstance(error, (typer.Abort, BrokenPipeError))
            if debugging() or not ours:  # typer knows how to end on its own exceptions
                raise
            raise typer.Exit(report(error)) from None
