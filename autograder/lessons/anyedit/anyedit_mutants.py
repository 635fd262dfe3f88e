"""Misconceptions about AnyEdit. Those that need no search are told by their changes, on the recorded calls.

Shape letters: T tokens, n chunks, F width of the FFN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder import calls
from autograder.calls import Call
from autograder.lessons.anyedit.anyedit_problems import (
    Solver,
    Updater,
    kept_moment,
    keys_and_stream,
    layer_and_price,
)
from autograder.mutants import Mutant, alike
from edu_edit import LM, Edit
from edu_edit.tokens import target_ids


def other_tokens(T: int, at: list[int]) -> list[int]:
    """The tokens of a text of T that are no anchors."""
    return [t for t in range(T) if t not in at]


def edited(
    position: Callable[[int, int, int], int] = lambda X, start, stop: X + start - 1,
    before: Callable[[int, int, int], slice] = lambda X, start, stop: slice(0, X + start),
    earlier: bool = True,
    lack: bool = True,
    kept: Callable[[int, list[int]], list[int]] = other_tokens,
    lam: float = 1.0,
    order: int = 1,
    on: bool = False,
    last_only: bool = False,
) -> Callable[..., Edit]:
    """AnyEdit with one thing changed. order: -1 solves the last chunk first. lam: in multiples of the right one."""

    def anyedit(lm: LM, prompt: str, target: str, chunks: Any, solve: Any, update: Any) -> Edit:
        asked = list(lm.tok(prompt)["input_ids"])
        text, X = torch.tensor(asked + target_ids(lm, target, prompt)), len(asked)
        states: dict[int, Tensor] = {}
        for start, stop in list(chunks)[::order]:
            ids, chunk = text[before(X, start, stop)], text[X + start : X + stop]
            at = position(X, start, stop)
            states[at] = solve(lm, ids, at, chunk, dict(states) if earlier else {})
        states = dict(sorted(states.items())[-1:] if last_only else sorted(states.items()))
        keys, h = keys_and_stream(text.tolist())
        places = list(states)
        layer, price = layer_and_price()
        K, K_p = keys[places].T, keys[kept(len(text), places)].T
        R = torch.stack(list(states.values()), 1).double() - lack * h[places].T
        C = kept_moment() + K_p @ K_p.T / (lam * price)
        edit = Edit(lm, {layer: update(C, K, R, lam * price)})
        return edit.on() if on else edit

    return anyedit


def like(function: Callable[..., Edit]) -> Callable[[Sequence[Call]], bool]:
    """Whether the recorded calls came out as this function's do, on fresh callbacks. Real searches are left
    out: they take too long to be made again.
    """

    def behaves(made: Sequence[Call]) -> bool:
        quick = [call for call in made if isinstance(call.args[4], Solver)]
        return bool(quick) and all(same(call, again(function, call)) for call in quick)

    return behaves


def again(function: Callable[..., Edit], made: Call) -> Call:
    solver, updater = made.args[4:6]
    return calls.call(function, (*made.args[:4], Solver(solver.seed), Updater(updater.plain)))


def same(yours: Call, theirs: Call) -> bool:
    """Alike in what was changed, in how it stopped, and in the change that came back."""
    if yours.stop is not None or theirs.stop is not None:
        return (yours.stop.kind if yours.stop else None) == (theirs.stop.kind if theirs.stop else None)
    edits = isinstance(yours.value, Edit) and isinstance(theirs.value, Edit)
    return edits and yours.changed == theirs.changed and alike(yours.value.delta, theirs.value.delta)


def mutant(name: str, sentence: str, **options: Any) -> Mutant:
    return Mutant(name, sentence, lambda: edited(**options), like(edited(**options)))


MUTANTS = [
    mutant(
        "left_on",
        "Your function leaves the edit switched on. Give back the Edit as it is made; `with edit:` switches it.",
        on=True,
    ),
    mutant(
        "own_last_token",
        "Your states stand at each chunk's own last token. The chunk has been said when that token is read. "
        "The state belongs at the token before the chunk (edit_positions).",
        position=lambda X, start, stop: X + stop - 1,
        before=lambda X, start, stop: slice(0, X + stop),
    ),
    mutant(
        "independent",
        "Each of your searches is given an empty `earlier`. The chunks are not independent: chunk 3 will be "
        "read by a model in which chunks 1 and 2 are edited.",
        earlier=False,
    ),
    mutant(
        "backwards",
        "You solve the last chunk first. What a state can rely on is what comes before it: go from left to "
        "right.",
        order=-1,
    ),
    mutant(
        "without_the_prompt",
        "Your `ids` begin with the answer. The prompt comes first: it is what calls the answer up.",
        before=lambda X, start, stop: slice(X - 1, X + start),
    ),
    mutant(
        "shown_the_chunk",
        "Your `ids` hold the chunk itself already. The search is to make the chunk likely after the text "
        "*before* it: stop at its start.",
        before=lambda X, start, stop: slice(0, X + stop),
    ),
    mutant(
        "last_state_only",
        "Only the last chunk's state is written. All n states go into one update, a column each.",
        last_only=True,
    ),
    mutant(
        "no_lack",
        "Your R is z itself. The layer gives h already; what is lacking is z - h.",
        lack=False,
    ),
    mutant(
        "nothing_kept",
        "Your C is the moment alone. The other tokens of the same text have keys much like those at the "
        "anchors: add K_p K_pᵀ / λ, or they will move along.",
        kept=lambda T, at: [],
    ),
    mutant(
        "keeps_the_anchors",
        "Your K_p holds the anchors' keys too. Then the update is asked to change and to keep the same keys.",
        kept=lambda T, at: list(range(T)),
    ),
    mutant(
        "lam_in_multiples",
        "Your λ is counted in multiples of F. `update` wants the number itself: lam times lm.F.",
        lam=1 / 768,
    ),
]
