"""Replaying part of a forward pass: the same numbers as the whole, on every shape of model."""

import pytest
import torch

from edu_edit import LM
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.tracing import Site


@pytest.mark.parametrize("start", [0, 2, 4])
def test_replayed_blocks_give_the_logits_of_the_whole_pass(any_lm: LM, start: int) -> None:
    """Rows padded on the left and on the right, and twice over: only real tokens have to agree."""
    ids = torch.randint(2, any_lm.V, (3, 6), generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]])
    sites = [Site("resid", layer) for layer in range(any_lm.n_layers)]
    run = keep_run(any_lm, ids, mask, sites)
    for below in range(any_lm.n_layers):
        h = run.sites[sites[below]][:, start:].repeat(2, 1, 1)
        for layer in range(below + 1, any_lm.n_layers):
            h = replay(any_lm, run, layer, h, start)
        real = mask[:, start:].bool().repeat(2, 1)
        expected = run.logits[:, start:].repeat(2, 1, 1)
        torch.testing.assert_close(unembed(any_lm, h)[real], expected[real], atol=2e-5, rtol=2e-5)


def test_keeping_a_run_changes_nothing_and_leaves_no_hook(any_lm: LM) -> None:
    ids = torch.randint(2, any_lm.V, (2, 5), generator=torch.Generator().manual_seed(1))
    run = keep_run(any_lm, ids, torch.ones_like(ids), [])
    with torch.no_grad():
        plain = any_lm.forward(ids, torch.ones_like(ids))
    torch.testing.assert_close(run.logits, plain, atol=1e-6, rtol=1e-6)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in any_lm.model.modules())
    assert len(run.cache) == any_lm.n_layers and run.cache[0][0].shape[2] == ids.shape[1]


def test_rows_of_a_run_are_the_run_of_those_rows(any_lm: LM) -> None:
    ids = torch.randint(2, any_lm.V, (4, 5), generator=torch.Generator().manual_seed(2))
    site = Site("resid", 0)
    part = keep_run(any_lm, ids, torch.ones_like(ids), [site]).rows(slice(1, 3))
    alone = keep_run(any_lm, ids[1:3], torch.ones_like(ids[1:3]), [site])
    torch.testing.assert_close(part.sites[site], alone.sites[site])
    torch.testing.assert_close(part.logits, alone.logits)
    assert part.bias.shape == alone.bias.shape and len(part.rotary) == len(alone.rotary)
