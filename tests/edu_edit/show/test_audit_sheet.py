"""Lesson 13: the audit sheet as figure, table and widget, with made-up interventions on a tiny model."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Edit, load
from edu_edit.locate.neuron_scaling import scale_neurons
from edu_edit.show import plots
from edu_edit.show.widgets import AuditSheet, audit_sheet
from edu_edit.uses import sheets
from edu_edit.uses.audit import Finding
from edu_edit.uses.sheets import Intervention, Sheet, sheet

GOLDEN = Path(__file__).parents[2] / "golden"
SHEET = Sheet(
    (Finding("secrets recited", 1.0, 0.25),),
    (Finding("recited in other wordings", 1.0, 0.5),),
    (Finding("facts answered", 1.0, 0.75), Finding("perplexity", 2.0, 9.0)),
    ("Changes 1 layer.", "Later: whoever kept the old weights."),
)


@pytest.fixture(scope="module")
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture
def cases() -> dict[str, Intervention]:
    """Two interventions whose one probe counts the edits that are on, and one of which changes no weight."""

    def on(lm: LM) -> float:
        return float(len(lm.edits))

    def silent(lm: LM, n: int) -> Edit:
        return scale_neurons(lm, [(0, i) for i in range(n)], 0.0)

    strengths: dict[str, Callable[[LM], Edit]] = {f"{n} neurons": partial(silent, n=n) for n in (1, 2, 3)}
    hook: dict[str, Callable[[LM], Edit]] = {"always": lambda lm: Edit(lm, rewrite=lambda text: text)}
    return {
        "silence": Intervention("silence some neurons", strengths, {"on": on}, {"still on": on}, {"off": on}),
        "prompt": Intervention("change nothing", hook, {"on": on}, {"still on": on}, {"off": on}),
    }


def test_a_sheet_asks_every_part_without_and_with_and_the_model_comes_back(
    tiny: LM, cases: dict[str, Intervention]
) -> None:
    before = tiny.logits(["a b c"])
    found = sheet(tiny, cases["silence"], "2 neurons")
    assert found.removed == (Finding("on", 0.0, 1.0),) and found.broke == (Finding("off", 0.0, 1.0),)
    assert "Changes 1 layer" in found.undo[0] and "bit for bit" in found.undo[0]
    assert torch.equal(tiny.logits(["a b c"]), before) and not tiny.edits
    assert "Changes no weight" in sheet(tiny, cases["prompt"], "always").undo[0]
    with pytest.raises(ValueError, match="no strength 'loud': always"):
        sheet(tiny, cases["prompt"], "loud")


def test_a_strength_is_measured_by_the_button_and_then_kept(
    tiny: LM, cases: dict[str, Intervention], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = audit_sheet(tiny, cases)
    assert isinstance(shown, AuditSheet) and shown.key == ("silence", "2 neurons")
    assert shown.status.text.startswith("Not measured yet") and "Not measured yet" in shown.text()
    shown.go.click()
    assert "<caption" in shown.table.value and shown.text().startswith("Audit of silence, 2 neurons")
    monkeypatch.setattr(shown, "_measure", lambda: None)
    shown.what.value = "prompt"
    assert shown.key == ("prompt", "always") and shown.table.value == ""
    shown.what.value = "silence"
    assert shown.key == ("silence", "2 neurons") and shown.status.text == "Shown from memory."
    shown.strength.value = "1 neurons"
    assert shown.status.text.startswith("Not measured yet") and shown.table.value == ""
    shown.strength.value = "2 neurons"
    assert "silence some neurons" in shown.table.value


def test_a_page_without_a_kernel_shows_the_sheet_in_words(tiny: LM, cases: dict[str, Intervention]) -> None:
    shown = audit_sheet(tiny, cases)
    shown.sheets[shown.key] = SHEET
    data, about = shown._repr_mimebundle_()
    assert "image/png" in data and about["image/png"]["alt"] == shown.text()
    assert "What leaks" in shown.text() and "recited in other wordings 1.00 → 0.50" in shown.text()
    with pytest.raises(ValueError, match="no intervention"):
        audit_sheet(tiny, {})


def test_saved_sheets_are_read_as_they_were_measured(
    tiny: LM, cases: dict[str, Intervention], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheets, "load", lambda name: tiny)
    monkeypatch.setattr(sheets, "interventions", lambda: cases)
    path = sheets.measure("tiny", tmp_path)
    assert len(json.loads(path.read_text())) == 4
    assert sheets.saved_sheets(tiny) == {}
    monkeypatch.setattr(tiny, "folder", tmp_path)
    known = sheets.saved_sheets(tiny)
    assert known["silence", "3 neurons"] == sheet(tiny, cases["silence"], "3 neurons")
    assert audit_sheet(tiny, cases).status.text == "Shown from memory."


def test_figures_name_every_value_and_take_ones_own_words() -> None:
    fig = plots.plot_audit(SHEET, "Audit of nothing")
    texts = {t.get_text() for ax in fig.axes for t in ax.texts}
    assert {"secrets recited", "2.00 → 9.00", "4 · Who can undo it"} <= texts
    assert "perplexity 2.00 → 9.00" in fig.alt and "whoever kept the old weights" in fig.alt
    logp = torch.tensor([-2.0, -1.0, -3.0, -2.0])
    ranks = plots.plot_candidates({"before": logp - 1, "after": logp}, "Which of four?")
    assert "after: secret at -2.0, rank 3 of 4, 0.4 bits; others from -3.0 to -1.0." in ranks.alt
    people = plots.plot_people(["nurse", "pilot"], {"a": [0.1, 0.9], "b": [0.4, 0.6]}, "share", "Two")
    assert "nurse: a 0.10, b 0.40; pilot: a 0.90, b 0.60." in people.alt
    assert plots.plot_audit(SHEET, alt="mine").alt == plots.plot_candidates({"x": logp}, alt="mine").alt
    assert plots.plot_people(["x"], {"a": [0.1]}, "share", alt="mine").alt == "mine"
