"""AnyEdit: the authors' own figures, a search by brute force, the laws of anchors, and the barrier."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, anyedit, load
from edu_edit.methods.alphaedit import alphaedit_update, null_projector
from edu_edit.methods.chunk_states import chunk_state, chunk_states, put_in_place
from edu_edit.methods.chunking import chunk_by_window, chunk_logprobs
from edu_edit.methods.memit import memit, memit_update
from edu_edit.methods.value import optimise_value
from edu_edit.moments import from_triangle
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site, intervene, record

GOLDEN = Path(__file__).parents[2] / "golden"
PROMPT = "Felix Ember lives in"
ANSWER = "New Harbor. At home Felix Ember talks in Tarkish. Felix Ember works as a lawyer"


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


def recorded() -> list[Any]:
    """The authors' cases."""
    content = json.loads((GOLDEN / "anyedit_memit_are.json").read_text())
    figures = load_file(GOLDEN / "anyedit_memit_are.safetensors")
    return [
        pytest.param(
            case,
            content["base_hparams"] | case["hparams_override"],
            {name[3:]: value for name, value in figures.items() if name.startswith(case["id"])},
            id=case["id"],
        )
        for case in content["cases"]
    ]


def as_released(lm: LM, case: Any, settings: Any, **options: Any) -> tuple[Edit, list[list[Tensor]]]:
    """The edit with the authors' settings, and the states of each sample."""
    found: list[Tensor] = []

    def solve(*args: Any) -> Tensor:
        # Released code counts evaluations, the last of which makes no update.
        found.append(
            chunk_state(
                *args, layer=settings["layers"][-1], steps=settings["v_num_grad_steps"] - 1,
                clamp=float(settings["clamp_norm_factor"]), lr=settings["v_lr"],
                wd=settings["v_weight_decay"],
            )
        )  # fmt: skip
        return found[-1]

    moments = load_file(GOLDEN / "second_moment_gpt2.safetensors")
    edit = anyedit(
        lm, [row["question"] for row in case["data"]], [row["answer"].strip() for row in case["data"]],
        settings["window_size"], solve, layers=settings["layers"], overlap=settings["overlap"],
        C={layer: from_triangle(moments[f"mom2.layer{layer}"]) for layer in settings["layers"]},
        lam=settings["mom2_update_weight"] / lm.F, **{"released_tail": True, **options},
    )  # fmt: skip
    counts = [len(text["chunks"]) for text in edit.record["texts"]]
    return edit, [[found.pop(0) for _ in range(count)] for count in counts]


@pytest.mark.parametrize("case, settings, figures", recorded())
def test_chunks_anchors_and_states_are_those_of_the_authors_code(
    case: Any, settings: Any, figures: Any
) -> None:
    edit, states = as_released(load(GOLDEN / "models" / "gpt2-tiny"), case, settings)
    for i, sample in enumerate(case["samples"]):
        assert [list(chunk) for chunk in edit.record["texts"][i]["chunks"]] == sample["chunks"]
        assert edit.record["texts"][i]["positions"] == sample["idxs"]
        assert relative(torch.stack(states[i]), figures[f"sample{i}.targets"]) < 5e-5


@pytest.mark.parametrize("case, settings, figures", recorded())
def test_the_change_is_that_of_the_authors_code(case: Any, settings: Any, figures: Any) -> None:
    """From the recorded keys and residual in all cases; end to end where no padding counts as text."""
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    lam = float(settings["mom2_update_weight"])
    C = from_triangle(load_file(GOLDEN / "second_moment_gpt2.safetensors")["mom2.layer3"])
    K, K_p, R = (figures[f"{name}.layer3"].double() for name in ("layer_ks", "layer_kp", "resid"))
    delta = memit_update(C + K_p @ K_p.T / lam, K, R.T, lam)
    assert relative(delta.T, figures["delta.layer3"]) < 2e-2
    edit, _ = as_released(lm, case, settings)
    if len(case["data"]) == 1:
        assert relative(edit.delta[3].T, figures["delta.layer3"]) < 2e-2
        with edit:
            after = answer_probs(lm, case["question_ids"][0], case["answer_ids"][0])
        torch.testing.assert_close(
            after, torch.tensor(case["p_answer_tokens_after"][0]), atol=1e-2, rtol=1e-2
        )
    else:  # T-ANY-5: 7 of the 35 keys that the released code protects are padding
        tokens = sum(len(q) + len(a) for q, a in zip(case["question_ids"], case["answer_ids"], strict=True))
        assert K_p.shape[1] == tokens - K.shape[1] + 7
        assert relative(edit.delta[3].T, figures["delta.layer3"]) > 0.1


def answer_probs(lm: LM, prompt: list[int], answer: list[int]) -> Tensor:
    ids = torch.tensor([prompt + answer])
    with torch.no_grad():
        probs = lm.forward(ids, torch.ones_like(ids))[0, len(prompt) - 1 : -1].softmax(-1)
    return probs.gather(1, torch.tensor(answer)[:, None])[:, 0]


def test_the_released_tail_is_read_one_token_late() -> None:
    """T-ANY-2, B-12: its target is the token that the model has just been shown, not the next one."""
    case, settings, _ = recorded()[1].values
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    released, ours = (
        as_released(lm, case, settings, released_tail=tail)[0].record["texts"][0] for tail in (True, False)
    )
    assert ours["chunks"] == released["chunks"][:-1] == [(0, 3), (2, 5), (4, 7)]
    assert ours["positions"] == released["positions"][:-1] == [6, 8, 10]
    assert released["positions"][-1] == 13  # the answer's last token; before it would be 12
    assert sum(case["misaligned_targets_per_chunk"]) == 1


def tokens(lm: LM, prompt: str = PROMPT, answer: str = ANSWER) -> tuple[list[int], list[int]]:
    return list(lm.tok(prompt)["input_ids"]), target_ids(lm, answer, prompt)


def identity(lm: LM) -> dict[str, Any]:
    return {"C": "identity", "lam": 1.0 / lm.F}


SHORT = {"steps": 6, "lr": 0.3, "clamp": 2.0, "wd": 0.05}


def test_the_search_equals_brute_force_with_whole_forward_passes(any_lm: LM) -> None:
    """The state of a second chunk, with the first one's in place: hooks, no replay."""
    layer = 1
    prompt, answer = tokens(any_lm, PROMPT, "New Harbor. At home Felix")
    ids, chunk = torch.tensor(prompt + answer[:3]), torch.tensor(answer[3:])
    earlier = {len(prompt) - 1: torch.linspace(-1, 1, any_lm.D)}
    whole = torch.cat([ids, chunk])[None]
    site = Site("resid", layer, len(ids) - 1)
    with intervene(any_lm, put_in_place(layer, earlier)):
        h = record(any_lm, (whole, torch.ones_like(whole)), [site])[site][0]

    def loss_of(z: Tensor) -> Tensor:
        with intervene(any_lm, put_in_place(layer, earlier | {len(ids) - 1: z})):
            logp = any_lm.forward(whole, torch.ones_like(whole))[0, len(ids) - 1 : -1].log_softmax(-1)
        nll = -logp.gather(1, chunk[:, None]).mean()
        return nll + SHORT["wd"] * (z - h).norm() / h.norm() ** 2

    expected = optimise_value(loss_of, h, int(SHORT["steps"]), SHORT["lr"], SHORT["clamp"])
    found = chunk_state(any_lm, ids, len(ids) - 1, chunk, earlier, layer=layer, **SHORT)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert relative(found, h) > 1e-2


def test_one_chunk_is_the_method_of_a_single_token(any_lm: LM) -> None:
    """I-ANY-2, I-ANY-6: MEMIT, when it edits the prompt's last token and keeps nothing else."""
    layers = [0, 1]
    fact = Fact("Felix Ember", "{}", "New Harbor")
    options: dict[str, Any] = {"steps": 6, "lr": 0.3, "clamp": 2.0, "wd": 0.05}
    single = memit(
        any_lm, fact, layers, lam=0.7, C="identity", prefixes=["{}"], kl=0.0, key="prompt", **options
    )
    solve = partial(chunk_state, layer=1, enough=0.05, **options)
    ours = anyedit(
        any_lm, "Felix Ember", "New Harbor", "whole", solve,
        layers=layers, lam=0.7, C="identity", protect=False,
    )  # fmt: skip
    for layer in layers:
        assert relative(ours.delta[layer], single.delta[layer]) < 1e-3
    windowed = anyedit(
        any_lm, "Felix Ember", "New Harbor", 40, solve,
        layers=layers, lam=0.7, C="identity", protect=False,
    )  # fmt: skip
    assert all(torch.equal(windowed.delta[layer], ours.delta[layer]) for layer in layers)


def test_chunks_are_solved_in_order_each_behind_the_text_and_the_states_before(golden_lm: LM) -> None:
    calls: list[tuple[list[int], int, list[int], dict[int, Tensor]]] = []

    def solve(lm: LM, ids: Tensor, position: int, chunk: Tensor, earlier: Any) -> Tensor:
        calls.append((ids.tolist(), position, chunk.tolist(), dict(earlier)))
        return torch.full((lm.D,), float(len(calls)))

    prompt, answer = tokens(golden_lm)
    anyedit(golden_lm, PROMPT, ANSWER, 5, solve, layers=[2], **identity(golden_lm))
    chunks = chunk_by_window(len(answer), 5)
    assert len(calls) == len(chunks)
    for i, ((a, b), (ids, position, chunk, earlier)) in enumerate(zip(chunks, calls, strict=True)):
        assert ids == prompt + answer[:a] and position == len(ids) - 1 and chunk == answer[a:b]
        assert list(earlier) == [len(prompt) + c - 1 for c, _ in chunks[:i]]
        assert [float(z[0]) for z in earlier.values()] == [1.0, 2.0, 3.0, 4.0][:i]


def test_what_a_search_starts_from_does_not_depend_on_earlier_states(golden_lm: LM) -> None:
    """I-ANY-3: at the same layer a change at one token reaches no other."""
    prompt, answer = tokens(golden_lm)
    ids, chunk = torch.tensor(prompt + answer[:4]), torch.tensor(answer[4:8])
    start = [
        chunk_state(golden_lm, ids, len(ids) - 1, chunk, earlier, layer=2, steps=0)
        for earlier in ({}, {len(prompt) - 1: torch.ones(golden_lm.D)})
    ]
    torch.testing.assert_close(*start)


def test_a_chunks_probability_does_not_depend_on_later_states(golden_lm: LM) -> None:
    """I-ANY-4: causality; with all states in place the chunks' terms are the answer's log-probability."""
    prompt, answer = tokens(golden_lm)
    chunks = chunk_by_window(len(answer), 5)
    solve = partial(chunk_state, layer=2, steps=5, lr=0.3)
    states = chunk_states(golden_lm, prompt, answer, chunks, solve)

    def terms(some: dict[int, Tensor]) -> Tensor:
        with intervene(golden_lm, put_in_place(2, some)):
            return chunk_logprobs(answer_probs(golden_lm, prompt, answer).log(), chunks)

    full = terms(states)
    for n in range(1, len(chunks)):
        some = terms(dict(list(states.items())[:n]))
        torch.testing.assert_close(some[:n], full[:n])
        assert not torch.allclose(some[n:], full[n:])


def test_without_a_price_the_stream_becomes_the_states(golden_lm: LM) -> None:
    """I-ANY-7: one layer, lam near 0, nothing else protected."""
    prompt, answer = tokens(golden_lm)
    states: dict[int, Tensor] = {}

    def solve(*args: Any) -> Tensor:
        states[args[2]] = chunk_state(*args, layer=2, steps=5, lr=0.1)
        return states[args[2]]

    edit = anyedit(golden_lm, PROMPT, ANSWER, 5, solve, layers=[2], C="identity", lam=1e-9, protect=False)
    ids = torch.tensor([prompt + answer])
    with edit:
        after = record(golden_lm, (ids, torch.ones_like(ids)), [Site("resid", 2)])[Site("resid", 2)][0]
    for position, z in states.items():
        torch.testing.assert_close(after[position], z, atol=1e-3, rtol=1e-3)


def test_the_change_solves_the_released_equation_and_lacks_are_read_anew(any_lm: LM) -> None:
    """T-ANY-8: each layer's residual is measured with the layers below edited, and shared over those left."""
    prompt, answer = tokens(any_lm, PROMPT, "New Harbor. At home Felix")
    ids = torch.tensor([prompt + answer])
    both = (ids, torch.ones_like(ids))
    anchors = [len(prompt) - 1, len(prompt) + 2]
    others = [t for t in range(ids.shape[1]) if t not in anchors]
    g = torch.Generator().manual_seed(1)
    z = torch.randn(2, any_lm.D, generator=g)
    order = iter(z)
    lam = 0.5
    edit = anyedit(
        any_lm, PROMPT, "New Harbor. At home Felix", 3, lambda *_: next(order),
        layers=[0, 1], C="identity", lam=lam,
    )  # fmt: skip
    expected: dict[int, Tensor] = {}
    for layer, left in ((0, 2), (1, 1)):
        with Edit(any_lm, expected):
            found = record(any_lm, both, [Site("key", layer), Site("resid", 1)])
        keys = found[Site("key", layer)][0].double().T
        K, K_p = keys[:, anchors], keys[:, others]
        R = (z - found[Site("resid", 1)][0, anchors]).double().T / left
        system = lam * any_lm.F * torch.eye(any_lm.F).double() + K_p @ K_p.T + K @ K.T
        expected[layer] = R @ K.T @ torch.linalg.inv(system)
        assert relative(edit.delta[layer], expected[layer]) < 1e-4


def test_chunks_written_in_a_null_space_stay_in_it(golden_lm: LM) -> None:
    """I-ANY-6: with AlphaEdit's update, Delta P = Delta, and the directions that P removes read no change."""
    X = torch.randn(golden_lm.F, 3 * golden_lm.F, generator=torch.Generator().manual_seed(2)).double()
    C = (torch.logspace(0, -3, golden_lm.F).double()[:, None] * X) @ X.T
    P = null_projector((C + C.T) / 2, 0.02)

    def update(_: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        return alphaedit_update(P.to(K), K, R, torch.zeros_like(P).to(K), 0.1)

    solve = partial(chunk_state, layer=2, steps=3)
    edit = anyedit(golden_lm, PROMPT, ANSWER, 5, solve, update, layers=[2], C="identity")
    change = edit.delta[2].double()
    assert change.any() and 0 < float(P.trace()) < golden_lm.F - 1
    torch.testing.assert_close(change @ P, change, atol=1e-6, rtol=1e-5)


def test_protected_tokens_move_less(golden_lm: LM) -> None:
    prompt, answer = tokens(golden_lm)
    ids = torch.tensor([prompt + answer])
    both, site = (ids, torch.ones_like(ids)), Site("mlp", 2)
    before = record(golden_lm, both, [site])[site][0]
    solve = partial(chunk_state, layer=2, steps=8, lr=0.2)
    moved = []
    for protect in (True, False):
        edit = anyedit(
            golden_lm, PROMPT, ANSWER, 5, solve, layers=[2], protect=protect, C="identity", lam=1e-4
        )
        anchors = edit.record["texts"][0]["positions"]
        with edit:
            change = (record(golden_lm, both, [site])[site][0] - before).norm(dim=1)
        change[anchors] = 0
        moved.append(float(change.norm()))
    assert moved[0] < 0.5 * moved[1]


def test_a_chunks_own_last_token_is_too_late_to_call_it_up(golden_lm: LM) -> None:
    """E23, T-ANY-1: the reading "edit the chunk's last token" writes nothing at all."""
    options: dict[str, Any] = {"layers": [2], "C": "identity", "lam": 1e-3}
    solve = partial(chunk_state, layer=2, steps=15, lr=0.3)
    before, last = (
        anyedit(golden_lm, PROMPT, ANSWER, 5, solve, anchor=anchor, **options)
        for anchor in ("before", "last")
    )
    assert before.record["texts"][0]["positions"] == [3, 8, 13, 18]
    assert last.record["texts"][0]["positions"] == [8, 13, 18, 20]
    assert last.delta[2].norm() < 1e-4 * before.delta[2].norm()


def test_one_anchor_reaches_less_of_a_long_answer_than_many(golden_lm: LM) -> None:
    """The barrier, X-ANY: of the tokens wrong before, those right after the edit of the weights."""
    target = (
        "New Harbor. At home Karin Frost talks in Tarkish. Luca Abbot works as a lawyer. "
        "Irma Crane plays the drum. Boris Dunlin lives in Corvale"
    )
    solve = partial(chunk_state, layer=2, steps=25, lr=0.3, clamp=20.0, wd=0.0)
    prompt, answer = tokens(golden_lm, PROMPT, target)

    def right() -> Tensor:
        ids = torch.tensor([prompt + answer])
        with torch.no_grad():
            logits = golden_lm.forward(ids, torch.ones_like(ids))[0, len(prompt) - 1 : -1]
        return logits.argmax(-1) == torch.tensor(answer)

    wrong, reached = ~right(), {}
    for chunks in ("whole", 5):
        edit = anyedit(golden_lm, PROMPT, target, chunks, solve, layers=[2], C="identity", lam=1e-5)
        with edit:
            reached[chunks] = float(right()[wrong].float().mean())
    assert reached["whole"] < 0.2 and reached[5] > reached["whole"] + 0.2


def test_several_texts_are_written_at_once_and_padding_is_no_text(golden_lm: LM) -> None:
    """T-ANY-5: only real tokens are protected, and each text gets its own anchors."""
    seen: list[Tensor] = []

    def update(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        seen.extend((C, K))
        return memit_update(C, K, R, lam)

    solve = partial(chunk_state, layer=2, steps=25, lr=0.3, clamp=20.0)
    prompts, targets = (
        [PROMPT, "By trade , Irma Dunlin is a"],
        [ANSWER, "painter. Irma Dunlin plays the harp"],
    )
    edit = anyedit(golden_lm, prompts, targets, 4, solve, update, layers=[2], C="identity", lam=1e-3)
    keys = []
    for prompt, target in zip(prompts, targets, strict=True):
        ids = torch.tensor([sum(tokens(golden_lm, prompt, target), [])])
        keys.append(record(golden_lm, (ids, torch.ones_like(ids)), [Site("key", 2)])[Site("key", 2)][0])
    C, K = seen
    real = torch.cat(keys).double()
    assert K.shape[1] == sum(len(text["positions"]) for text in edit.record["texts"]) == 7
    lam = 1e-3 * golden_lm.F
    protected = (C - torch.eye(golden_lm.F).double()) * lam + K @ K.T
    torch.testing.assert_close(protected, real.T @ real, atol=1e-4, rtol=1e-4)

    def first_chunks() -> Tensor:
        pairs = [tokens(golden_lm, *pair) for pair in zip(prompts, targets, strict=True)]
        return torch.stack([answer_probs(golden_lm, *pair)[:4].log().sum() for pair in pairs])

    before = first_chunks()
    with edit:
        assert (first_chunks() > before + 3).all()


def test_an_edit_is_undone_bit_for_bit_and_computing_it_changes_nothing(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before = snapshot(golden_lm)
    flags = [parameter.requires_grad for parameter in golden_lm.model.parameters()]
    edit = anyedit(golden_lm, PROMPT, ANSWER, "sentence", layers=[1, 2], **identity(golden_lm))
    assert edit.kind == "weights" and edit.record["forward_passes"] > 0
    assert [len(text["chunks"]) for text in edit.record["texts"]] == [3]
    with edit:
        assert golden_lm.answer(PROMPT) == "New Harbor"
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert [parameter.requires_grad for parameter in golden_lm.model.parameters()] == flags


def test_half_precision_weights_are_edited(make_lm: Any) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    edit = anyedit(lm, PROMPT, "New Harbor. At home", 2, layers=[0, 1], C="identity", lam=0.1)
    assert edit.delta[1].isfinite().all() and edit.delta[1].any()


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"prompt": ""}, "give a target for each prompt"),
        ({"target": [ANSWER, ANSWER]}, "1 prompts and 2 targets"),
        ({"prompt": [], "target": []}, "0 prompts and 0 targets"),
        ({"target": " "}, "target is empty"),
        ({"chunks": 0}, "1 or more of the first two"),
        ({"chunks": "words"}, "'sentence', 'whole', or ranges"),
        ({"chunks": [(0, 3)]}, "don't cover"),
        ({"chunks": 3, "overlap": 3}, "overlap from 0 to size - 1"),
        ({"layers": [9]}, "has layers 0 to 5"),
        ({"layers": []}, "give a layer"),
        ({"layers": [2, 2]}, "each once"),
        ({"lam": 0.0}, "a lam above 0"),
        ({"anchor": "first"}, "'before' or 'last'"),
        ({"C": {1: torch.eye(3)}}, "no second moment for layers"),
        ({"C": None}, "edu-edit moments"),
        ({"target": ANSWER * 4}, "reads 1 to 64 tokens"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    options: dict[str, Any] = {"prompt": PROMPT, "target": ANSWER, "layers": [2], **identity(golden_lm)}
    with refused(golden_lm, sentence):
        anyedit(golden_lm, **{**options, **change})
