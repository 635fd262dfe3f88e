"""Mutants: known misconceptions as code, each with the sentence that it must trigger.

An answer *behaves like* a mutant when, on the same arguments, both give back the same numbers, stop with
the same kind of error and change the same arguments. Then the mutant's sentence is the likely cause.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch

from autograder import calls
from autograder.exercises import exercise

SAME = 1e-4  # relative distance below which two answers count as the same behaviour


@dataclass(frozen=True)
class Mutant:
    """A misconception: `make()` gives the wrong function (or a tuple of them). `behaves` decides by
    features instead of by calling it again, where that would take too long."""

    name: str
    sentence: str
    make: Callable[[], Any]
    behaves: Callable[[Sequence[calls.Call]], bool] | None = None


def mutants_of(id: str) -> list[Mutant]:
    """All mutants of an exercise, most frequent first."""
    return list(import_module(f"autograder.lessons.{exercise(id).id}").MUTANTS)


def likely_cause(
    mutants: Sequence[Mutant], made: Sequence[calls.Call], failed: Sequence[calls.Call], seed: int
) -> Mutant | None:
    """The first mutant that answers every call as the student did; else the only one that does so where
    claims failed.
    """
    for mutant in mutants:
        if behaves_like(mutant, made, seed):
            return mutant
    some = [mutant for mutant in mutants if behaves_like(mutant, failed, seed)]
    return some[0] if len(some) == 1 else None


def behaves_like(mutant: Mutant, made: Sequence[calls.Call], seed: int) -> bool:
    """Whether the mutant answers these calls as they were answered."""
    if not made:
        return False
    if mutant.behaves is not None:
        return mutant.behaves(made)
    functions = mutant.make()
    functions = functions if isinstance(functions, tuple) else (functions,)
    return all(
        same(call, calls.call(functions[call.of], call.args, call.of, seed, call.wrt)) for call in made
    )


def same(yours: calls.Call, theirs: calls.Call) -> bool:
    """Whether two calls with the same arguments came out alike."""
    if yours.stop is not None or theirs.stop is not None:
        return (yours.stop.kind if yours.stop else None) == (theirs.stop.kind if theirs.stop else None)
    return (
        yours.changed == theirs.changed
        and alike(yours.value, theirs.value)
        and alike(yours.gradients, theirs.gradients)
    )


def alike(a: Any, b: Any) -> bool:
    """Whether two answers are the same numbers; containers are compared item by item."""
    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        if a.shape != b.shape:
            return False
        a, b = a.detach().double(), b.detach().double()
        if not torch.equal(torch.isfinite(a), torch.isfinite(b)):
            return False
        a, b = torch.nan_to_num(a, 0, 0, 0), torch.nan_to_num(b, 0, 0, 0)
        return float((a - b).norm()) <= SAME * max(float(a.norm()), float(b.norm()))
    if type(a) is not type(b):
        return False
    if type(a) in (list, tuple):
        return len(a) == len(b) and all(alike(x, y) for x, y in zip(a, b, strict=True))
    if (fields := calls.parts(a)) is not None:
        return all(alike(one, getattr(b, name, None)) for name, one in fields.items())
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(alike(a[key], b[key]) for key in a)
    if isinstance(a, float):
        return abs(a - b) <= SAME * max(abs(a), abs(b)) or (a != a and b != b)
    return bool(a == b)
