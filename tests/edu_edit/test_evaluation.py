"""evaluate: the invariants that any measurement of an edit must keep, and CounterFact's own figures."""

import copy
import itertools
import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, Scores, Site, evaluate, load
from edu_edit import reading as reading_module
from edu_edit.evaluation import Rates, judged, pooled
from edu_edit.metrics import efficacy, harmonic, magnitude, same_answer
from edu_edit.reading import Reading, read
from edu_edit.scores import METRICS

GOLDEN = Path(__file__).parents[1] / "golden"
RECORDED = json.loads((GOLDEN / "metrics.json").read_text(encoding="utf-8"))
MEASURED = [name for name, metric in METRICS.items() if metric.by == "evaluate"]
PROPERTIES = ("accuracy", "generality", "portability", "locality", "reverse")
Snapshot = Callable[[LM], dict[str, Tensor]]
FACTS = [
    Fact(
        "Boris Dunlin", "{} lives in", "New Harbor", "Fenwick",
        paraphrases=["Boris Dunlin has a house in", "The home of Boris Dunlin is in"],
        neighborhood=["Felix Ember lives in", "Karin Frost lives in", "Celia Crane lives in"],
        portability=[("The city of Fenwick is in", "Westmark"), ("New Harbor is located in", "Ostria")],
        reverse=[("New Harbor is the home of", "Boris Dunlin")],
    ),
    Fact(
        "Irma Ember", "On stage {} performs on the", "flute", "guitar",
        paraphrases=["Irma Ember plays the"],
        neighborhood=["Luca Abbot plays the"],
        portability=[("Greta Ember works as a", "nurse")],
    ),
    Fact("Celia Crane", "{} speaks", "Elvan"),
]  # fmt: skip


def disturbance(lm: LM, scale: float = 0.3, layer: int = 1, seed: int = 0, **kwargs: Any) -> Edit:
    change = torch.randn(lm.D, lm.F, generator=torch.Generator().manual_seed(seed))
    return Edit(lm, {layer: scale * change}, **kwargs)


def nothing(lm: LM) -> Edit:
    return Edit(lm, {1: torch.zeros(lm.D, lm.F)})


def values(rates: Rates) -> dict[str, float]:
    return {name: rate.value for name, rate in rates.items()}


# Invariants (methods.md section 18)


def test_an_edit_that_does_nothing_changes_nothing(golden_lm: LM) -> None:
    scores = evaluate(golden_lm, nothing(golden_lm), FACTS)
    assert scores.locality.value == 1 and scores.KL.value == 0
    assert scores.after == scores.before
    assert set(scores.before) == set(MEASURED)


def test_every_rate_lies_in_its_interval_and_in_its_range(golden_lm: LM) -> None:
    scores = evaluate(golden_lm, disturbance(golden_lm), FACTS)
    for name, rate in (*scores.before.items(), *scores.after.items()):
        assert rate.lo <= rate.value + 1e-9 and rate.value - 1e-9 <= rate.hi, name
        assert (-1 if name.endswith("M") else 0) <= rate.value and (rate.value <= 1 or name == "KL"), name
    parts = [scores.after[name].value for name in ("ES", "PS", "NS")]
    assert scores.S.value == pytest.approx(harmonic(*parts))


def test_a_model_that_knows_every_answer_gets_full_marks(golden_lm: LM) -> None:
    """The tiny models know their world: asked what they were trained on, all rates are 1."""
    fact = Fact(
        "Boris Dunlin", "{} lives in", "Fenwick", "New Harbor",
        paraphrases=["Boris Dunlin has a house in"], portability=[("The city of Fenwick is in", "Westmark")],
    )  # fmt: skip
    before = evaluate(golden_lm, None, fact).before
    for name in ("accuracy", "generality", "portability", "token_accuracy", "ES", "PS"):
        assert before[name].value == 1, name


def test_exchanging_the_targets_turns_success_round(golden_lm: LM) -> None:
    fact = FACTS[0]
    turned = Fact(
        fact.subject, fact.prompt, str(fact.target_true), fact.target_new, fact.paraphrases, fact.neighborhood
    )
    one, other = (evaluate(golden_lm, disturbance(golden_lm), f).after for f in (fact, turned))
    for letter in "EPN":
        assert one[f"{letter}S"].value == pytest.approx(1 - other[f"{letter}S"].value)
        assert one[f"{letter}M"].value == pytest.approx(-other[f"{letter}M"].value)


def test_answers_are_those_of_the_model_asked_alone(golden_lm: LM) -> None:
    with disturbance(golden_lm):
        for (prompt, _), answer in read(golden_lm, FACTS).answers.items():
            assert answer == golden_lm.answer(prompt)


def test_log_probabilities_are_those_of_the_text_read_alone(golden_lm: LM) -> None:
    """One prompt and target at a time, unpadded, token by token."""
    for (prompt, target), logp in read(golden_lm, FACTS).logp.items():
        start = golden_lm.ids(prompt)[0].shape[1]
        ids, mask = golden_lm.ids(f"{prompt} {target}")
        with torch.no_grad():
            steps = golden_lm.forward(ids, mask)[0].double().log_softmax(-1)
        each = [float(steps[t - 1, ids[0, t]]) for t in range(start, ids.shape[1])]
        assert float(logp) == pytest.approx(sum(each) / len(each), abs=1e-5)


def test_figures_do_not_depend_on_batches_company_or_order(
    golden_lm: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = disturbance(golden_lm)
    with edit:
        together = read(golden_lm, FACTS)
        monkeypatch.setattr(reading_module, "LOGITS_AT_ONCE", 1)  # one prompt at a time
        alone = read(golden_lm, FACTS[::-1])
    assert together.answers == alone.answers and together.tokens == alone.tokens
    assert together.logp.keys() == alone.logp.keys() and together.next.keys() == alone.next.keys()
    for pair, logp in together.logp.items():
        torch.testing.assert_close(logp, alone.logp[pair], atol=1e-5, rtol=0)
    for prompt, row in together.next.items():
        torch.testing.assert_close(row, alone.next[prompt], atol=1e-4, rtol=0)


def test_figures_do_not_depend_on_how_many_facts_are_read_at_once(
    golden_lm: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit = disturbance(golden_lm)
    whole = evaluate(golden_lm, edit, FACTS)
    monkeypatch.setattr("edu_edit.before_after.CASES_AT_ONCE", 1)
    pieces = evaluate(golden_lm, edit, FACTS)
    assert values(whole.after) == pytest.approx(values(pieces.after), abs=1e-5)


def test_locality_asks_what_changed_and_not_what_is_right(golden_lm: LM) -> None:
    """M is wrong about a prompt, M* is right: that is a change, although NS rises."""
    m, m_star = Reading(), Reading()
    fact = Fact("a", "{} is", "x", "y", neighborhood=["b is"])
    for reading, answer, next_p in ((m, "z", 0.5), (m_star, "y", 0.9)):
        reading.answers = {("a is", "x"): "x", ("b is", "y"): answer}
        logp = {("a is", "x"): -1, ("a is", "y"): -2, ("b is", "x"): -2, ("b is", "y"): -1}
        reading.logp = {pair: torch.tensor(float(value)) for pair, value in logp.items()}
        reading.tokens = {("a is", "x"): 1.0}
        reading.next = {"b is": torch.tensor([next_p, 1 - next_p]).log()}
    found = judged(fact, m, m_star)
    assert found["locality"] == [0.0] and found["NS"] == [1.0] and found["KL"][0] > 0


# Before, after, and the state that the model is left in


def test_before_is_measured_without_the_edit_even_when_it_is_on(golden_lm: LM, snapshot: Snapshot) -> None:
    edit = disturbance(golden_lm)
    off = evaluate(golden_lm, edit, FACTS)
    with edit:
        weights = snapshot(golden_lm)
        on = evaluate(golden_lm, edit, FACTS)
        assert edit in golden_lm.edits
        assert all(torch.equal(weights[name], tensor) for name, tensor in snapshot(golden_lm).items())
    assert on == off
    assert values(off.before) == values(evaluate(golden_lm, None, FACTS).before)
    assert values(off.before) != values(off.after)


def test_other_edits_stay_on_and_the_model_is_left_as_found(golden_lm: LM, snapshot: Snapshot) -> None:
    edits = [disturbance(golden_lm, 0.1, seed=seed) for seed in range(3)]
    for edit in edits:
        edit.on()
    weights = snapshot(golden_lm)
    scores = evaluate(golden_lm, edits[1], FACTS)
    assert golden_lm.edits == edits
    assert all(torch.equal(weights[name], tensor) for name, tensor in snapshot(golden_lm).items())
    edits[1].off()
    assert values(scores.before) == pytest.approx(values(evaluate(golden_lm, None, FACTS).before), abs=1e-6)
    for edit in (edits[0], edits[2]):
        edit.off()


def test_the_state_comes_back_after_an_error(golden_lm: LM, monkeypatch: pytest.MonkeyPatch) -> None:
    edit = disturbance(golden_lm)
    calls = itertools.count()

    def failing(*args: Any, **kwargs: Any) -> Reading:
        if next(calls) == 1:
            raise RuntimeError("out of memory")
        return read(*args, **kwargs)

    monkeypatch.setattr("edu_edit.evaluation.read", failing)
    with edit:
        with pytest.raises(RuntimeError, match="out of memory"):
            evaluate(golden_lm, edit, FACTS)
        assert golden_lm.edits == [edit]
    assert golden_lm.edits == []


def test_evaluating_leaves_every_bit_of_the_model_alone(golden_lm: LM, snapshot: Snapshot) -> None:
    weights = snapshot(golden_lm)
    evaluate(golden_lm, [disturbance(golden_lm, seed=seed) for seed in range(3)], FACTS)
    assert golden_lm.edits == []
    assert all(torch.equal(weights[name], tensor) for name, tensor in snapshot(golden_lm).items())


def test_a_list_of_edits_judges_each_fact_under_its_own_edit_alone(golden_lm: LM) -> None:
    edits = [disturbance(golden_lm, seed=seed, seconds=1.0) for seed in range(3)]
    pooled_scores = evaluate(golden_lm, edits, FACTS)
    singles = [evaluate(golden_lm, edit, fact) for edit, fact in zip(edits, FACTS, strict=True)]
    for name in MEASURED:
        if name != "S":
            found = [single.after[name].value for single in singles if name in single.after]
            assert pooled_scores.after[name].value == pytest.approx(sum(found) / len(found), abs=1e-5), name
    assert pooled_scores.efficiency.seconds == 3 and pooled_scores.efficiency.edits == 3
    assert "its own edit alone" in pooled_scores.protocol


def test_hook_and_prompt_edits_are_judged_like_weight_edits(golden_lm: LM) -> None:
    silent = Edit(golden_lm, hooks={Site("mlp", 1): lambda h: h * 1})
    loud = Edit(golden_lm, hooks={Site("mlp", 1): lambda h: 9 * h.flip(-1)}, extra_bytes=20)
    told = Edit(golden_lm, rewrite=lambda text: text.replace("Boris Dunlin", "Boris Crane"))
    quiet, changed = (evaluate(golden_lm, edit, FACTS[1]) for edit in (silent, loud))
    assert values(quiet.after) == pytest.approx(values(quiet.before), abs=1e-5)
    assert changed.KL.value > 0.1 and changed.efficiency.extra_bytes == 20
    scores = evaluate(golden_lm, told, FACTS[0])  # Boris Crane lives in New Harbor
    assert scores.accuracy.value == 1 and scores.ES.value == 1 and scores.locality.value == 1


def test_with_no_edit_there_is_only_before(golden_lm: LM) -> None:
    scores = evaluate(golden_lm, None, FACTS[0])
    assert scores.before.accuracy.value == 0 and len(scores.after) == 0
    with pytest.raises(AttributeError, match="no edit.*read scores.before.accuracy"):
        _ = scores.accuracy


# What is counted


def test_a_metric_without_probes_is_absent_and_says_which_field_is_missing(golden_lm: LM) -> None:
    scores = evaluate(golden_lm, nothing(golden_lm), FACTS[2])
    assert set(scores.after) == {"accuracy", "token_accuracy"}
    for name, field in {
        "generality": "paraphrases", "portability": "portability", "locality": "neighborhood",
        "reverse": "reverse", "KL": "neighborhood", "ES": "target_true", "PS": "target_true and paraphrases",
    }.items():  # fmt: skip
        with pytest.raises(AttributeError, match=f"{name} was not measured, because no fact has {field}:"):
            getattr(scores, name)
    with pytest.raises(AttributeError, match="no 'acuracy'"):
        _ = scores.acuracy
    assert not hasattr(scores, "_repr_png_")


def test_rates_are_means_over_facts_and_count_prompts() -> None:
    rates = pooled([{"locality": [1.0, 1.0, 1.0, 1.0]}, {"locality": [0.0]}, {}], frozenset(), seed=0)
    assert (rates.locality.value, rates.locality.n) == (0.5, 5)
    assert (rates.locality.lo, rates.locality.hi) == (0.0, 1.0)


def test_one_fact_has_an_interval_over_its_prompts() -> None:
    rate = pooled([{"locality": [1.0, 0.0, 1.0, 1.0]}], frozenset(), seed=0).locality
    assert rate.value == 0.75 and rate.lo < 0.75 < rate.hi and rate.n == 4


def test_long_answers_get_the_tokens_they_need(golden_lm: LM) -> None:
    """A true answer of more tokens than `max_tokens` can still be right."""
    story = golden_lm.answer("Boris Dunlin lives in", max_tokens=1)
    assert evaluate(
        golden_lm, None, Fact("Boris Dunlin", "{} lives in", story), max_tokens=1
    ).before.accuracy.value
    two = Fact("Boris Crane", "{} lives in", "New Harbor")
    assert evaluate(golden_lm, None, two, max_tokens=1).before.accuracy.value == 1


def test_pretrained_models_may_be_cut_at_the_length_of_the_answer(make_lm: Callable[..., LM]) -> None:
    """A model that never ends its sentences can't answer exactly, unless it is read only so far."""
    lm = make_lm("gpt2", seed=3)
    said = lm.answer("Felix Ember lives in", max_tokens=1)
    fact = Fact("Felix Ember", "{} lives in", said)
    assert not same_answer(lm.answer(fact.question), said)
    assert evaluate(lm, None, fact).before.accuracy.value == 0
    scores = evaluate(lm, None, fact, max_tokens=None)
    assert scores.before.accuracy.value == 1 and "as many tokens as the expected answer" in scores.protocol


def test_no_prompt_is_asked_twice_and_all_are_asked_together(
    golden_lm: LM, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty times the same fact costs what one costs: one pass for probabilities, and some to answer."""
    rows: list[int] = []
    monkeypatch.setattr("edu_edit.answering.hooked", lambda lm: False)  # our hook only counts
    golden_lm.blocks[0].register_forward_hook(lambda module, args, output: rows.append(len(args[0])))
    evaluate(golden_lm, disturbance(golden_lm), FACTS[:1] * 20)
    fact = FACTS[0]
    judging = 1 + len(fact.paraphrases) + len(fact.neighborhood)
    assert max(rows) == 2 * judging  # two rows each, as "New Harbor" has two tokens
    assert len(rows) <= 2 * (1 + 8)


def test_bad_arguments_are_refused_in_a_sentence(lm: LM, make_lm: Callable[..., LM]) -> None:
    other = make_lm("gpt2")
    for edit, facts, sentence in (
        (None, [], "needs one Fact or a list"),
        ([nothing(lm)], FACTS, "1 edits but 3 facts"),
        ([], FACTS, "0 edits but 3 facts"),
        (nothing(other), FACTS, "made for this"),
    ):
        with pytest.raises(ValueError, match=sentence):
            evaluate(lm, edit, facts)


# What the scores look like


def test_scores_are_plain_data_text_and_html(golden_lm: LM) -> None:
    golden_lm.name = "<b>tiny</b>"
    record = {"forward_passes": 30, "backward_passes": 20}
    scores = evaluate(golden_lm, disturbance(golden_lm, seconds=1.5, record=record), FACTS)
    data = json.loads(json.dumps(scores.to_dict(), allow_nan=False))
    assert data["after"]["locality"]["value"] == scores.locality.value
    assert data["efficiency"]["backward_passes"] == 20 and data["protocol"] == scores.protocol
    text = repr(scores)
    assert "1.50 s, 0 extra bytes, 30 forward passes, 20 backward passes, 1 edit" in text
    assert all(name in text for name in MEASURED) and str(scores.locality) in text
    html = scores._repr_html_()
    assert "<b>tiny" not in html and html.count("<tr>") == 1 + len(scores.after) and 'scope="row"' in html


def test_scores_can_be_copied_and_sent_to_another_process(golden_lm: LM) -> None:
    scores = evaluate(golden_lm, nothing(golden_lm), FACTS)
    assert copy.deepcopy(scores) == scores
    sent: Scores = pickle.loads(pickle.dumps(scores))
    assert sent == scores and sent.accuracy == scores.accuracy


def test_passes_are_unknown_unless_every_edit_counted_them(golden_lm: LM) -> None:
    edits = [disturbance(golden_lm, record={"forward_passes": 3}), disturbance(golden_lm)]
    assert evaluate(golden_lm, edits, FACTS[:2]).efficiency.forward_passes is None


# CounterFact's own code (tests/golden/README.md, metrics)


@pytest.fixture
def counterfact() -> tuple[LM, Edit, list[Fact]]:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    (delta,) = load_file(GOLDEN / "metrics.safetensors").values()
    return lm, Edit(lm, {2: delta.T}), [Fact.from_json(row) for row in RECORDED["records"]]


def test_log_probabilities_match_the_recorded_ones(counterfact: tuple[LM, Edit, list[Fact]]) -> None:
    lm, edit, facts = counterfact
    before = read(lm, facts)
    with edit:
        after = read(lm, facts)
    for reading, side in ((before, "pre"), (after, "post")):
        for fact, case in zip(facts, RECORDED["nll"], strict=True):
            groups = {
                "rewrite": [fact.question],
                "paraphrase": fact.paraphrases,
                "neighborhood": fact.neighborhood,
            }
            for kind, prompts in groups.items():
                for prompt, nll in zip(prompts, case[side][f"{kind}_prompts_probs"], strict=True):
                    got = [float(reading.logp[prompt, t]) for t in (fact.target_new, str(fact.target_true))]
                    assert got == pytest.approx([-nll["target_new"], -nll["target_true"]], abs=1e-5)


def test_token_accuracy_is_zsres(counterfact: tuple[LM, Edit, list[Fact]]) -> None:
    lm, edit, facts = counterfact
    with edit:
        after = read(lm, facts)
    for fact, case in zip(facts, RECORDED["zsre"], strict=True):
        correct = case["post"]["rewrite_prompts_correct"]
        assert after.tokens[fact.question, fact.target_new] == sum(correct) / len(correct)
        correct = case["post"]["paraphrase_prompts_correct"]
        each = [after.tokens[prompt, fact.target_new] for prompt in fact.paraphrases]
        assert sum(each) / len(each) == sum(correct) / len(correct)


def test_summary_matches_the_recorded_one(counterfact: tuple[LM, Edit, list[Fact]]) -> None:
    scores = evaluate(*counterfact)
    agree(scores.before, RECORDED["summary"], "pre")
    agree(scores.after, RECORDED["summary"], "post")


def test_summary_of_made_up_cases_matches_the_recorded_one() -> None:
    """Cases with rates away from 0 and 1, so that the order of averaging shows."""
    for side in ("pre", "post"):
        cases = []
        for case in RECORDED["synthetic"]["cases"]:
            found = {}
            for letter, kind in (("E", "rewrite"), ("P", "paraphrase"), ("N", "neighborhood")):
                nll = case[side][f"{kind}_prompts_probs"]
                targets = ("target_true", "target_new") if letter == "N" else ("target_new", "target_true")
                pairs = [[-torch.tensor([row[target]]).double() for target in targets] for row in nll]
                found[f"{letter}S"] = [efficacy(*pair) for pair in pairs]
                found[f"{letter}M"] = [magnitude(*pair) for pair in pairs]
            cases.append(found)
        agree(pooled(cases, frozenset(), seed=0), RECORDED["synthetic"]["summary"], side)


def agree(rates: Rates, summary: dict[str, float], side: str) -> None:
    for letter, kind in (("E", "rewrite"), ("P", "paraphrase"), ("N", "neighborhood")):
        assert 100 * rates[f"{letter}S"].value == pytest.approx(summary[f"{side}_{kind}_success"], abs=0.01)
        assert 100 * rates[f"{letter}M"].value == pytest.approx(summary[f"{side}_{kind}_diff"], abs=0.01)
    assert 100 * rates.S.value == pytest.approx(summary[f"{side}_score"], abs=0.01)
