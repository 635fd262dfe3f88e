"""Long answers: brute force token by token, and what the figures must keep whatever the model."""

import math
from typing import Any

import pytest
import torch

from edu_edit import LM, Edit, Fact, Site
from edu_edit.longform import (
    LongAnswer,
    accuracy_by_position,
    answer_tokens,
    evaluate_long,
    exact_match,
    read,
)
from edu_edit.metrics import rouge_l
from edu_edit.tokens import target_ids

STORY = "Fenwick. Greta Frost plays the flute. Irma Ember has a house in Kelling."
ANSWERS = [
    LongAnswer(
        "Boris Dunlin lives in",
        STORY,
        ["Boris Dunlin has a house in"],
        [("Irma Ember has a house in", "Kelling.")],
    ),
    LongAnswer("Irma Ember plays the", "guitar. Boris Crane lives in New Harbor.", category="music"),
]


@torch.no_grad()
def greedy(lm: LM, prompt: str, n: int) -> list[int]:
    """Whole forward passes, one text, no cache, as many tokens as asked for."""
    ids = lm.ids(prompt)[0]
    start = ids.shape[1]
    for _ in range(n):
        best = lm.forward(ids, torch.ones_like(ids))[0, -1].argmax()
        ids = torch.cat([ids, best[None, None]], dim=1)
    return ids[0, start:].tolist()


def test_a_long_answer_is_plain_data_with_checked_texts() -> None:
    one = LongAnswer("What now?", "def f():\n    return 1\n", ["And now?"], [("Which one?", "1")], "code")
    assert one.paraphrases == ("And now?",) and one in {one} and one.target.endswith("\n")
    for wrong, part in (
        ({"prompt": " "}, "The prompt"),
        ({"target": ""}, "The target"),
        ({"paraphrases": [""]}, "A paraphrase"),
        ({"questions": [("q", " ")]}, "A question or its answer"),
    ):
        with pytest.raises(ValueError, match=f"{part} of a long answer is empty"):
            LongAnswer(**({"prompt": "p", "target": "t"} | wrong))  # type: ignore[arg-type]


def test_a_fact_becomes_a_long_answer() -> None:
    fact = Fact("zebra", "The {} is", "black", paraphrases=["A zebra is"], portability=[("Is it red?", "no")])
    one = LongAnswer.from_fact(fact)
    assert (one.prompt, one.target, one.paraphrases) == ("The zebra is", "black", ("A zebra is",))
    assert one.questions == (("Is it red?", "no"),)


@pytest.mark.parametrize("one", ANSWERS, ids=["story", "music"])
@torch.no_grad()
def test_tokens_and_log_probabilities_equal_brute_force(golden_lm: LM, one: LongAnswer) -> None:
    pred, target, logp = answer_tokens(golden_lm, one.prompt, one.target)
    ids = golden_lm.ids(one.prompt)[0]
    assert target.tolist() == target_ids(golden_lm, one.target, one.prompt)
    for best, token, found in zip(pred.tolist(), target.tolist(), logp.tolist(), strict=True):
        step = golden_lm.forward(ids, torch.ones_like(ids))[0, -1].double().softmax(-1)
        assert int(step.argmax()) == best and found == pytest.approx(math.log(float(step[token])), abs=1e-4)
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)


def test_exact_match_is_when_greedy_decoding_writes_the_target(golden_lm: LM) -> None:
    """Read with the target's tokens given, it is a statement about the model's own text all the same."""
    for n in (1, 4, 12):
        ids = greedy(golden_lm, "Boris Dunlin lives in", n)
        pred, target, _ = answer_tokens(
            golden_lm, "Boris Dunlin lives in", golden_lm.tok.decode(ids).removeprefix(" ")
        )
        assert target.tolist() == ids and exact_match(pred, target)
    for one in ANSWERS:
        pred, target, _ = answer_tokens(golden_lm, one.prompt, one.target)
        assert exact_match(pred, target) == (greedy(golden_lm, one.prompt, len(target)) == target.tolist())


def test_exact_match_and_positions_by_hand() -> None:
    assert exact_match(torch.tensor([1, 2]), torch.tensor([1, 2]))
    assert not exact_match(torch.tensor([1, 3]), torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="0 predicted tokens for 0"):
        exact_match(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    rows = [torch.tensor([True, True, False]), torch.tensor([True]), torch.tensor([False, True])]
    assert accuracy_by_position(rows) == ([2 / 3, 1.0, 0.0], [3, 2, 1])
    with pytest.raises(ValueError, match="no answer to read positions of"):
        accuracy_by_position([])


def test_the_model_writes_as_many_tokens_as_are_expected_past_full_stops(golden_lm: LM) -> None:
    """T-MET-4: a text that ends with the first sentence can't be compared with three."""
    reading = read(golden_lm, ANSWERS)
    for one in ANSWERS:
        for prompt in (one.prompt, *one.paraphrases):
            n = len(target_ids(golden_lm, one.target, prompt))
            expected = golden_lm.tok.decode(greedy(golden_lm, prompt, n)).strip()
            assert reading.texts[prompt, one.target] == expected
            assert "." in expected[:-1]


def test_rates_are_those_of_the_readings(golden_lm: LM) -> None:
    before = evaluate_long(golden_lm, None, ANSWERS).before
    reading = read(golden_lm, ANSWERS)
    keys = [(one.prompt, one.target) for one in ANSWERS]
    shares = [float(reading.right[key].double().mean()) for key in keys]
    assert before.answer_tokens.value == pytest.approx(sum(shares) / 2)
    assert before.ROUGE_L.value == pytest.approx(sum(rouge_l(reading.texts[k], k[1]) for k in keys) / 2)
    assert before.ROUGE_L_questions.n == 1 == before.ROUGE_L_paraphrases.n


def test_an_edit_that_does_nothing_changes_nothing(golden_lm: LM) -> None:
    for edit in (
        Edit(golden_lm, {1: torch.zeros(golden_lm.D, golden_lm.F)}),
        Edit(golden_lm, hooks={Site("mlp", 1): lambda h: h}),
    ):
        scores = evaluate_long(golden_lm, edit, ANSWERS)
        for name, rate in scores.after.items():
            assert rate.value == pytest.approx(scores.before[name].value, abs=1e-5), name
    assert "evaluate_long" in scores.protocol


def test_an_edit_that_knows_the_text_gets_full_marks(golden_lm: LM) -> None:
    """A perfect oracle gets 1 everywhere (methods.md section 18)."""
    one = LongAnswer("Boris Dunlin lives in", "Elstead. Hugo Crane works as a pilot.")
    script = target_ids(golden_lm, one.target, one.prompt)
    start = golden_lm.ids(one.prompt)[0].shape[1]

    def wrap(forward: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        logits = forward(ids, mask) * 0
        for i, token in enumerate(script):
            if start - 1 + i < ids.shape[1]:
                logits[:, start - 1 + i, token] = 50
        return logits

    scores = evaluate_long(golden_lm, Edit(golden_lm, wrap=wrap), one)
    assert (scores.exact_match.value, scores.answer_tokens.value, scores.ROUGE_L.value) == (1, 1, 1)
    assert scores.answer_logp.value == pytest.approx(0, abs=1e-6) and scores.before.exact_match.value == 0


def test_a_prompt_edit_is_read_with_its_own_prompt(golden_lm: LM) -> None:
    told = Edit(golden_lm, rewrite=lambda text: text.replace("Boris Dunlin", "Boris Crane"))
    one = LongAnswer("Boris Dunlin lives in", "New Harbor")
    scores = evaluate_long(golden_lm, told, one)
    assert scores.exact_match.value == 1 and scores.before.exact_match.value == 0


def test_what_does_not_fit_or_is_lacking_is_said_in_a_sentence(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match="give a shorter answer"):
        evaluate_long(golden_lm, None, LongAnswer("Boris Dunlin lives in", "Fenwick. " * 60))
    scores = evaluate_long(golden_lm, None, ANSWERS[1])
    with pytest.raises(
        AttributeError, match=r"no answer has questions: give LongAnswer\(..., questions=...\)"
    ):
        _ = scores.before.ROUGE_L_questions
    with pytest.raises(ValueError, match="needs one LongAnswer or a list"):
        evaluate_long(golden_lm, None, [])
    with pytest.raises(ValueError, match="1 edits but 2 cases"):
        nothing = Edit(golden_lm, {1: torch.zeros(golden_lm.D, golden_lm.F)})
        evaluate_long(golden_lm, [nothing], ANSWERS)
