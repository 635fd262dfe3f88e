"""The only place where a student's function is called: with copies, in silence, and with a record of what
happened.

What went in, what came out, what was changed in place and what was printed are kept, so that a known
misconception can be called with the same arguments afterwards and compared (`autograder.mutants`).
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import linecache
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

PRINTED = 600  # characters of a student's prints that the card shows


@dataclass(frozen=True)
class Stream:
    """Batches that can be read once, as a generator gives them; `one_buffer`: each overwrites the one
    before it.
    """

    batches: tuple[torch.Tensor, ...]
    one_buffer: bool = False

    def read(self) -> Iterator[torch.Tensor]:
        """The batches, one after the other; with `one_buffer` they must be equally long and share their
        memory.
        """
        buffer = torch.empty_like(self.batches[0]) if self.one_buffer else None
        for batch in self.batches:
            yield batch.clone() if buffer is None else buffer.copy_(batch)


@dataclass(frozen=True)
class Stop:
    """An exception of the student's function, reduced to text."""

    kind: str
    message: str
    line: int | None
    code: str
    traceback: str
    stub: bool


class StoppedElsewhere(Exception):
    """An exception of a student's function that ran in another process; it carries what is known of it."""

    def __init__(self, stop: Stop) -> None:
        super().__init__(stop.message)
        self.stop = stop


class RunsElsewhere:
    """A function that runs in another process, which makes the copies and compares them there: `changed` are
    the positions of arguments that its last call changed.
    """

    changed: tuple[int, ...] = ()

    def __call__(self, *args: Any) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Call:
    """One call: arguments as they went in, what came back or how it stopped, and the arguments that it
    changed.
    """

    args: tuple[Any, ...]
    of: int
    value: Any
    stop: Stop | None
    changed: tuple[int, ...]
    printed: str
    wrt: tuple[int, ...] = ()
    gradients: tuple[torch.Tensor | None, ...] = ()


def call(
    function: Callable[..., Any], args: tuple[Any, ...], of: int = 0, seed: int = 0, wrt: tuple[int, ...] = ()
) -> Call:
    """Calls a function with copies of its arguments and records everything; it never raises and prints
    nothing.

    `wrt`: positions of arguments that the answer is differentiated by (`differentiated`).
    """
    given = args if isinstance(function, RunsElsewhere) else tuple(fresh(arg) for arg in args)
    models = [(i, weights(arg)) for i, arg in enumerate(args)]
    value, stop, out = None, None, io.StringIO()
    gradients: tuple[torch.Tensor | None, ...] = ()
    with contextlib.ExitStack() as quiet:
        quiet.enter_context(contextlib.redirect_stdout(out))
        quiet.enter_context(contextlib.redirect_stderr(out))
        quiet.enter_context(warnings.catch_warnings())
        quiet.enter_context(torch.random.fork_rng(devices=[]))
        quiet.enter_context(torch.enable_grad())
        warnings.simplefilter("ignore")
        torch.default_generator.manual_seed(
            seed
        )  # torch.manual_seed asks every other device, too: milliseconds
        try:
            value = function(*given)
            gradients = differentiated(value, [given[i] for i in wrt])
        except (Exception, SystemExit) as error:
            stop = stopped(error)
    changed = list(function.changed) if isinstance(function, RunsElsewhere) else []
    changed += [
        i for i, (before, after) in enumerate(zip(args, given, strict=True)) if differs(before, after)
    ]
    changed += [i for i, saved in models if put_back(args[i], saved)]
    return Call(args, of, value, stop, tuple(changed), out.getvalue()[:PRINTED].rstrip(), wrt, gradients)


def differentiated(value: Any, leaves: list[torch.Tensor]) -> tuple[torch.Tensor | None, ...]:
    """The gradient of a scalar by each leaf, or of half the sum of a larger answer's squares; None where the
    answer does not depend on it.
    """
    if not leaves or not isinstance(value, torch.Tensor) or not value.requires_grad:
        return (None,) * len(leaves)
    scalar = value.square().sum() / 2 if value.dim() else value
    return torch.autograd.grad(scalar, leaves, allow_unused=True)


def fresh(arg: Any) -> Any:
    """A copy of an argument: tensors and containers are cloned, streams start again, the rest is passed
    as it is.
    """
    if isinstance(arg, torch.Tensor):
        return arg.detach().clone().requires_grad_(arg.requires_grad)
    if isinstance(arg, Stream):
        return arg.read()
    if isinstance(arg, dict):
        return {key: fresh(value) for key, value in arg.items()}
    if type(arg) in (list, tuple):
        return type(arg)(fresh(item) for item in arg)
    if (fields := parts(arg)) is not None:
        return rebuilt(arg, {name: fresh(item) for name, item in fields.items()})
    return arg


def differs(before: Any, after: Any) -> bool:
    """Whether a copy is no longer what it was copied from; nan equals nan."""
    if isinstance(before, torch.Tensor):
        if not isinstance(after, torch.Tensor) or before.shape != after.shape:
            return True
        was, now = before.detach(), after.detach()
        return not (
            torch.allclose(was, now, 0, 0, True) if was.is_floating_point() else torch.equal(was, now)
        )
    if isinstance(before, Stream):  # its batches are the function's own
        return False
    if isinstance(before, dict):
        return before.keys() != after.keys() or any(differs(before[key], after[key]) for key in before)
    if type(before) in (list, tuple):
        return len(before) != len(after) or any(differs(b, a) for b, a in zip(before, after, strict=True))
    if (fields := parts(before)) is not None:
        return any(differs(item, getattr(after, name, None)) for name, item in fields.items())
    return False


def parts(arg: Any) -> dict[str, Any] | None:
    """The fields of a named tuple or a dataclass; None for anything else."""
    if isinstance(arg, tuple) and hasattr(arg, "_fields"):
        return dict(zip(arg._fields, arg, strict=True))
    if dataclasses.is_dataclass(arg) and not isinstance(arg, type):
        return {field.name: getattr(arg, field.name) for field in dataclasses.fields(arg)}
    return None


def rebuilt(arg: Any, fields: dict[str, Any]) -> Any:
    """A named tuple or a dataclass like `arg`, with these fields."""
    return type(arg)(**fields) if isinstance(arg, tuple) else dataclasses.replace(arg, **fields)


def weights(arg: Any) -> dict[str, torch.Tensor] | None:
    """Copies of all weights of an argument that holds a model."""
    model = getattr(arg, "model", None)
    if not isinstance(model, torch.nn.Module):
        return None
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def put_back(arg: Any, saved: dict[str, torch.Tensor] | None) -> bool:
    """Whether a model was left changed; if so it is made what it was, so that the next claim starts clean."""
    left_on = list(getattr(arg, "edits", ()))
    if (
        saved is None
        or not left_on
        and all(torch.equal(saved[name], now) for name, now in arg.model.state_dict().items())
    ):
        return False
    for edit in left_on:
        with contextlib.suppress(Exception):
            edit.off()
    with torch.no_grad():
        for name, now in arg.model.state_dict().items():
            now.copy_(saved[name])
    return True


def stopped(error: BaseException) -> Stop:
    """An exception as text, its own frames only: the frames of the check say nothing to a student."""
    if isinstance(error, StoppedElsewhere):
        return error.stop
    frames = traceback.extract_tb(error.__traceback__)[1:]
    own = frames[0] if frames else None
    code = own.line or linecache.getline(own.filename, own.lineno or 0).strip() if own else ""
    text = "".join(traceback.format_list(frames) + traceback.format_exception_only(error))
    return Stop(
        kind=type(error).__name__,
        message=str(error).strip().split("\n")[0][:300],
        line=own.lineno if own else None,
        code=code,
        traceback=text.rstrip()[-4000:],
        stub=isinstance(error, NotImplementedError) and len(frames) == 1 and raised_by_hand(code, str(error)),
    )


def raised_by_hand(code: str, message: str) -> bool:
    """Whether `NotImplementedError` is the stub's own and not torch's ("... not implemented for 'Half'")."""
    return code.startswith("raise") if code else "not implemented for" not in message
