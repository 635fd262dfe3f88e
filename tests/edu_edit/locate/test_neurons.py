"""Knowledge neurons: the ports' own figures, the laws of integrated gradients, planted neurons."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Fact, Site, intervene, load, record
from edu_edit.locate.attribution import token_attributions
from edu_edit.locate.neurons import (
    edit_neurons,
    integrated_gradients,
    knowledge_neurons,
    refine_neurons,
    scale_neurons,
    update_neurons,
)
from edu_edit.tokens import target_ids

GOLDEN = Path(__file__).parents[2] / "golden"
PROMPTS = ["Felix Ember works as a", "By trade , Felix Ember is a", "Felix Ember earns money as a"]


@pytest.fixture
def case() -> Any:
    return json.loads((GOLDEN / "knowledge_neurons.json").read_text())["cases"][0]


def test_attributions_are_those_of_the_published_port(case: Any) -> None:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    expected = load_file(GOLDEN / "knowledge_neurons.safetensors")["k0.scores"]
    asked = [(case["prompt"], case["ground_truth"].strip())]
    found = token_attributions(lm, asked, case["steps"], rule="ends", site="pre")[0][0]
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    proper = token_attributions(lm, asked, case["steps"])[0][0]
    assert (proper - expected).norm() > 0.1 * expected.norm()  # the released site and sum are other figures


def test_coarse_and_refined_neurons_are_those_of_the_published_port(case: Any) -> None:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    answer = case["ground_truth"].strip()
    coarse = knowledge_neurons(lm, case["prompt"], answer, case["steps"], "ends", "pre", t=0.3)
    assert sorted(map(list, coarse)) == case["coarse_adaptive_0_3"]
    refined = knowledge_neurons(lm, case["prompts"], answer, case["steps"], "ends", "pre", t=0.2, p=0.5)
    assert sorted(map(list, refined)) == case["refined_p0_5_adaptive_0_2"]


@pytest.mark.parametrize("kind, factor", [("suppress", 0.0), ("enhance", 2.0)])
def test_suppressed_and_enhanced_probabilities_are_those_of_the_published_port(
    case: Any, kind: str, factor: float
) -> None:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    neurons = [(layer, i) for layer, i in case["neurons_used"]]
    answer = case["ground_truth_ids"][0]
    before = lm.next_probs(case["prompt"])[0, answer].item()
    assert before == pytest.approx(case[kind]["before"]["gt_prob"], abs=1e-5)
    with scale_neurons(lm, neurons, factor, site="pre", everywhere=False):
        after = lm.next_probs(case["prompt"])[0, answer].item()
    assert after == pytest.approx(case[kind]["after"]["gt_prob"], abs=1e-5)
    if kind == "enhance":  # twice gelu(x) is not gelu(2 x)
        with scale_neurons(lm, neurons, factor, everywhere=False):
            assert abs(lm.next_probs(case["prompt"])[0, answer].item() - after) > 1e-4


def smooth(a: Tensor) -> Tensor:
    """A probability of three numbers, curved."""
    return torch.softmax(torch.stack([(a * torch.tensor([2.0, -1.0, 3.0])).sum(), (a * a).sum()]), 0)[0]


def test_attributions_sum_to_the_change_of_the_probability() -> None:
    """I-KN-1, L7: the midpoint rule errs by 1/m^2, the others by 1/m."""
    a = torch.tensor([0.3, -0.4, 0.5], dtype=torch.float64)
    change = smooth(a) - smooth(0 * a)

    def error(steps: int, rule: Any) -> float:
        return abs(float(integrated_gradients(smooth, a, steps, rule).sum() - change))

    assert error(20, "midpoint") < 1e-4
    assert 80 < error(10, "midpoint") / error(100, "midpoint") < 125
    for rule in ("left", "right", "ends"):
        assert error(20, rule) > 30 * error(20, "midpoint")
        assert 8 < error(10, rule) / error(100, rule) < 12


def test_attributions_are_exact_where_a_closed_form_is_known() -> None:
    """P = sum a_i^3 / 3: attr_i = a_i^3 / 3. In rows, and all steps at once, the same."""
    a = torch.tensor([[1.0, 2.0], [0.5, 0.0]])
    found = integrated_gradients(lambda x: (x**3).sum() / 3, a, 400)
    torch.testing.assert_close(found, a**3 / 3, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(integrated_gradients(lambda x: (x**3).sum() / 3, a, 400, at_once=True), found)
    assert found[1, 1] == 0  # I-KN-2
    assert not a.requires_grad


def test_one_step_at_both_ends_is_the_gradient_at_zero() -> None:
    """T-KN-1: `steps: 1` in a published configuration integrates nothing."""
    a = torch.tensor([0.5, 0.2, 0.1])
    zero = torch.zeros(3, requires_grad=True)
    (gradient,) = torch.autograd.grad(smooth(zero), zero)
    torch.testing.assert_close(integrated_gradients(smooth, a, 1, "ends"), a * gradient)


def test_refined_neurons_are_strong_in_enough_prompts() -> None:
    attr = torch.tensor([[1.0, 0.2, 0.0, 0.5], [0.1, 1.0, -1.0, 0.9], [3.0, 0.5, 0.0, 0.6]])
    coarse = [{0, 1, 3}, {1, 3}, {0, 3}]
    assert refine_neurons(attr, 0.2, 0.0) == [0, 1, 3]  # the union: I-KN-5
    assert refine_neurons(attr, 0.2, 1.0) == [3]  # the intersection
    assert refine_neurons(attr, 0.2, 0.6) == sorted(i for i in range(4) if sum(i in c for c in coarse) >= 2)
    assert refine_neurons(-attr.abs()) == [] and refine_neurons(torch.zeros(2, 3)) == []
    ten = torch.ones(10, 1)
    ten[7:] = -1
    assert refine_neurons(ten, 0.2, 0.7) == [0]  # 7 of 10 are a share of .7


def test_the_threshold_is_relative_to_each_prompts_own_maximum() -> None:
    attr = torch.tensor([[1.0, 0.5], [1000.0, 500.0]])
    assert refine_neurons(attr, 0.5, 1.0) == [0, 1]


def test_attributions_equal_brute_force_with_whole_forward_passes(any_lm: LM) -> None:
    """T-KN-11: a hook puts alpha a at the last token of the unpadded text; autograd does the rest."""
    lm, answer, m = any_lm, "New Harbor", 4
    pairs = [("The language of Felix Ember is", answer), ("Felix Ember works as a", "farmer")]
    found = token_attributions(lm, pairs, m)
    for (prompt, target), mine in zip(pairs, found, strict=True):
        wanted = target_ids(lm, target, prompt)
        assert mine.shape == (len(wanted), lm.n_layers, lm.F)
        start = lm.tok(prompt)["input_ids"]
        for j, token in enumerate(wanted):
            ids = torch.tensor([start + wanted[:j]])
            for layer in (0, 2):
                site = Site("key", layer, -1)
                a = record(lm, (ids, torch.ones_like(ids)), [site])[site][0]
                total = torch.zeros(lm.F)
                for k in range(m):
                    x = ((k + 0.5) / m * a).requires_grad_()
                    with intervene(lm, {site: lambda _, x=x: x[None]}):
                        p = lm.forward(ids, torch.ones_like(ids))[0, -1].softmax(-1)[token]
                    total += torch.autograd.grad(p, x)[0]
                torch.testing.assert_close(mine[j, layer], a * total / m, atol=1e-6, rtol=1e-3)


def test_a_silent_value_has_no_attribution(lm: LM) -> None:
    """I-KN-2."""
    with torch.no_grad():
        lm.ffn(1).W_out[:, 4] = 0
    assert token_attributions(lm, [(PROMPTS[0], "farmer")])[0][0, 1, 4] == 0


def test_ones_own_functions_are_used(lm: LM) -> None:
    """The lesson's `integrated_gradients` (prob, a, steps) and `refine_neurons` (attr, t, p) run in here."""
    seen: list[Any] = []

    def mine(prob: Callable[[Tensor], Tensor], a: Tensor, steps: int) -> Tensor:
        seen.append((a.shape, steps))
        return integrated_gradients(prob, a, steps)

    found = knowledge_neurons(lm, PROMPTS, "farmer", attribute=mine, refine=lambda attr, t, p: [7, lm.F])
    assert sorted(found) == [(0, 7), (1, 0)]
    assert seen == [((3, lm.F), 20)] * lm.n_layers
    assert knowledge_neurons(lm, PROMPTS, "farmer", attribute=mine) == knowledge_neurons(
        lm, PROMPTS, "farmer"
    )


@pytest.mark.parametrize("layer", [1, 3])
def test_a_planted_neuron_is_found_first(golden_lm: LM, layer: int) -> None:
    """X-KN: an unused neuron is made to answer the prompts' query with an answer's embedding; precision@1."""
    lm, answer, i = golden_lm, "pilot", 3
    site = Site("query", layer, -1)
    q = record(lm, PROMPTS, [site])[site].mean(0)
    ffn, e = lm.ffn(layer), lm.W_U[target_ids(lm, answer, "x")[0]].detach()
    with torch.no_grad():
        key = 8 * q / (q @ q)
        (ffn.W_in if ffn.W_gate is None else ffn.W_gate)[i] = key
        if ffn.W_gate is not None:
            ffn.W_in[i] = key
        scale = 2.0 if ffn.W_gate is None else 0.5
        ffn.W_out[:, i] = scale * e / e.norm()
        assert lm.next_probs(PROMPTS)[:, target_ids(lm, answer, "x")[0]].min() > 0.05
    assert knowledge_neurons(lm, PROMPTS, answer)[0] == (layer, i)


def test_scaling_values_is_scaling_activations_everywhere(any_lm: LM) -> None:
    """I-KN-4: a weights edit, equal to a hook at every token; for 0 and for 2, on both families."""
    neurons = [(0, 3), (2, 1), (2, 5), (2, 1)]
    for factor in (0.0, 2.0):

        def scaled(layer: int, factor: float = factor) -> Callable[[Tensor], Tensor]:
            times = torch.ones(any_lm.F)
            times[[i for at, i in neurons if at == layer]] = factor
            return lambda k: k * times

        with intervene(any_lm, {Site("key", layer): scaled(layer) for layer in (0, 2)}):
            expected = any_lm.logits(PROMPTS)
        edit = scale_neurons(any_lm, neurons, factor)
        assert edit.kind == "weights"
        with edit:
            torch.testing.assert_close(any_lm.logits(PROMPTS), expected, atol=1e-5, rtol=1e-4)
            if factor == 0:
                assert not any_lm.ffn(2).W_out[:, [1, 5]].any()


def test_nothing_scaled_and_scaling_by_one_change_no_bit(lm: LM) -> None:
    """I-KN-3."""
    before = lm.logits(PROMPTS)
    for edit in (scale_neurons(lm, [], 0.0), scale_neurons(lm, [(1, 2)], 1.0)):
        with edit:
            assert torch.equal(lm.logits(PROMPTS), before)


def test_scaling_at_the_question_stays_there_while_the_answer_is_read(any_lm: LM) -> None:
    """A published port scales the question's last token; an answer that is fed in behind it is not scaled."""
    ids, mask = any_lm.ids(PROMPTS[0] + " farmer lives")
    asked = torch.tensor([len(any_lm.tok(PROMPTS[0])["input_ids"])])
    for site in ("key", "pre"):
        edit = scale_neurons(any_lm, [(1, 2)], 3.0, site=site, everywhere=False)
        keys = Site("key", 1)
        plain = record(any_lm, (ids, mask), [keys])[keys]
        with edit, torch.no_grad():
            found: list[Tensor] = []
            with intervene(any_lm, {keys: lambda k: found.append(k) or k}):  # noqa: B023
                any_lm.forward(ids, mask, asked)
        changed = (found[0] != plain).nonzero().tolist()
        assert changed == [[0, int(asked) - 1, 2]]
        if site == "key":
            torch.testing.assert_close(found[0][0, int(asked) - 1, 2], 3 * plain[0, int(asked) - 1, 2])


def test_pre_activation_of_a_gated_neuron_is_its_gate(make_lm: Callable[..., LM]) -> None:
    lm = make_lm("llama")
    query, key = Site("query", 1, -1), Site("key", 1, -1)
    q = record(lm, PROMPTS[0], [query])[query][0]
    ffn = lm.ffn(1)
    expected = torch.nn.functional.silu(2 * (ffn.W_gate @ q)) * (ffn.W_in @ q)  # type: ignore[operator]
    with scale_neurons(lm, [(1, i) for i in range(lm.F)], 2.0, site="pre"):
        torch.testing.assert_close(record(lm, PROMPTS[0], [key])[key][0], expected.detach())


def test_an_update_moves_values_from_the_old_answer_to_the_new(any_lm: LM) -> None:
    W = any_lm.ffn(1).W_out.detach()
    old, new = (any_lm.W_U[target_ids(any_lm, word, "x")].detach() for word in ("farmer", "New Harbor"))
    edit = update_neurons(any_lm, [(1, 2)], "New Harbor", "farmer", add=8.0, subtract=1.0)
    size = W[:, 2].norm()
    expected = 8 * size * new.mean(0) / new.mean(0).norm() - size * old[0] / old[0].norm()
    torch.testing.assert_close(edit.delta[1][:, 2].float(), expected, atol=1e-5, rtol=1e-4)
    assert not edit.delta[1][:, [0, 1, 3]].any()
    other = update_neurons(any_lm, [(1, 2)], "New Harbor", "farmer", negative=[(1, 2)])
    torch.testing.assert_close(other.delta[1], -edit.delta[1])  # a negative coefficient turns it round


def test_an_update_and_its_inverse_cancel_and_off_is_exact(
    lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-KN-6."""
    before, bits = lm.logits(PROMPTS), snapshot(lm)
    there = update_neurons(lm, [(1, 2), (0, 3)], "farmer", "New Harbor")
    back = update_neurons(lm, [(1, 2), (0, 3)], "New Harbor", "farmer", add=1.0, subtract=8.0)
    for layer in (0, 1):
        torch.testing.assert_close(there.delta[layer], -back.delta[layer], atol=1e-12, rtol=1e-12)
    with there:
        assert not torch.allclose(lm.logits(PROMPTS), before, atol=1e-3)
    assert all(torch.equal(bits[name], tensor) for name, tensor in snapshot(lm).items())


def test_editing_neurons_raises_the_new_answer(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    fact, bits = Fact("Karin Frost", "{} works as a", "pilot"), snapshot(golden_lm)
    asked = {name: p.requires_grad for name, p in golden_lm.model.named_parameters()}
    new = target_ids(golden_lm, "pilot", "x")[0]
    before = golden_lm.next_probs(fact.question)[0, new]
    edit = edit_neurons(golden_lm, [fact, Fact("Felix Ember", "{} works as a", "farmer")], ["{}", "Then {}"])
    assert all(torch.equal(bits[name], tensor) for name, tensor in snapshot(golden_lm).items())
    assert asked == {name: p.requires_grad for name, p in golden_lm.model.named_parameters()}  # I-COM-6
    assert len(edit.record["facts"][0]["neurons"]) <= 5 and edit.seconds > 0
    one = edit_neurons(golden_lm, fact, ["{}"])
    with one:
        assert golden_lm.next_probs(fact.question)[0, new] > 10 * before
    assert all(torch.equal(bits[name], tensor) for name, tensor in snapshot(golden_lm).items())


def test_half_precision_gives_nearly_the_same_neurons(make_lm: Callable[..., LM]) -> None:
    for family in ("gpt2", "llama"):
        full = token_attributions(make_lm(family), [(PROMPTS[0], "farmer")])[0]
        half = token_attributions(make_lm(family, dtype=torch.bfloat16), [(PROMPTS[0], "farmer")])[0]
        assert torch.nn.functional.cosine_similarity(full.flatten(), half.float().flatten(), dim=0) > 0.95


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda lm: knowledge_neurons(lm, [], "farmer"), "at least one pair"),
        (lambda lm: knowledge_neurons(lm, PROMPTS, " "), "target is empty"),
        (lambda lm: knowledge_neurons(lm, PROMPTS, "farmer", steps=0), "a step or more"),
        (lambda lm: knowledge_neurons(lm, PROMPTS, "farmer", rule="simpson"), "midpoint"),
        (lambda lm: knowledge_neurons(lm, PROMPTS, "farmer", site="gate"), "'key'"),
        (lambda lm: knowledge_neurons(lm, PROMPTS, "farmer", t=1.5), "shares from 0 to 1"),
        (lambda lm: knowledge_neurons(lm, "Felix " * 40, "farmer"), "1 to 32 tokens"),
        (lambda lm: scale_neurons(lm, [(3, 0)], 0.0), "layers 0 to 2"),
        (lambda lm: scale_neurons(lm, [(0, 99)], 0.0), "neurons 0 to"),
        (lambda lm: scale_neurons(lm, [(0, 1)], float("nan")), "finite"),
        (lambda lm: update_neurons(lm, [(0, 1)], ""), "target is empty"),
        (lambda lm: edit_neurons(lm, []), "no fact"),
    ],
)
def test_what_can_not_be_done_is_refused_and_leaves_no_trace(
    lm: LM, ask: Callable[[LM], object], sentence: str, snapshot: Callable[[LM], dict[str, Tensor]],
    request: pytest.FixtureRequest,
) -> None:  # fmt: skip
    bits = snapshot(lm)
    error: type[Exception] = ValueError
    if "simpson" in sentence or sentence in ("midpoint", "'key'"):
        error = Exception  # in tests the annotated choices are checked first
    with pytest.raises(error, match=None if error is Exception else sentence):
        ask(lm)
    assert all(torch.equal(bits[name], tensor) for name, tensor in snapshot(lm).items())
