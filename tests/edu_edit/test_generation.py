"""evaluate_generation: what is drawn, what is read, and the perplexities of the original authors' code."""

import json
import math
from collections import Counter
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Edit, Site, load
from edu_edit.generation import References, evaluate_generation, sampled_texts, text_logp, top_k_choice
from edu_edit.generation_metrics import generation_entropy, perplexity, words

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = json.loads((GOLDEN / "metrics.json").read_text(encoding="utf-8"))
PROMPTS = ["Felix Ember lives in", "By trade , Boris Dunlin is a"]
CASES = [
    References(
        ["Boris Dunlin lives in", "Boris Dunlin has a house in"],
        about_new=["Luca Abbot lives in New Harbor.", "Boris Crane has a house in New Harbor."],
        about_subject=["Boris Dunlin has a house in Fenwick."],
    ),
    References(["Irma Ember plays the"], about_new=["Luca Abbot plays the flute."]),
]


@pytest.fixture
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.mark.parametrize("case", RECORDED["perplexity"], ids=lambda case: case["text"][:12])
def test_perplexities_are_the_recorded_ones(tiny: LM, case: dict[str, object]) -> None:
    """The original divides by all tokens of the text, cut off at max_input_length."""
    logp = text_logp(tiny, str(case["text"]), int(str(case["max_input_length"])))
    assert perplexity(logp, per="text") == pytest.approx(case["value"], rel=1e-5)
    assert perplexity(logp) > perplexity(logp, per="text")


@torch.no_grad()
def test_the_texts_that_the_original_drew_can_be_drawn_here(tiny: LM) -> None:
    """Each of their tokens is among the 5 most probable ones; random numbers differ between versions."""
    for text in RECORDED["generate"]["texts"]:
        (ids,), mask = tiny.ids(text)
        start = min(tiny.ids(prompt)[0].shape[1] for prompt in RECORDED["generate"]["prompts"])
        best = tiny.forward(ids[None], mask)[0].topk(5).indices
        prompt = next(p for p in RECORDED["generate"]["prompts"] if text.startswith(p))
        start = tiny.ids(prompt)[0].shape[1]
        assert all(int(ids[t]) in best[t - 1] for t in range(start, len(ids)))


def test_tokens_are_drawn_in_proportion_to_their_probabilities_among_the_best_k() -> None:
    logits = torch.log(torch.tensor([0.1, 0.4, 0.2, 0.3]))
    n = 4000
    choose = top_k_choice([str(i) for i in range(n)], k=3, seed=0)
    drawn = Counter(choose(logits.repeat(n, 1), list(range(n))).tolist())
    for token, p in ((1, 4 / 9), (2, 2 / 9), (3, 3 / 9)):
        assert drawn[token] / n == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / n))
    assert drawn[0] == 0


@torch.no_grad()
def test_one_choice_is_the_greedy_text(golden_lm: LM) -> None:
    for prompt, text in zip(PROMPTS, sampled_texts(golden_lm, PROMPTS, max_length=10, top_k=1), strict=True):
        ids = golden_lm.ids(prompt)[0]
        while ids.shape[1] < 10:
            best = golden_lm.forward(ids, torch.ones_like(ids))[0, -1].argmax()
            ids = torch.cat([ids, best[None, None]], dim=1)
        assert text == golden_lm.tok.decode(ids[0])


def test_a_text_does_not_depend_on_its_company_nor_on_the_way_it_is_read(golden_lm: LM) -> None:
    together = sampled_texts(golden_lm, PROMPTS, max_length=20)
    alone = [sampled_texts(golden_lm, [prompt], max_length=20)[0] for prompt in PROMPTS]
    with Edit(golden_lm, hooks={Site("mlp", 1): lambda h: h}):
        hooked = sampled_texts(golden_lm, PROMPTS, max_length=20)
    assert together == alone == hooked
    assert together != sampled_texts(golden_lm, PROMPTS, max_length=20, seed=1)
    assert all(golden_lm.ids(text)[0].shape[1] <= 20 for text in together)


@torch.no_grad()
def test_the_log_probabilities_of_a_text_are_those_of_its_tokens(golden_lm: LM) -> None:
    ids, mask = golden_lm.ids("Boris Dunlin lives in Fenwick.")
    steps = golden_lm.forward(ids, mask)[0].double().softmax(-1)
    expected = [math.log(float(steps[t - 1, ids[0, t]])) for t in range(1, ids.shape[1])]
    assert text_logp(golden_lm, "Boris Dunlin lives in Fenwick.").tolist() == pytest.approx(
        expected, abs=1e-9
    )


def test_an_edit_that_does_nothing_writes_the_same_texts(golden_lm: LM) -> None:
    nothing = Edit(golden_lm, {1: torch.zeros(golden_lm.D, golden_lm.F)})
    scores = evaluate_generation(golden_lm, nothing, CASES, max_length=24)
    assert scores.before == scores.after and set(scores.after) == {"GE", "RS", "essence"}
    assert scores.GE.n == 3 and scores.RS.n == 2 and scores.essence.n == 1
    assert "evaluate_generation" in scores.protocol and golden_lm.edits == []


def test_a_prompt_edit_with_demonstrations_leaves_as_much_room_for_the_text(golden_lm: LM) -> None:
    told = Edit(golden_lm, rewrite=lambda text: "It rained . " * 6 + text)
    with told:
        (text,) = sampled_texts(golden_lm, PROMPTS[:1], max_length=12)
    assert golden_lm.ids(text)[0].shape[1] == 12 and text.startswith(PROMPTS[0])


def test_the_rates_are_those_of_the_texts(golden_lm: LM) -> None:
    scores = evaluate_generation(golden_lm, None, CASES, max_length=24)
    texts = [sampled_texts(golden_lm, case.prompts, max_length=24) for case in CASES]
    each = [[generation_entropy(words(text)) for text in some] for some in texts]
    assert scores.before.GE.value == pytest.approx(sum(sum(e) / len(e) for e in each) / 2)
    assert 0 < scores.before.RS.value < 1 and scores.before.essence.value > 1


def test_an_edit_that_breaks_the_model_shows(golden_lm: LM) -> None:
    """It writes one word for ever, so its fluency falls to 0; texts about the subject surprise it."""
    stuck = Edit(
        golden_lm, wrap=lambda forward, ids, mask: forward(ids, mask) * 0 + torch.eye(golden_lm.V)[7] * 9
    )
    scores = evaluate_generation(golden_lm, stuck, CASES[0], max_length=48, top_k=1)
    assert scores.GE.value < 0.6 * scores.before.GE.value
    assert scores.essence.value > 10 * scores.before.essence.value


def test_what_is_lacking_is_named(golden_lm: LM) -> None:
    scores = evaluate_generation(golden_lm, None, References(["Irma Ember plays the"]), max_length=8)
    with pytest.raises(AttributeError, match=r"RS was not measured.*has about_new: give References"):
        _ = scores.before.RS
    with pytest.raises(AttributeError, match="accuracy was not measured here: use evaluate,"):
        _ = scores.before.accuracy


def test_bad_arguments_are_refused_in_a_sentence(lm: LM) -> None:
    with pytest.raises(ValueError, match="needs one References or a list"):
        evaluate_generation(lm, None, [])
    with pytest.raises(ValueError, match="max_length=1"):
        evaluate_generation(lm, None, CASES, max_length=1)
    with pytest.raises(ValueError, match="need a prompt to continue"):
        References([])
    with pytest.raises(ValueError, match="about_new must be a list of texts"):
        References(["x"], about_new=[""])
