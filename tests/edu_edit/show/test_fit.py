"""Lesson 06's pictures and widget: the plane of editors, and how many facts fit."""

import html
import re

import pytest

from edu_edit.compare.measured import measured_courses, measured_fits
from edu_edit.compare.plane import Point
from edu_edit.show.fit_figures import curves, plot_fits
from edu_edit.show.plane_figures import plot_plane
from edu_edit.show.widgets import FitExplorer, how_many_fit

NAME = "atlas-gpt2"
FRONT = [Point(100, 0.0, 0.0), Point(1, 0.1, 0.7), Point(0.01, 0.3, 1.0)]
POINTS = {
    "MEMIT": [Point(1, 0.1, 0.7), Point(0.4, 0.2, 0.9)],
    "AlphaEdit": [Point(0.02, 0.28, 0.96), Point(0.003, 0.48, 0.92)],
    "ROME in a loop": [Point(0, 0.19, 0.66)],
}


@pytest.fixture(scope="module")
def explorer() -> FitExplorer:
    return how_many_fit(NAME, POINTS, FRONT)


def said(box: object) -> str:
    return html.unescape(re.sub("<[^>]*>", "", box.value))  # type: ignore[attr-defined]


def test_the_plane_tells_every_point_and_rings_the_chosen_one() -> None:
    plain, ringed = (plot_plane(POINTS, FRONT, chosen) for chosen in ({}, {"MEMIT": 0.4}))
    for sentence in ("MEMIT: setting 1: old values move 0.10, new facts get 0.70", "ROME in a loop"):
        assert sentence in plain.alt
    assert len(ringed.axes[0].lines) == len(plain.axes[0].lines) + 1
    assert plain.axes[0].get_xlabel() and plain.axes[0].get_ylabel()
    labels = [text.get_text() for legend in plain.legends for text in legend.get_texts()]
    assert labels == ["the best there is", *POINTS]
    assert plot_plane(POINTS, FRONT, alt="mine").alt == "mine"


def test_an_editor_of_your_own_gets_a_look_of_its_own() -> None:
    fig = plot_plane(POINTS | {"mine": [Point(0, 0.2, 0.5)], "another": [Point(0, 0.2, 0.4)]}, FRONT)
    looks = [(line.get_color(), line.get_marker()) for line in fig.axes[0].lines]
    assert len(set(looks)) == len(looks)


def test_curves_are_what_was_measured() -> None:
    courses, fits = measured_courses(NAME), measured_fits(NAME)
    rome, sequence, batch = curves(courses, fits, "MEMIT", 0.4)
    assert (rome.edits[-1], sequence.edits[-1], batch.edits[-1]) == (300, 300, 300)
    assert sequence.kept[-1] == courses["MEMIT"].locality[299]
    (fit,) = [one for one in fits if (one.method, one.setting, one.which) == ("MEMIT", 0.4, "")]
    assert batch.answered == [row[1] for row in fit.counts]
    fig = plot_fits([rome, sequence, batch], title="Three")
    assert fig.alt.startswith("Three. Curves") and f"300 facts {batch.answered[-1]:.2f} answered" in fig.alt
    assert [ax.get_xscale() for ax in fig.axes] == ["log", "log"]


def test_a_slider_changes_its_own_side_at_once(explorer: FitExplorer) -> None:
    before = {method: picture.value for method, picture in explorer.pictures.items()}
    explorer.sliders["MEMIT"].value = 1.0
    assert explorer.pictures["MEMIT"].value == explorer.drawn["MEMIT", 1.0] != before["MEMIT"]
    assert explorer.pictures["AlphaEdit"].value == before["AlphaEdit"]
    assert "MEMIT, one batch, λ = 1 F, 300 facts" in said(explorer.reading)
    explorer.sliders["MEMIT"].value = 0.4


def test_every_picture_is_drawn_before_a_slider_moves(explorer: FitExplorer) -> None:
    asked = {(method, setting) for method, s in explorer.sliders.items() for _, setting in s.options}
    assert asked == set(explorer.drawn)
    assert all('alt="' in picture for picture in explorer.drawn.values())


def test_the_static_twin_shows_both_sides_in_pictures_and_words(explorer: FitExplorer) -> None:
    fig = explorer.static()
    assert len(fig.axes) == 6
    assert explorer.text() in fig.alt and "ROME in a loop" in fig.alt
    data, _ = explorer._repr_mimebundle_()
    assert data["text/plain"] == fig.alt and "image/png" in data


def test_a_model_that_was_not_measured_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="not measured on 'gpt2'"):
        how_many_fit("gpt2", POINTS, FRONT)
