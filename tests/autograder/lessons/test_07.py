"""Lesson 07: its list, and that what its prose says of the bundled model is so."""

import pytest
import torch

from autograder import EXERCISES, grade
from edu_edit import Mend, load
from edu_edit.loading import BUNDLED
from edu_edit.methods.gradient_factors import gradient_factors
from edu_edit.methods.upper_blocks import ffn_matrices
from edu_edit.show.gradient_figures import gradient_rank
from edu_edit.show.microscope_widget import loss_of_fact
from edu_edit.world.splits import held_out, training_facts

bundled = pytest.mark.skipif(not (BUNDLED / "atlas-gpt2" / "mend.safetensors").is_file(), reason="no editor")


def test_the_list_of_lesson_07_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "07_mend"}
    assert points == {
        "mend.gradient_factors": 4,
        "mend.gradient_from_factors": 2,
        "mend.editor_size": 1,
        "mend.mend_update": 2,
        "mend.editor_loss": 3,
        "enn.enn_inner_step": 4,
        "ke.ke_lagrangian": 2,
    }


def test_right_answers_in_another_style_earn_full_marks() -> None:
    """A backward hook on the module, einsum, a clone of the parameters that stays connected."""

    def by_backward_hook(layer, loss_fn):
        kept = {}
        hooks = [
            layer.register_forward_hook(lambda _, args, out: kept.update(x=args[0])),
            layer.register_full_backward_hook(lambda _, into, out: kept.update(delta=out[0])),
        ]
        before = [(p, p.grad) for p in layer.parameters()]
        loss_fn().backward()
        for hook in hooks:
            hook.remove()
        for p, grad in before:
            p.grad = grad
        return kept["x"].flatten(0, 1), kept["delta"].flatten(0, 1)

    def connected(params, loss, lrs):
        own = {name: p.clone() for name, p in params.items()}
        grads = torch.autograd.grad(loss(own), list(own.values()), create_graph=True, allow_unused=True)
        return {
            name: p if grad is None else p - lrs[name] * grad
            for (name, p), grad in zip(own.items(), grads, strict=True)
        }

    assert grade("mend.gradient_factors", by_backward_hook) == 4
    assert grade("enn.enn_inner_step", connected) == 4
    assert grade("mend.gradient_from_factors", lambda x, delta: torch.einsum("ti,tj->ij", delta, x)) == 2


@bundled
def test_ranks_of_the_bundled_model_stay_below_the_bound() -> None:
    lm = load("atlas-gpt2")
    fact = next(fact for fact in training_facts() if fact.subject == "zebra")
    for where in ("all", "last"):
        words, loss = loss_of_fact(lm, fact, where)
        for layer in range(lm.n_layers):
            for matrix in ffn_matrices(lm, [layer]):
                rank, heard = gradient_rank(*gradient_factors(matrix.module, loss))
                assert rank <= heard <= len(words) - 1
                if where == "last":
                    assert rank == 1 if layer == lm.n_layers - 1 else rank > 1


@bundled
def test_the_shipped_editor_has_seen_no_subject_that_is_held_out() -> None:
    assert not any(map(held_out, training_facts()))
    training = Mend.load(load("atlas-gpt2"), BUNDLED / "atlas-gpt2" / "mend.safetensors").training
    assert training["facts"] == len(training_facts()) and training["steps"] == 300
