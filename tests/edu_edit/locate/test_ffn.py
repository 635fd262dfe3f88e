"""The FFN as a memory: the modules' own outputs, and Geva's experiments against brute force."""

import itertools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Site, record
from edu_edit.locate.ffn import (
    agreement,
    chance_agreement,
    ffn_memory,
    gated_activation,
    trigger_prefixes,
    value_distribution,
)
from edu_edit.locate.neuron_cards import layer_agreement, neuron_card
from edu_edit.locate.triggers import collect_triggers

TEXTS = [
    "Felix Ember lives in New Harbor", "Greta Frost works as a farmer", "Felix Ember works as a",
    "The language of Karin Frost is", "Karin Frost works as a farmer",
]  # fmt: skip


def test_values_weighed_by_coefficients_are_the_modules_output(any_lm: LM) -> None:
    """I-KV-1, for both families, and a square FFN, whose shape tells nothing about its orientation."""
    ffn = any_lm.ffn(1)
    q = torch.randn(5, any_lm.D)
    with torch.no_grad():
        if ffn.W_gate is None:
            a, out = ffn_memory(q, ffn.W_in, ffn.b_in, ffn.W_out, ffn.b_out, ffn.act)
        else:
            a = gated_activation(q, ffn.W_gate, ffn.W_in, ffn.act)
            out = a @ ffn.W_out.T
        torch.testing.assert_close(a, ffn.activations(q))
        torch.testing.assert_close(out, any_lm.module(Site("mlp", 1))(q))


def test_biases_may_be_absent() -> None:
    q, W_in, W_out = torch.randn(2, 3), torch.randn(4, 3), torch.randn(3, 4)
    a, out = ffn_memory(q, W_in, None, W_out, None, torch.relu)
    torch.testing.assert_close(a, (q @ W_in.T).clamp(min=0))
    torch.testing.assert_close(out, a @ W_out.T)


def test_a_silent_neuron_takes_its_value_from_the_output_and_nothing_else() -> None:
    """I-KV-2."""
    q, W_in, b_in = torch.randn(2, 3), torch.randn(4, 3), torch.randn(4)
    W_out, b_out = torch.randn(3, 4), torch.randn(3)
    a, before = ffn_memory(q, W_in, b_in, W_out, b_out, torch.relu)
    without = W_out.clone()
    without[:, 2] = 0
    _, after = ffn_memory(q, W_in, b_in, without, b_out, torch.relu)
    torch.testing.assert_close(after - before, -torch.outer(a[:, 2], W_out[:, 2]))


def test_the_order_of_neurons_does_not_matter() -> None:
    """I-KV-5."""
    q, W_in, b_in = torch.randn(2, 3), torch.randn(4, 3), torch.randn(4)
    W_out, b_out, order = torch.randn(3, 4), torch.randn(3), torch.tensor([2, 0, 3, 1])
    _, out = ffn_memory(q, W_in, b_in, W_out, b_out, torch.relu)
    _, same = ffn_memory(q, W_in[order], b_in[order], W_out[:, order], b_out, torch.relu)
    torch.testing.assert_close(same, out)


def test_only_the_gate_passes_the_activation_function() -> None:
    q, gate, up = torch.tensor([[1.0]]), torch.tensor([[-2.0]]), torch.tensor([[-3.0]])
    assert gated_activation(q, gate, up, torch.relu).item() == 0
    assert gated_activation(q, -gate, up, torch.relu).item() == -6


def test_triggers_are_the_strongest_prefixes_and_the_first_wins_a_tie() -> None:
    a = torch.tensor([[0.0, 1.0], [0.0, 3.0], [0.0, -5.0], [0.0, 3.0]])
    assert trigger_prefixes(a, 1, 3).tolist() == [1, 3, 0]
    assert trigger_prefixes(a, 1, 9).tolist() == [1, 3, 0, 2]
    assert trigger_prefixes(a, 0, 4).tolist() == [0, 1, 2, 3]
    for neuron, k in ((2, 1), (-1, 1), (0, 0)):
        with pytest.raises(ValueError, match="choose a neuron from 0 to 1"):
            trigger_prefixes(a, neuron, k)


def test_a_value_speaks_through_norm_and_unembedding() -> None:
    """I-KV-4: a distribution; without the norm its likeliest word does not hang on the value's length."""
    v, W_U = torch.randn(2, 3, 4), torch.randn(9, 4)
    norm = torch.nn.LayerNorm(4)
    p = value_distribution(v, W_U)
    torch.testing.assert_close(p.sum(-1), torch.ones(2, 3))
    assert torch.equal(value_distribution(7 * v, W_U).argmax(-1), p.argmax(-1))
    with torch.no_grad():
        logits = value_distribution(v, W_U, norm).log()
        torch.testing.assert_close(
            logits - logits[..., :1], (norm(v) @ W_U.T) - (norm(v) @ W_U.T)[..., :1], atol=1e-5, rtol=1e-4
        )


def test_chance_is_the_mean_agreement_over_all_ways_to_deal_out_the_values() -> None:
    tops, following = torch.tensor([3, 1, 3, 0, 2]), torch.randint(4, (5, 3))
    assert (
        agreement(tops, following)
        == sum(float(tops[i] == following[i, j]) for i in range(5) for j in range(3)) / 15
    )
    dealt = [agreement(tops[list(order)], following) for order in itertools.permutations(range(5))]
    assert chance_agreement(tops, following) == pytest.approx(sum(dealt) / len(dealt))
    with pytest.raises(ValueError, match="no trigger"):
        agreement(tops[:0], following[:0])


def test_collected_triggers_are_those_of_a_brute_force_search(lm: LM) -> None:
    """I-KV-3: every text read alone and without padding, every distinct prefix once, plain sorting."""
    for absolute in (False, True):
        found = collect_triggers(lm, TEXTS, k=4, layers=[0, 2], absolute=absolute)
        for layer in (0, 2):
            seen: dict[tuple[int, ...], tuple[Tensor, int]] = {}
            for text in TEXTS:
                ids, _ = lm.ids(text)
                keys = record(lm, text, [Site("key", layer)])[Site("key", layer)][0]
                row = ids[0].tolist()
                for t in range(len(row) - 1):
                    seen.setdefault(tuple(row[: t + 1]), (keys[t], row[t + 1]))
            for neuron in (0, 5, lm.F - 1):
                order = sorted(
                    seen.items(),
                    key=lambda item: -float(item[1][0][neuron].abs() if absolute else item[1][0][neuron]),  # noqa: B023
                )[:4]
                triggers = found.of(layer, neuron)
                expected = [float(keys[neuron]) for _, (keys, _) in order]
                assert [x.coefficient for x in triggers] == pytest.approx(expected, rel=1e-4, abs=1e-5)
                assert [x.text for x in triggers] == [lm.tok.decode(list(prefix)) for prefix, _ in order]
                assert found.next_tokens(layer)[neuron].tolist() == [follows for _, (_, follows) in order]


def test_batches_padding_and_special_tokens_leave_no_trace(lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-KV-6: streamed one text at a time, or all at once behind padding: the same triggers."""
    at_once = collect_triggers(lm, TEXTS, k=3)
    monkeypatch.setattr("edu_edit.locate.triggers.BATCH", 1)
    read: list[tuple[int, int]] = []
    one_by_one = collect_triggers(lm, [lm.tok.eos_token + TEXTS[0], *TEXTS], k=3,
                                  progress=lambda done, of: read.append((done, of)))  # fmt: skip
    assert read[-1] == (6, 6)
    assert not any(x.text == "" for i in range(lm.F) for x in one_by_one.of(0, i))
    again = collect_triggers(lm, TEXTS, k=3)
    for layer in range(lm.n_layers):
        torch.testing.assert_close(
            again.coefficients[layer], at_once.coefficients[layer], atol=1e-5, rtol=1e-4
        )
        assert torch.equal(again.where[layer], at_once.where[layer])


def test_agreement_of_a_layer_finds_planted_memories(lm: LM) -> None:
    """Values that are the next words' embeddings agree wherever that word is the likeliest."""
    found = collect_triggers(lm, TEXTS, k=1)
    with torch.no_grad():
        said = value_distribution(lm.W_U, lm.W_U).argmax(-1)
        lm.ffn(1).W_out.copy_(lm.W_U[found.next_tokens(1)[:, 0]].T)
    following = found.next_tokens(1)[:, 0]
    result = layer_agreement(found, 1, normed=False)
    assert result.rate == pytest.approx(float((said[following] == following).float().mean()))
    assert result.rate > 4 * result.chance


def test_a_neuron_card_shows_triggers_words_and_coefficient(lm: LM) -> None:
    found = collect_triggers(lm, TEXTS, k=10, layers=[1])
    card = neuron_card(found, 1, 3, prompt="Felix Ember works as a", words=4, normed=False)
    values = [x.coefficient for x in card.triggers]
    assert len(values) == 10 and values == sorted(values, reverse=True)
    probs = torch.softmax(lm.W_U @ lm.ffn(1).W_out[:, 3], -1).detach()
    assert [p for _, p in card.words] == pytest.approx(
        probs.sort(descending=True).values[:4].tolist(), rel=1e-4
    )
    assert card.words[0][0] == lm.tok.decode([int(probs.argmax())])
    key = Site("key", 1)
    assert card.coefficient == pytest.approx(
        float(record(lm, "Felix Ember works as a", [key])[key][0, -1, 3])
    )
    assert neuron_card(found, 1, 3).coefficient is None
    assert 0 <= card.agreement <= 1


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda lm: collect_triggers(lm, "one string"), "list of strings"),
        (lambda lm: collect_triggers(lm, TEXTS, k=0), "k at least 1"),
        (lambda lm: collect_triggers(lm, []), "no prefix"),
        (lambda lm: collect_triggers(lm, ["Felix"]), "no prefix"),
        (lambda lm: collect_triggers(lm, TEXTS, layers=[3]), "layers 0 to 2"),
        (lambda lm: collect_triggers(lm, TEXTS, layers=[0]).of(1, 0), r"layers \[0\]"),
        (lambda lm: collect_triggers(lm, TEXTS, layers=[0]).of(0, lm.F), "neurons 0 to"),
    ],
)
def test_what_can_not_be_collected_is_refused(lm: LM, ask: Callable[[LM], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        ask(lm)
