"""The sandbox's end of the wire: runs cells, calls the student's functions, and answers with data.

It shares its process with the student's code, so nothing that it says is believed: it can only hand over
values.
"""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn

from autograder import calls
from autograder.grader.inside.shell import Shell, Stream
from autograder.grader.link import End, Raised, builtin_error
from autograder.grader.problems import Sandbox, pristine
from autograder.grader.values import Packer
from autograder.grader.wire import Wire, WireError
from edu_edit import LM


class Agent(End):
    """Answers the grader's questions about the notebook that runs in `shell`."""

    packer = Sandbox

    def __init__(self, wire: Wire, shell: Shell) -> None:
        super().__init__(wire)
        self.shell = shell
        self.models: dict[int, LM] = {}
        self.changed_weights: dict[
            int, dict[str, torch.Tensor]
        ] = {}  # of models that came with other weights
        self.borrowed: dict[int, nn.Module] = {}
        self.told: dict[str, Any] = {}
        self.busy = False

    def interrupted(self, number: int, frame: FrameType | None) -> None:
        """Ctrl-C, when a cell or a call has run too long; nothing where the student's code does not run."""
        if self.busy:
            raise KeyboardInterrupt

    def loop(self) -> None:
        """Answer until the grader hangs up."""
        while True:
            question, tensors = self.wire.receive()
            self.serve(question, tensors)

    def failure(self, answer: dict[str, Any]) -> BaseException:
        raised = Raised(answer)
        return builtin_error(raised.kind, str(raised))

    def answer(self, op: str, question: dict[str, Any], packer: Packer) -> tuple[Any, dict[str, Any]]:
        if op in ("call", "vjp"):
            return super().answer(op, question, packer)
        if op == "layer":
            return self.borrowed[question["layer"]](packer.unpack(question["x"])), {}
        values = packer.unpack(question["values"])
        if op == "run":
            return None, self.run(question["source"])
        if op == "kinds":
            return [self.kind(name) for name in question["names"]], {}
        if op == "value of":
            return self.shell.user_ns.get(question["name"]), {}
        if op == "student":
            return self.student(question["name"], values, question["seed"])
        raise WireError("what came is no question")

    def kind(self, name: str) -> str:
        if name not in self.shell.user_ns:
            return "missing"
        value = self.shell.user_ns[name]
        return "function" if callable(value) else type(value).__name__

    def run(self, source: str) -> dict[str, Any]:
        """Run one cell."""
        self.shell.outputs.begin()
        self.busy = True
        try:
            ok = bool(self.shell.run_cell(source, store_history=True, silent=False).success)
        except KeyboardInterrupt:
            ok = False
            self.shell.outputs.add(
                {
                    "output_type": "error",
                    "ename": "TimeLimit",
                    "evalue": "stopped: it ran too long",
                    "traceback": [],
                }
            )
        finally:
            self.busy = False
        return {"outputs": self.shell.outputs.items, "ok": ok}

    def student(self, name: str, args: tuple[Any, ...], seed: int) -> tuple[Any, dict[str, Any]]:
        """Call a function of the notebook, in silence, and tell which arguments it changed."""
        function = self.shell.user_ns[name]
        kept = tuple(calls.fresh(arg) if not isinstance(arg, calls.Stream) else arg for arg in args)
        given = tuple(arg.read() if isinstance(arg, calls.Stream) else arg for arg in args)
        out = io.StringIO()
        told: dict[str, Any] = {}
        try:
            with contextlib.ExitStack() as quiet:
                quiet.enter_context(contextlib.redirect_stdout(out))
                quiet.enter_context(contextlib.redirect_stderr(out))
                quiet.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                torch.default_generator.manual_seed(seed)
                return self.called(function, given), told
        finally:
            told["changed"] = self.changed(kept, given)
            told["printed"] = out.getvalue()[: calls.PRINTED]
            told["layers"] = [marks(layer) for layer in self.borrowed.values()]
            self.told = told
            self.borrowed = {}

    def called(self, function: Callable[..., Any], given: tuple[Any, ...]) -> Any:
        """The student's own frames begin below this one."""
        self.busy = True
        try:
            return function(*given)
        except (KeyboardInterrupt, SystemExit) as error:
            named: type[Exception] = type(
                type(error).__name__, (Exception,), {}
            )  # an answer, not our own end
            raise named(str(error)).with_traceback(error.__traceback__) from None
        finally:
            self.busy = False

    def described(self, error: Exception) -> dict[str, Any]:
        stop = calls.stopped(own_part(error))
        return {**self.told, "kind": stop.kind, "message": stop.message, "line": stop.line,
                "code": stop.code, "traceback": stop.traceback, "stub": stop.stub}  # fmt: skip

    def changed(self, kept: tuple[Any, ...], given: tuple[Any, ...]) -> list[int]:
        """Positions of arguments, models among them, that are not what they were; models are put back."""
        places = [
            i
            for i, (before, after) in enumerate(zip(kept, given, strict=True))
            if calls.differs(before, after)
        ]
        for i, arg in enumerate(given):
            if isinstance(arg, LM) and calls.put_back(arg, self.as_sent(arg)):
                places.append(i)
        return places

    def as_sent(self, lm: LM) -> dict[str, torch.Tensor]:
        return self.changed_weights.get(id(lm), pristine(lm.name))


def own_part(error: Exception) -> Exception:
    """The exception with the frames from the student's function on, behind one that `calls.stopped` leaves
    out.
    """
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not Agent.called.__code__:
        trace = trace.tb_next
    return error.with_traceback(trace) if trace is not None else error


def marks(layer: nn.Module) -> dict[str, Any]:
    """Hooks and gradients that are still on a layer."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return {
        "hooks": any(len(getattr(layer, kind, ())) for kind in kinds),
        "gradients": [name for name, one in layer.named_parameters() if one.grad is not None],
    }


def begin(wire: Wire, shell: Shell) -> None:
    """Serve the grader until it hangs up."""
    shell.user_ns["__name__"] = "__main__"
    sys.stdout, sys.stderr = Stream(shell.outputs, "stdout"), Stream(shell.outputs, "stderr")
    agent = Agent(wire, shell)
    signal.signal(signal.SIGINT, agent.interrupted)
    agent.loop()
