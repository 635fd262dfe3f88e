"""KE: its update by hand, the constraint's laws, and the batched pass against single edits."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from edu_edit import LM, Fact, Ke, ke, train_ke
from edu_edit.forcing import forced, mean_logp
from edu_edit.methods.edit_batches import EditData
from edu_edit.methods.gradient_factors import editor_loss, gradient_from_factors
from edu_edit.methods.ke import ascended, ke_lagrangian, narrowed_margin
from edu_edit.methods.ke_network import Bend, bent_factors, ke_update
from edu_edit.methods.upper_blocks import UpperBlocks, batch_factors, low_rank

FACTS = [
    Fact("Edna Ember", "{} works as a", "pilot", "tailor", ["The job of Edna Ember is"]),
    Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", neighborhood=["Celia Crane lives in"]),
    Fact("Greta Ember", "{} speaks", "Norish"),
]
KEEP = ["Felix Ember speaks", "Luca Abbot plays the", "Celia Crane works as a"]


def random_bend(facts: int, d_out: int, d_in: int) -> Bend:
    draw = torch.Generator().manual_seed(0)
    rows = [torch.randn(facts, d_out, generator=draw).softmax(-1) for _ in range(2)]
    columns = [torch.randn(facts, d_in, generator=draw) for _ in range(2)]
    return Bend(rows[0], columns[0], rows[1], columns[1], torch.rand(facts, 1, generator=draw))


def stirred(editor: Ke) -> Ke:
    """The editor away from its start, where shifts are zero and masks are even."""
    generator = torch.Generator().manual_seed(2)
    for parameter in editor.network.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return editor


def loss_of(lm: LM, fact: Fact) -> float:
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new)])
    with torch.no_grad():
        return -float(mean_logp(lm.forward(ids, mask), ids, wanted))


def test_update_entry_by_entry() -> None:
    grad, bend = torch.randn(3, 4), random_bend(2, 3, 4)
    found = ke_update(grad, bend, 1)
    for i in range(3):
        for j in range(4):
            masked = grad[i, j] * bend.row_a[1, i] * bend.column_a[1, j]
            expected = bend.scale[1, 0] * (masked + bend.row_b[1, i] * bend.column_b[1, j])
            torch.testing.assert_close(found[i, j], expected)


def test_bent_factors_multiply_to_the_update() -> None:
    """A rank-one mask on a sum of outer products is a scale on each factor."""
    x, delta, bend = torch.randn(2, 5, 4), torch.randn(2, 5, 3), random_bend(2, 3, 4)
    left, right = bent_factors(x, delta, bend)
    assert left.shape == (2, 6, 4) and right.shape == (2, 6, 3)
    for b in range(2):
        expected = ke_update(gradient_from_factors(x[b], delta[b]), bend, b)
        torch.testing.assert_close(gradient_from_factors(left[b], right[b]), expected)


def test_lagrangian_and_its_two_gradients() -> None:
    """Down in the network, up in alpha: the slope in alpha is what the constraint is violated by."""
    edit, kl = torch.tensor(2.0, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    alpha = torch.tensor(3.0, requires_grad=True)
    value = ke_lagrangian(edit, kl, 0.1, alpha)
    assert float(value.detach()) == pytest.approx(2.0 + 3.0 * 0.4)
    slopes = torch.autograd.grad(value, (edit, kl, alpha))
    assert [float(slope) for slope in slopes] == pytest.approx([1.0, 3.0, 0.4])


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0.001, 0.1), st.floats(0, 1))
def test_alpha_is_never_negative_and_grows_only_under_violation(
    alpha: float, kl: float, margin: float, lr: float
) -> None:
    after = ascended(alpha, kl, margin, lr)
    assert after >= 0 and (after >= alpha if kl >= margin else after <= alpha)


@pytest.mark.parametrize("steps", [1, 7, 200, 1000])
def test_the_margin_only_narrows_and_stays_within_its_ends(steps: int) -> None:
    margins = [narrowed_margin(step, steps) for step in range(steps)]
    assert margins[0] == 0.1 and min(margins) >= 1e-3
    assert all(a >= b for a, b in pairwise(margins))
    assert steps < 25 or margins[-1] == 1e-3


def test_no_scale_means_no_change(any_lm: LM) -> None:
    edit = stirred(Ke(any_lm, [1, 2], 8, max_scale=0.0))(FACTS)
    assert edit.changes and not any(change.any() for change in edit.changes.values())


def test_it_starts_as_a_small_step_downhill(any_lm: LM) -> None:
    """Before training the change is minus the gradient, each matrix on one scale of its own."""
    ids, mask, wanted, _ = forced(any_lm, [(FACTS[0].question, FACTS[0].target_new)])
    editor = Ke(any_lm, [2], 8, max_scale=1e-2, generator=torch.Generator().manual_seed(0))
    for head in editor.network.heads:
        head.weight.data.zero_()  # the same for every text
    edit = editor(FACTS[0])
    parameters = dict(any_lm.model.named_parameters())
    names = [m.name for m in editor.matrices]
    loss = -mean_logp(any_lm.forward(ids, mask), ids, wanted).sum()
    gradients = torch.autograd.grad(loss, [parameters[name] for name in names])
    for matrix, gradient in zip(editor.matrices, gradients, strict=True):
        step = 1e-2 * 0.5 / len(matrix.weight)  # max_scale sigma(0), spread over the rows
        torch.testing.assert_close(edit.changes[matrix.name].float(), -step * gradient, atol=1e-8, rtol=1e-3)
    before = loss_of(any_lm, FACTS[0])
    with edit:
        assert loss_of(any_lm, FACTS[0]) < before


def test_training_judges_the_very_edits_that_are_made(any_lm: LM) -> None:
    editor = stirred(Ke(any_lm, [1, 2], 8, max_scale=0.3))
    batch = EditData(any_lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(1))
    blocks = UpperBlocks(any_lm, batch, 1)
    modules = [m.module for m in editor.matrices]
    with torch.no_grad():
        factors = batch_factors(blocks, modules, 3)
        terms = {
            module: low_rank(*bent_factors(*pair, bend))
            for module, pair, bend in zip(modules, factors, editor.bends(batch.texts), strict=True)
        }
        after = blocks.judged(terms)[1]
    for b, (old, new, question) in enumerate(batch.texts):
        [fact] = [fact for fact in FACTS if fact.question == question]
        if fact.target_true is None:  # the batch has no old answer then, an edit asks the model
            continue
        ids, mask = batch.ids[b::3], batch.mask[b::3]
        with editor(Fact(fact.subject, fact.prompt, new, old)), torch.no_grad():
            logits = any_lm.forward(ids, mask)[torch.arange(5), mask.sum(1) - 1]
        torch.testing.assert_close(after[b::3], logits[2:], atol=1e-4, rtol=1e-4)


def test_the_text_decides_and_its_padding_does_not(lm: LM) -> None:
    editor = stirred(Ke(lm, [2], 8))
    short, long = ("a", "pilot", "Edna"), ("tailor", "pilot", "Felix Ember said that Edna Ember works as a")
    alone, beside = editor.bends([short]), editor.bends([short, long])
    for one, two in zip(alone, beside, strict=True):
        for part, parts in zip(one, two, strict=True):
            torch.testing.assert_close(part[0], parts[0])
            assert not torch.allclose(parts[0], parts[1])


def test_training_improves_the_editor_and_never_touches_the_model(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before = snapshot(golden_lm)
    held = EditData(golden_lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(7))
    losses = {}
    for steps in (1, 40):
        editor = train_ke(
            golden_lm, FACTS, KEEP, [4, 5], steps, torch.Generator().manual_seed(0), batch=3, hidden=8
        )
        blocks = UpperBlocks(golden_lm, held, 4)
        modules = [m.module for m in editor.matrices]
        with torch.no_grad():
            pairs = zip(modules, batch_factors(blocks, modules, 3), editor.bends(held.texts), strict=True)
            terms = {module: low_rank(*bent_factors(*pair, bend)) for module, pair, bend in pairs}
            losses[steps] = float(editor_loss(*blocks.judged(terms), 1.0))
    assert losses[40] < 0.7 * losses[1]
    assert min(editor.training["alphas"]) >= 0
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in golden_lm.model.parameters())


def test_a_students_lagrangian_is_what_is_minimised(lm: LM) -> None:
    seen: list[tuple[float, float]] = []

    def mine(loss_edit: Tensor, kl_keep: Tensor, margin: float, alpha: float) -> Tensor:
        seen.append((margin, alpha))
        return loss_edit

    train_ke(lm, FACTS, KEEP, [2], 3, batch=2, hidden=4, lagrangian=mine)
    assert seen[0] == (0.1, 1.0) and len(seen) == 3


def test_a_saved_editor_makes_the_same_edit_to_half_precision(lm: LM, tmp_path: Path) -> None:
    editor = stirred(Ke(lm, [1, 2], 8))
    editor.save(tmp_path / "ke.safetensors")
    again = Ke.load(lm, tmp_path / "ke.safetensors")
    assert again.options == editor.options
    for name, change in editor(FACTS).changes.items():
        assert (again(FACTS).changes[name] - change).norm() < 2e-2 * change.norm()


def test_several_facts_are_the_sum_of_their_edits(lm: LM) -> None:
    editor = stirred(Ke(lm, [2], 8, max_scale=0.1))
    together, alone = editor(FACTS), [editor(fact) for fact in FACTS]
    for name, change in together.changes.items():
        torch.testing.assert_close(change, sum(e.changes[name] for e in alone), atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"facts": []}, "no fact to write"),
        ({"keep": []}, "give a list of prompts"),
        ({"layers": [9]}, "has layers 0 to 5"),
        ({"layers": []}, "give the layers to edit"),
        ({"steps": 0}, "a step or more"),
        ({"hidden": 0}, "1 or more"),
        ({"max_scale": -1.0}, "0 or more"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    options: dict[str, Any] = {"facts": FACTS, "keep": KEEP, "layers": [5], "steps": 1, "batch": 2} | change
    with refused(golden_lm, sentence):
        train_ke(golden_lm, **options)


def test_a_model_without_a_shipped_editor_names_what_trains_one(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match=r"train one with train_ke\(lm, facts, keep\)"):
        ke(golden_lm, FACTS[0])


def test_half_precision_weights_are_edited_and_come_back(
    make_lm: Any, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    lm = make_lm("gpt2", dtype=torch.bfloat16)
    before = snapshot(lm)
    edit = stirred(Ke(lm, [1], 4))(FACTS[1])
    assert all(change.isfinite().all() and change.any() for change in edit.changes.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in lm.model.state_dict().items())
