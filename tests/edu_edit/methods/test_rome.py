"""ROME: the authors' own figures, the laws of the update, and a brute-force search for the value."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, load
from edu_edit.methods.contexts import kept_prompts, sampled_prefixes
from edu_edit.methods.rome import optimise_value, rank_one_update, rome, subject_key, value_loss
from edu_edit.methods.value import Search, find_pair
from edu_edit.moments import from_triangle
from edu_edit.tokens import encode, target_ids
from edu_edit.tracing import Site, intervene, record

GOLDEN = Path(__file__).parents[2] / "golden"
PREFIXES = ["{}", "The home of Felix. {}", "On stage Greta Frost. {}"]
FACT = Fact("Felix Ember", "The language of {} is", "New Harbor")


def recorded() -> list[Any]:
    """The authors' cases: GPT-2 by the ROME repository, Llama by EasyEdit's."""
    out = []
    for name, moments in (
        ("rome_gpt2", "second_moment_gpt2"),
        ("rome_llama_easyedit", "second_moment_llama"),
    ):
        content = json.loads((GOLDEN / f"{name}.json").read_text())
        figures, statistics = (
            load_file(GOLDEN / f"{name}.safetensors"),
            load_file(GOLDEN / f"{moments}.safetensors"),
        )
        for case in content["cases"]:
            settings = content["base_hparams"] | case["hparams_override"]
            mine = {
                key.partition(".")[2]: value
                for key, value in figures.items()
                if key.startswith(case["id"] + ".")
            }
            layer = settings["layers"][0]
            adjusted = settings["mom2_adjustment"]
            C = from_triangle(statistics[f"mom2.layer{layer}"]) if adjusted else "identity"
            texts = case.get("context_templates", content["context_templates"])
            out.append(pytest.param(case, settings, mine, C, texts, id=f"{name}-{case['id']}"))
    return out


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def request(case: dict[str, Any]) -> tuple[str, Fact]:
    asked = case["request"]
    new = asked["target_new"]
    name = "gpt2-tiny" if case.get("model") == "gpt2-tiny" else "llama-tiny"
    return name, Fact(
        asked["subject"], asked["prompt"], (new if isinstance(new, str) else new["str"]).strip()
    )


@pytest.mark.parametrize("case, settings, figures, C, texts", recorded())
def test_key_value_and_losses_are_those_of_the_authors_code(
    case: Any, settings: Any, figures: Any, C: Any, texts: Any
) -> None:
    name, fact = request(case)
    lm = load(GOLDEN / "models" / name)
    # Released code counts evaluations, the last of which makes no update.
    search = Search(settings["kl_factor"], settings["v_weight_decay"], settings["v_num_grad_steps"] - 1,
                    settings["v_lr"], float(settings["clamp_norm_factor"]))  # fmt: skip
    pair = find_pair(lm, fact, settings["layers"][0], texts, "essence", search)
    assert relative(pair.k_mean, figures["k_mean"]) < 1e-5
    assert relative(pair.k_prompt, figures["cur_input"]) < 1e-5
    assert relative(pair.v_star, figures["target"]) < 1e-5
    losses = figures["losses"][:, 0]
    torch.testing.assert_close(
        torch.tensor(pair.record["losses"], dtype=losses.dtype), losses, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize("case, settings, figures, C, texts", recorded())
def test_mixed_keys_give_the_update_of_the_authors_code(
    case: Any, settings: Any, figures: Any, C: Any, texts: Any
) -> None:
    name, fact = request(case)
    lm = load(GOLDEN / "models" / name)
    layer = settings["layers"][0]
    edit = rome(
        lm, fact, layer=layer, C=C, prefixes=texts, key="mixed",
        kl=settings["kl_factor"], wd=settings["v_weight_decay"], steps=settings["v_num_grad_steps"] - 1,
        lr=settings["v_lr"], clamp=float(settings["clamp_norm_factor"]),
    )  # fmt: skip
    expected = figures["upd_matrix"] if name == "llama-tiny" else figures["upd_matrix"].T
    assert relative(edit.delta[layer], expected) < (3e-3 if settings["mom2_adjustment"] else 1e-5)
    precise = torch.outer(figures["v.fp64run"], figures["u.fp64run"])  # released code re-run in float64
    assert relative(edit.delta[layer], precise) < 3e-5


def problem(seed: int = 0, D: int = 5, F: int = 7) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    K = torch.randn(F, 40, generator=g, dtype=torch.float64)
    W = torch.randn(D, F, generator=g, dtype=torch.float64)
    return (
        W,
        K @ K.T / 40,
        torch.randn(F, generator=g, dtype=torch.float64),
        torch.randn(D, generator=g, dtype=torch.float64),
        K,
    )


def test_update_sends_k_star_to_v_star_and_has_rank_one() -> None:
    """I-ROME-1, I-ROME-2."""
    W, C, k, v, _ = problem()
    delta = rank_one_update(W, C, k, v)
    torch.testing.assert_close((W + delta) @ k, v)
    assert torch.linalg.matrix_rank(delta) == 1
    lacking, direction = v - W @ k, torch.linalg.solve(C, k)
    torch.testing.assert_close(delta, torch.outer(lacking, direction) / (direction @ k))


def test_update_moves_old_values_less_than_any_other_feasible_change() -> None:
    """I-ROME-4, I-ROME-5."""
    W, C, k, v, K = problem()
    ours = rank_one_update(W, C, k, v)
    least = (ours @ K).norm()
    g = torch.Generator().manual_seed(3)
    for _ in range(200):
        free = torch.randn(W.shape, generator=g, dtype=torch.float64)
        free -= torch.outer(free @ k, k) / (k @ k)  # free @ k = 0: the sum is feasible, too
        assert ((ours + 0.1 * free) @ K).norm() >= least
    # The closed form of the least movement, root mean square over the old keys.
    predicted = (v - W @ k).norm() / (k @ torch.linalg.solve(C, k)).sqrt()
    assert (least / 40**0.5).item() == pytest.approx(predicted.item(), rel=1e-9)


def test_update_does_not_see_the_scale_of_C_and_sees_that_of_the_key() -> None:
    """I-ROME-3."""
    W, C, k, v, _ = problem()
    delta = rank_one_update(W, C, k, v)
    torch.testing.assert_close(rank_one_update(W, 1e4 * C, k, v), delta)
    assert relative(rank_one_update(W, C, 2 * k, v), delta) > 0.1


def test_identity_gives_the_least_norm_update() -> None:
    """Section 18.1 of the laws: C = I is the update of least Frobenius norm."""
    W, _, k, v, _ = problem()
    least_norm = torch.outer(v - W @ k, k) / (k @ k)
    torch.testing.assert_close(rank_one_update(W, torch.eye(7, dtype=torch.float64), k, v), least_norm)


@pytest.mark.parametrize("seed", range(5))
def test_without_the_moment_old_values_move_more(seed: int) -> None:
    """C = I writes the same value, but what other keys are answered changes more than it has to."""
    W, _, k, v, K = problem(seed)
    used = torch.logspace(0, -1, 7, dtype=torch.float64)[:, None] * K  # some directions are used more
    ours = rank_one_update(W, used @ used.T / 40, k, v)
    identity = rank_one_update(W, torch.eye(7, dtype=torch.float64), k, v)
    torch.testing.assert_close(identity @ k, ours @ k)
    assert (identity @ used).norm() > 1.1 * (ours @ used).norm()


def test_float32_weights_with_an_ill_conditioned_C_keep_the_constraint() -> None:
    W, C, k, v, _ = problem()
    scale = torch.logspace(0, -3, 7, dtype=torch.float64)
    bad = scale[:, None] * C * scale  # condition about 1e7
    delta = rank_one_update(W.float(), bad, k.float(), v.float())
    assert delta.dtype == torch.float32
    torch.testing.assert_close((W.float() + delta) @ k.float(), v.float(), atol=1e-4, rtol=1e-4)


def test_a_singular_C_is_refused_in_a_sentence() -> None:
    W, _, k, v, K = problem()
    few = K[:, :3]
    with pytest.raises(ValueError, match="singular: collect it over more tokens"):
        rank_one_update(W, few @ few.T, k, v)


def test_value_loss_is_torchs_own_kl_plus_the_mean_nll() -> None:
    new, old, logp = torch.randn(11), torch.randn(11), -torch.rand(4)
    kl = torch.nn.functional.kl_div(
        old.log_softmax(-1), new.log_softmax(-1), log_target=True, reduction="sum"
    )
    torch.testing.assert_close(value_loss(logp, new, old, 0.3), -logp.mean() + 0.3 * kl)


def test_value_search_stays_in_its_ball_and_stops_when_it_is_done() -> None:
    """I-ROME-6, I-ROME-8."""
    v0 = torch.tensor([3.0, 4.0])
    far = optimise_value(lambda v: 10 + (v - 100).square().sum(), v0, steps=200, lr=1.0, clamp=0.5)
    assert (far - v0).norm().item() == pytest.approx(2.5, rel=1e-5)
    calls: list[int] = []

    def done(v: Tensor) -> Tensor:
        calls.append(1)
        return 0.01 + 0 * v.sum()

    assert torch.equal(optimise_value(done, v0, steps=50, lr=1.0, clamp=1.0), v0) and len(calls) == 1


def test_subject_key_reads_each_text_at_its_own_token() -> None:
    keys, last = torch.randn(3, 5, 4), torch.tensor([1, 4, 2])
    torch.testing.assert_close(subject_key(keys, last), (keys[0, 1] + keys[1, 4] + keys[2, 2]) / 3)


def moment_of(lm: LM) -> Tensor:
    g = torch.Generator().manual_seed(2)
    K = torch.randn(lm.F, 4 * lm.F, generator=g, dtype=torch.float64)
    return K @ K.T / (4 * lm.F)


def test_the_search_equals_brute_force_with_whole_forward_passes(any_lm: LM) -> None:
    """Adam on delta with a hook at the FFN's output, every text on its own, no padding and no replay."""
    layer, search = 1, Search(kl=0.3, wd=0.1, steps=6, lr=0.3, clamp=2.0)
    pair = find_pair(any_lm, FACT, layer, PREFIXES, "essence", search)
    answer = target_ids(any_lm, FACT.target_new, "x")
    texts = [encode(any_lm, text.replace("{}", FACT.prompt), FACT.subject) for text in PREFIXES]
    essence = encode(any_lm, "{} is a", FACT.subject)
    plain = encode(any_lm, FACT.prompt, FACT.subject)
    site = Site("mlp", layer, plain.span[1] - 1)
    old = record(
        any_lm, (torch.tensor([plain.ids]), torch.ones(1, len(plain.ids), dtype=torch.long)), [site]
    )[site][0]

    def predicted(ids: list[int], at: int, delta: Tensor) -> Tensor:
        with intervene(any_lm, {Site("mlp", layer, at): lambda h: h + delta}):
            return any_lm.forward(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[
                0
            ].log_softmax(-1)

    with torch.no_grad():
        kept = predicted(essence.ids, essence.span[1] - 1, torch.zeros(any_lm.D))[essence.span[1] - 1]

    def loss_of(v: Tensor) -> Tensor:
        delta, nll = v - old, torch.tensor(0.0)
        for text in texts:
            logp = predicted(text.ids + answer, text.span[1] - 1, delta)[len(text.ids) - 1 : -1]
            nll = nll - logp.gather(1, torch.tensor(answer)[:, None]).mean() / len(texts)
        new = predicted(essence.ids, essence.span[1] - 1, delta)[essence.span[1] - 1]
        return nll + search.kl * (new.exp() * (new - kept)).sum() + search.wd * delta.norm() / old.norm() ** 2

    expected = optimise_value(loss_of, old, search.steps, search.lr, search.clamp)
    torch.testing.assert_close(pair.v_star, expected, atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("key", ["averaged", "prompt", "mixed"])
def test_the_key_in_the_constraint_gets_the_value(any_lm: LM, key: Any) -> None:
    """I-ROME-1 on a model."""
    edit = rome(any_lm, FACT, layer=1, C=moment_of(any_lm), prefixes=PREFIXES, key=key, steps=8)
    search = Search(**{name: edit.record[name] for name in ("kl", "wd", "steps", "lr", "clamp")})
    pair = find_pair(any_lm, FACT, 1, PREFIXES, "essence", search)
    ffn = any_lm.ffn(1)
    bias = 0 if ffn.b_out is None else ffn.b_out.detach().double()
    constrained = {"averaged": pair.k_mean, "prompt": pair.k_prompt, "mixed": pair.k_prompt}[key].double()
    edited = ffn.W_out.detach().double() + edit.delta[1]
    torch.testing.assert_close(edited @ constrained + bias, pair.v_star.double(), atol=1e-5, rtol=1e-5)
    if key == "mixed":  # the flaw of released code: the averaged key does not get it
        assert relative(edited @ pair.k_mean.double() + bias, pair.v_star) > 1e-3


def test_an_edit_makes_the_answer_likely_and_undo_restores_every_bit(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-ROME-10, I-COM-1, I-COM-2."""
    before = snapshot(golden_lm)
    fact = Fact("Felix Ember", "{} lives in", "New Harbor")
    edit = rome(golden_lm, fact, layer=2, C="identity", prefixes=PREFIXES, steps=30, wd=0.0, clamp=10.0)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    with edit:
        assert golden_lm.answer(fact.question).startswith("New Harbor")
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())


def test_the_leak_is_what_the_formula_says(golden_lm: LM) -> None:
    """I-ROME-5: on any text the FFN moves by Lambda (u^T k), predicted from the unedited keys alone."""
    edit = rome(golden_lm, FACT, layer=2, C=moment_of(golden_lm), prefixes=PREFIXES)
    key, out = Site("key", 2), Site("mlp", 2)
    plain = record(golden_lm, "Irma Crane plays the harp", [key, out])
    with edit:
        moved = record(golden_lm, "Irma Crane plays the harp", [out])[out]
    predicted = plain[key].double() @ edit.delta[2].T
    torch.testing.assert_close((moved - plain[out]).double(), predicted, atol=1e-5, rtol=1e-4)


def test_gradients_are_asked_for_as_before(golden_lm: LM) -> None:
    """I-COM-6."""
    flags = [parameter.requires_grad for parameter in golden_lm.model.parameters()]
    rome(
        golden_lm,
        FACT,
        layer=2,
        C="identity",
        prefixes=1,
        steps=2,
        generator=torch.Generator().manual_seed(0),
    )
    assert [parameter.requires_grad for parameter in golden_lm.model.parameters()] == flags
    assert all(parameter.grad is None for parameter in golden_lm.model.parameters())


def test_one_seed_draws_one_edit(golden_lm: LM) -> None:
    edits = [
        rome(
            golden_lm,
            FACT,
            layer=2,
            C="identity",
            prefixes=4,
            steps=2,
            generator=torch.Generator().manual_seed(5),
        )
        for _ in range(2)
    ]
    assert (
        edits[0].record["prefixes"] == edits[1].record["prefixes"] and len(edits[0].record["prefixes"]) == 5
    )
    assert torch.equal(edits[0].delta[2], edits[1].delta[2])


def test_several_facts_are_inserted_one_after_the_other(golden_lm: LM) -> None:
    other = Fact("Irma Crane", "The language of {} is", "Elvan")
    options: dict[str, Any] = {"layer": 2, "C": "identity", "prefixes": ["{}"], "steps": 5}
    both = rome(golden_lm, [FACT, other], **options)
    first = rome(golden_lm, FACT, **options)
    with first:
        second = rome(golden_lm, other, **options)
    torch.testing.assert_close(both.delta[2], first.delta[2] + second.delta[2], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"layer": 9}, "has layers 0 to 5"),
        ({"C": torch.eye(3)}, r"expected \(F, F\)"),
        ({"C": "unit"}, "give 'identity'"),
        ({"key": "both"}, "'averaged', 'mixed' or 'prompt'"),
        ({"C": torch.full((1, 1), torch.nan)}, r"expected \(F, F\)"),
        ({"prefixes": -1}, "0 or more"),
        ({"prefixes": []}, "must hold {} exactly once"),
        ({"prefixes": ["no place"]}, "must hold {} exactly once"),
        ({"keep": []}, "choose 'essence'"),
        ({"keep": ["Rome is"]}, "does not hold the subject"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    with refused(golden_lm, sentence):
        rome(golden_lm, FACT, **{"C": "identity", "prefixes": 0, "layer": 2, **change})


def test_a_delta_at_the_ffn_equals_a_delta_at_the_block(golden_lm: LM) -> None:
    """I-ROME-7: pre-norm models add both to the same stream: the bridge to MEMIT."""
    delta = torch.randn(golden_lm.D, generator=torch.Generator().manual_seed(0))
    logits = []
    for kind in ("mlp", "resid"):
        with intervene(golden_lm, {Site(kind, 2, 1): lambda h: h + delta}):  # type: ignore[arg-type]
            logits.append(golden_lm.logits("Felix Ember lives in"))
    torch.testing.assert_close(*logits)


def test_no_search_means_the_change_is_what_the_mean_key_lacks(golden_lm: LM) -> None:
    """I-ROME-6."""
    edit = rome(golden_lm, FACT, layer=2, C="identity", prefixes=["{}"], steps=0)
    assert edit.delta[2].abs().max() < 1e-6 and isinstance(edit, Edit)


def test_the_subject_may_end_the_prompt_stand_twice_or_first(golden_lm: LM) -> None:
    for prompt in ("The home of {}", "Felix Ember said that {} lives in", "{}"):
        edit = rome(
            golden_lm, Fact("Felix Ember", prompt, "Fenwick"), layer=2, C="identity", prefixes=0, steps=2
        )
        assert edit.delta[2].any() and edit.record["facts"][0]["losses"][-1] > 0


def test_kept_prompts_are_read_at_their_last_token_with_the_subject_in_them(golden_lm: LM) -> None:
    mine = kept_prompts(golden_lm, FACT, ["{} works as a", "The music of Felix Ember is"])
    assert [text.text for text, _ in mine] == ["Felix Ember works as a", "The music of Felix Ember is"]
    assert [(text.span, read) for text, read in mine] == [((0, 2), 4), ((3, 5), 5)]
    [(essence, read)] = kept_prompts(golden_lm, FACT, "essence")
    assert read == essence.span[1] - 1


def test_behind_the_subject_nothing_is_seen_and_at_the_end_it_is(golden_lm: LM) -> None:
    """I-ROME-9: the essence is read at the subject, so no suffix counts; a kept prompt is read at its end."""
    delta = torch.randn(golden_lm.D, generator=torch.Generator().manual_seed(0))
    logits = {}
    for suffix in ("lives in", "works as a"):
        text = f"Felix Ember {suffix}"
        with intervene(golden_lm, {Site("mlp", 2, 1): lambda h: h + delta}):
            logits[suffix] = golden_lm.logits(text)[0]
    one, other = logits.values()
    torch.testing.assert_close(one[1], other[1])
    assert (one[-1] - other[-1]).abs().max() > 1e-3


def test_keeping_prompts_lowers_what_the_edit_does_to_them(golden_lm: LM) -> None:
    """KL(M' || M) on the subject's other questions, with and without them among the kept."""
    fact, others = Fact("Felix Ember", "{} lives in", "New Harbor"), ["{} works as a", "{} speaks"]
    asked = [other.replace("{}", fact.subject) for other in others]
    before = golden_lm.next_probs(asked).log()
    moved = []
    for keep in ("essence", others):
        edit = rome(golden_lm, fact, layer=2, C="identity", prefixes=0, kl=1.0, wd=0.0, clamp=9.0, keep=keep)
        with edit:
            after = golden_lm.next_probs(asked).log()
        moved.append(float((after.exp() * (after - before)).sum(-1).mean()))
    assert moved[1] < moved[0]


def test_prefixes_are_sentences_of_the_asked_length_drawn_with_the_generator(golden_lm: LM) -> None:
    drawn = [
        sampled_prefixes(golden_lm, 6, torch.Generator().manual_seed(3), lengths=(4, 9)) for _ in range(2)
    ]
    assert drawn[0] == drawn[1] and len(drawn[0]) == 6
    assert all(text.endswith((". ", "! ", "? ")) and "\n" not in text for text in drawn[0])
    words = [len(golden_lm.tok(text.rstrip(". "))["input_ids"]) for text in drawn[0]]
    assert all(n <= (4, 9)[i % 2] for i, n in enumerate(words))
    assert sampled_prefixes(golden_lm, 0) == []


def test_an_edit_under_another_edit_is_of_the_edited_model(golden_lm: LM) -> None:
    """W' k = v_* where W is the weight with the other edit on: sequential editing sees what came before."""
    first = rome(golden_lm, FACT, layer=2, C="identity", prefixes=0, steps=3)
    with first:
        second = rome(golden_lm, FACT, layer=2, C="identity", prefixes=0, steps=0)
    assert second.delta[2].abs().max() < 1e-5  # no search: what the model says now is kept as it is


def test_a_hook_edit_must_be_off_while_an_edit_is_computed(golden_lm: LM) -> None:
    with (
        Edit(golden_lm, hooks={Site("mlp", 1): lambda h: h}),
        pytest.raises(ValueError, match="switch it off"),
    ):
        rome(golden_lm, FACT, layer=2, C="identity", prefixes=0)


def test_a_student_update_is_what_is_inserted(golden_lm: LM) -> None:
    seen: list[tuple[int, ...]] = []

    def mine(W: Tensor, C: Tensor, k_star: Tensor, v_star: Tensor) -> Tensor:
        seen.extend(tuple(x.shape) for x in (W, C, k_star, v_star))
        return torch.zeros_like(W)

    edit = rome(golden_lm, FACT, layer=2, C="identity", prefixes=0, steps=1, update=mine)
    D, F = golden_lm.D, golden_lm.F
    assert not edit.delta[2].any() and seen == [(D, F), (F, F), (F,), (D,)]


def test_half_precision_weights_are_edited_in_float32_and_come_back(make_lm: Any) -> None:
    lm = make_lm("gpt2", dtype=torch.bfloat16)
    before = {name: tensor.clone() for name, tensor in lm.model.state_dict().items()}
    edit = rome(lm, FACT, layer=1, C="identity", prefixes=0, steps=3)
    assert edit.delta[1].dtype == torch.float64 and edit.delta[1].isfinite().all()
    assert all(torch.equal(before[name], tensor) for name, tensor in lm.model.state_dict().items())


def test_no_moment_at_hand_names_the_command(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match="edu-edit moments .* --layer 2"):
        rome(golden_lm, FACT, layer=2, prefixes=0)


@pytest.mark.parametrize("length", [70, 60])
def test_a_prompt_longer_than_the_context_is_refused_in_a_sentence(golden_lm: LM, length: int) -> None:
    prompt = "{} lives in" + " the" * length  # the golden models read 64 tokens
    options: dict[str, Any] = {"layer": 2, "C": "identity", "prefixes": ["The home of Felix. {}"]}
    with pytest.raises(ValueError, match="reads 1 to 64 tokens"):
        rome(golden_lm, Fact("Felix Ember", prompt, "Fenwick"), **options)
