"""rome.rome: the whole edit, (5.15) to (5.21), judged by `Edit.delta` and by the model inside `with edit`.

The problems are facts of the Atlas world that the bundled model knows; the metrics are those of lesson 02.
"""

from __future__ import annotations

from typing import Any

import torch

from autograder.claims import Claim, Student, at_least, at_most, every
from autograder.gates import Refused
from autograder.judgement import Verdict
from autograder.lessons.rome.rome_mutants import MUTANTS
from autograder.lessons.rome.rome_problems import SHIFT, known_fact, likeness, mean_move, model, shifted_bias
from autograder.sentences import say
from edu_edit import LM, Edit, Fact, evaluate
from edu_edit.metrics import same_answer

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "USES_MODEL", "gate"]

USES_MODEL = True  # seconds per answer
ARGUMENTS = ("lm", "fact", "layer")


def gate(value: Any, lm: LM, fact: Fact, layer: int) -> Edit:
    """An Edit of this model, made anew from its delta."""
    if not isinstance(value, Edit):
        raise Refused(Verdict(False, type(value).__name__, "Edit(lm, {layer: Δ})", said=say("edit")))
    return Edit(lm, {at: delta.detach().clone() for at, delta in value.delta.items()})


def says_it(lm: LM, edit: Edit, fact: Fact) -> Verdict:
    """Whether the model inside `with edit` answers with the new object."""
    with edit:
        said = lm.answer(fact.question)
    return Verdict(same_answer(said, fact.target_new), f"{fact.question} … {said}", f"… {fact.target_new}")


def moved(lm: LM, edit: Edit, fact: Fact) -> Verdict:
    """Whether the edit is about this fact at all: with it on, the new object is more likely than the old
    one (ES).
    """
    return at_least(evaluate(lm, edit, fact).after["ES"].value, 1.0, "efficacy ES")


def new_answer(student: Student, g: torch.Generator) -> Verdict:
    lm, fact = model(), known_fact(student.seed, 0)
    return says_it(lm, student(lm, fact, lm.default_layer), fact)


def one_matrix(student: Student, g: torch.Generator) -> Verdict:
    """Another layer than the default one, so that `layer` matters."""
    lm, fact = model(), known_fact(student.seed, 0)
    layer = lm.default_layer - 1
    edit = student(lm, fact, layer)
    if list(edit.delta) != [layer]:
        return Verdict(False, f"layers {sorted(edit.delta)}", f"layers [{layer}]")
    sigma = torch.linalg.svdvals(edit.delta[layer].double())
    flat = at_most(
        float(sigma[1]),
        1e-3 * float(sigma[0]),
        "second singular value of Δ",
        "rank one: at most 0.001 of the first",
    )
    return every(moved(lm, edit, fact), flat)


def second_fact(student: Student) -> tuple[LM, Fact, Edit, int]:
    lm, fact = model(), known_fact(student.seed, 1)
    return lm, fact, student(lm, fact, lm.default_layer), lm.default_layer


def paraphrases(student: Student, g: torch.Generator) -> Verdict:
    lm, fact, edit, _ = second_fact(student)
    share = evaluate(lm, edit, fact).after["PS"].value
    return every(
        moved(lm, edit, fact),
        at_least(share, 0.5, "share of paraphrases where the new object is more likely"),
    )


def neighbours(student: Student, g: torch.Generator) -> Verdict:
    lm, fact, edit, _ = second_fact(student)
    share = evaluate(lm, edit, fact).after["NS"].value
    return every(moved(lm, edit, fact), at_least(share, 0.6, "share of neighbours that keep their object"))


def spares_old_keys(student: Student, g: torch.Generator) -> Verdict:
    """Δ's row vector is u = C^-1 k_*, so C u looks like the subject's key, and u itself does not."""
    lm, fact, edit, layer = second_fact(student)
    as_it_is, times_C = likeness(lm, fact, layer, edit)
    turned = at_least(
        times_C, as_it_is, "cosine of C u and the subject's key", f"more than that of u, {as_it_is:.4g}"
    )
    return every(moved(lm, edit, fact), turned)


def bias_taken_off(student: Student, g: torch.Generator) -> Verdict:
    """The same model with SHIFT in every entry of b_out: Δ must not try to make the bias once more."""
    lm, fact = shifted_bias(), known_fact(student.seed, 0)
    edit = student(lm, fact, lm.default_layer)
    return every(
        moved(lm, edit, fact),
        at_most(abs(mean_move(edit, lm, fact)), SHIFT / 2, "mean entry of Δ k_* when b_out is raised by 100"),
    )


CLAIMS = (
    Claim(
        "new answer",
        "Inside `with edit`, the model gives the new answer",
        "With your edit on, the model does not say the new object.",
        new_answer,
        open=True,
    ),
    Claim(
        "one matrix",
        "The edit is one change of rank one, at the layer that was asked for",
        "The edit should be Edit(lm, {layer: Δ}) with Δ from rank_one_update.",
        one_matrix,
        open=True,
    ),
    Claim(
        "paraphrases",
        "Other wordings of the question get the new object too",
        "The edit holds for one wording only. Is the key read at the subject's last token, and averaged "
        "over prefixes?",
        paraphrases,
    ),
    Claim(
        "neighbours",
        "Other subjects keep their objects",
        "Other subjects have moved along. Is C the layer's second moment, and is v kept close to v_0?",
        neighbours,
    ),
    Claim(
        "spares old keys",
        "Δ's row vector is C^-1 times the subject's key, which spares old keys (5.19)",
        "Δ's row vector does not look like C^-1 k_*: use the layer's second moment as C.",
        spares_old_keys,
    ),
    Claim(
        "bias taken off",
        "v_* is what W_out itself must give: the output bias is taken off",
        "W_out k_* + b_out is the layer's output. Pass v - b_out to rank_one_update where there is a bias.",
        bias_taken_off,
        open=True,
    ),
)


HINTS = (
    "Five steps, four of them yours already: key, value, bias off, update, and an Edit around the result.",
    'Record Site("key", layer) for the prompt with and without prefixes and give it to subject_key. v0 is '
    "the layer's output at the subject's last token on the plain prompt. loss_of(v) runs the prompts with "
    "that output replaced (intervene) and ends in value_loss. Then rank_one_update(W_out, moment(lm, "
    "layer), k_star, v - b_out).",
    "k_star = subject_key(keys, last)\n"
    "v = optimise_value(loss_of, v0, steps, lr, clamp)\n"
    "ffn = lm.ffn(layer)\n"
    "v_star = v if ffn.b_out is None else ...\n"
    "delta = rank_one_update(ffn.W_out.detach(), moment(lm, layer), ..., ...)\n"
    "return Edit(lm, {layer: ...})",
)

EXPLANATION = (
    "Key and value are found on the unchanged model; only the Edit, once it is on, changes a weight, and "
    "switching it off puts the saved copy back.",
    "v is the layer's whole output, so the bias is taken off before (5.21). C is the moment of the same "
    "layer, collected on ordinary text before any edit.",
)

STUB = '''def rome(lm, fact: Fact, layer: int | None = None) -> Edit:
    """The whole of ROME: find key and value of one fact, insert the pair, and give back the change as an
    Edit.

    (5.15) to (5.21), with subject_key, value_loss, optimise_value and rank_one_update as you wrote them.
    lm: the model; fact: subject, prompt with {}, target_new; layer: where to edit (None: lm.default_layer).
    Returns Edit(lm, {layer: Δ}) with Δ (D, F), switched off: the model itself is not changed.
    """
    raise NotImplementedError("Your code here")
'''
