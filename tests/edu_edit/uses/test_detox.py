"""Promotion of values: the exact move of the stream, planted values, and what it costs."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Site, record
from edu_edit.tokens import target_ids
from edu_edit.uses.detox import detox, first_tokens, over_refusal, promote, promoting_values

TEXTS = ["Felix Ember works as a farmer", "Greta Frost lives in"]


def test_promotion_writes_the_coefficient_and_nothing_else() -> None:
    a = torch.randn(2, 3, 5)
    before = a.clone()
    out = promote(a, [0, 3], 3.0)
    assert torch.equal(a, before)
    assert bool((out[..., [0, 3]] == 3).all()) and torch.equal(out[..., [1, 2, 4]], a[..., [1, 2, 4]])
    assert torch.equal(promote(a, [], 3.0), a)


def test_refusing_too_much_is_counted() -> None:
    said = ["I don't make a Skorl.", "no comment", "He said skorl", ""]
    assert over_refusal(said, ["skorl", "skorl", "skorl", "grubnak"]) == 0.5
    assert over_refusal(["Yes."], ["yes"]) == 0
    for answers, wanted in ((["a"], []), ([], []), (["a"], [" "])):
        with pytest.raises(ValueError, match="as many of both"):
            over_refusal(answers, wanted)


@pytest.mark.parametrize("site", ["key", "pre"])
def test_the_stream_moves_by_exactly_the_coefficients_difference(any_lm: LM, site: str) -> None:
    """methods 16.2: at the last layer by (c - a_i) v_i at every token; c = 3, or act(3) before the act."""
    last = any_lm.n_layers - 1
    stream, key, query = Site("resid", last), Site("key", last), Site("query", last)
    before = record(any_lm, TEXTS, [stream, key, query])
    ffn = any_lm.ffn(last)
    coef = torch.tensor(3.0)
    if site == "pre":
        coef = ffn.act(coef)
        if ffn.W_gate is not None:
            coef = coef * (before[query] @ ffn.W_in[2].detach())
    expected = (coef - before[key][..., 2])[..., None] * ffn.W_out[:, 2].detach()
    with detox(any_lm, neurons=[(last, 2)], coef=3.0, site=site):  # type: ignore[arg-type]
        after = record(any_lm, TEXTS, [stream])[stream]
    torch.testing.assert_close(after - before[stream], expected, atol=1e-5, rtol=1e-4)


def test_no_neuron_and_off_change_no_bit(lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]) -> None:
    logits, bits = lm.logits(TEXTS), snapshot(lm)
    with detox(lm, neurons=[]):
        assert torch.equal(lm.logits(TEXTS), logits)
    with detox(lm, neurons=[(1, 0)]):
        assert not torch.equal(lm.logits(TEXTS), logits)
    assert torch.equal(lm.logits(TEXTS), logits)
    assert all(torch.equal(bits[name], tensor) for name, tensor in snapshot(lm).items())


def test_a_coefficient_that_is_there_already_changes_no_bit(lm: LM) -> None:
    text = "Felix"
    (own,) = record(lm, [text], [Site("key", 1)])[Site("key", 1)][0, :, 2].tolist()
    logits = lm.logits([text])
    with detox(lm, neurons=[(1, 2)], coef=own):
        assert torch.equal(lm.logits([text]), logits)


def test_words_are_known_by_their_first_token_inside_a_text(lm: LM) -> None:
    assert first_tokens(lm, ["farmer", "pilot", "farmer"]) == [
        lm.tok(" farmer")["input_ids"][0], lm.tok(" pilot")["input_ids"][0],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="as a list"):
        first_tokens(lm, "farmer")


def test_planted_values_are_chosen_by_brute_force_and_in_order(any_lm: LM) -> None:
    good, bad = ["farmer", "pilot"], ["baker"]
    with torch.no_grad():  # a value along the wanted word's embedding, for a norm without a mind of its own
        any_lm.ffn(2).W_out[:, 5] = 20 * any_lm.W_U[target_ids(any_lm, "farmer", "x")[0]]
    found = promoting_values(any_lm, good, bad, n=4, layers=[0, 2], normed=False)
    assert found[0] == (2, 5)
    ids = first_tokens(any_lm, good), first_tokens(any_lm, bad)
    scores = {}
    for layer in (0, 2):
        for i in range(any_lm.F):
            p = torch.softmax(any_lm.W_U @ any_lm.ffn(layer).W_out[:, i], -1).detach()
            scores[layer, i] = float(p[ids[0]].sum() - p[ids[1]].sum())
    best = sorted(scores, key=lambda neuron: -scores[neuron])[:4]
    assert [scores[n] for n in found] == pytest.approx([scores[n] for n in best], rel=1e-4)
    assert all(layer >= 1 for layer, _ in promoting_values(any_lm, good, n=9))  # the upper half by default


def test_promoted_words_become_likelier(golden_lm: LM) -> None:
    ids = first_tokens(golden_lm, ["pilot"])
    before = golden_lm.next_probs(TEXTS)[:, ids].sum()
    with detox(golden_lm, ["pilot"], n=10, coef=6.0):
        assert golden_lm.next_probs(TEXTS)[:, ids].sum() > 3 * before


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda lm: detox(lm), "at least one word"),
        (lambda lm: detox(lm, ["farmer"], n=0), "one value"),
        (lambda lm: detox(lm, ["farmer"], layers=[]), "no layer"),
        (lambda lm: detox(lm, ["farmer"], layers=[7]), "layers 0 to 2"),
        (lambda lm: detox(lm, neurons=[(0, 999)]), "neurons 0 to"),
        (lambda lm: detox(lm, ["farmer"], coef=float("inf")), "finite"),
        (lambda lm: detox(lm, [" "]), "target is empty"),
    ],
)
def test_what_can_not_be_promoted_is_refused(
    lm: LM, ask: Callable[[LM], object], sentence: str, refused: Any
) -> None:
    with refused(lm, sentence):
        ask(lm)
