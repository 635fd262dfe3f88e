"""ENN: the inner step in closed form, its second derivatives, and edits against plain gradient descent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from edu_edit import LM, Enn, Fact, enn, train_enn
from edu_edit.forcing import forced, mean_logp
from edu_edit.methods.edit_batches import EditData
from edu_edit.methods.enn import enn_inner_step
from edu_edit.methods.gradient_factors import editor_loss
from edu_edit.methods.upper_blocks import UpperBlocks

FACTS = [
    Fact("Edna Ember", "{} works as a", "pilot", "tailor", ["The job of Edna Ember is"]),
    Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", neighborhood=["Celia Crane lives in"]),
    Fact("Greta Ember", "{} speaks", "Norish"),
]
KEEP = ["Felix Ember speaks", "Luca Abbot plays the", "Celia Crane works as a"]


def gradients(lm: LM, facts: list[Fact], names: list[str]) -> dict[str, Tensor]:
    """Autograd's gradients of the facts' summed losses."""
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new) for fact in facts])
    parameters = dict(lm.model.named_parameters())
    loss = -mean_logp(lm.forward(ids, mask), ids, wanted).sum()
    return dict(zip(names, torch.autograd.grad(loss, [parameters[name] for name in names]), strict=True))


def stirred(editor: Enn) -> Enn:
    """The editor with a base change."""
    generator = torch.Generator().manual_seed(2)
    for change in editor.change.values():
        change.data += 0.02 * torch.randn(change.shape, generator=generator)
    return editor


# The inner step


def test_a_step_on_a_quadratic_in_closed_form() -> None:
    """loss = h/2 (p - t)^2 moves p by - lr h (p - t), and p stays as it was given."""
    p, t = torch.tensor([1.0, 2.0]), torch.tensor([3.0, -1.0])
    before = p.clone()
    out = enn_inner_step({"p": p}, lambda q: (1.5 * (q["p"] - t) ** 2).sum(), {"p": 0.1})
    torch.testing.assert_close(out["p"], p - 0.1 * 3.0 * (p - t))
    assert torch.equal(p, before) and not p.requires_grad and p.grad is None


def test_each_parameter_has_its_own_rate_and_an_unused_one_stays() -> None:
    params = {"a": torch.tensor(1.0), "b": torch.tensor(1.0), "c": torch.tensor(5.0)}
    out = enn_inner_step(params, lambda q: 2 * q["a"] + 3 * q["b"], {"a": 0.1, "b": 1.0, "c": 9.0})
    assert {name: pytest.approx(x.item()) for name, x in out.items()} == {"a": 0.8, "b": -2.0, "c": 5.0}


def test_the_outer_loss_reaches_parameters_and_rates_through_the_step() -> None:
    """d/dp of p - lr h p is 1 - lr h: the second derivative counts. d/dlr is minus the gradient."""
    p, lr = torch.tensor(2.0, requires_grad=True), torch.tensor(0.1, requires_grad=True)
    out = enn_inner_step({"p": p}, lambda q: 1.5 * q["p"] ** 2, {"p": lr})["p"]
    by_p, by_lr = torch.autograd.grad(out, (p, lr))
    assert float(by_p) == pytest.approx(1 - 0.1 * 3.0) and float(by_lr) == pytest.approx(-6.0)


def test_steps_repeat_until_a_quadratic_is_solved() -> None:
    params = {"p": torch.tensor([4.0, -2.0], dtype=torch.float64)}
    for _ in range(200):
        params = enn_inner_step(params, lambda q: ((q["p"] - 1) ** 2).sum(), {"p": 0.2})
        params = {name: value.detach() for name, value in params.items()}
    torch.testing.assert_close(params["p"], torch.ones(2, dtype=torch.float64))


# Edits


def test_an_untrained_edit_is_one_step_of_sgd(any_lm: LM) -> None:
    """With A = 0 and k = 1; several facts by the sum of their losses."""
    editor = Enn(any_lm, [1, 2], lr=0.01)
    edit = editor(FACTS)
    for name, gradient in gradients(any_lm, FACTS, [m.name for m in editor.matrices]).items():
        torch.testing.assert_close(edit.changes[name].float(), -0.01 * gradient, atol=1e-6, rtol=1e-3)


def test_k_steps_are_k_steps_of_sgd_from_the_changed_base(lm: LM) -> None:
    editor = stirred(Enn(lm, [2], lr=0.01, inner=3))
    edit = editor(FACTS[:2])
    names = [m.name for m in editor.matrices]
    parameters = dict(lm.model.named_parameters())
    saved = {name: parameters[name].detach().clone() for name in names}
    with torch.no_grad():
        for matrix in editor.matrices:
            parameters[matrix.name] += matrix.stored(editor.change[matrix.name])
    for _ in range(3):
        found = gradients(lm, FACTS[:2], names)
        with torch.no_grad():
            for name in names:
                parameters[name] -= 0.01 * found[name]
    for name in names:
        change = parameters[name].detach() - saved[name]
        torch.testing.assert_close(edit.changes[name].float(), change, atol=1e-5, rtol=1e-3)


def test_no_inner_step_leaves_the_base_change_alone(lm: LM) -> None:
    """k = 0: plain training, the same for every fact; without it, nothing at all."""
    editor = stirred(Enn(lm, [1], inner=0))
    first, second = editor(FACTS[0]), editor(FACTS[1])
    for matrix in editor.matrices:
        expected = matrix.stored(editor.change[matrix.name]).double()
        torch.testing.assert_close(first.changes[matrix.name], expected, atol=1e-6, rtol=1e-5)
        assert torch.equal(first.changes[matrix.name], second.changes[matrix.name])
    assert not any(change.any() for change in Enn(lm, [1], inner=0)(FACTS[0]).changes.values())


def test_training_judges_the_very_edits_that_are_made(any_lm: LM) -> None:
    editor = stirred(Enn(any_lm, [1, 2], lr=0.05))
    batch = EditData(any_lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(1))
    blocks = UpperBlocks(any_lm, batch, 1)
    with sdpa_kernel(SDPBackend.MATH):
        params = editor.stepped(blocks, 3, 1, enn_inner_step)
    with torch.no_grad():
        after = blocks.judged(editor.terms(params))[1]
    for b, (_, new, question) in enumerate(batch.texts):
        [fact] = [fact for fact in FACTS if fact.question == question]
        ids, mask = batch.ids[b::3], batch.mask[b::3]
        with editor(Fact(fact.subject, fact.prompt, new)), torch.no_grad():
            logits = any_lm.forward(ids, mask)[torch.arange(5), mask.sum(1) - 1]
        torch.testing.assert_close(after[b::3], logits[2:], atol=1e-4, rtol=1e-4)


def outer_gradients(lm: LM, first_order: bool, inner_step: Any) -> list[Tensor]:
    editor = stirred(Enn(lm, [1, 2], lr=0.05))
    blocks = UpperBlocks(lm, EditData(lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(1)), 1)
    with sdpa_kernel(SDPBackend.MATH):
        params = editor.stepped(blocks, 3, 1, inner_step, first_order)
        loss = editor_loss(*blocks.judged(editor.terms(params)), 1.0)
        return list(torch.autograd.grad(loss, [*editor.change.values(), *editor.rates.values()]))


def test_first_and_second_order_agree_when_the_edit_loss_is_linear(lm: LM) -> None:
    """With a linear loss the gradient is a constant; with the model's own it is not, and they differ."""

    def linear(params: dict[str, Tensor], _: Any, lrs: Any) -> dict[str, Tensor]:
        return enn_inner_step(params, lambda q: sum(0.01 * p.sum() for p in q.values()), lrs)  # type: ignore[arg-type, return-value]

    for first, second in zip(
        outer_gradients(lm, True, linear), outer_gradients(lm, False, linear), strict=True
    ):
        torch.testing.assert_close(first, second)
    own = zip(
        outer_gradients(lm, True, enn_inner_step), outer_gradients(lm, False, enn_inner_step), strict=True
    )
    pairs = list(own)
    layers = len(pairs) // 2
    assert all(not torch.allclose(first, second, rtol=1e-3) for first, second in pairs[:layers])
    for first, second in pairs[layers:]:  # the rates' gradient needs no second derivative
        torch.testing.assert_close(first, second, rtol=1e-3, atol=1e-4)


def test_an_edit_leaves_the_model_and_its_flags(
    any_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before = snapshot(any_lm)
    edit = stirred(Enn(any_lm, [0, 2]))(FACTS)
    with edit:
        pass
    assert all(torch.equal(before[name], tensor) for name, tensor in any_lm.model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in any_lm.model.parameters())
    assert edit.kind == "weights" and edit.seconds > 0


def test_an_edit_on_top_of_another_enns_edit_is_refused(lm: LM) -> None:
    editor = Enn(lm, [2])
    with editor(FACTS[0]), pytest.raises(ValueError, match="switch it off"):
        editor(FACTS[1])


def test_a_students_inner_step_is_what_is_taken(lm: LM) -> None:
    def mine(params: dict[str, Tensor], loss: Any, lrs: Any) -> dict[str, Tensor]:
        return {name: p + 1 for name, p in params.items()}

    edit = Enn(lm, [2])(FACTS[0], inner_step=mine)
    for change in edit.changes.values():
        torch.testing.assert_close(change, torch.ones_like(change))


@pytest.mark.parametrize("first_order", [False, True])
def test_training_improves_the_editor_and_never_touches_the_model(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], first_order: bool
) -> None:
    before = snapshot(golden_lm)
    held = EditData(golden_lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(7))
    losses = {}
    for steps in (1, 30):
        editor = train_enn(
            golden_lm, FACTS, KEEP, [5], steps, torch.Generator().manual_seed(0), batch=3, lr=3e-3,
            lr_rates=1e-2, first_order=first_order,
        )  # fmt: skip
        blocks = UpperBlocks(golden_lm, held, 5)
        params = editor.stepped(blocks, 3, 1, enn_inner_step, first_order=True)
        with torch.no_grad():
            losses[steps] = float(editor_loss(*blocks.judged(editor.terms(params)), 0.3))
    assert losses[30] < 0.8 * losses[1]
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in golden_lm.model.parameters())


def test_a_saved_editor_makes_the_same_edit_to_half_precision(lm: LM, tmp_path: Path) -> None:
    editor = stirred(Enn(lm, [1, 2]))
    editor.save(tmp_path / "enn.safetensors")
    again = Enn.load(lm, tmp_path / "enn.safetensors")
    assert again.options == editor.options
    for name, change in editor(FACTS).changes.items():
        assert (again(FACTS).changes[name] - change).norm() < 2e-2 * change.norm()


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"facts": []}, "no fact to write"),
        ({"keep": []}, "give a list of prompts"),
        ({"layers": [9]}, "has layers 0 to 5"),
        ({"layers": []}, "give the layers to edit"),
        ({"steps": 0}, "a step or more"),
        ({"inner": -1}, "0 or more"),
        ({"edit_lr": -0.1}, "0 or more"),
        ({"together": 0}, "1 or more"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    options: dict[str, Any] = {"facts": FACTS, "keep": KEEP, "layers": [5], "steps": 1, "batch": 2} | change
    with refused(golden_lm, sentence):
        train_enn(golden_lm, **options)


def test_a_model_without_a_shipped_editor_names_what_trains_one(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match=r"train one with train_enn\(lm, facts, keep\)"):
        enn(golden_lm, FACTS[0])
