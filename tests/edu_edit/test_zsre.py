"""evaluate_zsre: MEND's and ROME's protocol against a token-by-token loop and their own figures."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, Site, evaluate, load
from edu_edit.metrics import harmonic, percent_score
from edu_edit.tokens import target_ids
from edu_edit.zsre import drawdown, evaluate_zsre

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = json.loads((GOLDEN / "metrics.json").read_text(encoding="utf-8"))


def facts() -> list[Fact]:
    """The recorded cases; their neighbours' true object is the answer that zsRE's protocol asks for."""
    found = [Fact.from_json(row) for row in RECORDED["records"]]
    return [
        Fact(
            f.subject, f.prompt, f.target_new, f.target_true, f.paraphrases,
            unrelated=[(p, str(f.target_true)) for p in f.neighborhood],
        )
        for f in found
    ]  # fmt: skip


@pytest.fixture
def counterfact() -> tuple[LM, Edit]:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    (delta,) = load_file(GOLDEN / "metrics.safetensors").values()
    return lm, Edit(lm, {2: delta.T})


def test_accuracies_are_the_recorded_ones(counterfact: tuple[LM, Edit]) -> None:
    lm, edit = counterfact
    for fact, case in zip(facts(), RECORDED["zsre"], strict=True):
        scores = evaluate_zsre(lm, edit, fact)
        for side, rates in (("pre", scores.before), ("post", scores.after)):
            for name, kind in (
                ("edit", "rewrite"),
                ("paraphrase", "paraphrase"),
                ("unrelated", "neighborhood"),
            ):
                right = case[side][f"{kind}_prompts_correct"]
                assert rates[f"{name}_tokens"].value == pytest.approx(sum(right) / len(right)), (side, name)


@pytest.mark.parametrize("rounding", ["after", "before"])
def test_both_released_ways_to_round_the_score(rounding: Any) -> None:
    """ROME's code rounds the harmonic mean, MEMIT's the rates before it."""
    expected = RECORDED["scores"]["rome" if rounding == "after" else "memit"]
    rates = [  # ES, PS and NS of the recorded summaries, in percent
        (83.33, 66.67, 40.0), (16.67, 58.33, 40.0), (75.0, 87.5, 40.0), (25.0, 37.5, 40.0),
    ]  # fmt: skip
    exact = {83.33: 5 / 6, 66.67: 2 / 3, 16.67: 1 / 6, 58.33: 7 / 12}
    for parts, score in zip(rates, expected, strict=True):
        found = percent_score(*(exact.get(part, part / 100) for part in parts), rounding=rounding)
        assert found == pytest.approx(score, abs=1e-9)


def test_the_two_ways_differ() -> None:
    with pytest.raises(ValueError, match="choose 'after' or 'before'"):
        percent_score(0.5, 0.5, 0.5, rounding="never")
    assert percent_score(1 / 3, 2 / 3, 1.0, "after") != percent_score(1 / 3, 2 / 3, 1.0, "before")


@torch.no_grad()
def brute_force(lm: LM, prompt: str, answer: str) -> list[bool]:
    """Each prefix of the answer as a prompt of its own."""
    ids, right = lm.ids(prompt)[0], []
    for token in target_ids(lm, answer, prompt):
        right.append(int(lm.forward(ids, torch.ones_like(ids))[0, -1].argmax()) == token)
        ids = torch.cat([ids, torch.tensor([[token]])], dim=1)
    return right


def test_figures_equal_brute_force_for_every_kind_of_edit(golden_lm: LM) -> None:
    change = 0.4 * torch.randn(golden_lm.D, golden_lm.F, generator=torch.Generator().manual_seed(0))

    def turned(h: Tensor) -> Tensor:
        return h + 3 * h.flip(-1)

    for edit in (Edit(golden_lm, {1: change}), Edit(golden_lm, hooks={Site("mlp", 1): turned})):
        for fact in facts():
            with edit:
                rows = [
                    brute_force(golden_lm, p, fact.target_new) for p in (fact.question, *fact.paraphrases)
                ]
                kept = [brute_force(golden_lm, p, answer) for p, answer in fact.unrelated]
            before = [brute_force(golden_lm, p, answer) for p, answer in fact.unrelated]
            after = evaluate_zsre(golden_lm, edit, fact).after
            shares = [sum(row) / len(row) for row in rows]
            assert after.edit_tokens.value == pytest.approx(shares[0])
            assert after.paraphrase_tokens.value == pytest.approx(sum(shares[1:]) / len(shares[1:]))
            assert after.edit_exact.value == float(all(rows[0]))
            lost = sum(all(row) for row in before) - sum(all(row) for row in kept)
            assert after.drawdown.value == pytest.approx(lost / len(kept))
            parts = (after.edit_tokens, after.paraphrase_tokens, after.unrelated_tokens)
            assert after.tokens_S.value == pytest.approx(harmonic(*(part.value for part in parts)))


def test_an_answer_of_two_tokens_scores_half_before_any_edit_but_not_exactly(golden_lm: LM) -> None:
    """B-16: shown the first token of New Harbor, the models know the second."""
    fact = Fact("Boris Dunlin", "{} lives in", "New Harbor")
    before = evaluate_zsre(golden_lm, None, fact).before
    assert before.edit_tokens.value == 0.5 and before.edit_exact.value == 0


def test_nothing_is_lost_where_nothing_changes(golden_lm: LM) -> None:
    scores = evaluate_zsre(golden_lm, Edit(golden_lm, {1: torch.zeros(golden_lm.D, golden_lm.F)}), facts())
    assert scores.before == scores.after and scores.drawdown.value == 0
    assert drawdown(0.75, 0.5) == 0.25 and drawdown(0.5, 0.75) == -0.25


def test_unrelated_questions_count_for_locality_and_not_for_NS(golden_lm: LM) -> None:
    """(5.4) compares them with the model before; CounterFact's NS is about the fact's own two objects."""
    asked = [("Felix Ember lives in", "Fenwick"), ("Irma Ember plays the", "guitar")]
    plain = Fact("Boris Dunlin", "{} lives in", "New Harbor", "Fenwick", neighborhood=[p for p, _ in asked])
    other = Fact("Boris Dunlin", "{} lives in", "New Harbor", "Fenwick", unrelated=asked)
    edit = Edit(golden_lm, hooks={Site("mlp", 1): lambda h: 9 * h.flip(-1)})
    one, two = (evaluate(golden_lm, edit, fact) for fact in (plain, other))
    assert two.locality.value == one.locality.value and two.KL.value == pytest.approx(one.KL.value)
    assert "NS" in one.after and "NS" not in two.after


def test_what_is_lacking_is_named(golden_lm: LM) -> None:
    scores = evaluate_zsre(golden_lm, None, Fact("Boris Dunlin", "{} lives in", "New Harbor"))
    assert set(scores.before) == {"edit_tokens", "edit_exact"}
    with pytest.raises(AttributeError, match=r"drawdown.*no fact has unrelated: give Fact\(..., unrelated"):
        _ = scores.before.drawdown
    with pytest.raises(AttributeError, match="ES was not measured here: use evaluate"):
        _ = scores.before.ES


def test_every_row_carries_its_protocol(golden_lm: LM) -> None:
    scores = evaluate_zsre(golden_lm, None, facts())
    assert {row["protocol"] for row in scores.to_dict()["before"].values()} == {"evaluate_zsre"}
    assert scores.protocol.startswith("evaluate_zsre:")
