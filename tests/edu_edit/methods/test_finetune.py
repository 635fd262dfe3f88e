"""Fine-tuning: against torch's own cross-entropy and optimiser, and the ball of FT-L."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Fact
from edu_edit.methods.finetune import finetune, project_linf
from edu_edit.rebuilding import down_parameter
from edu_edit.tokens import encode, target_ids

FACTS = [
    Fact("Felix Ember", "{} lives in", "New Harbor"),
    Fact("Irma Crane", "The language of {} is", "Elvan"),
]


def test_updates_are_those_of_plain_torch(golden_lm: LM) -> None:
    """Adam on the masked cross-entropy of transformers' own labels, one matrix, three steps."""
    edit = finetune(golden_lm, FACTS[0], layer=2, steps=3, lr=1e-2)
    weight = dict(golden_lm.model.named_parameters())[down_parameter(golden_lm, 2)[0]]
    prompt = encode(golden_lm, FACTS[0].prompt, FACTS[0].subject).ids
    ids = torch.tensor([prompt + target_ids(golden_lm, "New Harbor")])
    labels = ids.clone()
    labels[0, : len(prompt)] = -100
    before = weight.detach().clone()
    adam = torch.optim.Adam([weight], lr=1e-2)
    for _ in range(3):
        adam.zero_grad()
        golden_lm.model(input_ids=ids, labels=labels).loss.backward()
        adam.step()
    change = (weight.detach() - before).double()
    [delta] = edit.changes.values()
    torch.testing.assert_close(delta.double(), change, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize("layer", [2, "all"])
def test_every_token_of_every_answer_is_learned_and_undo_is_exact(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], layer: int | str
) -> None:
    before = snapshot(golden_lm)
    edit = finetune(golden_lm, FACTS, layer=layer, steps=60, lr=1e-2 if layer == 2 else 1e-3, until=0.9)  # type: ignore[arg-type]
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert edit.record["steps"] < 60
    with edit:
        assert golden_lm.answer("Felix Ember lives in").startswith("New Harbor")
        assert golden_lm.answer("The language of Irma Crane is").startswith("Elvan")
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())


def test_the_ball_holds_every_weight(golden_lm: LM) -> None:
    edit = finetune(golden_lm, FACTS, layer=2, steps=10, lr=1e-1, linf=3e-3)
    [delta] = edit.changes.values()
    assert delta.abs().max() <= 3e-3 * (1 + 1e-4) and delta.abs().max() > 2.9e-3


def test_projection_is_the_nearest_point_of_the_ball_and_writes_nothing() -> None:
    w0, w = torch.randn(4, 3), torch.randn(4, 3)
    kept = w.clone()
    out = project_linf(w, w0, 0.2)
    assert (out - w0).abs().max() <= 0.2 + 1e-7 and torch.equal(w, kept)
    for _ in range(50):
        other = w0 + 0.4 * torch.rand(4, 3) - 0.2
        assert (other - w).norm() >= (out - w).norm() - 1e-6
    assert torch.equal(project_linf(w0, w0, 0.2), w0)


def test_an_interrupted_training_leaves_the_model_as_it_was(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(golden_lm)

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.optim.Adam, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        finetune(golden_lm, FACTS, layer=2)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())


@pytest.mark.parametrize("change", [{"steps": 0}, {"linf": 0.0}, {"layer": 17}])
def test_settings_out_of_range_are_refused(golden_lm: LM, change: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        finetune(golden_lm, FACTS, **change)  # type: ignore[arg-type]
