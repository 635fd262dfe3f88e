"""Comparisons: the figures are `evaluate`'s, a stopped run goes on, and another comparison is refused."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import edu_edit.compare.lineup as lineup
from edu_edit import LM, Edit, Fact, evaluate, finetune, rome
from edu_edit.compare import Contestant, Outcome, compare, figures, in_sequence, rates_of, side_by_side
from edu_edit.compare.sequences import follow
from edu_edit.reading import read
from edu_edit.show.compare_figures import plot_comparison, plot_courses

FACTS = [
    Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["Felix Ember is at home in"],
         ["Irma Crane lives in"]),
    Fact("Irma Crane", "The language of {} is", "Elvan", "Tarkish", ["Irma Crane speaks"],
         ["Felix Ember speaks"]),
    Fact("Celia Abbot", "{} works as a", "farmer", "nurse"),
]  # fmt: skip


def rome_quickly(lm: LM, facts: Any, key: str = "averaged") -> Edit:
    return rome(lm, facts, layer=2, C="identity", prefixes=0, steps=4, key=key)


def tuned(lm: LM, facts: Any) -> Edit:
    return finetune(lm, facts, layer=2, steps=5, lr=1e-2)


def broken(lm: LM, fact: Fact) -> Edit:
    raise ValueError("This one never edits.")


@pytest.fixture(autouse=True)
def entries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three contestants that are quick on the tiny models."""
    mine = [
        Contestant("tuned", "", tuned, tuned),
        Contestant("rome", "", rome_quickly),
        Contestant("broken", "", broken),
    ]
    monkeypatch.setattr(lineup, "LINEUP", {one.name: one for one in mine})
    monkeypatch.setattr("edu_edit.compare.running.LINEUP", {one.name: one for one in mine})
    steps = {
        "rome": lineup.one_after_another(rome_quickly),
        "mixed": lineup.one_after_another(lambda lm, fact: rome_quickly(lm, fact, "mixed")),
    }
    monkeypatch.setattr("edu_edit.compare.sequences.SEQUENCES", steps)


def test_rates_are_those_of_evaluate(golden_lm: LM) -> None:
    outcomes = compare(golden_lm, FACTS, ["tuned", "rome"], workers=1)
    alone = evaluate(golden_lm, [tuned(golden_lm, fact) for fact in FACTS], FACTS)
    batch = evaluate(golden_lm, tuned(golden_lm, FACTS), FACTS)
    for rates, expected in (
        (rates_of(outcomes, "tuned"), alone.after),
        (rates_of(outcomes, "", "before"), alone.before),
        (rates_of(outcomes, "tuned", "batch"), batch.after),
    ):  # equal but for rounding: evaluate reads all facts in one batch
        assert rates.keys() == expected.keys()
        for name, rate in rates.items():
            assert tuple(rate.__dict__.values()) == pytest.approx(
                tuple(expected[name].__dict__.values()), abs=1e-5
            )
    assert len(rates_of(outcomes, "rome", "batch")) == 0
    cost = next(one for one in outcomes if (one.method, one.mode) == ("tuned", "alone"))
    assert cost.forward_passes == 5 and cost.backward_passes > 0 and cost.seconds > 0


def test_the_model_is_left_bit_identical(golden_lm: LM, snapshot: Any) -> None:
    before = snapshot(golden_lm)
    compare(golden_lm, FACTS, workers=1)
    in_sequence(golden_lm, FACTS, ["Karin Frost speaks"], workers=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert golden_lm.edits == []


def test_a_stopped_run_goes_on_where_it_was(golden_lm: LM, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("edu_edit.compare.running.PIECE", 1)
    whole = compare(golden_lm, FACTS, ["tuned"], workers=1)
    calls: list[int] = []

    def stops(lm: LM, fact: Any) -> Edit:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tuned(lm, fact)

    entry = Contestant("tuned", "", stops, stops)
    monkeypatch.setitem(lineup.LINEUP, "tuned", entry)
    with pytest.raises(KeyboardInterrupt):
        compare(golden_lm, FACTS, ["tuned"], tmp_path, workers=1)
    path = tmp_path / "outcomes.jsonl"
    path.write_text(path.read_text()[:-30])  # the line that was being written when it stopped
    known = len(path.read_text().splitlines()) - 2
    monkeypatch.setitem(lineup.LINEUP, "tuned", Contestant("tuned", "", tuned, tuned))
    again = compare(golden_lm, FACTS, ["tuned"], tmp_path, workers=1)
    assert 0 < known < len(whole) and golden_lm.edits == []

    def plain(outcomes: list[Outcome]) -> Any:
        return sorted((o.method, o.mode, o.fact, repr(o.values)) for o in outcomes)

    assert plain(again) == plain(whole) == plain(compare(golden_lm, FACTS, ["tuned"], tmp_path, workers=1))


def test_another_comparison_is_not_mixed_in(golden_lm: LM, tmp_path: Path) -> None:
    compare(golden_lm, FACTS[:1], ["rome"], tmp_path, workers=1)
    with pytest.raises(ValueError, match="give a new folder"):
        compare(golden_lm, FACTS[:2], ["rome"], tmp_path, workers=1)


def test_a_method_that_fails_leaves_its_sentence_and_empty_cells(golden_lm: LM) -> None:
    outcomes = compare(golden_lm, FACTS, ["broken", "rome"], workers=1)
    assert {one.error for one in outcomes if one.method == "broken"} == {"This one never edits."}
    row = side_by_side(outcomes)[0][0]
    assert row.accuracy == row.locality == row.seconds == "-" and row.batch == "✗"
    assert "rome, locality, alone" in plot_comparison(outcomes).alt
    lines = figures(outcomes).splitlines()
    assert lines[3].startswith("| broken | - | - |") and lines[2].startswith("| no edit |")


@pytest.mark.parametrize(
    "methods, facts, sentence",
    [
        (["unheard of"], FACTS, "no method 'unheard of'"),
        (["rome"], [], "no fact to write"),
        (["rome"], [FACTS[0], FACTS[0]], "twice"),
    ],
)
def test_bad_input_gets_one_sentence(golden_lm: LM, methods: Any, facts: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        compare(golden_lm, facts, methods, workers=1)
    with rome_quickly(golden_lm, FACTS[0]), pytest.raises(ValueError, match="switch its edits off"):
        compare(golden_lm, FACTS, ["rome"], workers=1)
    with pytest.raises(ValueError, match="no sequence of 'x'"):
        in_sequence(golden_lm, FACTS, ["Karin"], ["x"], workers=1)
    with pytest.raises(ValueError, match="needs prompts to keep"):
        in_sequence(golden_lm, FACTS, [], workers=1)


def test_a_sequence_is_the_edits_made_one_upon_the_other(golden_lm: LM, tmp_path: Path) -> None:
    """Brute force: every edit computed with those before it on, all left on, and the same questions asked."""
    probes = ["Karin Frost lives in", "Boris Dunlin speaks"]
    steps: list[int] = []
    course = follow(golden_lm, lambda: steps.append(1), "rome", FACTS, probes)
    clean = [golden_lm.answer(p, 1) for p in probes]
    edits: list[Edit] = []
    for i, fact in enumerate(FACTS):
        edits.append(rome_quickly(golden_lm, fact).on())
        reading = read(golden_lm, FACTS[: i + 1])
        right = [reading.tokens[f.question, f.target_new] == 1.0 for f in FACTS[: i + 1]]
        assert course.now[i] == right[i] and course.first[i] == sum(right) / len(right)
        same = [golden_lm.answer(p, 1) == before for p, before in zip(probes, clean, strict=True)]
        assert course.locality[i] == sum(same) / 2
        moved: Tensor = sum(edit.delta[2] for edit in edits)  # type: ignore[assignment]
        base = golden_lm.saved["transformer.h.2.mlp.c_proj.weight"] if "gpt2" in golden_lm.name else (
            golden_lm.saved["model.layers.2.mlp.down_proj.weight"])  # fmt: skip
        assert course.drift[i] == pytest.approx(float(moved.norm() / base.double().norm()), rel=1e-5)
    for edit in edits:
        edit.off()
    assert len(steps) == 3 and [n for n, _, _ in course.counts] == [1, 3]
    courses = in_sequence(golden_lm, FACTS, probes, folder=tmp_path, workers=1)
    assert courses["rome"].first == course.first
    before = (tmp_path / "courses.jsonl").read_text()
    assert in_sequence(golden_lm, FACTS, probes, folder=tmp_path, workers=1) == courses
    assert (tmp_path / "courses.jsonl").read_text() == before
    assert "mixed" in plot_courses(courses).alt and plot_courses(courses).png()[:4] == b"\x89PNG"
