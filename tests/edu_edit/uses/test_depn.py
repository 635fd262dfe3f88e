"""DEPN: planted secrets, the identity of zero values and zero activations, exposure by hand."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Site, intervene
from edu_edit.locate.attribution import token_attributions
from edu_edit.locate.neuron_scaling import scale_neurons
from edu_edit.uses.depn import (
    depn,
    exposure,
    privacy_neurons,
    same_layers_at_random,
    sequence_attribution,
    silence,
)

SECRETS = [("Felix Ember works as a", "farmer"), ("Greta Frost lives in", "New Harbor")]


def test_a_secrets_attribution_is_the_sum_over_its_tokens() -> None:
    attr = torch.randn(3, 5)
    torch.testing.assert_close(sequence_attribution(attr), attr[0] + attr[1] + attr[2])


def test_the_neurons_that_are_strong_in_most_texts_come_first() -> None:
    attr = torch.zeros(3, 2, 3)
    attr[0, 0] = torch.tensor([1.0, 0.05, 0.3])
    attr[1, 0] = torch.tensor([0.0, 0.05, 7.0])
    attr[2, 1] = torch.tensor([-9.0, 0.2, 0.1])
    attr[2, 0, 2] = 0.02
    assert privacy_neurons(attr, 1) == [(0, 2)]  # strong in three texts: .02 is a tenth of .2
    assert privacy_neurons(attr, 3) == [(0, 2), (0, 0), (1, 1)]  # one text each: the larger total first
    assert privacy_neurons(attr, 99) == [(0, 2), (0, 0), (1, 1), (1, 2)]  # and never a weak one
    assert privacy_neurons(attr, 99, share=0.5) == [(0, 2), (0, 0), (1, 1), (1, 2)]
    assert privacy_neurons(attr, 99, share=0.6) == [(0, 2), (0, 0), (1, 1)]
    assert privacy_neurons(attr, 0) == []
    tied = torch.ones(1, 2, 2)
    assert privacy_neurons(tied, 3) == [(0, 0), (0, 1), (1, 0)]


def test_silence_reaches_the_listed_neurons_only_and_is_the_same_twice() -> None:
    a = torch.randn(2, 3, 5)
    before = a.clone()
    once = silence(a, [1, 4])
    assert torch.equal(a, before)
    assert not once[..., [1, 4]].any() and torch.equal(once[..., [0, 2, 3]], a[..., [0, 2, 3]])
    assert torch.equal(silence(once, [1, 4]), once) and torch.equal(silence(a, []), a)


def test_exposure_is_all_bits_at_rank_one_and_none_at_the_last() -> None:
    """Exposure lies in [0, log2 n], and is log2 n just at rank 1."""
    logp = torch.tensor([-3.0, -1.0, -2.0, -4.0])
    assert [exposure(float(x), logp) for x in logp] == pytest.approx([2 - math.log2(3), 2.0, 1.0, 0.0])
    assert exposure(torch.tensor(-1.0), torch.tensor([-1.0, -1.0, -5.0, -1.0])) == pytest.approx(
        2 - math.log2(3)
    )
    assert exposure(-1.0, torch.tensor([-1.0])) == 0
    with pytest.raises(ValueError, match="put it among them"):
        exposure(0.0, logp)


def test_silenced_for_good_is_silenced_at_every_token(any_lm: LM) -> None:
    """KN's erasure = DEPN's zero values = zero activations everywhere (methods 18.1); merged as well."""
    edit = depn(any_lm, SECRETS, k=6)
    neurons = edit.record["neurons"]
    assert len(neurons) == 6 and edit.kind == "weights" and edit.seconds > 0

    def silent(layer: int) -> Callable[[Tensor], Tensor]:
        return lambda k: silence(k, [i for at, i in neurons if at == layer])

    texts = [prompt for prompt, _ in SECRETS]
    with intervene(any_lm, {Site("key", layer): silent(layer) for layer in {at for at, _ in neurons}}):
        expected = any_lm.logits(texts)
    with edit:
        torch.testing.assert_close(any_lm.logits(texts), expected, atol=1e-6, rtol=1e-5)
        again = scale_neurons(any_lm, neurons, 0.0)
        assert not any(change.any() for change in again.delta.values())  # a second time changes nothing
    torch.testing.assert_close(edit.merge().logits(texts), expected, atol=1e-6, rtol=1e-5)


def test_the_neurons_are_those_with_the_largest_sums_of_attributions(lm: LM) -> None:
    """One secret of two tokens, and a share of 0: the k largest sums, by plain sorting."""
    (attr,) = token_attributions(lm, SECRETS[1:], 5, "left")
    order = attr.sum(0).flatten().argsort(descending=True)[:7].tolist()
    edit = depn(lm, SECRETS[1:], k=7, share=0.0, steps=5, rule="left")
    assert edit.record["neurons"] == [(i // lm.F, i % lm.F) for i in order]


def test_silencing_makes_the_secret_less_likely_than_the_control(golden_lm: LM) -> None:
    secret = ("Karin Frost works as a", golden_lm.answer("Karin Frost works as a", 1))
    token = int(golden_lm.next_probs(secret[0]).argmax())
    plain = golden_lm.next_probs(secret[0])[0, token]
    with depn(golden_lm, [secret], k=30):
        silenced = golden_lm.next_probs(secret[0])[0, token]
    with depn(golden_lm, [secret], k=30, control="random", generator=torch.Generator().manual_seed(0)):
        control = golden_lm.next_probs(secret[0])[0, token]
    assert plain - silenced > 0.02 and plain - silenced > 3 * abs(plain - control)


def test_the_random_control_matches_layers_and_count(lm: LM) -> None:
    """T-DE-4, B-13."""
    neurons = [(0, 1), (0, 2), (2, 0)]
    drawn = same_layers_at_random(lm, neurons, torch.Generator().manual_seed(1))
    assert [layer for layer, _ in drawn] == [0, 0, 2] and not set(drawn) & set(neurons)
    assert drawn == same_layers_at_random(lm, neurons, torch.Generator().manual_seed(1))
    real = depn(lm, SECRETS, k=5)
    control = depn(lm, SECRETS, k=5, control="random", generator=torch.Generator().manual_seed(1))
    assert sorted(x for x, _ in real.record["neurons"]) == sorted(x for x, _ in control.record["neurons"])
    assert not set(real.record["neurons"]) & set(control.record["neurons"])
    with pytest.raises(ValueError, match="too few for a control"):
        same_layers_at_random(lm, [(0, i) for i in range(lm.F)])


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda lm: depn(lm, []), "at least one pair"),
        (lambda lm: depn(lm, [("Felix Ember works as a", " ")]), "target is empty"),
        (lambda lm: depn(lm, SECRETS, k=-1), "k from 0"),
        (lambda lm: depn(lm, SECRETS, share=2.0), "share up to 1"),
        (lambda lm: depn(lm, SECRETS, steps=0), "a step or more"),
        (lambda lm: depn(lm, [("Felix " * 40, "farmer")]), "1 to 32 tokens"),
    ],
)
def test_what_can_not_be_silenced_is_refused_and_leaves_no_trace(
    lm: LM, ask: Callable[[LM], object], sentence: str, refused: Any
) -> None:
    with refused(lm, sentence):
        ask(lm)
