"""A function of a student's notebook, as a check calls it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from autograder.calls import RunsElsewhere, Stop, StoppedElsewhere
from autograder.grader.session import TOO_LONG, Gone, Session
from autograder.grader.told import text_of


class StudentFunction(RunsElsewhere):
    """A function of the notebook, as a check calls it: arguments go in by value, data comes back."""

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.__name__ = session, name
        self.left = session.limits.exercise  # seconds for all calls together: the others need theirs
        self.stopped: Stop | None = None  # it ran too long once: it is not called again

    def __call__(self, *args: Any) -> Any:
        session = self.session
        self.changed = ()
        if self.stopped is not None:
            raise StoppedElsewhere(self.stopped)
        session.about, session.lent = {}, []
        head = {"op": "student", "name": self.__name__, "seed": torch.initial_seed(), "grad": True}
        began = time.monotonic()
        try:
            with layers_elsewhere(session):
                return session.top(head, args)
        except Gone as gone:
            self.stopped = Stop("Stopped", str(gone), None, "", "", False)
            raise StoppedElsewhere(self.stopped) from None
        except StoppedElsewhere as late:
            self.stopped = late.stop if late.stop.kind == TOO_LONG else None
            raise
        finally:
            self._told(session.about, len(args))
            self.left -= time.monotonic() - began
            if self.left <= 0 and self.stopped is None:
                said = f"ran longer than {session.limits.exercise:g} seconds in all calls together"
                self.stopped = Stop(TOO_LONG, said, None, "", "", False)

    def _told(self, about: dict[str, Any], n: int) -> None:
        """What the call left behind: changed arguments, prints, hooks and gradients on the layers it got."""
        changed = about.get("changed")
        if isinstance(changed, list):
            self.changed = tuple(sorted({i for i in changed if type(i) is int and 0 <= i < n}))
        print(text_of(about, "printed", 2000), end="")
        layers = about.get("layers")
        for layer, told in zip(self.session.lent, layers if isinstance(layers, list) else [], strict=False):
            leave_marks(layer, told if isinstance(told, dict) else {})


@contextlib.contextmanager
def layers_elsewhere(session: Session) -> Iterator[None]:
    """While the call lasts, the grader's own layers run the sandbox's copies, with the hooks they carry
    there.
    """
    lend, before = session.lend, list(session.lent)

    def lent(layer: nn.Module) -> int:
        number = lend(layer)
        layer.forward = lambda x: session.call_layer(number, x)
        return number

    session.lend = lent  # type: ignore[method-assign]
    try:
        yield
    finally:
        session.lend = lend  # type: ignore[method-assign]
        for layer in session.lent[len(before) :]:
            layer.__dict__.pop("forward", None)


def leave_marks(layer: nn.Module, told: dict[str, Any]) -> None:
    """Hooks that do nothing and gradients of zero, where the sandbox's copy was left with some."""
    if told.get("hooks") is True:
        layer.register_forward_hook(lambda *_: None)
    graded = told.get("gradients")
    for name, parameter in layer.named_parameters():
        if isinstance(graded, list) and name in graded:
            parameter.grad = torch.zeros_like(parameter)
