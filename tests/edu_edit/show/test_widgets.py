"""The widgets, driven from Python as a reader drives them from the page, on the tiny trained models."""

import html
import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import v4

from edu_edit import LM, Fact, causal_trace, collect_moment, load, rome
from edu_edit.metrics import same_answer
from edu_edit.show.probes import ask_again, probes, rates
from edu_edit.show.widgets import SurgeryRoom, TraceExplorer, surgery_room, trace_explorer

GOLDEN = Path(__file__).parents[2] / "golden"
WORLD = json.loads((GOLDEN / "world.json").read_text(encoding="utf-8"))
CITY = {person: known["city"] for person, known in WORLD["facts"].items()}


def lives(person: str) -> Fact:
    """That a person lives in another city than they do, with probes of every kind."""
    city = CITY[person]
    other = next(c for c in sorted(set(CITY.values())) if c != city)
    return Fact(
        person,
        "{} lives in",
        other,
        city,
        paraphrases=(f"{person} has a home in",),
        neighborhood=tuple(f"{p} lives in" for p in CITY if p != person and CITY[p] == city)[:3],
        reverse=((f"A person from {other} is", person),),
    )


def plays(person: str) -> Fact:
    return Fact(person, "{} plays the", "harp", "violin")


PEOPLE = list(CITY)[:3]
FACTS = [*map(lives, PEOPLE), *map(plays, PEOPLE)]


def said(box: Any) -> str:
    """The text of an HTML widget."""
    return html.unescape(re.sub("<[^>]*>", "", box.value))


@pytest.fixture(scope="module")
def tiny() -> LM:
    """One trained tiny model, for tests of the page; the library's part is tested with both."""
    return load(GOLDEN / "models" / "gpt2-tiny")


def with_moment(lm: LM) -> LM:
    """The model with a second moment of full rank at hand, over made-up sentences."""
    words = [
        *CITY,
        *sorted(set(CITY.values())),
        *WORLD["jobs"],
        *WORLD["langs"],
        "lives in",
        "plays the",
        "and",
    ]
    draw = random.Random(0)
    collect_moment(lm, lm.default_layer, [" ".join(draw.choices(words, k=12)) for _ in range(150)])
    return lm


@pytest.fixture
def explorer(tiny: LM) -> TraceExplorer:
    return trace_explorer(tiny, FACTS, samples=3)


@pytest.fixture
def room(tiny: LM) -> SurgeryRoom:
    return surgery_room(with_moment(tiny), FACTS)


def test_the_explorer_shows_the_librarys_trace(golden_lm: LM) -> None:
    explorer = trace_explorer(golden_lm, FACTS, samples=3)
    shown = explorer.trace(0, "resid")
    draws = torch.randn(3, 2, golden_lm.D, generator=torch.Generator().manual_seed(0)) * 3 * explorer.std
    expected = causal_trace(golden_lm, FACTS[0], noise=draws)
    torch.testing.assert_close(shown.map, expected.map)
    for row, cells in zip(shown.map, explorer.grid.cells, strict=True):
        assert [float(cell.description) for cell in cells] == [round(v, 2) + 0.0 for v in row.tolist()]


def test_a_click_on_a_cell_reads_the_restored_run(explorer: TraceExplorer) -> None:
    explorer.grid.cells[1][2].click()
    trace = explorer.trace(0, "resid")
    assert (explorer.token.value, explorer.layer.value) == (1, 2)
    sentence = said(explorer.reading)
    assert f"clean {trace.p_clean:.2f}, corrupted {trace.p_corrupt:.2f}" in sentence
    assert f"layer 2: {trace.p_corrupt + float(trace.map[1, 2]):.2f}" in sentence
    framed = [
        (t, layer)
        for t, row in enumerate(explorer.grid.cells)
        for layer, c in enumerate(row)
        if c.layout is explorer.grid.chosen
    ]
    assert framed == [(1, 2)]


def test_the_sliders_reach_every_cell_without_a_mouse(explorer: TraceExplorer) -> None:
    explorer.token.value, explorer.layer.value = 3, 5
    assert explorer.grid.marked == (3, 5)
    assert [value for _, value in explorer.token.options] == list(range(len(explorer.grid.cells)))


def test_no_noise_takes_nothing_away(explorer: TraceExplorer) -> None:
    explorer.noise.value = 0.0
    assert {cell.description for row in explorer.grid.cells for cell in row} == {".00"}


def test_settings_once_seen_come_from_memory(
    explorer: TraceExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.kind.value = "mlp"
    explorer.sever.value = "attn"
    monkeypatch.setattr("edu_edit.show.explorer_work.causal_trace", None)  # computing again would fail
    explorer.sever.value = None
    explorer.kind.value = "resid"
    assert explorer.status.text == "Shown from memory."


def test_work_is_announced_with_the_time_that_it_took_before(
    explorer: TraceExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[str] = []
    monkeypatch.setattr(explorer.status, "say", announced.append)
    explorer.status.seconds["the causal trace"] = 2.0
    explorer.kind.value = "attn"
    assert announced[0] == "Computing the causal trace: about 2 s …"
    assert re.fullmatch(r"Computed the causal trace in \d+\.\d s\.", announced[1])


def test_the_average_is_drawn_over_all_facts_with_the_settings_shown(explorer: TraceExplorer) -> None:
    explorer.sever.value = "mlp"
    assert "No average for these settings yet" in said(explorer.beside)
    explorer.ask_average.click()
    image = BeautifulSoup(explorer.beside.value, "html.parser").img
    assert image is not None and "last subject token" in str(image["alt"])
    assert explorer.status.text.startswith(f"Computed {len(FACTS)} traces")
    assert f"average over {len(FACTS)} facts" in explorer.text()
    explorer.sever.value = None
    assert "No average for these settings yet" in said(explorer.beside)


def test_the_words_of_a_cell_are_those_of_its_restored_run(explorer: TraceExplorer) -> None:
    for kind, sever, cell in (("resid", None, (1, 2)), ("mlp", "attn", (2, 1)), ("attn", "mlp", (3, 3))):
        explorer.kind.value, explorer.sever.value = kind, sever
        explorer.grid.cells[cell[0]][cell[1]].click()
        trace = explorer.trace(0, kind, sever)  # type: ignore[arg-type]
        (clean, corrupted, restored) = dict(
            explorer.three_runs((0, kind, sever, 3.0), *cell).words(explorer.lm)
        )[trace.answer]
        assert (clean, corrupted) == pytest.approx((trace.p_clean, trace.p_corrupt), abs=1e-5)
        assert restored == pytest.approx(trace.p_corrupt + float(trace.map[cell]), abs=1e-5)
        assert f"{restored:.2f}" in explorer.words.value and trace.answer in said(explorer.words)


def test_the_static_twin_shows_the_map_that_the_widget_shows(explorer: TraceExplorer) -> None:
    explorer.kind.value = "mlp"
    fig = explorer.static()
    shown = np.asarray(fig.axes[0].images[0].get_array())
    np.testing.assert_array_equal(shown, explorer.trace(0, "mlp").map.double().numpy())
    assert "MLP output" in explorer.text()


@pytest.mark.parametrize("widget", ["explorer", "room"])
def test_a_page_without_a_kernel_shows_the_twin_with_its_description(
    widget: str, request: pytest.FixtureRequest
) -> None:
    made = request.getfixturevalue(widget)
    data, about = made._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    cell = v4.new_code_cell(outputs=[v4.new_output("display_data", data | {"image/png": ""}, metadata=about)])
    page, _ = HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))
    assert [image["alt"] for image in BeautifulSoup(page, "html.parser").find_all("img")] == [made.text()]


def test_the_room_shows_the_librarys_edit_and_leaves_the_model_as_it_was(
    golden_lm: LM, snapshot: Any
) -> None:
    before = snapshot(golden_lm)
    room = surgery_room(with_moment(golden_lm), FACTS)
    assert all(torch.equal(before[name], now) for name, now in snapshot(golden_lm).items())
    assert room.now is not None
    edit = rome(golden_lm, FACTS[0], generator=torch.Generator().manual_seed(0))
    layer = golden_lm.default_layer
    assert torch.equal(room.now.change, edit.delta[layer])
    with edit:
        for answer in room.now.answers:
            assert same_answer(answer.after, golden_lm.answer(answer.prompt))


def test_the_five_kinds_of_prompt_are_asked_and_judged(tiny: LM) -> None:
    asked = probes(tiny, FACTS[0], FACTS)
    assert list(dict.fromkeys(a.kind for a in asked)) == [
        "edit",
        "paraphrases",
        "consequences",
        "same subject",
        "neighbours",
    ]
    same = [a for a in asked if a.kind == "same subject"]
    assert [a.prompt for a in same] == [FACTS[3].question]
    judged = rates(asked)
    assert judged["before"] == judged["after"]  # no edit is on
    assert judged["after"]["neighbours"].value == judged["after"]["same subject"].value == 1
    assert judged["after"]["edit"].value == 0
    assert ask_again(tiny, asked) == asked


def test_a_wrong_answer_that_stays_is_kept_and_a_right_one_that_comes_is_a_change(tiny: LM) -> None:
    near = next(a for a in probes(tiny, FACTS[0], FACTS) if a.kind == "neighbours")
    assert near.wanted == near.before
    assert replace(near, before="wrong", wanted="wrong", after="wrong").verdict == "✓ kept"
    assert replace(near, before="wrong", wanted="wrong", after=CITY[PEOPLE[0]]).verdict == "✗ changed"


def test_half_the_change_is_between_none_and_all(room: SurgeryRoom) -> None:
    assert room.now is not None
    new = [p for p, _ in room.now.depths]
    assert new[0] < new[-1]
    room.depth.value = 0
    assert "With 0% of Δ added" in said(room.probability)
    assert f"P({FACTS[0].target_new}) = {new[0]:.2f}" in said(room.probability)


def test_a_knob_asks_for_the_operation_and_the_operation_is_kept(room: SurgeryRoom) -> None:
    first = room.now
    room.form.C.value = "identity"
    assert room.status.text.startswith("Not tried yet: press Operate (about ")
    assert room.now is first
    room.go.click()
    assert room.now is not first and room.now is not None
    assert room.now.settings.C == "identity"
    room.form.C.value = "model"
    assert room.now is first
    assert room.status.text == "Shown from memory."


def test_ones_own_update_is_put_to_work(tiny: LM) -> None:
    called: list[int] = []

    def nothing(W: torch.Tensor, C: torch.Tensor, k_star: torch.Tensor, v_star: torch.Tensor) -> torch.Tensor:
        called.append(1)
        return torch.zeros_like(W)

    room = surgery_room(tiny, FACTS, update=nothing)
    room.form.C.value = "identity"
    room.go.click()
    assert called and room.now is not None
    assert all(a.before == a.after for a in room.now.answers)


@pytest.mark.parametrize(
    ("field", "text", "sentence"),
    [
        ("prompt", "lives in", "exactly once"),
        ("target", "", "target_new"),
        ("subject", "", "subject"),
    ],
)
def test_a_mistake_in_the_form_is_told_in_one_sentence(
    room: SurgeryRoom, field: str, text: str, sentence: str
) -> None:
    shown = room.now
    getattr(room.form, field).value = text
    room.go.click()
    assert room.status.text.startswith("✗ ") and sentence in room.status.text
    assert "\n" not in room.status.text and "Traceback" not in room.status.text
    assert room.now is shown and not room.go.disabled


def test_a_missing_second_moment_is_told_and_the_twin_says_so_too(tiny: LM) -> None:
    room = surgery_room(tiny, FACTS)
    assert "edu-edit moments" in room.status.text
    assert room.text() == room.status.text
    assert room.result.layout.display == "none"


def test_a_trace_that_fails_is_told_and_the_twin_says_so_too(tiny: LM) -> None:
    explorer = trace_explorer(tiny, [Fact("Felix Ember " * 40 + "Ember", "{} lives in", "Arlen")])
    assert explorer.status.text.startswith("✗ ")
    assert explorer.text() == explorer.status.text


@pytest.mark.parametrize("widget", [trace_explorer, surgery_room])
def test_a_widget_without_facts_says_what_to_give(widget: Any, tiny: LM) -> None:
    with pytest.raises(ValueError, match=r"give at least one, for example load_facts\(\)"):
        widget(tiny, [])


def test_a_new_answer_of_ones_own_keeps_the_known_probes_but_not_what_follows(room: SurgeryRoom) -> None:
    room.form.target.value = "Westic"
    room.go.click()
    assert room.now is not None and room.now.fact.target_new == "Westic"
    assert room.now.fact.paraphrases == FACTS[0].paraphrases
    assert room.now.fact.reverse == ()
