"""anyedit.anyedit: a long answer written chunk by chunk, each searched with the earlier ones in place.

Judged by what `solve` and `update` are given, by the Edit's change, and once by what the model then says.
Invariants I-ANY-2 (one chunk is the editing of one token), I-ANY-5 and T-ANY-1, -2, -8 of AnyEdit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator

from autograder.claims import Claim, Student, at_least, close, equal, every
from autograder.gates import Refused
from autograder.judgement import Verdict
from autograder.lessons.anyedit.anyedit_mutants import MUTANTS
from autograder.lessons.anyedit.anyedit_problems import (
    SEARCH,
    Long,
    Solver,
    Updater,
    cut,
    drawn,
    kept_moment,
    keys_and_stream,
    layer_and_price,
    model,
    said_right,
)
from autograder.lessons.metrics.common import number
from autograder.sentences import say
from edu_edit import LM, Edit
from edu_edit.methods.memit import memit_update

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "USES_MODEL", "gate"]

USES_MODEL = True  # some forward passes, and one real search: a second or two per grading
ARGUMENTS = ("lm", "prompt", "target", "chunks", "solve", "update")


def gate(value: Any, lm: LM, *_: Any) -> Edit:
    """An Edit of this model, made anew from its delta."""
    if not isinstance(value, Edit):
        raise Refused(Verdict(False, type(value).__name__, "Edit(lm, {layer: Δ})", said=say("edit")))
    return Edit(lm, {at: delta.detach().clone() for at, delta in value.delta.items()})


def run(student: Student, long: Long, plain: bool = False) -> tuple[Edit, Solver, Updater]:
    """The student's edit with recording callbacks. plain: nothing beside the anchors is protected."""
    solver, updater = Solver(student.seed), Updater(kept_moment() if plain else None)
    edit = student(model(), long.prompt, long.target, long.chunks, solver, updater)
    return edit, solver, updater


def in_order(student: Student, g: Generator) -> Verdict:
    """Text before the chunk, its last position, the chunk: one call each, in order."""
    verdicts = []
    for n in (3, 4):
        long = drawn(g, n)
        _, solver, _ = run(student, long)
        verdicts += [
            equal(len(solver.asked), n, "calls of solve"),
            equal([at for _, at, _, _ in solver.asked], long.anchors, "positions"),
            equal([c for _, _, c, _ in solver.asked], [long.answer[a:b] for a, b in long.chunks], "chunks"),
            equal(
                [len(ids) for ids, _, _, _ in solver.asked], [at + 1 for at in long.anchors], "lengths of ids"
            ),
            equal([ids for ids, _, _, _ in solver.asked], [long.text[: at + 1] for at in long.anchors], "ids"),
        ]
    return every(*verdicts)


def edited_earlier(student: Student, g: Generator) -> Verdict:
    """Every search is given the states of all chunks before it, and of no other."""
    long = drawn(g, 4)
    _, solver, _ = run(student, long)
    again = Solver(student.seed)
    states: dict[int, torch.Tensor] = {}
    for (a, b), at in zip(long.chunks, long.anchors, strict=True):
        answer = torch.tensor(long.answer[a:b])
        states[at] = again(model(), torch.tensor(long.text[: at + 1]), at, answer, dict(states))
    found = [sorted(earlier) for _, _, _, earlier in solver.asked]
    named = equal(found, [sorted(earlier) for _, _, _, earlier in again.asked], "positions of earlier states")
    if not named.kept:
        return named
    mine, wanted = (torch.stack(list(each.asked[-1][3].values())) for each in (solver, again))
    return close(mine, wanted, 1e-5, "earlier states of the last search")


def keys_and_lack(student: Student, g: Generator) -> Verdict:
    """K: the keys at the anchors. R: the states less the stream there. λ in absolute terms."""
    long = drawn(g, 3)
    _, solver, updater = run(student, long)
    if not updater.asked:
        return Verdict(False, "update was not called", "one call of update")
    keys, h = keys_and_stream(long.text)
    again = Solver(student.seed)
    Z = torch.stack([again(model(), torch.tensor(i), p, torch.tensor(c), e) for i, p, c, e in solver.asked])
    _, K, R, lam = updater.asked[-1]
    if K.shape != (keys.shape[1], 3) or R.shape != (h.shape[1], 3):
        came = f"K {tuple(K.shape)}, R {tuple(R.shape)}"
        return Verdict(False, came, f"K (F, n) = {(keys.shape[1], 3)}, R (D, n) = {(h.shape[1], 3)}")
    order = torch.tensor(long.anchors).argsort()
    return every(
        close(K, keys[long.anchors][order].T, 1e-4, "K"),
        close(R, (Z.double() - h[long.anchors])[order].T, 1e-4, "R"),
        close(torch.tensor(lam), torch.tensor(layer_and_price()[1]), 1e-6, "λ"),
    )


def keeps_the_rest(student: Student, g: Generator) -> Verdict:
    """C for the update: the moment, plus the keys of all tokens that are no anchors, over λ."""
    long = drawn(g, 3)
    _, _, updater = run(student, long)
    if not updater.asked:
        return Verdict(False, "update was not called", "one call of update")
    keys, _ = keys_and_stream(long.text)
    others = keys[long.others].T
    return close(updater.asked[-1][0], kept_moment() + others @ others.T / layer_and_price()[1], 1e-4, "C")


def gives_the_change(student: Student, g: Generator) -> Verdict:
    """The Edit holds what `update` gave, at the layer, and nothing else."""
    long = drawn(g, 3)
    edit, _, updater = run(student, long)
    layer, _ = layer_and_price()
    if list(edit.delta) != [layer] or not updater.asked:
        return Verdict(False, f"layers {sorted(edit.delta)}", f"layers [{layer}]")
    return close(edit.delta[layer], memit_update(*updater.asked[-1]), 1e-4, "Δ")


def one_chunk(student: Student, g: Generator) -> Verdict:
    """Closed form: at the prompt's last token Δ k = (z - h) s / (s + λ), s = kᵀ C⁻¹ k; rank one."""
    long = cut(g, [(0, number(g, 9, 16))])
    edit, _, _ = run(student, long, plain=True)
    layer, lam = layer_and_price()
    if list(edit.delta) != [layer]:
        return Verdict(False, f"layers {sorted(edit.delta)}", f"layers [{layer}]")
    keys, h = keys_and_stream(long.asked)
    k = keys[-1]
    u = torch.linalg.solve(kept_moment(), k)
    z = Solver(student.seed)(
        model(), torch.tensor(long.asked), len(long.asked) - 1, torch.tensor(long.answer), {}
    )
    s = float(k @ u)
    wanted = torch.outer(z.double() - h[-1], u) / (s + lam)
    return close(edit.delta[layer], wanted, 1e-3, "Δ of one chunk")


def overlapping(student: Student, g: Generator) -> Verdict:
    """Chunks that share tokens: the text before a chunk ends where it begins, inside its predecessor."""
    long = drawn(g, 4, overlap=True)
    edit, solver, updater = run(student, long)
    keys, _ = keys_and_stream(long.text)
    return every(
        equal([at for _, at, _, _ in solver.asked], long.anchors, "positions"),
        equal([len(ids) for ids, _, _, _ in solver.asked], [at + 1 for at in long.anchors], "lengths of ids"),
        equal([c for _, _, c, _ in solver.asked], [long.answer[a:b] for a, b in long.chunks], "chunks"),
        close(updater.asked[-1][1], keys[long.anchors].T, 1e-4, "K"),
    )


def says_it(student: Student, g: Generator) -> Verdict:
    """A real search and MEMIT's closed form: of the tokens that were wrong before, most become right."""
    for _ in range(20):
        long = cut(g, [(0, 6), (6, 12), (12, 18)])
        before = said_right(long)
        if (~before).sum() >= 5:
            break
    edit = student(model(), long.prompt, long.target, long.chunks, SEARCH, memit_update)
    with edit:
        after = said_right(long)
    reached = float(after[~before].double().mean())
    return at_least(reached, 0.6, f"share of the {int((~before).sum())} wrong tokens that become right")


CLAIMS = (
    Claim(
        "in order",
        "`solve` is asked once for each chunk, in order: the text before it, its last position, the chunk",
        "ids are the prompt and the answer up to the chunk's start; position is the last of them.",
        in_order,
        open=True,
    ),
    Claim(
        "edited earlier",
        "Each search is given the states of all chunks before it: later chunks see the edited text",
        "Collect the states, {position: z}, and hand what you have so far to the next search as `earlier`.",
        edited_earlier,
        open=True,
    ),
    Claim(
        "keys and lack",
        "`update` gets the keys K at the positions, what is lacking there R = z - h, and λ",
        "K is (F, n), R is (D, n), one column per chunk, read from the unedited model on prompt and answer.",
        keys_and_lack,
        open=True,
    ),
    Claim(
        "keeps the rest",
        "The keys of all other tokens of the text are kept: they are added to C, divided by λ",
        "C for the update is moment + K_p K_pᵀ / λ, with K_p the keys at all tokens that are no positions.",
        keeps_the_rest,
    ),
    Claim(
        "gives the change",
        "The Edit holds the change that `update` gave, at that layer, and is switched off",
        "Give back Edit(lm, {layer: Δ}) with Δ from `update`.",
        gives_the_change,
    ),
    Claim(
        "one chunk",
        "An answer in one chunk is the editing of one token, the prompt's last",
        "With one chunk Δ should be (z - h) uᵀ / (s + λ), with k, h and z at the prompt's last token.",
        one_chunk,
    ),
    Claim(
        "overlapping",
        "Chunks that share tokens are searched from where they begin",
        "With an overlap, use each chunk's own start: the text before it is shorter than its predecessor's end.",
        overlapping,
    ),
    Claim(
        "says it",
        "With a real search, the edited model finds the new answer's tokens",
        "With your edit on, too few of the answer's tokens have become the likeliest.",
        says_it,
    ),
)

HINTS = (
    "Two halves. First a loop over the chunks that collects states; no weight moves in it. Then one update for "
    "all of them, as in MEMIT. What does `solve` need to know about the chunks before?",
    "text = all token ids as one tensor. For each chunk: solve(lm, text[: X + start], position, text[X + start "
    ": X + stop], dict(states)), and put the result into states. Then keys, h = read(lm, text, layer); K from "
    "the rows at the positions, K_p from all other rows, R = Z - h at the positions, C = moment + K_p K_pᵀ / λ.",
    "for (start, stop), position in zip(chunks, pieces.edit_positions(X, chunks)):\n"
    "    states[position] = solve(lm, ..., position, ..., dict(states))\n"
    "keys, h = read(lm, text, layer)\n"
    "at = list(states)\n"
    "others = [t for t in range(len(text)) if ...]\n"
    "K, K_p = keys[at].T, ...\n"
    "R = torch.stack(list(states.values()), 1) - ...\n"
    "C = moment(lm, layer).double() + ...\n"
    "return Edit(lm, {layer: update(C, K, R, lam)})",
)

EXPLANATION = (
    "The loop is the autoregressive half: chunk n is searched after the text up to it, in a model in which the "
    "states of chunks 1 to n - 1 are in place. The second half is MEMIT's, with one key per chunk.",
    "Keys of the same text are much alike. Without K_p in C the change would also move the tokens between the "
    "anchors, and with them the text that the next anchor reads.",
    "Ours also spreads the residual over several layers, writes several texts at once, and reads sentences or "
    "windows itself.",
)

STUB = '''def anyedit(
    lm, prompt: str, target: str, chunks: list[tuple[int, int]], solve: Callable, update: Callable
) -> Edit:
    """The edit that makes the model continue the prompt with a long target, written chunk by chunk.

    chunks: (start, stop), counted in the target's tokens.
    solve(lm, ids, position, target_ids, earlier) -> z (D,): the state that calls a chunk up. ids: the tokens
    before the chunk, prompt first; position: where z will stand, the last of them; target_ids: the chunk's;
    earlier: {position: z} of the chunks before it. ids and target_ids are tensors.
    update(C, K, R, lam) -> Δ (D, F): writes all states at once. K (F, n): keys at the positions; R (D, n): z
    less the stream h there; C (F, F): the layer's moment plus K_p K_pᵀ / lam, K_p the keys of all other tokens
    of prompt and target.
    Keys and stream are those of the unedited model, after the layer that `settings(lm)` gives with lam.
    Returns Edit(lm, {layer: Δ}), switched off.
    """
    raise NotImplementedError("Your code here")
'''
