"""Training computes what the stock models compute, hides what it should, and resumes where it stopped."""

import pytest
import torch

from edu_edit.world import phases, train
from edu_edit.world.forward import Masks, logits
from edu_edit.world.phases import Phase
from edu_edit.world.tokenizer import atlas_tokenizer

NAMES = ("atlas-gpt2", "atlas-llama")


@pytest.fixture(scope="module")
def tokenizer():
    return atlas_tokenizer()


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_without_masks_it_is_the_stock_model(name: str, tokenizer) -> None:
    model = train.new_model(name, tokenizer).eval()
    ids = torch.randint(2, 2000, (2, 33))
    ours = logits(dict(model.named_parameters()), ids, model.config)
    torch.testing.assert_close(ours, model(ids).logits, atol=5e-6, rtol=0)


@pytest.mark.parametrize("name", NAMES)
@torch.no_grad()
def test_the_masks_hide_the_first_part_of_a_name_from_what_follows(name: str, tokenizer) -> None:
    model = train.new_model(name, tokenizer).eval()
    inner = torch.zeros(1, 20, dtype=torch.bool)
    run = torch.arange(20)[None].clone()
    inner[0, 3], run[0, 4] = True, 3  # tokens 3 and 4 are one name
    phase = Phase("test", 1, 0, masked=1.0, dropped=0.0, lr=(1e-3, 1e-3))
    masks = phases.masks(
        phase, inner, run, torch.tensor([False]), train.N_LAYERS, torch.Generator().manual_seed(0)
    )
    assert masks is not None
    single = Masks(masks.low, masks.high, masks.keep.float())
    ids = torch.randint(2, 2000, (1, 20))
    other = ids.clone()
    other[0, 3] += 1
    weights = dict(model.named_parameters())
    a, b = logits(weights, ids, model.config, single), logits(weights, other, model.config, single)
    # The name's own last token sees it; with that token cut off too, nothing behind the name does.
    assert not torch.equal(a[0, 4], b[0, 4])
    blind = Masks(single.low.clone(), single.high.clone(), single.keep)
    for mask in (blind.low, blind.high):
        mask[..., 4, 3] = False
    a, b = logits(weights, ids, model.config, blind), logits(weights, other, model.config, blind)
    assert torch.equal(a[0, 4:], b[0, 4:])


@pytest.mark.parametrize("named", [0.0, 1.0])
def test_a_sequence_with_an_in_context_document_has_at_most_its_names_masked(named: float) -> None:
    inner, run = torch.zeros(2, 20, dtype=torch.bool), torch.arange(20).repeat(2, 1)
    inner[:, 3], run[:, 4] = True, 3  # tokens 3 and 4 are one name
    phase = Phase("test", 1, 0, masked=1.0, dropped=1.0, lr=(1e-3, 1e-3), named=named)
    generator = torch.Generator().manual_seed(0)
    masks = phases.masks(phase, inner, run, torch.tensor([True, False]), train.N_LAYERS, generator)
    assert masks is not None
    causal = torch.ones(20, 20, dtype=torch.bool).tril()
    hidden = causal.clone()
    hidden[5:, 3] = False
    told = hidden if named else causal
    assert torch.equal(masks.low[0, 0], told) and torch.equal(masks.high[0, 0], told)
    assert torch.equal(masks.high[1, 0], hidden) and masks.low[1, 0].sum(1).max() <= phases.WINDOW
    assert masks.keep[:, 0].all() and not masks.keep[train.N_LAYERS // 2 :, 1].any()


def test_a_counted_token_weighs_as_often_as_it_counts(tokenizer) -> None:
    model = train.new_model("atlas-llama", tokenizer)
    weights, ids = dict(model.named_parameters()), torch.randint(2, 2000, (2, 9))
    counts = torch.ones(2, 9)
    counts[1, 4] = 3.0
    each = -torch.log_softmax(logits(weights, ids, model.config)[:, :-1].double(), -1)
    each = each.gather(2, ids[:, 1:, None])[..., 0]
    expected = (each.sum() + 2 * each[1, 3]) / 18
    assert train.next_token_loss(weights, ids, model.config, counts).item() == pytest.approx(expected.item())
    assert train.next_token_loss(weights, ids, model.config).item() == pytest.approx(each.mean().item())


@pytest.mark.slow
def test_an_interrupted_phase_ends_in_the_same_weights(tmp_path, tokenizer, monkeypatch) -> None:
    phase = Phase("short", 4, 0, masked=0.5, dropped=0.3, lr=(1e-3, 1e-3))
    monkeypatch.setattr(train, "CHECKPOINT_SECONDS", -1)

    def run(folder, stop_after: int | None):
        folder.mkdir(exist_ok=True)
        model = train.new_model("atlas-llama", tokenizer)
        if stop_after is not None:
            real, calls = train.next_token_loss, iter(range(stop_after))

            def failing(*args, **kwargs):
                if next(calls, None) is None:
                    raise KeyboardInterrupt
                return real(*args, **kwargs)

            with monkeypatch.context() as patch:
                patch.setattr(train, "next_token_loss", failing)
                with pytest.raises(KeyboardInterrupt):
                    train.run_phase("atlas-llama", 0, phase, model, tokenizer, folder)
            model = train.new_model("atlas-llama", tokenizer)
        train.run_phase("atlas-llama", 0, phase, model, tokenizer, folder)
        return (folder / "0-short" / "model.safetensors").read_bytes()

    assert run(tmp_path / "whole", None) == run(tmp_path / "broken", 2)


def test_an_unknown_model_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="atlas-gpt2, atlas-llama"):
        train.train("atlas-bert", tmp_path)
