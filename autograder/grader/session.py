"""The grader's end of one sandbox: runs the student's cells there, and calls the student's functions.

What comes back is data. A function that takes too long is interrupted, then killed; a sandbox that has gone
says so once, and everything asked of it afterwards stops with the same sentence.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

from torch import nn

from autograder.calls import Stop, StoppedElsewhere
from autograder.grader.link import End
from autograder.grader.problems import Grader
from autograder.grader.told import stop_of, told_outputs
from autograder.grader.waiting import OWN, waiting
from autograder.grader.wire import Closed, Late, Wire, WireError
from edu_edit import LM

TOO_LONG = "TimeLimit"  # the kind of a stop that the grader made
GRACE = 2.0  # seconds between the interrupt and the end


@dataclass(frozen=True)
class Limits:
    """What one submission may use: seconds per cell or call, per function, and in all; bytes, processes."""

    cell: float = 20.0
    notebook: float = 180.0
    memory: int = 2 << 30
    processes: int = 48
    file: int = 32 << 20
    output: int = 1 << 20

    @property
    def exercise(self) -> float:
        """Seconds for all calls of one function: one that is always slow leaves time for the others."""
        return max(self.cell, self.notebook / 4)


class Gone(Exception):
    """The sandbox has ended; the message says why, in a sentence for the student."""


class Session(End):
    """One sandbox. `control` leads to its supervisor, which interrupts, kills, and tells how it ended."""

    packer = Grader

    def __init__(self, wire: Wire, control: socket.socket, limits: Limits) -> None:
        super().__init__(wire)
        self.control, self.limits = control, limits
        self.waited = waiting(OWN)  # for a processor, as far as a limit has moved on for it
        wire.more = self.starved
        self.models: dict[int, LM] = {}
        self.lent: list[nn.Module] = []
        self.ends_at = time.monotonic() + limits.notebook
        self.gone = ""
        self.told: dict[str, Any] = {}  # the supervisor's last word
        self.about: dict[str, Any] = {}  # what the last answer said besides its value

    def knows(self, scope: int) -> bool:
        return scope in self.scopes

    def lend(self, layer: nn.Module) -> int:
        self.lent.append(layer)
        return len(self.lent) - 1

    def call_layer(self, number: int, x: Any) -> Any:
        """The sandbox's copy of a layer that was lent, on an input."""
        packer = self.packer(self)
        return self.ask({"op": "layer", "layer": number, "x": packer.pack(x), "grad": True}, packer.tensors)

    def said(self, answer: dict[str, Any]) -> None:
        self.about = answer

    def failure(self, answer: dict[str, Any]) -> BaseException:
        return StoppedElsewhere(stop_of(answer))

    def described(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, StoppedElsewhere):
            return {"kind": error.stop.kind, "message": error.stop.message}
        return super().described(error)

    def top(self, head: dict[str, Any], values: Any = None, patient: bool = False) -> Any:
        """Ask what nothing else waits for, within the time limit of a cell; patient: within the notebook's.

        Raises StoppedElsewhere when the student's code raised, and Gone when there is no sandbox any more.
        """
        if self.gone:
            raise Gone(self.gone)
        self.enter(max(self.scopes, default=0) + 1)
        packer = self.packer(self)
        tree = packer.pack(values)
        begun = self.asked + 1
        soon = time.monotonic() + self.limits.cell
        self.wire.deadline = self.ends_at if patient else min(soon, self.ends_at)
        try:
            return self.ask({**head, "values": tree}, packer.tensors)
        except Late:
            self.interrupt(begun)
            raise Gone(self.gone) from None
        except (Closed, WireError, RecursionError) as error:
            self.end("the process ended" if isinstance(error, Closed) else str(error))
            raise Gone(self.gone) from None

    def interrupt(self, question: int) -> None:
        """Stop what runs too long. The sandbox lives on if it gives in; then StoppedElsewhere is raised."""
        whole = time.monotonic() >= self.ends_at
        limit = self.limits.notebook if whole else self.limits.cell
        said = f"ran longer than {limit:g} seconds" + (" in all" if whole else "")
        if not whole:
            self.tell("interrupt")
            self.wire.deadline = time.monotonic() + GRACE
            with contextlib.suppress(Late, Closed, WireError):
                while True:
                    answer, _ = self.wire.receive()
                    if answer.get("to") == question:
                        self.about = answer
                        raise StoppedElsewhere(Stop(TOO_LONG, said, None, "", "", False))
                    if answer.get("op") in ("call", "vjp") and type(answer.get("ask")) is int:
                        late = {
                            "op": "raised",
                            "to": answer.get("ask"),
                            "kind": "TimeoutError",
                            "message": said,
                        }
                        self.wire.send(late)
        self.end(said)

    def starved(self) -> float:
        """Seconds, not counted before, for which sandbox and grader wanted to work and had no processor: a
        busy machine is nobody's fault. The limit of the whole notebook does not move.
        """
        if self.gone or time.monotonic() >= self.ends_at:
            return 0.0
        self.tell("waited")
        self.control.settimeout(2)
        there = 0.0
        with contextlib.suppress(OSError, ValueError):
            told = json.loads(self.control.recv(4096))
            if "waited" not in told:  # that was its last word: the sandbox has ended
                self.told = told
                return 0.0
            there = float(told["waited"])
        waited = there + waiting(OWN)
        more, self.waited = waited - self.waited, max(waited, self.waited)
        return max(more, 0.0)

    def tell(self, what: str) -> None:
        with contextlib.suppress(OSError):
            self.control.send(what.encode())

    def end(self, why: str) -> dict[str, Any]:
        """End the sandbox with everything in it; what its supervisor says about it (signal, CPU seconds,
        memory).
        """
        if not self.gone:
            self.gone = why or "the process ended"
            self.tell("end")
            self.control.settimeout(10)
            with contextlib.suppress(OSError, ValueError):
                while "exit" not in self.told:
                    with contextlib.suppress(
                        ConnectionResetError
                    ):  # "end" came too late; its last word is there
                        self.told = json.loads(self.control.recv(4096))
            self.gone = str(self.told.get("over") or self.gone)
            self.control.close()
            self.wire.close()
        return self.told

    # What is asked of the student's notebook.

    def run(self, source: str, patient: bool = False) -> tuple[list[dict[str, Any]], bool]:
        """Run one cell: its outputs as nbformat's dictionaries, and whether it ended without an error.

        patient: the lesson's own code, which has no time limit of its own (a busy machine is nobody's fault).
        """
        self.top({"op": "run", "source": source, "grad": True}, patient=patient)
        outputs = self.about.get("outputs")
        return told_outputs(outputs, 2 * self.limits.output), self.about.get("ok") is True

    def kinds(self, names: tuple[str, ...]) -> list[str]:
        """For every name "function", "missing", or its type's name."""
        found = self.top({"op": "kinds", "names": list(names)})
        known = isinstance(found, list) and len(found) == len(names)
        return [str(kind)[:60] for kind in found] if known else ["missing"] * len(names)

    def value(self, name: str) -> Any:
        """Plain data that stands under a name in the notebook."""
        return self.top({"op": "value of", "name": name})
