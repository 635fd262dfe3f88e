"""Second moments: mean outer products of real tokens' keys, kept under a hash of what they depend on."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edu_edit import LM, Edit, Site, collect_moment, load, moment, record
from edu_edit.moments import cache_folder, from_triangle, keys_at, moment_hash, second_moment, triangle
from edu_edit.tokens import pad_batch
from edu_edit.tracing import hooked

GOLDEN = Path(__file__).parents[1] / "golden"
TEXTS = ["Felix Ember lives in New Harbor", "The music of Edna", "Kelling", "The road is old. " * 20]


@given(sizes=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any))
def test_second_moment_is_the_mean_outer_product_however_it_is_batched(sizes: list[int]) -> None:
    generator = torch.Generator().manual_seed(sum(sizes))
    keys = torch.randn(sum(sizes), 4, generator=generator) + 3
    brute = sum((torch.outer(k, k) for k in keys.double()), torch.zeros(4, 4, dtype=torch.float64)) / len(
        keys
    )
    C = second_moment(iter(keys.split(sizes)))
    assert C.dtype == torch.float64
    torch.testing.assert_close(C, brute)


def test_second_moment_is_not_centred(generator: torch.Generator) -> None:
    keys = torch.randn(50, 3, generator=generator, dtype=torch.float64)
    shift = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    mean = keys.mean(0)
    extra = torch.outer(mean, shift) + torch.outer(shift, mean) + torch.outer(shift, shift)
    torch.testing.assert_close(second_moment([keys + shift]), second_moment([keys]) + extra)


def test_second_moment_sums_in_float64_and_leaves_its_batches_alone(generator: torch.Generator) -> None:
    keys = 1e3 * torch.randn(4000, 2, generator=generator)
    before = keys.clone()
    C = second_moment(keys.split(1))
    torch.testing.assert_close(C, keys.double().T @ keys.double() / 4000, rtol=1e-12, atol=0)
    assert torch.equal(keys, before)


@pytest.mark.parametrize("batches", [[], [torch.zeros(0, 3)]])
def test_no_key_is_an_error(batches: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="no key to average"):
        second_moment(batches)


def test_keys_are_those_of_real_tokens(any_lm: LM) -> None:
    ids, mask = any_lm.ids(TEXTS[:3])
    whole = record(any_lm, (ids, mask), [Site("key", 1)])[Site("key", 1)]
    keys = keys_at(any_lm, 1, ids, mask)
    assert torch.equal(keys, whole[mask.bool()]) and len(keys) == int(mask.sum())
    assert not hooked(any_lm) and any_lm.mask is None


def test_golden_second_moments(golden_lm: LM) -> None:
    family = "gpt2" if "gpt2" in golden_lm.name else "llama"
    recorded = json.loads((GOLDEN / "second_moment.json").read_text(encoding="utf-8"))
    triangles = load_file(GOLDEN / f"second_moment_{family}.safetensors")
    batches = [pad_batch(rows, 0) for rows in recorded["batches"]]
    assert sum(int(mask.sum()) for _, mask in batches) == recorded["tokens"]
    layers = [int(name.removeprefix("mom2.layer")) for name in triangles]
    assert layers
    for layer in layers:
        C = second_moment(keys_at(golden_lm, layer, ids, mask) for ids, mask in batches)
        golden = from_triangle(triangles[f"mom2.layer{layer}"])
        assert float((C - golden).norm() / golden.norm()) < 1e-5


def test_collected_is_the_brute_force_over_every_token(any_lm: LM) -> None:
    pieces = []
    for text in TEXTS:
        ids = any_lm.tok(text)["input_ids"]
        pieces += [ids[i : i + any_lm.context] for i in range(0, len(ids), any_lm.context)]
    site = Site("key", 1)
    rows = [torch.tensor([piece]) for piece in pieces]
    keys = torch.cat([record(any_lm, (row, torch.ones_like(row)), [site])[site][0] for row in rows]).double()
    C = collect_moment(any_lm, 1, [*TEXTS, "", "  "])
    torch.testing.assert_close(C, keys.T @ keys / len(keys), rtol=1e-5, atol=1e-6)
    assert C.shape == (any_lm.F, any_lm.F) and torch.equal(moment(any_lm, 1), C)


def test_a_collected_moment_is_read_back_not_computed_again(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []
    C = collect_moment(lm, 1, TEXTS, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(4, 4)]
    monkeypatch.setattr(LM, "forward", lambda *_: pytest.fail("the model was run again"))
    assert torch.equal(collect_moment(lm, 1, TEXTS), C)


def test_the_moment_over_most_tokens_counts(lm: LM) -> None:
    large = collect_moment(lm, 1, TEXTS)
    small = collect_moment(lm, 1, TEXTS[:2])
    assert not torch.equal(small, large) and torch.equal(moment(lm, 1), large)


def test_the_hash_knows_what_a_moment_depends_on(make_lm: Callable[..., LM], lm: LM) -> None:
    family = lm.name.removeprefix("random-")
    first = moment_hash(lm, 1)
    assert first == moment_hash(make_lm(family), 1)
    assert first != moment_hash(make_lm(family, seed=1), 1)
    assert first != moment_hash(make_lm(family, dtype=torch.bfloat16), 1)
    heads = (
        {"n_head": 2}
        if family == "gpt2"
        else {"rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}}
    )
    assert first != moment_hash(make_lm(family, **heads), 1)
    with torch.no_grad():
        lm.ffn(2).W_out.add_(1)
    assert first == moment_hash(lm, 1)
    with torch.no_grad():
        lm.ffn(1).W_in.add_(1)
    assert first != moment_hash(lm, 1)


def test_a_missing_moment_is_a_sentence_with_the_command(lm: LM) -> None:
    with pytest.raises(ValueError, match=rf"run `edu-edit moments {lm.name} --layer 1`"):
        moment(lm, 1)
    with pytest.raises(ValueError, match="layers 0 to 2, not 5"):
        moment(lm, 5)


def test_edits_change_neither_the_moment_nor_where_it_lies(lm: LM) -> None:
    C = collect_moment(lm, 1, TEXTS)
    with Edit(lm, {0: torch.ones(lm.D, lm.F), 1: torch.ones(lm.D, lm.F)}):
        assert torch.equal(moment(lm, 1), C)
        with pytest.raises(ValueError, match="unedited model"):
            collect_moment(lm, 1, TEXTS)


def test_a_broken_run_leaves_nothing_behind(lm: LM) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        collect_moment(lm, 1, TEXTS, progress=stop)
    assert [path for path in cache_folder().rglob("*") if path.is_file()] == [] and not hooked(lm)


def test_one_string_is_not_a_list_of_texts(lm: LM) -> None:
    with pytest.raises(ValueError, match="list of strings"):
        collect_moment(lm, 1, "one text")


def test_a_cache_that_can_t_be_written_shows_before_the_work(
    lm: LM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("EDU_EDIT_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(LM, "forward", lambda *_: pytest.fail("the model was run"))
    with pytest.raises(OSError, match="EDU_EDIT_CACHE"):
        collect_moment(lm, 1, TEXTS)


def test_the_cache_folder_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("EDU_EDIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "edu-edit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder().is_relative_to(Path.home())


@given(size=st.integers(1, 40))
def test_a_symmetric_matrix_comes_back_from_its_triangle(size: int) -> None:
    k = torch.randn(size, 3, generator=torch.Generator().manual_seed(size))
    C = k @ k.T
    assert len(triangle(C)) == size * (size + 1) // 2
    assert torch.equal(from_triangle(triangle(C)), C.double())


def test_a_shipped_moment_comes_with_its_folder(lm: LM, tmp_path: Path) -> None:
    lm.save_pretrained(tmp_path)
    C = second_moment([torch.randn(9, lm.F)]).float()
    save_file({"layer.1": triangle(C)}, tmp_path / "moments.safetensors")
    shipped = load(tmp_path)
    assert torch.equal(moment(shipped, 1), C.double())
    with pytest.raises(ValueError, match="--layer 2"):
        moment(shipped, 2)
    assert Edit(shipped, {}).merge().folder is None
