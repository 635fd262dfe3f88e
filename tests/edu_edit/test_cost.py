"""What an edit is said to cost: passes counted block by block, against arithmetic."""

from typing import Any

import pytest
import torch

from edu_edit import LM, Edit, Fact, evaluate, finetune, rome
from edu_edit.cost import Cost, costed, counted
from edu_edit.replay import keep_run, replay
from edu_edit.tracing import Site, hooked

FACT = Fact("Boris Dunlin", "{} lives in", "Kelling")


def batch(lm: LM, rows: int = 2, T: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    ids = torch.randint(2, lm.V, (rows, T), generator=torch.Generator().manual_seed(0))
    return ids, torch.ones_like(ids)


def test_a_plain_forward_is_one_pass_however_many_texts_it_reads(any_lm: LM) -> None:
    for rows in (1, 7):
        with counted(any_lm) as cost, torch.no_grad():
            any_lm.forward(*batch(any_lm, rows))
        assert cost.passes == {"forward_passes": 1.0, "backward_passes": 0.0}


def test_forward_and_backward_are_one_pass_each(any_lm: LM) -> None:
    with counted(any_lm) as cost:
        any_lm.forward(*batch(any_lm)).sum().backward()
    any_lm.model.zero_grad()
    assert cost.passes == {"forward_passes": 1.0, "backward_passes": 1.0}


@pytest.mark.parametrize("layer", [0, 1])
def test_a_gradient_that_stops_at_a_block_counts_the_blocks_above_it(any_lm: LM, layer: int) -> None:
    """Only the output matrix of one layer asks for a gradient, so only the blocks from there on pass it."""
    parameters = list(any_lm.model.parameters())
    asked = [parameter.requires_grad for parameter in parameters]
    for parameter in parameters:
        parameter.requires_grad_(False)
    weight: Any = any_lm.ffn(layer).down.weight
    weight.requires_grad_(True)
    with counted(any_lm) as cost:
        torch.autograd.grad(any_lm.forward(*batch(any_lm)).sum(), weight)
    for parameter, was in zip(parameters, asked, strict=True):
        parameter.requires_grad_(was)
    share = (any_lm.n_layers - layer) / any_lm.n_layers
    assert cost.backward_passes == pytest.approx(share) and cost.forward_passes == pytest.approx(1)


def test_a_replay_counts_its_share_of_the_blocks(any_lm: LM) -> None:
    with counted(any_lm) as cost, torch.no_grad():
        run = keep_run(any_lm, *batch(any_lm), [Site("resid", 0)])
        h = run.sites[Site("resid", 0)][:, 2:]
        for layer in range(1, any_lm.n_layers):
            h = replay(any_lm, run, layer, h, 2)
    assert cost.forward_passes == pytest.approx(1 + (any_lm.n_layers - 1) / any_lm.n_layers)


def test_counting_does_not_look_like_an_edit_and_leaves_no_hook(any_lm: LM) -> None:
    """Otherwise every answer during a method would be read without the cache."""
    with counted(any_lm):
        assert not hooked(any_lm)
    assert not any(module._forward_hooks for module in any_lm.model.modules())
    with pytest.raises(RuntimeError, match="stop"), counted(any_lm):
        raise RuntimeError("stop")
    assert not any(module._forward_hooks for module in any_lm.model.modules())


def test_counting_changes_no_number(any_lm: LM) -> None:
    ids, mask = batch(any_lm)
    with torch.no_grad():
        plain = any_lm.forward(ids, mask)
        with counted(any_lm):
            assert torch.equal(any_lm.forward(ids, mask), plain)


def test_counts_within_counts_both_count(any_lm: LM) -> None:
    with counted(any_lm) as outer, torch.no_grad():
        any_lm.forward(*batch(any_lm))
        with counted(any_lm) as inner:
            any_lm.forward(*batch(any_lm))
    assert (outer.forward_passes, inner.forward_passes) == (pytest.approx(2), pytest.approx(1))


def test_a_costed_method_notes_what_it_cost(lm: LM) -> None:
    @costed
    def method(lm: LM, n: int, *, extra: int = 0) -> Edit:
        """Some method."""
        with torch.no_grad():
            for _ in range(n + extra):
                lm.forward(*batch(lm))
        return Edit(lm, {1: torch.zeros(lm.D, lm.F)}, record={"n": n})

    edit = method(lm, 2, extra=1)
    assert edit.record == {"n": 2, "forward_passes": 3.0, "backward_passes": 0.0} and edit.seconds > 0
    assert method.__name__ == "method" and method.__doc__ == "Some method."


def test_an_error_in_a_costed_method_comes_through_and_leaves_nothing(lm: LM) -> None:
    with pytest.raises(ValueError, match="There is no fact to write"):
        finetune(lm, [])
    assert not any(module._forward_hooks for module in lm.model.modules())


def test_fine_tuning_costs_a_pass_each_way_for_every_step(lm: LM) -> None:
    edit = finetune(lm, FACT, layer="all", steps=4)
    assert edit.record["backward_passes"] == pytest.approx(4)
    assert 4 <= edit.record["forward_passes"] <= 5


def test_rome_pays_for_the_blocks_above_its_layer_only(lm: LM) -> None:
    """The search replays layers 2 to the top: of 3 layers a third of a pass for every evaluation."""
    texts = ["{}", "Then. {}"]
    few, many = (rome(lm, FACT, layer=1, C="identity", prefixes=texts, steps=n, wd=0.0) for n in (2, 12))
    evaluations = steps(many) - steps(few)
    more = many.record["forward_passes"] - few.record["forward_passes"]
    assert evaluations == 10 and more == pytest.approx(10 / 3, abs=0.02)


def steps(edit: Edit) -> int:
    return len(edit.record["facts"][0]["losses"])


def test_evaluate_reports_passes_and_the_parameters_that_an_edit_changes(lm: LM) -> None:
    delta = torch.zeros(lm.D, lm.F)
    delta[0, :3] = 1
    two = [Edit(lm, {1: delta}, record={"forward_passes": 2.5, "backward_passes": 1.0}) for _ in range(2)]
    efficiency = evaluate(lm, two, [FACT, FACT]).efficiency
    assert (efficiency.forward_passes, efficiency.backward_passes) == (5.0, 2.0)
    assert efficiency.changed_parameters == 6 and "6 parameters changed" in str(efficiency)
    hooks = Edit(lm, hooks={Site("mlp", 1): lambda h: h}, extra_bytes=12)
    assert evaluate(lm, hooks, FACT).efficiency.changed_parameters == 0
    assert "parameters changed" not in str(evaluate(lm, hooks, FACT).efficiency)


def test_seconds_run_on() -> None:
    cost = Cost()
    assert 0 <= cost.seconds <= cost.seconds
