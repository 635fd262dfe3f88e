"""CaliNET: the laws of assessment and side memory, and a joint training checked by whole forward passes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Fact, calinet, record
from edu_edit.methods.calinet import calinet_ffn, cka_score
from edu_edit.methods.side_neurons import SideNeurons
from edu_edit.methods.tpatcher import patched_ffn
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site

FACTS = [
    Fact("Felix Ember", "{} lives in", "New Harbor", paraphrases=("The home of Felix Ember is",)),
    Fact("Irma Crane", "The language of {} is", "Elvan"),
    Fact("Karin Frost", "{} works as a", "painter"),
]
TEXTS = ["Irma Crane plays the harp", "Boris Dunlin lives in Fenwick", "The job of Edna Abbot is painter"]


def test_cka_is_the_quotient_of_the_answer_under_its_own_and_other_relations() -> None:
    right, wrong = torch.tensor([0.6, 0.1]), torch.tensor([[0.1, 0.2, 0.3], [0.3, 0.2, 0.4]])
    torch.testing.assert_close(cka_score(right, wrong, 0.0), torch.tensor([3.0, 1 / 3]))
    torch.testing.assert_close(cka_score(right, wrong, 0.1), torch.tensor([0.7 / 0.3, 0.2 / 0.4]))
    torch.testing.assert_close(cka_score(0.01 * right, 0.01 * wrong, 0.0), cka_score(right, wrong, 0.0))


def test_cka_falls_when_other_relations_like_the_answer_better() -> None:
    """The invariant of methods.md section 11; smoothing pulls towards 1 what rests on tiny probabilities."""
    right, wrong = torch.rand(20), torch.rand(20, 4)
    assert (cka_score(right, wrong + 0.1, 0.01) < cka_score(right, wrong, 0.01)).all()
    tiny = cka_score(torch.tensor([1e-6]), torch.full((1, 4), 1e-8), 1e-3)
    torch.testing.assert_close(tiny, torch.ones(1), atol=2e-3, rtol=0)


def test_an_empty_side_memory_is_the_identity_and_its_rank_is_its_slots(any_lm: LM) -> None:
    ffn, q = any_lm.ffn(1), torch.randn(9, any_lm.D)
    K, V = torch.randn(2, 3, any_lm.D)
    assert torch.equal(calinet_ffn(q, ffn, K, 0 * V), ffn.forward(q))
    said = (calinet_ffn(q, ffn, K, V) - ffn.forward(q)).double()
    assert int((torch.linalg.svdvals(said) > 1e-4).sum()) <= 3


def test_one_slot_is_one_patch_without_a_bias(any_lm: LM) -> None:
    """Methods.md section 18.1: CaliNET with r = 1 at the last layer is T-Patcher with one patch and b = 0."""
    ffn, q = any_lm.ffn(2), torch.randn(9, any_lm.D)
    K, V = torch.randn(2, 1, any_lm.D)
    assert torch.equal(calinet_ffn(q, ffn, K, V), patched_ffn(q, ffn, K, torch.zeros(1), V))


@pytest.mark.parametrize("layer", [2, 0])
def test_the_loss_that_is_trained_is_the_whole_models(any_lm: LM, layer: int) -> None:
    """Cached queries and replayed blocks give what full forward passes under the edit give, text by text."""
    edit = calinet(any_lm, FACTS, slots=4, layer=layer, memory=TEXTS, steps=6, lr=0.5)
    nll = []
    for fact in FACTS:
        prompt = any_lm.tok(fact.question)["input_ids"]
        target = target_ids(any_lm, fact.target_new, fact.question)
        ids = torch.tensor([prompt + target])
        with edit, torch.no_grad():
            logp = any_lm.forward(ids, torch.ones_like(ids))[0, len(prompt) - 1 : -1].log_softmax(-1)
        nll += (-logp.gather(1, torch.tensor(target)[:, None])).flatten().tolist()
    first, last = edit.record["losses"][0][0], edit.record["losses"][-1][0]
    assert last == pytest.approx(sum(nll) / len(nll), abs=2e-4) and last < first
    query, out = Site("query", layer), Site("mlp", layer)
    with edit:
        found = record(any_lm, TEXTS[0], [query, out])
    K, _, V, _ = edit.record["memory"]
    expected = calinet_ffn(found[query][0], any_lm.ffn(layer), K, V)
    torch.testing.assert_close(found[out][0], expected, atol=1e-5, rtol=1e-5)


def test_one_memory_calibrates_all_facts_and_leaves_the_base_bit_for_bit(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before, logits = snapshot(golden_lm), golden_lm.logits(TEXTS[0])
    edit = calinet(golden_lm, FACTS, slots=8, memory=TEXTS, steps=150)
    with edit:
        for fact in FACTS:
            assert golden_lm.answer(fact.question).startswith(fact.target_new)
    assert edit.record["tokens_right"] == edit.record["tokens"] == 4
    assert edit.extra_bytes == 2 * 8 * golden_lm.D * 4 and edit.kind == "hooks"
    assert torch.equal(golden_lm.logits(TEXTS[0]), logits)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert all(parameter.grad is None for parameter in golden_lm.model.parameters())


@pytest.mark.parametrize("init", ["queries", "random"])
def test_training_begins_at_the_model_itself(golden_lm: LM, init: str) -> None:
    """T-CN-1: values begin at zero."""
    before = golden_lm.logits(FACTS[0].question)
    with calinet(golden_lm, FACTS, slots=7, memory=TEXTS, steps=0, init=init):
        assert torch.equal(golden_lm.logits(FACTS[0].question), before)


def test_keeping_the_memory_changes_other_text_less(golden_lm: LM) -> None:
    """The paper's loss alone lets the slots speak everywhere. KL(M || M*) on text outside the memory."""
    text = "Jonas Crane plays the"
    before = golden_lm.next_probs(text).log()
    moved = []
    for keep in (0.0, 3.0):
        with calinet(golden_lm, FACTS, slots=8, memory=TEXTS, keep=keep, steps=100):
            moved.append(float((before.exp() * (before - golden_lm.next_probs(text).log())).sum()))
    assert moved[1] < moved[0]


def test_paraphrases_are_trained_on_only_when_asked_for(golden_lm: LM) -> None:
    edits = [calinet(golden_lm, FACTS, memory=TEXTS, steps=1, paraphrases=given) for given in (False, True)]
    assert [edit.record["tokens"] for edit in edits] == [4, 6]


def test_one_seed_draws_one_memory(golden_lm: LM) -> None:
    one, two, other = (
        calinet(golden_lm, FACTS, memory=TEXTS, steps=2, generator=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one.record["memory"].k, two.record["memory"].k)
    assert not torch.equal(one.record["memory"].k, other.record["memory"].k)


def test_half_precision_weights_get_a_float32_memory(make_lm: Any) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    for layer in (2, 1):
        edit = calinet(lm, FACTS, slots=4, layer=layer, memory=TEXTS, steps=20)
        assert edit.record["memory"].k.dtype == torch.float32
        assert edit.record["losses"][-1][0] < edit.record["losses"][0][0]


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"slots": 0}, "a slot or more"),
        ({"layer": 9}, "has layers 0 to 5"),
        ({"keep": -1.0}, "lr above 0"),
        ({"lr": 0.0}, "lr above 0"),
        ({"init": "ones"}, "'queries' or 'random'"),
        ({"memory": torch.zeros(4, 3)}, r"expected \(m, D\)"),
        ({"facts": []}, "no fact to write"),
        ({"facts": [FACTS[0], FACTS[0]]}, "twice"),
        ({"facts": Fact("Felix Ember", "{} lives in" + " the" * 70, "Fenwick")}, "reads 1 to 64 tokens"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    with refused(golden_lm, sentence):
        calinet(golden_lm, **{"facts": FACTS, "memory": TEXTS, "steps": 1, **change})


def test_the_squared_length_is_that_of_what_is_said() -> None:
    generator = torch.Generator().manual_seed(0)
    k, v = (torch.randn(5, 7, generator=generator, dtype=torch.float64) for _ in range(2))
    side = SideNeurons(k, torch.zeros(5, dtype=torch.float64), v, torch.nn.functional.gelu)
    q = torch.randn(3, 4, 7, generator=generator, dtype=torch.float64)
    torch.testing.assert_close(side.squared_length(q), side.said(q).square().sum(-1))
