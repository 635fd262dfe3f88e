"""Edits do what they say while they are on, compose, and leave no bit behind."""

import itertools
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from edu_edit import LM, Edit, Site, intervene, load, record
from edu_edit.tracing import hooked

PROMPTS = ["Felix Ember lives in New Harbor", "The music of Edna", "Kelling"]
Snapshot = Callable[[LM], dict[str, Tensor]]


def same(lm: LM, before: dict[str, Tensor]) -> bool:
    now = lm.model.state_dict()
    return now.keys() == before.keys() and all(torch.equal(now[name], before[name]) for name in before)


def random_edit(lm: LM, *layers: int, seed: int = 0, scale: float = 1.0) -> Edit:
    generator = torch.Generator().manual_seed(seed)
    shape = (lm.D, lm.F)
    return Edit(lm, {layer: scale * torch.randn(shape, generator=generator).double() for layer in layers})


def test_making_an_edit_leaves_the_model_alone(any_lm: LM, snapshot: Snapshot) -> None:
    """I-COM-2."""
    before = snapshot(any_lm)
    random_edit(any_lm, 0, 1)
    assert same(any_lm, before)


def test_an_edit_adds_delta_to_W_out(any_lm: LM) -> None:
    edit = random_edit(any_lm, 1)
    W, key, out = any_lm.ffn(1).W_out.detach().clone(), Site("key", 1), Site("mlp", 1)
    with edit:
        assert torch.equal(any_lm.ffn(1).W_out, (W.double() + edit.delta[1]).float())
        held = record(any_lm, PROMPTS, [key, out])
    bias = any_lm.ffn(1).b_out
    expected = held[key] @ (W + edit.delta[1].float()).T + (0 if bias is None else bias)
    torch.testing.assert_close(held[out], expected, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        record(any_lm, PROMPTS, [out])[out],
        record(any_lm, PROMPTS, [key])[key] @ W.T + (0 if bias is None else bias),
    )


def test_off_restores_every_bit(any_lm: LM, snapshot: Snapshot) -> None:
    """I-COM-1."""
    before, flags = snapshot(any_lm), [p.requires_grad for p in any_lm.model.parameters()]
    edit = random_edit(any_lm, 0, 2)
    logits = any_lm.logits(PROMPTS)
    with edit:
        assert not torch.equal(any_lm.logits(PROMPTS), logits)
    assert same(any_lm, before) and any_lm.saved == {} and any_lm.edits == []
    assert torch.equal(any_lm.logits(PROMPTS), logits)
    assert [p.requires_grad for p in any_lm.model.parameters()] == flags


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_edits_go_off_in_any_order(
    make_lm: Callable[..., LM], snapshot: Snapshot, order: tuple[int, ...], dtype: torch.dtype
) -> None:
    lm = make_lm("gpt2", dtype=dtype)
    before = snapshot(lm)
    edits = [random_edit(lm, *layers, seed=i) for i, layers in enumerate([(0, 1), (1,), (1, 2)])]
    for edit in edits:
        edit.on()
    for gone, i in enumerate(order, start=1):
        edits[i].off()
        left = [edits[j] for j in range(3) if j not in order[:gone]]
        fresh = make_lm("gpt2", dtype=dtype)
        for name, parameter in fresh.model.named_parameters():
            total = before[name].double() + sum(
                (e.changes[name] for e in left if name in e.changes), torch.zeros(())
            )
            assert torch.equal(lm.model.get_parameter(name), total.to(dtype)), (name, parameter.shape)
    assert same(lm, before)


def test_edits_nest_and_one_can_leave_from_inside_another(lm: LM, snapshot: Snapshot) -> None:
    before = snapshot(lm)
    outer, inner = random_edit(lm, 1, seed=1), random_edit(lm, 1, seed=2)
    with outer:
        alone = snapshot(lm)
        with inner:
            outer.off()
            outer.on()
        assert same(lm, alone)
    assert same(lm, before)


def test_on_twice_and_off_twice_are_errors(lm: LM, snapshot: Snapshot) -> None:
    before, edit = snapshot(lm), random_edit(lm, 1)
    with edit:
        during = snapshot(lm)
        with pytest.raises(RuntimeError, match="on already"):
            edit.on()
        assert same(lm, during)
    with pytest.raises(RuntimeError, match="not on"):
        edit.off()
    assert same(lm, before)


def test_an_exception_inside_switches_the_edit_off(lm: LM, snapshot: Snapshot) -> None:
    before = snapshot(lm)
    with pytest.raises(KeyError), random_edit(lm, 0):
        raise KeyError
    assert same(lm, before)


def test_the_change_is_a_copy_of_what_was_given(lm: LM) -> None:
    delta = torch.ones(lm.D, lm.F)
    edit = Edit(lm, {1: delta}, seconds=2.5, record={"positions": [3]})
    delta.zero_()
    assert torch.equal(edit.delta[1], torch.ones(lm.D, lm.F))
    assert (edit.kind, edit.seconds, edit.extra_bytes, edit.record) == ("weights", 2.5, 0, {"positions": [3]})


def test_a_square_delta_is_not_turned(make_lm: Callable[..., LM]) -> None:
    lm = make_lm("gpt2", n_inner=16)
    delta = torch.zeros(lm.D, lm.F)
    delta[2, 5] = 1  # the value of key 5 gets one more in direction 2
    site, key = Site("mlp", 1), Site("key", 1)
    before = record(lm, PROMPTS, [site, key])
    with Edit(lm, {1: delta}):
        after = record(lm, PROMPTS, [site])[site]
    expected = before[site].clone()
    expected[..., 2] += before[key][..., 5]
    torch.testing.assert_close(after, expected)


@pytest.mark.parametrize(
    ("layer", "entry", "shape", "sentence"),
    [
        (1, 0.0, (3, 4), r"is \(3, 4\), expected \(D, F\) = \(16, "),
        (9, 0.0, None, "layers 0 to 2, not 9"),
        (1, float("nan"), None, "not finite"),
    ],
)
def test_a_wrong_delta_is_refused_in_a_sentence(
    lm: LM, layer: int, entry: float, shape: tuple[int, int] | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Edit(lm, {layer: torch.full(shape or (lm.D, lm.F), entry)})


def test_an_edit_is_exactly_one_kind_of_change(lm: LM) -> None:
    with pytest.raises(ValueError, match="one kind of change"):
        Edit(lm)
    with pytest.raises(ValueError, match="one kind of change"):
        Edit(lm, {}, rewrite=str)
    assert [Edit(lm, {}).kind, Edit(lm, hooks={}).kind, Edit(lm, rewrite=str).kind] == [
        "weights",
        "hooks",
        "prompt",
    ]


def test_rounding_that_swallows_the_change_is_reported(
    make_lm: Callable[..., LM], snapshot: Snapshot
) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    before = snapshot(lm)
    with pytest.warns(UserWarning, match="swallows .*% of this change"), random_edit(lm, 1, scale=1e-3):
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with random_edit(lm, 1, scale=100.0):
            pass
        with pytest.raises(UserWarning):
            random_edit(lm, 1, scale=1e-3).on()
    assert same(lm, before) and lm.edits == []


def test_a_change_too_large_for_float16_is_refused_untouched(
    make_lm: Callable[..., LM], snapshot: Snapshot
) -> None:
    lm = make_lm("gpt2", dtype=torch.float16)
    before = snapshot(lm)
    with pytest.raises(ValueError, match=r"does not fit into torch\.float16"):
        random_edit(lm, 0, 1, scale=1e6).on()
    assert same(lm, before) and lm.edits == [] and lm.saved == {}


def test_new_weights_are_reached_exactly_and_left_again(any_lm: LM, snapshot: Snapshot) -> None:
    before = snapshot(any_lm)
    new = {name: p.detach() + torch.randn(p.shape) for name, p in any_lm.model.named_parameters()}
    edit = Edit.from_weights(any_lm, new)
    assert same(any_lm, before) and sorted(edit.delta) == [0, 1, 2]
    with edit:
        assert all(torch.equal(p, new[name]) for name, p in any_lm.model.named_parameters())
    assert same(any_lm, before)
    with pytest.raises(ValueError, match="no parameter nothing"):
        Edit.from_weights(any_lm, {"nothing": torch.zeros(1)})


def test_a_hook_edit_acts_in_every_reading(any_lm: LM, snapshot: Snapshot) -> None:
    before, clean = snapshot(any_lm), any_lm.logits(PROMPTS)
    edit = Edit(any_lm, hooks={Site("mlp", 1): lambda h: h + 1}, extra_bytes=64)
    with intervene(any_lm, {Site("mlp", 1): lambda h: h + 1}):
        logits, p, answer = any_lm.logits(PROMPTS), any_lm.next_probs(PROMPTS), any_lm.answer(PROMPTS[0])
    with edit:
        assert torch.equal(any_lm.logits(PROMPTS), logits) and torch.equal(any_lm.next_probs(PROMPTS), p)
        assert any_lm.answer(PROMPTS[0]) == answer
        assert torch.equal(any_lm.ids(PROMPTS)[0], any_lm.ids(PROMPTS)[0])
    assert edit.delta == {} and edit.extra_bytes == 64
    assert torch.equal(any_lm.logits(PROMPTS), clean) and same(any_lm, before) and not hooked(any_lm)


def test_a_wrapping_edit_goes_round_the_whole_pass_and_composes(lm: LM) -> None:
    def shift(by: float) -> Edit:
        return Edit(lm, wrap=lambda forward, ids, mask: 2 * forward(ids, mask) + by)

    clean, (one, two) = lm.logits(PROMPTS), (shift(1.0), shift(3.0))
    with one, two:
        torch.testing.assert_close(lm.logits(PROMPTS), 2 * (2 * clean + 1) + 3)
        one.off()
        torch.testing.assert_close(lm.logits(PROMPTS), 2 * clean + 3)
        one.on()
    assert torch.equal(lm.logits(PROMPTS), clean)


def test_a_prompt_edit_acts_in_every_reading(lm: LM) -> None:
    told = [f"The road is old. {prompt}" for prompt in PROMPTS]
    ids, logits, p, answers = lm.ids(told), lm.logits(told), lm.next_probs(told), lm.answers(told)
    site = Site("resid", 1)
    stream = record(lm, told, [site])[site]
    with Edit(lm, rewrite=lambda text: f"The road is old. {text}"):
        assert torch.equal(lm.ids(PROMPTS)[0], ids[0]) and torch.equal(lm.logits(PROMPTS), logits)
        assert torch.equal(lm.next_probs(PROMPTS), p) and lm.answers(PROMPTS) == answers
        assert torch.equal(record(lm, PROMPTS, [site])[site], stream)
        with Edit(lm, rewrite=str.upper):
            assert lm.rewrite("a") == "THE ROAD IS OLD. A"
    assert lm.rewrite("a") == "a"


def test_all_three_kinds_compose(lm: LM) -> None:
    weights, hooks = random_edit(lm, 1), Edit(lm, hooks={Site("resid", 0): lambda h: h + 1})
    prompt = Edit(lm, rewrite=lambda text: text + " Kelling")
    with weights, hooks:
        expected = lm.logits("Edna Kelling")
    with prompt, hooks, weights:
        assert torch.equal(lm.logits("Edna"), expected)


def test_a_hook_at_a_place_that_is_not_there_leaves_nothing_on(lm: LM) -> None:
    with pytest.raises(ValueError, match="layers 0 to 2, not 7"):
        Edit(lm, hooks={Site("mlp", 0): torch.zeros_like, Site("mlp", 7): torch.zeros_like}).on()
    assert lm.edits == [] and not hooked(lm)


def test_merging_bakes_this_edit_into_a_model_of_its_own(
    any_lm: LM, snapshot: Snapshot, tmp_path: Path
) -> None:
    before, edit, other = snapshot(any_lm), random_edit(any_lm, 1), random_edit(any_lm, 1, 2, seed=5)
    with edit:
        expected = any_lm.logits(PROMPTS)
    with other:
        merged = edit.merge()
    assert torch.equal(merged.logits(PROMPTS), expected) and merged.edits == []
    assert same(any_lm, before) and merged.name == any_lm.name + "+edit"
    merged.save_pretrained(tmp_path / "out")
    torch.testing.assert_close(load(tmp_path / "out").logits(PROMPTS), expected)
    with torch.no_grad():
        merged.W_U.zero_()
    assert same(any_lm, before)


def test_what_is_not_in_the_weights_is_neither_merged_nor_saved(lm: LM, tmp_path: Path) -> None:
    for edit in (Edit(lm, hooks={}), Edit(lm, rewrite=str)):
        with pytest.raises(ValueError, match="can't be merged"):
            edit.merge()
        with pytest.raises(ValueError, match="can't be saved"):
            edit.save(tmp_path / "edit.safetensors")
    with (
        Edit(lm, hooks={Site("mlp", 0): torch.zeros_like}),
        pytest.raises(ValueError, match="switch it off first"),
    ):
        random_edit(lm, 1).merge()
    assert list(tmp_path.iterdir()) == []


def test_a_saved_edit_comes_back_bit_for_bit(any_lm: LM, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(3)
    delta = {1: torch.randn(any_lm.D, any_lm.F, generator=generator, dtype=torch.float64)}
    edit = Edit(any_lm, delta, seconds=1.5, record={"layer": 1, "prefixes": ["{}", "a. {}"]})
    edit.save(tmp_path / "made" / "edit.safetensors")
    again = Edit.load(any_lm, tmp_path / "made" / "edit.safetensors")
    assert torch.equal(again.delta[1], delta[1]) and again.record == edit.record and again.seconds == 1.5
    with edit:
        expected = any_lm.logits(PROMPTS)
    with again:
        assert torch.equal(any_lm.logits(PROMPTS), expected)
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["edit.safetensors"]


def test_a_file_that_is_no_edit_for_this_model_is_refused(make_lm: Callable[..., LM], tmp_path: Path) -> None:
    lm = make_lm("gpt2")
    random_edit(lm, 1).save(tmp_path / "edit.safetensors")
    with pytest.raises(ValueError, match="was made for random-gpt2: random-llama has no such"):
        Edit.load(make_lm("llama"), tmp_path / "edit.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="holds no edit"):
        Edit.load(lm, tmp_path / "other.safetensors")
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    for name in ("broken.safetensors", "missing.safetensors"):
        with pytest.raises(ValueError, match="can't be read as a safetensors file"):
            Edit.load(lm, tmp_path / name)


def test_a_failed_save_leaves_nothing_half_written(lm: LM, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError):
        random_edit(lm, 1).save(tmp_path / "taken")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_saved_edit_is_as_readable_as_any_file(lm: LM, tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    random_edit(lm, 1).save(tmp_path / "edit.safetensors")
    assert (tmp_path / "edit.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode
