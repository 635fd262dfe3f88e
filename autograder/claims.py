"""Claims: sentences that a right answer keeps, each with a fresh problem and a decision.

A claim is a law first: it says what must hold and measures it, with an oracle that is not the student's
answer. Gates (type, shape, dtype, finiteness, arguments untouched) stand before every claim and earn
nothing by themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from autograder.calls import Call, call, weights
from autograder.gates import Refused, shown
from autograder.judgement import Picture, Verdict
from autograder.sentences import say


class Stopped(Exception):
    """The student's function raised, or gave back nothing."""


@dataclass
class Student:
    """The student's functions, called safely and remembered. `gate(value, *args)` returns the plain
    answer or refuses.
    """

    functions: Sequence[Callable[..., Any]]
    names: tuple[str, ...]
    arguments: tuple[str, ...]
    gate: Callable[..., Any]
    seed: int
    calls: list[Call] = field(default_factory=list)

    def __call__(self, *args: Any, of: int = 0) -> Any:
        """The answer to one problem, after all gates; the same model problem is computed once."""
        return self.answer(self.known(args, of) or call(self.functions[of], args, of, self.seed))

    def gradient(self, *args: Any, wrt: tuple[int, ...], of: int = 0) -> tuple[Tensor | None, ...]:
        """The gradients of a scalar answer, or of half the sum of a tensor's squares, by the arguments at the
        positions `wrt`, after all gates.
        """
        given = tuple(
            arg.detach().clone().requires_grad_() if i in wrt else arg for i, arg in enumerate(args)
        )
        made = call(self.functions[of], given, of, self.seed, wrt)
        self.answer(made)
        return made.gradients

    def answer(self, made: Call) -> Any:
        """Remembers a call and lets its answer through the gates."""
        self.calls.append(made)
        if made.stop is not None or made.value is None or made.value is Ellipsis:
            raise Stopped
        if made.changed:
            place = made.changed[0]
            key = "changed model" if weights(made.args[place]) is not None else "changed"
            said = say(key, function=self.names[made.of], argument=self.arguments[place])
            raise Refused(Verdict(False, said=said))
        return self.gate(made.value, *made.args)

    def known(self, args: tuple[Any, ...], of: int) -> Call | None:
        """An earlier call with the very same arguments, if there was one."""
        for made in self.calls:
            same = len(made.args) == len(args) and all(a is b for a, b in zip(made.args, args, strict=True))
            if same and made.of == of:
                return made
        return None


Decide = Callable[[Student, torch.Generator], Verdict]


@dataclass(frozen=True)
class Claim:
    """A sentence, what is said when it does not hold, and the decision. `open` claims are shown while
    working.
    """

    name: str
    sentence: str
    unless: str
    decide: Decide
    open: bool = False


def close(yours: Tensor, expected: Tensor, tolerance: float, what: str) -> Verdict:
    """Kept when ‖yours - expected‖ is at most tolerance * ‖expected‖, in float64 (an expected zero counts
    as 1).
    """
    got, want = yours.detach().double(), expected.detach().double()
    scale = float(want.norm()) or 1.0
    error = float((got - want).norm()) / scale
    kept = error <= tolerance
    return Verdict(
        kept,
        f"{what} = {shown(got)}",
        f"{what} = {shown(want)}",
        error,
        None if kept else pictured(got, want),
    )


def equal(yours: Any, expected: Any, what: str) -> Verdict:
    """Kept when a list, a text or a whole number is exactly the one that is expected."""
    return Verdict(bool(yours == expected), f"{what} = {told(yours)}", f"{what} = {told(expected)}")


def told(value: Any, most: int = 160) -> str:
    """A plain value as Python writes it, cut where it gets long."""
    text = repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"


def at_most(value: float, bound: float, what: str, expected: str = "") -> Verdict:
    """Kept when a number is at most its bound."""
    return Verdict(value <= bound, f"{what} = {value:.4g}", expected or f"at most {bound:.4g}")


def at_least(value: float, bound: float, what: str, expected: str = "") -> Verdict:
    """Kept when a number is at least its bound."""
    return Verdict(value >= bound, f"{what} = {value:.4g}", expected or f"at least {bound:.4g}")


def every(*verdicts: Verdict) -> Verdict:
    """The first verdict that is not kept, else the last one."""
    return next((verdict for verdict in verdicts if not verdict.kept), verdicts[-1])


def pictured(yours: Tensor, expected: Tensor, rows: int = 4, columns: int = 6) -> Picture | None:
    """The upper left corners of two matrices; other shapes have no picture."""
    if yours.dim() != 2 or expected.dim() != 2:
        return None
    return Picture(
        *(tuple(tuple(float(x) for x in row[:columns]) for row in m[:rows]) for m in (yours, expected))
    )
