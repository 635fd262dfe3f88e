"""Teacher forcing against transformers' own loss with labels, and by hand."""

from collections.abc import Callable

import pytest
import torch

from edu_edit import LM
from edu_edit.forcing import forced, mean_logp
from edu_edit.tokens import target_ids

PAIRS = [
    ("Boris Dunlin lives in", "New Harbor"),
    ("Irma plays the", "flute"),
    ("By trade , Celia is a", "baker"),
]


def test_the_loss_is_the_one_that_transformers_computes_from_labels(any_lm: LM) -> None:
    """Per pair, alone: -100 everywhere but at the answer."""
    batch = forced(any_lm, PAIRS)
    with torch.no_grad():
        found = mean_logp(any_lm.forward(batch.ids, batch.mask), batch.ids, batch.wanted)
        for (prompt, answer), logp in zip(PAIRS, found.tolist(), strict=True):
            question = any_lm.ids(prompt)[0]
            ids = torch.cat([question, torch.tensor([target_ids(any_lm, answer, prompt)])], dim=1)
            labels = ids.clone()
            labels[:, : question.shape[1]] = -100
            assert logp == pytest.approx(-float(any_lm.model(ids, labels=labels).loss), abs=2e-5)


def test_gradients_are_those_of_that_loss(any_lm: LM) -> None:
    prompt, answer = PAIRS[0]
    batch = forced(any_lm, [(prompt, answer)])
    labels = batch.ids.masked_fill(~batch.wanted, -100)
    W = any_lm.ffn(1).down.weight
    (ours,) = torch.autograd.grad(
        mean_logp(any_lm.forward(batch.ids, batch.mask), batch.ids, batch.wanted).sum(),
        W,  # type: ignore[arg-type]
    )
    (theirs,) = torch.autograd.grad(any_lm.model(batch.ids, labels=labels).loss, W)
    torch.testing.assert_close(ours, -theirs, atol=1e-5, rtol=1e-4)


def test_the_answers_are_marked_where_they_stand(lm: LM) -> None:
    batch = forced(lm, PAIRS)
    for i, (prompt, answer) in enumerate(PAIRS):
        target = target_ids(lm, answer, prompt)
        assert batch.ids[i][batch.wanted[i]].tolist() == target
        start = int(batch.starts[i])
        assert start == lm.ids(prompt)[0].shape[1] and bool(batch.wanted[i, start])
        assert int(batch.mask[i].sum()) == start + len(target)
    assert not bool((batch.wanted & ~batch.mask.bool()).any())


def test_company_and_padding_change_nothing(any_lm: LM) -> None:
    """I-COM-4."""
    together = forced(any_lm, PAIRS)
    with torch.no_grad():
        many = mean_logp(any_lm.forward(together.ids, together.mask), together.ids, together.wanted)
        for pair, logp in zip(PAIRS, many.tolist(), strict=True):
            one = forced(any_lm, [pair])
            alone = mean_logp(any_lm.forward(one.ids, one.mask), one.ids, one.wanted)
            assert logp == pytest.approx(float(alone), abs=1e-5)


def test_half_precision_is_read_in_float32(make_lm: Callable[..., LM]) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    batch = forced(lm, PAIRS)
    with torch.no_grad():
        assert mean_logp(lm.forward(batch.ids, batch.mask), batch.ids, batch.wanted).dtype == torch.float32


def test_empty_answers_and_lists_are_refused(lm: LM) -> None:
    with pytest.raises(ValueError, match="no prompt with an answer"):
        forced(lm, [])
    with pytest.raises(ValueError, match="The target is empty"):
        forced(lm, [("Irma plays the", " ")])
