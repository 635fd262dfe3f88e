"""The length barrier's own measures: what counts as a hit, and what the table of positions holds."""

from functools import partial

import pytest
import torch

from edu_edit import LM, load
from edu_edit.methods.chunk_states import chunk_state
from edu_edit.tokens import target_ids
from edu_edit.world import passages
from edu_edit.world.measure.barrier import LENGTHS, by_position, cases, forced_hits, greedy_hits


@pytest.fixture(scope="module")
def bundled() -> LM:
    return load("atlas-gpt2")


def test_a_recited_passage_is_hit_at_every_place_and_another_one_is_not(bundled: LM) -> None:
    title, text, kind = passages.passages()[0]
    prompt = bundled.tok(passages.prompt(title, kind))["input_ids"]
    answer = target_ids(bundled, text)[:30]
    assert forced_hits(bundled, prompt, answer).all() and greedy_hits(bundled, prompt, answer).all()
    prompt, other = next(cases(bundled))
    said = greedy_hits(bundled, prompt, other)
    with torch.no_grad():
        ids = torch.tensor([prompt])
        for right, token in zip(said.tolist(), other, strict=True):  # brute force, whole passes
            fresh = bundled.forward(ids, torch.ones_like(ids))[0, -1].argmax()
            assert right == (int(fresh) == token)
            ids = torch.cat([ids, fresh.view(1, 1)], dim=1)
    assert not said.all()


def test_the_table_has_a_rate_for_every_place_that_a_passage_reaches(bundled: LM) -> None:
    solve = partial(chunk_state, layer=3, steps=1)
    table = by_position(bundled, chunks=(12,), most=2, solve=solve)
    assert list(table) == ["unedited", "12"]
    lengths = sorted(len(answer) for _, answer in cases(bundled))
    assert lengths[0] == LENGTHS[0] and lengths[-1] == LENGTHS[1]
    for rates in table.values():
        assert rates["passages"][0] == 2 and set(rates["passages"].tolist()) <= {1.0, 2.0}
        for reading in ("teacher forced", "greedy"):
            assert rates[reading].shape == rates["passages"].shape
            assert 0 <= rates[reading].min() and rates[reading].max() <= 1
    assert not bundled.edits
