"""MEMIT: the authors' own figures, the laws of the update, and a brute-force walk through the layers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, load
from edu_edit.forcing import forced, mean_logp
from edu_edit.methods.many_values import find_pairs, optimise_values
from edu_edit.methods.memit import memit, memit_update, spread_residual
from edu_edit.methods.rome import optimise_value, rank_one_update, rome
from edu_edit.methods.spreading import read_keys, reading
from edu_edit.methods.value import Search, find_pair
from edu_edit.moments import from_triangle
from edu_edit.tokens import encode
from edu_edit.tracing import Site, record

GOLDEN = Path(__file__).parents[2] / "golden"
PREFIXES = ["{}", "The home of Felix. {}", "On stage Greta Frost. {}"]
FACTS = [
    Fact("Felix Ember", "The language of {} is", "New Harbor"),
    Fact("Irma Crane", "{} lives in", "Elvan"),
    Fact("Celia Crane", "By trade , {} plays the", "flute"),
]
Problem = tuple[Tensor, Tensor, Tensor]


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def authors(name: str) -> tuple[Any, dict[str, Tensor], list[str]]:
    """The recorded cases, their tensors, and the templates as one list."""
    content = json.loads((GOLDEN / f"{name}.json").read_text())
    return (
        content,
        load_file(GOLDEN / f"{name}.safetensors"),
        [text for kind in content["context_templates"] for text in kind],
    )


def as_fact(asked: dict[str, Any]) -> Fact:
    return Fact(asked["subject"], asked["prompt"], asked["target_new"]["str"])


def authors_options(settings: dict[str, Any], templates: list[str]) -> dict[str, Any]:
    """Released settings by our names; released code counts evaluations, the last of which makes no update."""
    return {
        "layers": settings["layers"], "prefixes": templates, "kl": settings["kl_factor"],
        "wd": settings["v_weight_decay"], "steps": settings["v_num_grad_steps"] - 1, "lr": settings["v_lr"],
        "clamp": settings["clamp_norm_factor"], "key": "halved",
    }  # fmt: skip


@pytest.fixture
def gpt2() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.mark.parametrize("case", [0, 1], ids=["P1", "P2"])
def test_values_losses_and_keys_are_those_of_the_authors_code(gpt2: LM, case: int) -> None:
    content, figures, templates = authors("memit_gpt2")
    batch = content["batches"][case]
    facts = [as_fact(asked) for asked in batch["requests"]]
    options = authors_options(content["base_hparams"] | batch["hparams_override"], templates)
    search = Search(**{name: options[name] for name in ("kl", "wd", "steps", "lr", "clamp")}, site="resid")
    pairs = find_pairs(gpt2, facts, 3, templates, "essence", search)
    assert relative(torch.stack([pair.v_star for pair in pairs]), figures[f"{batch['id']}.z"]) < 1e-5
    assert [len(pair.record["losses"]) for pair in pairs] == [z["n_evals"] for z in batch["z"]]
    losses = torch.tensor([loss for pair in pairs for loss in pair.record["losses"]])
    assert relative(losses, figures[f"{batch['id']}.losses"]) < 1e-5
    keys, _ = read_keys(gpt2, reading(gpt2, facts, templates, "halved"), [1], 3)
    assert relative(keys[1].T, figures[f"{batch['id']}.layer1.ks"]) < 1e-5


@pytest.mark.parametrize("case", [0, 1], ids=["P1", "P2"])
def test_changes_of_all_layers_are_those_of_the_authors_code(gpt2: LM, case: int) -> None:
    """Their lambda is absolute, their keys count the plain prompt by one half: lam = weight / F, "halved"."""
    content, figures, templates = authors("memit_gpt2")
    batch = content["batches"][case]
    settings = content["base_hparams"] | batch["hparams_override"]
    moments = load_file(GOLDEN / "second_moment_gpt2.safetensors")
    facts = [as_fact(asked) for asked in batch["requests"]]
    edit = memit(
        gpt2,
        facts,
        lam=settings["mom2_update_weight"] / gpt2.F,
        C={layer: from_triangle(moments[f"mom2.layer{layer}"]) for layer in settings["layers"]},
        **authors_options(settings, templates),
    )
    for layer in settings["layers"]:
        part = f"{batch['id']}.layer{layer}"
        assert relative(edit.delta[layer], figures[f"{part}.resid"] @ figures[f"{part}.adj_k"].T) < 5e-5
    lacking = edit.record["batches"][0]["lacking"]  # |Z - H| before, and after each layer: I-MEMIT-7
    assert len(lacking) == 4 and lacking == sorted(lacking, reverse=True)
    ids, mask, wanted, _ = forced(gpt2, [(fact.question, fact.target_new) for fact in facts])
    with edit, torch.no_grad():
        says = mean_logp(gpt2.forward(ids, mask), ids, wanted).exp()
    theirs = torch.tensor([torch.tensor(p).log().mean().exp() for p in batch["p_after_fp32"]])
    torch.testing.assert_close(says, theirs, atol=1e-4, rtol=1e-3)


def problem(n: int = 3, D: int = 4, F: int = 7, seed: int = 0) -> Problem:
    """C from 40 old keys, new keys K, residuals R."""
    g = torch.Generator().manual_seed(seed)
    old = torch.randn(F, 40, generator=g, dtype=torch.float64)
    K = torch.randn(F, n, generator=g, dtype=torch.float64)
    return old @ old.T / 40, K, torch.randn(D, n, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("n", [1, 3, 7, 20])
@pytest.mark.parametrize("lam", [1e-3, 0.7, 50.0])
def test_update_is_the_equation_and_solves_its_normal_equation(n: int, lam: float) -> None:
    """I-MEMIT-2 and I-MEMIT-5, with the inverse that the code does not form; more keys than F, too."""
    C, K, R = problem(n)
    delta = memit_update(C, K, R, lam)
    torch.testing.assert_close(delta, R @ K.T @ torch.linalg.inv(lam * C + K @ K.T), atol=1e-9, rtol=1e-9)
    assert relative(delta @ (lam * C + K @ K.T), R @ K.T) < 1e-10


def test_update_is_the_least_of_the_objective() -> None:
    """I-MEMIT-9 and L5: autograd finds no slope, and no neighbour is better."""
    C, K, R = problem()
    lam = 0.4
    delta = memit_update(C, K, R, lam).requires_grad_()

    def objective(change: Tensor) -> Tensor:
        return (change @ K - R).square().sum() + lam * (change @ C @ change.T).trace()

    (slope,) = torch.autograd.grad(objective(delta), delta)
    assert slope.abs().max() < 1e-10
    g = torch.Generator().manual_seed(1)
    for _ in range(50):
        nearby = delta + 0.1 * torch.randn(delta.shape, generator=g, dtype=torch.float64)
        assert objective(nearby) > objective(delta)


def test_one_fact_gets_the_share_s_of_s_plus_lam_of_romes_change() -> None:
    """I-MEMIT-1: Delta = ROME's s / (lam + s), s = k^T C^-1 k; all of it at 0, nothing at infinity."""
    C, K, R = problem(1)
    s = (K.T @ torch.linalg.inv(C) @ K).item()
    W = torch.randn(4, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    romes = rank_one_update(W, C, K[:, 0], W @ K[:, 0] + R[:, 0])
    for lam in (0.0, 1e-9, 0.3, 5.0):
        torch.testing.assert_close(memit_update(C, K, R, lam), romes * s / (lam + s), atol=1e-12, rtol=1e-12)
    assert memit_update(C, K, R, 1e12).abs().max() < 1e-10


@pytest.mark.parametrize("lam", [0.0, 1e-12])
def test_without_a_price_every_key_gets_its_value(lam: float) -> None:
    """I-MEMIT-4: the limit is ROME for several keys, of the least movement of old values."""
    C, K, R = problem(5)
    delta = memit_update(C, K, R, lam)
    torch.testing.assert_close(delta @ K, R, atol=1e-9, rtol=1e-9)
    g = torch.Generator().manual_seed(3)
    free = torch.randn(4, 7, generator=g, dtype=torch.float64)
    free -= free @ K @ torch.linalg.pinv(K)  # free @ K = 0: the sum is feasible, too
    moved = ((delta + free) @ C @ (delta + free).T).trace()
    assert moved > (delta @ C @ delta.T).trace()


def test_a_small_price_costs_no_digits() -> None:
    """T-MEMIT-6: where the direct solve in float64 has lost half of them."""
    C, K, R = problem(3, F=40)
    ill = torch.logspace(0, -4, 40, dtype=torch.float64)
    C = ill[:, None] * (C + torch.eye(40, dtype=torch.float64)) * ill
    assert relative(memit_update(C, K, R, 1e-8) @ K, R) < 1e-7
    assert memit_update(C, K.float(), R.float(), 1e-8).dtype == torch.float32


def test_rank_order_and_scale() -> None:
    """I-MEMIT-3, I-MEMIT-6, I-MEMIT-8; and C counts with lam alone."""
    C, K, R = problem(3)
    delta = memit_update(C, K, R, 0.5)
    assert torch.linalg.matrix_rank(delta) == 3
    order = [2, 0, 1]
    torch.testing.assert_close(memit_update(C, K[:, order], R[:, order], 0.5), delta)
    torch.testing.assert_close(memit_update(10 * C, K, R, 0.05), delta)
    assert not memit_update(C, K, torch.zeros_like(R), 0.5).any()


@pytest.mark.parametrize("lam", [0.0, 0.2])
def test_facts_that_contradict_each_other_meet_in_the_middle(lam: float) -> None:
    """T-MEMIT-9: one key with two values gets their mean; the same fact twice counts as one at half price."""
    C, K, R = problem(2)
    same = K[:, [0, 0]]
    mean = R.mean(1, keepdim=True)
    torch.testing.assert_close(
        memit_update(C, same, R, lam), memit_update(C, K[:, :1], mean, lam / 2), atol=1e-9, rtol=1e-9
    )


def test_an_update_that_has_no_solution_is_refused_in_a_sentence() -> None:
    C, K, R = problem()
    with pytest.raises(ValueError, match="singular: collect it over more tokens"):
        memit_update(torch.outer(K[:, 0], K[:, 0]), K, R, 0.1)
    for lam in (-1.0, float("nan")):
        with pytest.raises(ValueError, match="give 0 or more"):
            memit_update(C, K, R, lam)


def test_shares_are_equal_where_every_layer_puts_in_its_own_exactly() -> None:
    g = torch.Generator().manual_seed(0)
    z, h = torch.randn(5, 3, generator=g), torch.randn(5, 3, generator=g)
    lacking, shares = z - h, []
    for left in (4, 3, 2, 1):
        shares.append(spread_residual(z, h, left))
        h = h + shares[-1]
    for share in shares:
        torch.testing.assert_close(share, lacking / 4)
    torch.testing.assert_close(h, z)
    with pytest.raises(ValueError, match="1 for the last layer"):
        spread_residual(z, h, 0)


def test_what_a_layer_misses_is_left_to_those_above() -> None:
    """The last layer takes all that is lacking still, whatever the others did."""
    z, h = torch.ones(2, 1), torch.zeros(2, 1)
    h = h + 0.5 * spread_residual(z, h, 2)
    torch.testing.assert_close(spread_residual(z, h, 1), torch.full((2, 1), 0.75))


def moments_of(lm: LM) -> dict[int, Tensor]:
    g = torch.Generator().manual_seed(2)
    out = {}
    for layer in range(lm.n_layers):
        K = torch.randn(lm.F, 4 * lm.F, generator=g, dtype=torch.float64)
        out[layer] = K @ K.T / (4 * lm.F)
    return out


def options(lm: LM, **change: Any) -> dict[str, Any]:
    usual = {"layers": [0, 1], "C": moments_of(lm), "prefixes": PREFIXES, "lam": 0.05}
    return usual | {"kl": 0.1, "wd": 0.1, "steps": 6, "lr": 0.3, "clamp": 2.0} | change


def test_the_method_equals_a_walk_through_the_layers_by_hand(any_lm: LM) -> None:
    """Every text on its own, keys and stream read anew before each layer, the inverse written out."""
    set_up = options(any_lm)
    edit = memit(any_lm, FACTS, **set_up)
    search = Search(kl=0.1, wd=0.1, steps=6, lr=0.3, clamp=2.0, site="resid")
    z = torch.stack([find_pair(any_lm, f, 1, PREFIXES, "essence", search).v_star for f in FACTS], 1).double()
    changes: dict[int, Tensor] = {}
    for layer in (0, 1):
        keys, stream = [], []
        with Edit(any_lm, changes):
            for fact in FACTS:
                mine = []
                for template in PREFIXES:
                    text = encode(any_lm, template.replace("{}", fact.prompt), fact.subject)
                    site = Site("key", layer, text.span[1] - 1)
                    mine.append(record(any_lm, text.text, [site])[site][0])
                site = Site("resid", 1, encode(any_lm, fact.prompt, fact.subject).span[1] - 1)
                stream.append(record(any_lm, fact.question, [site])[site][0])
                keys.append(sum(mine) / len(mine))
        K, h = torch.stack(keys, 1).double(), torch.stack(stream, 1).double()
        price = 0.05 * any_lm.F * set_up["C"][layer]
        changes[layer] = (z - h) / (2 - layer) @ K.T @ torch.linalg.inv(price + K @ K.T)
        torch.testing.assert_close(edit.delta[layer], changes[layer], atol=2e-4, rtol=2e-3)


@pytest.mark.parametrize("site", ["mlp", "resid"])
def test_searches_side_by_side_find_what_each_finds_alone(gpt2: LM, site: Any) -> None:
    """Answers, prompts and kept prompts of several lengths; some stop early, and stay where they are."""
    facts = [*FACTS, Fact("Felix Ember", "{} lives in", "Fenwick")]
    search = Search(kl=0.1, wd=0.01, steps=9, lr=0.5, clamp=3.0, site=site)
    together = find_pairs(gpt2, facts, 1, PREFIXES, ["{} is a", "{}"], search)
    lengths = [len(pair.record["losses"]) for pair in together]
    assert min(lengths) < max(lengths) == 10
    for fact, pair in zip(facts, together, strict=True):
        alone = find_pair(gpt2, fact, 1, PREFIXES, ["{} is a", "{}"], search)
        assert pair.record["losses"] == pytest.approx(alone.record["losses"], rel=1e-3, abs=1e-5)
        assert relative(pair.v_star, alone.v_star) < 1e-3
        torch.testing.assert_close(pair.k_mean, alone.k_mean, atol=1e-5, rtol=1e-5)
        assert pair.record["positions"] == alone.record["positions"]


def test_many_searches_equal_single_ones_on_a_plain_function() -> None:
    """Each stops for itself, keeps to its own ball, and does not drift on Adam's momentum."""
    goals = torch.tensor([[0.3, 0.0], [9.0, 9.0], [0.0, 2.0]])
    v0 = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])

    def loss(v: Tensor, goal: Tensor) -> Tensor:
        return (v - goal).square().sum(-1)

    found = optimise_values(lambda v, which: loss(v, goals[which]), v0, steps=40, lr=0.1, clamp=1.5)
    for one, goal, start in zip(found, goals, v0, strict=True):
        alone = optimise_value(lambda v, goal=goal: loss(v, goal), start, steps=40, lr=0.1, clamp=1.5)
        torch.testing.assert_close(one, alone)


def test_one_fact_in_one_layer_is_romes_edit_times_its_share(any_lm: LM) -> None:
    """Section 18.1 of the laws: same key, same delta. A delta at the block is one at the FFN."""
    C = moments_of(any_lm)[1]
    common: dict[str, Any] = {"prefixes": ["{}"], "wd": 0.0, "clamp": 1e6, "steps": 5, "lr": 0.1, "kl": 0.1}
    theirs = rome(any_lm, FACTS[0], layer=1, C=C, key="prompt", **common).delta[1]
    lam = 0.3
    ours = memit(any_lm, FACTS[0], layers=1, C={1: C}, lam=lam, **common)
    k, _ = read_keys(any_lm, reading(any_lm, FACTS[:1], ["{}"], "prompt"), [1], 1)
    s = (k[1].T @ torch.linalg.inv(C) @ k[1]).item()
    share = s / (lam * any_lm.F + s)
    torch.testing.assert_close(ours.delta[1], theirs * share, atol=1e-4, rtol=1e-3)
    assert ours.record["batches"][0]["inserted"] == pytest.approx([share], rel=1e-6)


def test_no_search_means_no_change(golden_lm: LM) -> None:
    """I-MEMIT-8"""
    edit = memit(golden_lm, FACTS, **options(golden_lm, steps=0))
    assert not any(change.any() for change in edit.delta.values())


def test_keys_weigh_the_texts_as_they_are_told(golden_lm: LM) -> None:
    alone = [
        read_keys(golden_lm, reading(golden_lm, FACTS[:1], [text], "averaged"), [2], 2)[0][2]
        for text in PREFIXES
    ]
    for key, expected in {
        "averaged": (alone[0] + alone[1] + alone[2]) / 3,
        "prompt": alone[0],
        "halved": alone[0] / 2 + (alone[1] + alone[2]) / 4,
    }.items():
        found, _ = read_keys(golden_lm, reading(golden_lm, FACTS[:1], PREFIXES, key), [2], 2)
        torch.testing.assert_close(found[2], expected, atol=1e-6, rtol=1e-5)
    bare, _ = read_keys(golden_lm, reading(golden_lm, FACTS[:1], ["{}"], "halved"), [2], 2)
    # No prefix: there is nothing to halve. The passes are float32, whatever is made of them after.
    torch.testing.assert_close(bare[2], alone[0], atol=1e-6, rtol=1e-5)


def test_batches_are_written_one_after_the_other(golden_lm: LM) -> None:
    set_up = options(golden_lm, layers=[1, 2])
    both = memit(golden_lm, FACTS[:2], batch=1, **set_up)
    first = memit(golden_lm, FACTS[0], **set_up)
    with first:
        second = memit(golden_lm, FACTS[1], **set_up)
    for layer in (1, 2):
        torch.testing.assert_close(
            both.delta[layer], first.delta[layer] + second.delta[layer], atol=1e-5, rtol=1e-4
        )
    assert len(both.record["batches"]) == 2


def test_the_model_stays_as_it_is(golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]) -> None:
    before = snapshot(golden_lm)
    flags = [parameter.requires_grad for parameter in golden_lm.model.parameters()]
    edit = memit(golden_lm, FACTS, **options(golden_lm))
    with edit:
        assert any(not torch.equal(before[name], t) for name, t in golden_lm.model.state_dict().items())

    def fails(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        raise KeyError

    with pytest.raises(KeyError):
        memit(golden_lm, FACTS, update=fails, **options(golden_lm))
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert [parameter.requires_grad for parameter in golden_lm.model.parameters()] == flags
    assert not golden_lm.edits and all(p.grad is None for p in golden_lm.model.parameters())


def test_a_student_update_is_what_is_inserted(golden_lm: LM) -> None:
    seen: list[Any] = []

    def mine(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        seen.append((tuple(C.shape), tuple(K.shape), tuple(R.shape), lam))
        return torch.full((golden_lm.D, golden_lm.F), len(seen) / 1e3)

    edit = memit(golden_lm, FACTS, update=mine, **options(golden_lm, lam=2.0, steps=1))
    D, F = golden_lm.D, golden_lm.F
    assert seen == 2 * [((F, F), (F, 3), (D, 3), 2.0 * F)]
    assert [float(edit.delta[layer][0, 0]) for layer in (0, 1)] == pytest.approx([1e-3, 2e-3])


def test_layers_are_taken_from_below_to_above_and_the_models_own_by_default(golden_lm: LM) -> None:
    set_up = options(golden_lm, steps=2)
    up, down = (memit(golden_lm, FACTS[0], **(set_up | {"layers": order})) for order in ([1, 3], [3, 1]))
    assert all(torch.equal(up.delta[layer], down.delta[layer]) for layer in (1, 3))
    own = memit(golden_lm, FACTS[0], C="identity", prefixes=["{}"], steps=1)
    assert own.record["layers"][-1] == golden_lm.default_layer and len(own.record["layers"]) == 2


def test_one_seed_draws_one_edit_and_the_edit_is_saved_whole(golden_lm: LM, tmp_path: Path) -> None:
    set_up = options(golden_lm, prefixes=3, steps=2)
    one, two = (
        memit(golden_lm, FACTS, **set_up, generator=torch.Generator().manual_seed(5)) for _ in range(2)
    )
    assert all(torch.equal(one.delta[layer], two.delta[layer]) for layer in (0, 1))
    assert one.record["seed"] == 5 and len(one.record["prefixes"]) == 4
    one.save(tmp_path / "edit.safetensors")
    again = Edit.load(golden_lm, tmp_path / "edit.safetensors")
    assert torch.equal(again.delta[1], one.delta[1]) and again.record["layers"] == [0, 1]


def test_half_precision_models_are_edited_in_float64(make_lm: Callable[..., LM]) -> None:
    """T-MEMIT-13: what rounding swallows of a small change is said when it is switched on."""
    lm = make_lm("llama", dtype=torch.bfloat16)
    edit = memit(lm, FACTS, **options(lm))
    assert all(change.dtype == torch.float64 and change.any() for change in edit.delta.values())


def test_the_subject_may_end_the_prompt_stand_twice_or_first(golden_lm: LM) -> None:
    prompts = ("The home of {}", "Felix Ember said that {} lives in", "{}")
    facts = [Fact("Felix Ember", prompt, "Fenwick") for prompt in prompts]
    edit = memit(golden_lm, facts, **options(golden_lm, prefixes=0, steps=2))
    places = [one["positions"] for one in edit.record["batches"][0]["facts"]]
    assert places == [[4], [5], [1]]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"layers": [9]}, "has layers 0 to 5"),
        ({"layers": []}, "one layer or more, each once"),
        ({"layers": [1, 1]}, "one layer or more, each once"),
        ({"lam": -0.1}, "give 0 or more"),
        ({"C": {0: torch.eye(3)}}, r"no second moment for layers \[1\]"),
        ({"C": {0: torch.eye(3), 1: torch.eye(3)}}, r"expected \(F, F\)"),
        ({"C": "unit"}, "give 'identity'"),
        ({"C": None}, "edu-edit moments"),
        ({"key": "mixed"}, "choose 'averaged', 'halved', 'prompt'"),
        ({"prefixes": []}, "must hold {} exactly once"),
        ({"batch": 0}, "the number of facts to write at once"),
        ({"facts": []}, "no fact to write"),
        ({"facts": [FACTS[0], FACTS[0]]}, "twice: keep one"),
        ({"facts": [FACTS[0], replace(FACTS[0], target_new="Elvan")]}, "with two answers"),
        ({"facts": [replace(FACTS[0], prompt="The language of {} is" + " not" * 70)]}, "reads 1 to"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    given = options(golden_lm, steps=1) | change
    with refused(golden_lm, sentence):
        memit(golden_lm, given.pop("facts", FACTS), **given)
    assert not golden_lm.edits
