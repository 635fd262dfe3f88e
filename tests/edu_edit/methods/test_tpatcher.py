"""T-Patcher: the authors' own figures, the laws of a patch, and what training leaves in the model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from edu_edit import FFN, LM, Edit, Fact, load, record, tpatcher
from edu_edit.methods.patch_losses import (
    loss_terms,
    penalty,
    printed_contrast_loss,
    printed_memory_loss,
    released_terms,
)
from edu_edit.methods.patch_memory import Memory, remembered, text_queries
from edu_edit.methods.tpatcher import (
    activation_loss,
    contrast_loss,
    memory_loss,
    patch_loss,
    patched_ffn,
    tokens_to_patch,
)
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site

GOLDEN = Path(__file__).parents[2] / "golden"
FACT = Fact("Felix Ember", "{} lives in", "New Harbor")
OTHER = Fact("Irma Crane", "The language of {} is", "Elvan")
TEXTS = ["Irma Crane plays the harp", "Karin Frost lives in Fenwick", "The job of Edna Abbot is painter"]


def recorded() -> list[Any]:
    figures = load_file(GOLDEN / "tpatcher.safetensors")
    cases = json.loads((GOLDEN / "tpatcher.json").read_text())["cases"]
    return [
        pytest.param(
            case,
            {k.partition(".")[2]: v for k, v in figures.items() if k.startswith(case["id"])},
            id=case["id"],
        )
        for case in cases
    ]


def cost(excess: Tensor, named: str) -> float:
    """A penalty by its released name: "exp", or "top5_exp" for the 5 largest."""
    top, _, kind = named.rpartition("_")
    return float(penalty(excess, kind, int(top[3:]) if top else None))


def figured_ffn(figures: dict[str, Tensor]) -> FFN:
    class Mlp(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.c_fc = nn.Linear(*reversed(figures["l1.weight"].shape))
            self.c_proj = nn.Linear(*reversed(figures["l2.weight"].shape))
            self.act = nn.GELU()

    mlp = Mlp()
    mlp.load_state_dict(
        {
            f"c_{b}.{p}": figures[f"{a}.{p}"]
            for a, b in (("l1", "fc"), ("l2", "proj"))
            for p in ("weight", "bias")
        }
    )
    return FFN(mlp)


@pytest.mark.parametrize("case, figures", recorded())
def test_a_patched_ffn_is_the_authors_widened_one(case: Any, figures: dict[str, Tensor]) -> None:
    k, b, v = figures["patch_key"], figures["patch_bias"], figures["patch_value"]
    v = (v * figures.get("patch_amplifier", torch.ones(1))).T
    x, ffn = figures["x"].flatten(0, 1), figured_ffn(figures)
    torch.testing.assert_close(x @ k.T + b, figures["train.pre_act"].flatten(0, 1)[:, -len(k) :])
    torch.testing.assert_close(
        patched_ffn(x, ffn, k, b, v), figures["train.ffn_out"].flatten(0, 1), atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("case, figures", recorded())
def test_penalties_are_those_of_the_authors_code(case: Any, figures: dict[str, Tensor]) -> None:
    act, his = figures["raw.act_val"], figures["raw.his_act_val"]
    for name, expected in case["raw_act_loss"].items():
        kind, margin = name.split("|")
        assert cost(float(margin) - act, kind) == pytest.approx(expected, rel=1e-5)
    for name, expected in case["raw_memory_loss"].items():
        kinds, m1, m2 = name.split("|")
        first, second = kinds.split("+")
        found = cost(his - act + float(m1[3:]), first) + cost(his - float(m2[3:]), second)
        assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("part", ["train", "eval"])
@pytest.mark.parametrize("case, figures", recorded())
def test_losses_on_the_memory_are_those_of_the_authors_code(
    case: Any, figures: dict[str, Tensor], part: str
) -> None:
    k, b, memory = figures["patch_key"], figures["patch_bias"], figures["memory"]
    memory = memory if part == "train" else memory[: len(memory) // 2]
    places = case["act_loc"] if isinstance(case["act_loc"], list) else [case["act_loc"]]
    own = (figures["x"][:, places] * k).sum(-1) + b
    his = (memory @ k.T + b)[:, None].expand(-1, len(own), -1)
    assert cost(case["act_margin_val"] - own, case["activate_loss"]) == pytest.approx(
        case[f"{part}.act_loss"], rel=1e-5
    )
    first, second = case["memory_loss"].split("+")
    found = cost(his - own + case["margin_val1"], first) + cost(his - case["margin_val2"], second)
    assert found == pytest.approx(case[f"{part}.memo_loss"], rel=1e-5)


@pytest.mark.parametrize("case, figures", recorded())
def test_a_key_begins_where_the_authors_does(
    case: Any, figures: dict[str, Tensor], lm: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    q_e = figures["init_weight"]
    torch.testing.assert_close(q_e / q_e.square().sum(-1, keepdim=True), figures["patch_key"])
    edit = tpatcher(lm, FACT, memory=TEXTS, steps=0)
    own = torch.cat([about["own"] for about in edit.record["facts"]])
    torch.testing.assert_close(own, torch.ones_like(own))  # a pre-activation of exactly 1


def test_released_terms_are_the_means_of_the_largest_exponentials() -> None:
    own, memory = torch.randn(3, 2), torch.randn(1500, 2)
    l_a, l_m1, l_m2 = released_terms(own, memory, -3.0, -3.0)
    largest = sorted((-own).exp().flatten().tolist())[-5:]
    assert float(l_a) == pytest.approx(sum(largest) / 5, rel=1e-5)
    over = sorted((memory + 3).exp().flatten().tolist())[-1000:]
    assert float(l_m1) == pytest.approx(sum(over) / 1000, rel=1e-5)
    pairs = [
        float((memory[i, r] - own[n, r] + 3).exp()) for i in range(1500) for n in range(3) for r in range(2)
    ]
    assert float(l_m2) == pytest.approx(sum(sorted(pairs)[-1000:]) / 1000, rel=1e-4)


def test_no_exponential_overflows_and_none_loses_its_slope() -> None:
    """T-TP-8: pre-activations near 90 are met; clipping alone would leave no gradient."""
    x = torch.tensor([200.0, 90.0], requires_grad=True)
    loss = penalty(x)
    (slope,) = torch.autograd.grad(loss, x)
    assert loss.isfinite() and slope.isfinite().all() and (slope > 0).all()


def patches(R: int, D: int, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(*size, generator=g) for size in ((R, D), (R,), (R, D)))  # type: ignore[return-value]


def test_equation_5_7_equals_a_wider_pair_of_matrices(any_lm: LM) -> None:
    ffn, (k, b, v) = any_lm.ffn(2), patches(3, any_lm.D)
    q = torch.randn(6, any_lm.D)
    wide = torch.cat([ffn.activations(q), ffn.act(q @ k.T + b)], 1) @ torch.cat([ffn.W_out, v.T], 1).T
    wide = wide if ffn.b_out is None else wide + ffn.b_out
    torch.testing.assert_close(patched_ffn(q, ffn, k, b, v), wide, atol=1e-5, rtol=1e-5)


def test_no_patch_and_patches_without_value_are_the_identity(any_lm: LM) -> None:
    """I-TP-4, bit for bit."""
    ffn, (k, b, v) = any_lm.ffn(2), patches(3, any_lm.D)
    q = torch.randn(6, any_lm.D)
    assert torch.equal(patched_ffn(q, ffn, k[:0], b[:0], v[:0]), ffn.forward(q))
    assert torch.equal(patched_ffn(q, ffn, k, b, 0 * v), ffn.forward(q))


def test_patches_add_up_in_any_order(any_lm: LM) -> None:
    """I-TP-3."""
    ffn, (k, b, v) = any_lm.ffn(2), patches(2, any_lm.D)
    q = torch.randn(6, any_lm.D)
    one, two = (patched_ffn(q, ffn, k[i], b[i], v[i]) - ffn.forward(q) for i in ([0], [1]))
    both = patched_ffn(q, ffn, k, b, v)
    torch.testing.assert_close(both, ffn.forward(q) + one + two, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        both, patched_ffn(q, ffn, k[[1, 0]], b[[1, 0]], v[[1, 0]]), atol=1e-5, rtol=1e-5
    )


def test_activation_loss_falls_as_the_patch_fires_and_is_never_zero() -> None:
    """I-TP-5."""
    q, k = torch.randn(8), torch.randn(8)
    losses = [float(activation_loss(q, k, torch.tensor(b))) for b in (-2.0, 0.0, 1.0, 9.0)]
    assert losses == sorted(losses, reverse=True) and losses[-1] > 0
    assert losses[1] == pytest.approx(float(torch.exp(-(q @ k))), rel=1e-6)


def test_hinges_are_zero_exactly_when_satisfied_and_never_negative() -> None:
    """I-TP-5: a loop over the memory is the oracle."""
    M, q_e, k = torch.randn(40, 8), torch.randn(8), torch.randn(8)
    over = [max(0.0, float(q @ k) + 0.5 + 3) for q in M]
    near = [max(0.0, float(q @ k) - float(q_e @ k) + 3) for q in M]
    assert float(memory_loss(M, k, torch.tensor(0.5), -3.0)) == pytest.approx(sum(over) / 40, rel=1e-5)
    assert float(contrast_loss(M, q_e, k, -3.0)) == pytest.approx(sum(near) / 40, rel=1e-5)
    low = torch.tensor(-3.0 - float((M @ k).max()) - 1e-3)
    assert memory_loss(M, k, low, -3.0) == 0 and memory_loss(M, k, low + 1e-2, -3.0) > 0
    far = k / (k @ k) * (float((M @ k).max()) + 3.001)
    assert contrast_loss(M, far, k, -3.0) == 0 and contrast_loss(M, 0.99 * far, k, -3.0) > 0


def test_the_losses_are_weighed_as_in_equation_5_14() -> None:
    assert patch_loss(1.0, 10.0, 100.0, 1000.0, a=0.5, m=2.0) == 1 + 5 + 2200
    grads = torch.autograd.functional.jacobian(
        lambda *x: patch_loss(*x, a=0.5, m=2.0), tuple(torch.rand(4).unbind())
    )
    assert [float(grad) for grad in grads] == [1.0, 0.5, 2.0, 2.0]


def test_the_printed_losses_have_no_lower_bound_and_the_hinges_do() -> None:
    """E4, E5: a patch that never fires makes (5.12) and (5.13) as low as you like, with slope 1 in b_p."""
    M, q_e, k = (x.double() for x in (torch.randn(40, 8), torch.randn(8), torch.zeros(8)))
    away = torch.tensor(-1e6, dtype=torch.float64, requires_grad=True)
    assert printed_memory_loss(M, k, away, -3.0).item() == pytest.approx(-999_997, rel=1e-12)
    assert printed_contrast_loss(M, q_e, k, away, -3.0).item() == pytest.approx(-999_997, rel=1e-12)
    for loss in (printed_memory_loss(M, k, away, -3.0), printed_contrast_loss(M, q_e, k, away, -3.0)):
        assert torch.autograd.grad(loss, away)[0].item() == pytest.approx(1)
    assert memory_loss(M, k, away, -3.0) == 0 and contrast_loss(M, q_e, k, -3.0) == 3


@pytest.mark.parametrize("form", ["exp_topk", "margin", "seed_literal"])
def test_only_the_printed_losses_let_the_bias_run_away(form: str) -> None:
    """I-TP-8: gradient descent on the memory losses alone."""
    M, q_e = torch.randn(40, 8), torch.randn(1, 1, 8)
    k, b = torch.zeros(1, 8), torch.zeros(1, requires_grad=True)
    lowest = 0.0
    for _ in range(500):
        _, l_m1, l_m2 = loss_terms(form, q_e, M, k, b, -3.0, -3.0)
        (slope,) = torch.autograd.grad(l_m1 + l_m2, b)
        b = (b - slope).detach().requires_grad_()
        lowest = min(lowest, float((l_m1 + l_m2).detach()))
    assert (
        (lowest < -1000 and b.item() == -1000)
        if form == "seed_literal"
        else lowest == 0 and float(b.detach()) > -30
    )


def test_training_on_the_printed_losses_loses_the_memory_of_what_is_near(golden_lm: LM) -> None:
    """The loss falls below zero with every update; the other forms stay above."""
    for form in ("exp_topk", "margin", "seed_literal"):
        edit = tpatcher(golden_lm, FACT, memory=TEXTS, form=form, steps=60)
        memory = [sum(terms[2:]) for terms in edit.record["facts"][0]["losses"]]
        assert memory[-1] < -5 if form == "seed_literal" else min(memory) >= 0


@pytest.mark.parametrize(
    "pred, target, start, expected",
    [
        ([7], [7], 4, []),
        ([7], [8], 4, [3]),
        ([1, 2, 3], [1, 5, 6], 10, [10, 11]),
        ([0] * 7, [1] * 7, 1, [0, 1, 2, 3, 4]),
    ],
)
def test_only_wrong_tokens_are_patched_where_they_are_predicted(
    pred: list[int], target: list[int], start: int, expected: list[int]
) -> None:
    assert tokens_to_patch(torch.tensor(pred), torch.tensor(target), start) == expected


@pytest.mark.parametrize("form", ["exp_topk", "margin"])
def test_the_edit_makes_the_answer_one_patch_a_wrong_token_and_undo_is_exact(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], form: str
) -> None:
    """I-TP-6, I-TP-7, I-COM-1, I-COM-2; the oracle for what is wrong is a forward pass over the answer."""
    before, text = snapshot(golden_lm), "Irma Crane lives in"
    logits = golden_lm.logits(text)
    prompt = golden_lm.tok(FACT.question)["input_ids"]
    target = target_ids(golden_lm, FACT.target_new, FACT.question)
    ids = torch.tensor([prompt + target])
    said = golden_lm.forward(ids, torch.ones_like(ids))[0].argmax(-1)
    wrong = [t for t in range(len(prompt) - 1, ids.shape[1] - 1) if said[t] != ids[0, t + 1]]
    edit = tpatcher(golden_lm, FACT, memory=TEXTS, form=form)
    [about] = edit.record["facts"]
    assert about["positions"] == wrong and about["right"] and len(target) == 2
    assert edit.extra_bytes == 4 * len(wrong) * (2 * golden_lm.D + 1) and edit.kind == "hooks"
    with edit:
        assert golden_lm.answer(FACT.question).startswith("New Harbor")
    assert torch.equal(golden_lm.logits(text), logits)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert all(parameter.grad is None for parameter in golden_lm.model.parameters())


def test_a_right_answer_needs_no_patch(golden_lm: LM) -> None:
    truth = golden_lm.answer("Felix Ember lives in", max_tokens=1)
    edit = tpatcher(golden_lm, Fact("Felix Ember", "{} lives in", truth), memory=TEXTS)
    logits = golden_lm.logits("Felix Ember lives in")
    with edit:
        assert torch.equal(golden_lm.logits("Felix Ember lives in"), logits)
    assert edit.extra_bytes == 0 and edit.record["facts"][0]["positions"] == []


def test_the_loss_that_is_trained_is_the_whole_models(any_lm: LM) -> None:
    """Cached queries, norm and unembedding give what full forward passes under the edit give."""
    edit = tpatcher(any_lm, FACT, memory=TEXTS, steps=7, activation="model")
    prompt, target = any_lm.tok(FACT.question)["input_ids"], target_ids(any_lm, FACT.target_new, "x")
    ids = torch.tensor([prompt + target])
    follows = int(any_lm.forward(ids, torch.ones_like(ids))[0, -1].argmax())  # the text goes on as it would
    with edit:
        logp = any_lm.forward(ids, torch.ones_like(ids))[0, len(prompt) - 1 :].log_softmax(-1)
    l_e = -logp.gather(1, torch.tensor([*target, follows])[:, None]).mean()
    assert edit.record["facts"][0]["losses"][-1][0] == pytest.approx(l_e.item(), abs=1e-4)
    with edit:  # the trained neurons are those that the hooks add
        query, out = Site("query", 2), Site("mlp", 2)
        found = record(any_lm, FACT.question, [query, out])
    k, b, v, _ = edit.record["patches"]
    expected = patched_ffn(found[query][0], any_lm.ffn(2), k, b, v)
    torch.testing.assert_close(found[out][0], expected, atol=1e-5, rtol=1e-5)


def test_where_no_patch_fires_no_bit_changes(golden_lm: LM) -> None:
    """I-TP-1, I-TP-2: logits differ only at tokens whose pre-activation is above 0; queries never do."""
    edit = tpatcher(golden_lm, FACT, memory=TEXTS, activation="relu", steps=40)
    k, b, _, _ = edit.record["patches"]
    texts = [FACT.question, *TEXTS, "Boris Dunlin lives in"]
    queries = [Site("query", layer) for layer in range(golden_lm.n_layers)]
    mask = golden_lm.ids(texts)[1].bool()
    before, logits = record(golden_lm, texts, queries), golden_lm.logits(texts)
    with edit:
        after, edited = record(golden_lm, texts, queries), golden_lm.logits(texts)
    assert all(torch.equal(before[site], after[site]) for site in queries)
    fires = ((before[queries[-1]] @ k.T + b) > 0).any(-1)
    same = (logits == edited).all(-1)
    assert same[~fires].all() and not same[fires].any()
    assert fires[0, mask[0].sum() - 1] and (~fires & mask).any()


def test_a_gelu_is_silent_far_below_zero_only_and_a_silu_nowhere(make_lm: Any) -> None:
    """T-TP-5: at beta = -3 a GELU whispers; a SiLU is 35 times as loud, so Llama's patches are ReLUs."""
    gelu, silu = (make_lm(family).ffn(2).act for family in ("gpt2", "llama"))
    beta, far = torch.tensor(-3.0), torch.tensor(-30.0)
    assert -0.005 < float(gelu(beta)) < -0.003 and gelu(far) == 0
    assert float(silu(beta)) < -0.14 and silu(far) != 0
    for family, chosen in (("gpt2", "model"), ("llama", "relu")):
        edit = tpatcher(make_lm(family), FACT, memory=TEXTS, steps=0)
        assert edit.record["activation"] == chosen


def test_values_begin_at_zero_unless_the_released_start_is_asked_for(golden_lm: LM) -> None:
    """T-TP-3."""
    question = "Irma Crane lives in"
    before = golden_lm.logits(question)
    with tpatcher(golden_lm, FACT, memory=TEXTS, steps=0):
        assert torch.equal(golden_lm.logits(question), before)
    draw = torch.Generator().manual_seed(0)
    options: dict[str, Any] = {"value": "random", "activation": "model", "generator": draw}
    released = tpatcher(golden_lm, FACT, memory=TEXTS, steps=0, **options)
    with released:
        assert (golden_lm.logits(FACT.question) - golden_lm.logits(question)[:, -1:]).abs().max() > 1
        assert not torch.equal(golden_lm.logits(question), before)
    assert released.record["patches"].v.std() == pytest.approx(10, rel=0.3)


def test_later_facts_leave_the_earlier_and_the_same_question_takes_the_later_answer(golden_lm: LM) -> None:
    again = Fact("Felix Ember", "{} lives in", "Elvan")
    edit = tpatcher(golden_lm, [FACT, OTHER], memory=TEXTS)
    with edit:
        assert golden_lm.answer(FACT.question).startswith("New Harbor")
        assert golden_lm.answer(OTHER.question).startswith("Elvan")
        queries = edit.record["queries"][FACT.question]
        later = tpatcher(golden_lm, again, memory=queries)  # its own old queries as memory: no help
        with later:
            assert golden_lm.answer(OTHER.question).startswith("Elvan")
    with tpatcher(golden_lm, [FACT, again], memory=TEXTS):
        assert golden_lm.answer(FACT.question).startswith("Elvan")


def test_one_call_with_two_facts_is_two_calls_under_each_other(golden_lm: LM) -> None:
    both = tpatcher(golden_lm, [FACT, OTHER], memory=TEXTS, steps=20)
    first = tpatcher(golden_lm, FACT, memory=TEXTS, steps=20)
    with first:
        second = tpatcher(golden_lm, OTHER, memory=TEXTS, steps=20)
    for i in range(3):
        pair = torch.cat([first.record["patches"][i], second.record["patches"][i]])
        torch.testing.assert_close(both.record["patches"][i], pair, atol=1e-4, rtol=1e-3)


def test_padding_does_not_matter(lm: LM) -> None:
    """I-COM-4."""
    edit = tpatcher(lm, FACT, memory=TEXTS, steps=10)
    with edit:
        alone = lm.logits(FACT.question)[0]
        ids, mask = lm.ids([FACT.question, "Irma Crane plays the harp and the violin"])
        right = lm.forward(ids, mask)[0, : len(alone)]
        pad = ids.shape[1] - len(alone)
        left = lm.forward(ids[:1].roll(pad, 1), mask[:1].roll(pad, 1))[0, pad:]
    torch.testing.assert_close(right, alone, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(left, alone, atol=1e-4, rtol=1e-4)


def test_memory_is_every_real_token_once_and_leaves_out_what_tells_the_fact(lm: LM) -> None:
    """T-TP-6; text by text, unpadded, is the oracle."""
    site = Site("query", 2)
    found = text_queries(lm, TEXTS, 2)
    for i, text in enumerate(TEXTS):
        alone = record(lm, text, [site])[site][0]
        torch.testing.assert_close(found.queries[found.source == i], alone, atol=1e-5, rtol=1e-5)
    known = Fact("Karin Frost", "{} lives in", "Elvan", "Fenwick")
    assert len(found.without(known)) == len(found.queries) - int((found.source == 1).sum())
    assert len(found.without(Fact("Karin Frost", "{} lives in", "Elvan", "Paris"))) == len(found.queries)
    given = torch.randn(5, lm.D)
    assert torch.equal(remembered(lm, given, 2).without(known), given)


def test_a_model_without_a_memory_writes_its_own_and_the_same_one_each_time(golden_lm: LM) -> None:
    one, two = remembered(golden_lm, None, 5), remembered(golden_lm, None, 5)
    assert isinstance(one, Memory) and one.texts == two.texts and torch.equal(one.queries, two.queries)
    assert 500 < len(one.queries) and one.queries.shape[1] == golden_lm.D


def test_a_memory_read_before_is_the_memory_and_no_patch_changes_it(golden_lm: LM) -> None:
    memory = remembered(golden_lm, TEXTS, golden_lm.n_layers - 1)
    with tpatcher(golden_lm, FACT, TEXTS, steps=5) as edit:
        assert torch.equal(remembered(golden_lm, TEXTS, golden_lm.n_layers - 1).queries, memory.queries)
    again = tpatcher(golden_lm, FACT, memory, steps=5)
    assert again.record["facts"] == edit.record["facts"]
    assert all(map(torch.equal, again.record["patches"][:3], edit.record["patches"][:3]))


def test_students_losses_are_what_is_trained_on(golden_lm: LM) -> None:
    called: list[str] = []

    def mine(name: str, loss: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda *args: called.append(name) or loss(*args)  # type: ignore[func-returns-value]

    trio = mine("a", activation_loss), mine("m", memory_loss), mine("c", contrast_loss)
    ours = tpatcher(golden_lm, FACT, memory=TEXTS, form="margin", steps=5)
    theirs = tpatcher(golden_lm, FACT, memory=TEXTS, form=trio, steps=5)
    assert set(called) == {"a", "m", "c"} and torch.equal(
        ours.record["patches"].k, theirs.record["patches"].k
    )


def test_half_precision_weights_get_patches_in_float32(make_lm: Any) -> None:
    lm = make_lm("gpt2", dtype=torch.bfloat16)
    edit = tpatcher(lm, FACT, memory=TEXTS, steps=80)
    assert edit.record["patches"].k.dtype == torch.float32
    with edit:
        assert lm.logits(FACT.question).dtype == torch.bfloat16
    losses = edit.record["facts"][0]["losses"]
    assert losses[-1][0] < losses[0][0]


@pytest.mark.parametrize("name", ["atlas-gpt2", "atlas-llama"])
def test_the_bundled_models_take_edits_in_english_and_chinese(name: str) -> None:
    from edu_edit.world import atlas_facts

    lm = load(name)
    english, chinese = atlas_facts()[40], atlas_facts("zh")[5]
    neighbour = english.neighborhood[0]
    said = lm.answer(neighbour)
    with tpatcher(lm, [english, chinese]) as edit:
        assert lm.answer(english.question) == english.target_new
        assert lm.answer(chinese.question) == chinese.target_new
        assert lm.answer(neighbour) == said
    assert edit.record["memory"] == 2000


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"form": "squared"}, "choose 'exp_topk'"),
        ({"form": (activation_loss,)}, "give three functions"),
        ({"activation": "tanh"}, "'model' or 'relu'"),
        ({"value": "ones"}, "'zero' or 'random'"),
        ({"steps": -1}, "0 or more"),
        ({"lr": 0.0}, "lr is above 0"),
        ({"m": -1.0}, "0 or more"),
        ({"memory": torch.zeros(4, 3)}, r"expected \(m, D\)"),
        ({"memory": torch.zeros(0, 64)}, "m above 0"),
        ({"memory": torch.full((2, 64), torch.nan)}, "finite"),
        ({"memory": []}, "hold no token"),
        ({"memory": "one text"}, "list of texts"),
        ({"prefixes": -1}, "0 or more"),
        ({"facts": []}, "no fact to write"),
        ({"facts": Fact("Felix Ember", "{} lives in" + " the" * 70, "Fenwick")}, "reads 1 to 64 tokens"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    with refused(golden_lm, sentence):
        tpatcher(golden_lm, **{"facts": FACT, "memory": TEXTS, "steps": 1, **change})


def test_an_edit_round_the_pass_must_be_off(golden_lm: LM) -> None:
    around = Edit(golden_lm, wrap=lambda forward, ids, mask: forward(ids, mask))
    with around, pytest.raises(ValueError, match="switch it off"):
        tpatcher(golden_lm, FACT, memory=TEXTS)
