"""Pictures of the three runs, of the explorer's static twin, and the averages that reports hold."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Trace, load
from edu_edit.locate.three_runs import ThreeRuns
from edu_edit.show import plots
from edu_edit.show.explorer_figure import average_panel, plot_exploration
from edu_edit.show.measured_averages import measured_average
from edu_edit.show.run_figures import words_table

WORDS = [("Seattle", [0.99, 0.27, 0.9]), ("<Taipei>", [0.0, 0.1, 0.02])]
RUNS = ThreeRuns(
    torch.tensor([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]]),
    torch.rand(3, 4, 3),
    ["The", " zebra", " is", " $"],
    (1, 2),
)
TRACE = Trace(torch.rand(4, 2), RUNS.tokens, 0.9, 0.2, (1, 2), "pink")
MIDDLE_MISSING = torch.rand(6, 2).index_fill(0, torch.tensor([1]), float("nan"))


def test_three_runs_are_told_in_words_and_the_restored_state_is_framed() -> None:
    fig = plots.plot_three_runs(RUNS, 0, restored=(1, 0))
    for said in ("clean run", "corrupted run", "restored run", "answer 0.20", "zebra*"):
        assert said in fig.alt
    panels = fig.axes[:3]
    assert [len(ax.patches) for ax in panels] == [0, 0, 2]
    assert panels[2].patches[0].get_x() == pytest.approx(0.52)  # layer 0 is the second column
    assert [ax.get_title(loc="left") for ax in panels][1] == "corrupted: P(answer) = 0.20"
    assert fig.png().startswith(b"\x89PNG")


def test_a_run_without_distance_says_so() -> None:
    fig = plots.plot_three_runs(replace(RUNS, away=torch.zeros(3, 4, 3)), 0)
    assert fig.alt.count("all distances 0") == 3


def test_words_are_bars_and_a_table() -> None:
    assert "Seattle: clean 0.99, corrupted 0.27, restored 0.90." in plots.plot_words(WORDS, "Where?").alt
    table = words_table(WORDS)
    assert "&lt;Taipei&gt;" in table and table.count("<td") == 6 and 'scope="col"' in table.replace("'", '"')


@pytest.mark.parametrize("average", [None, (MIDDLE_MISSING, 3), (torch.rand(6, 2), 7)])
def test_the_twin_tells_map_words_and_average(average: tuple[torch.Tensor, int] | None) -> None:
    fig = plot_exploration(TRACE, "resid", None, 1, (1, 0), WORDS, average)
    assert "Seattle: clean 0.99" in fig.alt and "token zebra* at layer 0" in fig.alt
    assert ("average over" in fig.alt) == (average is not None)
    assert fig.png().startswith(b"\x89PNG")
    if average is not None:
        assert f"over {average[1]} facts" in average_panel(average).alt


def test_the_average_of_a_report_is_read_and_its_absence_is_none(golden_lm: LM) -> None:
    assert measured_average(golden_lm) is None
    if (Path(load("atlas-gpt2").folder or ".") / "report.json").is_file():
        found = measured_average(load("atlas-gpt2"))
        assert found is not None and found[0]["resid"].shape == (6, 8) and found[1] >= 100
