"""memit.memit: many facts, several layers, one Edit, judged by `Edit.delta` and by the model inside `with edit`.

The problems are groups of three facts of the Atlas world that the bundled model knows.
"""

from __future__ import annotations

from typing import Any

import torch

from autograder.claims import Claim, Student, at_least, at_most, every
from autograder.gates import Refused
from autograder.judgement import Verdict
from autograder.lessons.memit.memit_mutants import MUTANTS
from autograder.lessons.memit.memit_problems import (
    GROUP,
    THREE,
    TWO,
    Step,
    known_group,
    spread_error,
    steps,
    within,
)
from autograder.lessons.rome.rome_problems import model
from autograder.sentences import say
from edu_edit import LM, Edit, Fact, evaluate
from edu_edit.metrics import same_answer

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "USES_MODEL", "gate"]

USES_MODEL = True  # seconds per answer
ARGUMENTS = ("lm", "facts", "layers")


def gate(value: Any, lm: LM, facts: list[Fact], layers: tuple[int, ...]) -> Edit:
    """An Edit of this model, made anew from its delta."""
    if not isinstance(value, Edit):
        raise Refused(
            Verdict(False, type(value).__name__, "Edit(lm, {layer: Δ, ...})", said=say("edit"))
        )
    return Edit(lm, {at: delta.detach().clone() for at, delta in value.delta.items()})


def moved(lm: LM, edit: Edit, facts: list[Fact]) -> Verdict:
    """Whether the edit is about these facts at all: with it on, new objects are more likely than old ones."""
    return at_least(evaluate(lm, edit, facts).after["ES"].value, 0.99, "efficacy ES of the three facts")


def edited(student: Student, place: int, layers: tuple[int, ...]) -> tuple[LM, list[Fact], Edit]:
    lm, facts = model(), known_group(student.seed, place)
    return lm, facts, student(lm, facts, layers)


def new_answers(student: Student, g: torch.Generator) -> Verdict:
    lm, facts, edit = edited(student, 0, TWO)
    with edit:
        said = [lm.answer(fact.question) for fact in facts]
    wrong = [i for i in range(GROUP) if not same_answer(said[i], facts[i].target_new)]
    i = wrong[0] if wrong else 0
    right = f"{facts[i].question} … {facts[i].target_new}"
    return Verdict(not wrong, f"{facts[i].question} … {said[i]}", f"{right}, and so for all {GROUP} facts")


def layers_asked_for(student: Student, g: torch.Generator) -> Verdict:
    """Other layers than the default ones; no rank above the number of facts, and none below it."""
    lm, facts, edit = edited(student, 1, THREE)
    if sorted(edit.delta) != list(THREE):
        return Verdict(False, f"layers {sorted(edit.delta)}", f"layers {list(THREE)}")
    sigmas = [torch.linalg.svdvals(edit.delta[layer].double()) for layer in THREE]
    beyond = max(float(s[GROUP] / s[0]) for s in sigmas)
    flat = at_most(beyond, 1e-3, f"singular value {GROUP + 1} of Δ, as a share of the first", "0: rank 3")
    return every(moved(lm, edit, facts), flat)


def walk(student: Student, place: int, layers: tuple[int, ...]) -> tuple[Verdict, list[Step]]:
    """Whether the edit is about the facts and its layers are those asked for, and what it does at each."""
    lm, facts, edit = edited(student, place, layers)
    if sorted(edit.delta) != list(layers):
        return Verdict(False, f"layers {sorted(edit.delta)}", f"layers {list(layers)}"), []
    about = moved(lm, edit, facts)
    return about, steps(lm, tuple(facts), edit) if about.kept else []


def keys_read_again(student: Student, g: torch.Generator) -> Verdict:
    """λ Δ C = (R - ΔK) Kᵀ: the rows of Δ C lie in the span of the keys that were used."""
    about, found = walk(student, 0, TWO)
    if not found:
        return about
    top = found[-1]
    old = within(top.change @ top.C, top.before)
    new = within(top.change @ top.C, top.keys)
    return at_least(new, old, "share of Δ C in the span of the keys read again", f"more than {old:.3f}")


def residual_spread(student: Student, g: torch.Generator) -> Verdict:
    about, found = walk(student, 1, THREE)
    if not found:
        return about
    return at_most(spread_error(found), 0.2, "distance of the shares from (z - h) / layers left", "0")


def weighed_by_C(student: Student, g: torch.Generator) -> Verdict:
    about, found = walk(student, 0, TWO)
    if not found:
        return about
    turned = [within(step.change @ step.C, step.keys) for step in found]
    j = turned.index(min(turned))
    step = found[j]
    rivals = [within(step.change, step.keys)]  # C = I, and the moments of the other layers
    rivals += [within(step.change @ other.C, step.keys) for other in found if other is not step]
    share = f"share of Δ C in the span of the keys, layer {TWO[j]}"
    return at_least(turned[j], max(rivals), share, f"more than with any other C, {max(rivals):.3f}")


def paraphrases(student: Student, g: torch.Generator) -> Verdict:
    lm, facts, edit = edited(student, 0, TWO)
    share = evaluate(lm, edit, facts).after["PS"].value
    return every(
        moved(lm, edit, facts),
        at_least(share, 0.5, "share of paraphrases where the new object is more likely"),
    )


def neighbours(student: Student, g: torch.Generator) -> Verdict:
    lm, facts, edit = edited(student, 1, THREE)
    share = evaluate(lm, edit, facts).after["NS"].value
    return every(moved(lm, edit, facts), at_least(share, 0.6, "share of neighbours that keep their object"))


CLAIMS = (
    Claim(
        "new answers",
        "Inside `with edit`, the model gives the new answer to all three facts",
        "With your edit on, the model does not say all the new objects.",
        new_answers,
        open=True,
    ),
    Claim(
        "layers",
        "The edit changes the layers that were asked for, each by a change of rank 3 at most",
        "The edit should be Edit(lm, {layer: Δ, ...}) with one Δ from memit_update for each layer.",
        layers_asked_for,
        open=True,
    ),
    Claim(
        "keys read again",
        "The keys of an upper layer are read with the layers below edited already",
        "An upper layer was changed for keys that it no longer sees. Read them inside `with Edit(lm, changes)`.",
        keys_read_again,
        open=True,
    ),
    Claim(
        "residual spread",
        "Each layer gets an equal share of what is lacking still",
        "The shares are not (z - h) / layers left. Is h read again for every layer, and lam what was asked for?",
        residual_spread,
        open=True,
    ),
    Claim(
        "old keys",
        "Each layer is weighed by its own second moment C",
        "A change was solved with another C than its layer's own. Take `moment(lm, layer)` anew in every round.",
        weighed_by_C,
        open=True,
    ),
    Claim(
        "paraphrases",
        "Other wordings of the questions get the new objects too",
        "The edit holds for one wording only. Are the keys averaged over the prefixes?",
        paraphrases,
    ),
    Claim(
        "neighbours",
        "Other subjects keep their objects",
        "Other subjects have moved along. Is C each layer's second moment, and λ in multiples of F?",
        neighbours,
    ),
)

HINTS = (
    "One loop over the layers, from below to above. What has to be read again each time round, because the "
    "layers below have changed?",
    "Before the loop: what the stream is to gain, `wanted(lm, facts, layers[-1])`. In the loop, inside `with "
    "Edit(lm, changes)`: K, h = keys_and_stream(...). At the first layer z = h + gain. Then R from "
    "spread_residual, Δ from memit_update, and changes[layer] = Δ.",
    "gain, changes = wanted(lm, facts, layers[-1]), {}\n"
    "for j, layer in enumerate(layers):\n"
    "    with Edit(lm, changes):\n"
    "        K, h = keys_and_stream(lm, facts, layer, layers[-1])\n"
    "    if j == 0:\n"
    "        z = ...\n"
    "    R = pieces.spread_residual(z, h, ...)\n"
    "    changes[layer] = pieces.memit_update(moment(lm, layer), ..., ..., ...)\n"
    "return Edit(lm, changes)",
)

EXPLANATION = (
    "The values are searched once, on the unchanged model. Keys and stream are read again at every layer: a "
    "change below alters what the layers above it see, and how much is lacking still.",
    "The last layer divides by 1 and takes all that is left, so a layer that wrote too little is made up for.",
    "Nothing is switched on when the function ends: the Edits inside it were `with` blocks.",
)

STUB = '''def memit(lm, facts: list[Fact], layers: Sequence[int] | None = None) -> Edit:
    """The edit that writes all facts at once, spread over several layers.

    facts: best each about another subject, see "Facts that meet". layers: which to edit, from below to above (None: the model's own).
    For each layer: read keys and stream with the layers below edited, take its share of what is lacking, and
    find its change with C of that layer and λ = lam F. `spread_defaults(lm.name, lm.n_layers)` has `.layers` and `.lam`.
    Returns Edit(lm, {layer: Δ (D, F)}), switched off: the model itself is not changed.
    """
    raise NotImplementedError("Your code here")
'''
