"""Lesson 11: the barrier of a long answer as a figure, and the widget that turns its chunk size."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Edit, load
from edu_edit.loading import BUNDLED
from edu_edit.show import plots
from edu_edit.show.barrier_figures import smoothed
from edu_edit.show.widgets import BarrierPlot, barrier_plot
from edu_edit.world.measure import reach as measuring
from edu_edit.world.measure.reach import Reach, measured_reach

GOLDEN = Path(__file__).parents[2] / "golden"
MADE = Reach("song", "A song:", "a b c d", 2, list("abcd"), [0.9, 0.5, 0.4, 0.2], [True, True, False, False],
             0.9, 1.5, 2.0)  # fmt: skip
bundled = pytest.mark.skipif(not (BUNDLED / "atlas-gpt2" / "reach.jsonl").is_file(), reason="not measured")


@pytest.fixture(scope="module")
def lm() -> LM:
    return load("atlas-gpt2")


@pytest.fixture
def widget(lm: LM, monkeypatch: pytest.MonkeyPatch) -> BarrierPlot:
    monkeypatch.setattr(BarrierPlot, "_picture", lambda self: "drawn")
    return barrier_plot(lm, lambda prompt, target, size: Edit(lm, {}))


def test_a_line_averages_five_neighbours() -> None:
    assert smoothed([1.0, 0.0, 0.0, 0.0, 0.0, 1.0]) == pytest.approx([1 / 3, 1 / 4, 0.2, 0.2, 1 / 4, 1 / 3])


def test_the_figure_tells_both_measures_in_words() -> None:
    fig = plots.plot_barrier({"one": MADE, "other": replace(MADE, own=[True] * 4)}, [0, 2], "A song")
    assert fig.alt.startswith("A song one: mean probability 0.90 in the first third of 4 tokens, 0.20 in")
    assert "says 2 of 4 tokens" in fig.alt and "says 4 of 4 tokens" in fig.alt
    assert [text.get_text() for text in fig.axes[1].get_yticklabels()] == ["2 of 4", "4 of 4"]
    assert plots.plot_barrier({"one": MADE}, alt="mine").alt == "mine"


@bundled
def test_the_slider_shows_what_was_measured(widget: BarrierPlot) -> None:
    known = measured_reach("atlas-gpt2")
    for kind, size in (("program", 12), ("song", 3)):
        widget.kind.value, widget.size.value = kind, size
        ways = widget.ways()
        assert ways[f"chunks of {size}"] == known[kind][size] and ways["one anchor"] == known[kind]["whole"]
        assert f"{sum(known[kind][size].own)} come by themselves" in widget.text()
        assert widget.chart.value == "drawn" and widget.text() in widget.reading.value


@bundled
def test_the_button_makes_the_readers_own_edit_once(
    widget: BarrierPlot, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def found(*args: object) -> Reach:
        calls.append(args)
        return replace(widget.known["proof"]["unedited"], chunks=5)

    monkeypatch.setattr("edu_edit.show.barrier_widget.reach", found)
    widget.kind.value, widget.size.value = "proof", 5
    assert "yours" not in widget.ways()
    widget.go.click()
    widget.go.click()
    assert len(calls) == 1 and widget.status.text == "Shown from memory."
    assert "With your edit" in widget.text() and list(widget.ways())[-1] == "yours"
    widget.size.value = 8
    assert "yours" not in widget.ways()


@bundled
def test_a_page_without_a_kernel_shows_the_figure_in_words(lm: LM) -> None:
    shown = barrier_plot(lm, kind="proof")
    data, about = shown._repr_mimebundle_()
    assert "image/png" in data and about["image/png"]["alt"].startswith("The proof called busy horse: 62")
    assert shown.go not in shown.view.children


def test_a_model_that_was_not_measured_is_answered_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="Long answers were not measured on .*gpt2-tiny': choose"):
        barrier_plot(load(GOLDEN / "models" / "gpt2-tiny"))


@bundled
def test_an_unedited_model_reads_as_it_was_measured(lm: LM) -> None:
    known = measured_reach("atlas-gpt2")["proof"]["unedited"]
    now = measuring.reach(lm, "proof", known.prompt, known.target, None, "unedited")
    assert (now.tokens, now.own, now.size) == (known.tokens, known.own, 0) and now.others == known.others
    torch.testing.assert_close(torch.tensor(now.probs), torch.tensor(known.probs), atol=1e-3, rtol=1e-2)


def test_measuring_goes_on_where_it_stopped(lm: LM, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"song": ("The song called cold child:", "late north window salt")}
    monkeypatch.setattr(measuring, "long_answers", lambda lm: texts)
    made: list[int | str] = []

    def edited(lm: LM, prompt: str, target: str, chunks: int | str) -> Edit:
        made.append(chunks)
        return Edit(lm, {})

    monkeypatch.setattr(measuring, "anyedit", edited)
    first = measuring.measure(lm, tmp_path, ["whole"])
    again = measuring.measure(lm, tmp_path, ["whole", 2])
    assert made == ["whole", 2] and again[:2] == first
    assert [one.chunks for one in again] == ["unedited", "whole", 2]
