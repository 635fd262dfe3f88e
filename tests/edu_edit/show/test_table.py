"""Lesson 12's pictures and widget: taxonomies, intervals, a front, the table twice, scenario cards."""

import html
import re

import pytest

from edu_edit.compare import BOOK, Measured, Row, recorded, table_5_2
from edu_edit.scores import Rate
from edu_edit.show import plots
from edu_edit.show.scenarios import SCENARIOS, fitting, verdicts
from edu_edit.show.table_figures import agreement
from edu_edit.show.widgets import TableExplorer, your_table

NAME = "atlas-gpt2"


@pytest.fixture(scope="module")
def explorer() -> TableExplorer:
    return your_table(NAME)


def said(box: object) -> str:
    return html.unescape(re.sub("<[^>]*>", "", box.value))  # type: ignore[attr-defined]


def test_cells_agree_differ_or_say_nothing() -> None:
    row = Row("KN", "中", "高", "低", "-", "✗", "0.39", "0")
    assert agreement(row, BOOK["KN"]) == [True, False, None, None, True]
    assert agreement(row, None) == [None] * 5


def test_the_table_is_told_cell_by_cell() -> None:
    fig = plots.plot_table(table_5_2([Measured("KN", 0.5, 0.5, None, 0.5, None, 0.39, 2e6)]), "Mine")
    assert fig.alt.startswith("Mine. 3 of 4 cells agree with the book. KN: accuracy 中 (book 中)")
    assert "portability - (book -)" in fig.alt and "0.39 s, 2,000,000 bytes" in fig.alt


def test_every_method_of_the_book_has_a_place_in_both_taxonomies() -> None:
    alt = plots.plot_taxonomies().alt
    assert all(name in alt for name in [*BOOK, "IKE", "ENN", "GRACE", "AlphaEdit", "AnyEdit", "UnKE"])


def test_figures_say_what_they_show_and_take_ones_own_words() -> None:
    rates = {"A": {"accuracy": Rate(0.5, 0.25, 0.75, 8)}}
    points = {"A": (0.9, 0.1), "B": (0.2, 0.8), "C": (0.1, 0.1)}
    assert "A: accuracy 0.500 [0.250, 0.750]." in plots.plot_intervals(rates, ["accuracy"]).alt
    front = plots.plot_front(points, [True, True, False], "x", "y", "Front")
    assert "A 0.90, 0.10 (front); B 0.20, 0.80 (front); C 0.10, 0.10." in front.alt
    crossed = plots.plot_crossing(("one", "two"), {"A": (0.9, 0.1)}, "rate", "Crossed")
    assert "one against two: A from 0.90 to 0.10" in crossed.alt
    drawn = plots.plot_resampled([0.4, 0.5, 0.6], 0.5, (0.4, 0.6), "Drawn")
    assert "3 resampled means around 0.500" in drawn.alt
    assert plots.plot_taxonomies(alt="mine").alt == "mine"


def test_buttons_change_table_dots_and_card_at_once(explorer: TableExplorer) -> None:
    assert explorer.cells.value.count("<tr>") == 1 + len(BOOK)
    explorer.which.value = False
    assert explorer.cells.value.count("<tr>") == 1 + len(explorer.rows)
    explorer.metric.value = "locality"
    assert explorer.dots.value == explorer.drawn["locality", False]
    explorer.which.value, explorer.metric.value = True, "accuracy"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name)
def test_every_choice_explains_itself_in_every_task(explorer: TableExplorer, scenario: object) -> None:
    explorer.scenario.value = scenario
    for method in explorer.rows:
        explorer.choice.value = method
        told = said(explorer.card)
        assert f"You choose {method}." in told and told == explorer.explained()
        assert all(need.text in told for need in scenario.needs)  # type: ignore[attr-defined]


def test_untested_is_neither_met_nor_failed(explorer: TableExplorer) -> None:
    by_name = {one.name: one for one in SCENARIOS}
    found = verdicts(by_name["10 000 facts a month"], recorded(NAME)["language patch"], None)
    assert [holds for _, holds, _ in found] == [None, None, None]
    methods, gaps = fitting(by_name["no access to weights"], explorer.rows, explorer.courses)
    assert methods == ["IKE"] and gaps == 0


def test_the_static_twin_shows_table_and_dots_in_pictures_and_words(explorer: TableExplorer) -> None:
    fig = explorer.static()
    assert len(fig.axes) == 2 and fig.alt == explorer.text() and "24 of 37 cells agree" in fig.alt
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == fig.alt and "image/png" in data


def test_your_own_table_is_the_one_that_is_shown() -> None:
    mine = your_table(NAME, lambda results: [Row(m.method, *"高高高高✓", "9.99", "0") for m in results])
    assert "9.99" in said(mine.cells)


def test_a_model_that_was_not_compared_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="No comparison was recorded on 'gpt2': choose atlas-gpt2 or"):
        your_table("gpt2")
