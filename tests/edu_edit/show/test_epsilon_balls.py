"""Lesson 09: the ε-balls of a stream of edits, and pictures of gates, routes and radii, on a tiny model."""

from pathlib import Path

import pytest
import torch

from edu_edit import Fact, load
from edu_edit.methods.codebook import Codebook, grace_update
from edu_edit.show import plots
from edu_edit.show.ball_work import BallStream, ball_stream, questions_of, told
from edu_edit.show.widgets import EpsilonBalls, epsilon_balls

GOLDEN = Path(__file__).parents[2] / "golden"
FELIX = Fact(
    "Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["Felix Ember's home is"], ["Nora Vale lives in"]
)
OTHERS = [Fact("Felix Ember", "{} speaks", "Elvan", "Dorish"), Fact("Irma Crane", "{} speaks", "Elvan")]
EDITS = [FELIX, Fact("Felix Ember", "{} lives in", "Arlen"), Fact("Irma Crane", "{} speaks", "Dorish")]


@pytest.fixture(scope="module")
def stream() -> BallStream:
    lm = load(GOLDEN / "models" / "gpt2-tiny")
    return ball_stream(lm, EDITS, [FELIX, *OTHERS], layer=3)


@pytest.fixture
def balls(stream: BallStream) -> EpsilonBalls:
    return epsilon_balls(stream.lm, EDITS, OTHERS, 0.5, stream=stream)


def test_questions_are_sorted_by_what_they_ask() -> None:
    assert questions_of(EDITS, [FELIX, *OTHERS], 3) == {
        "Felix Ember lives in": "edit",
        "Irma Crane speaks": "edit",
        "Felix Ember's home is": "same meaning",
        "Felix Ember speaks": "same subject",
        "Nora Vale lives in": "stranger",
    }


def test_the_stream_is_maintained_by_the_update_that_is_given(stream: BallStream) -> None:
    seen = []

    def counting(*args: object) -> Codebook:
        seen.append(args)
        return grace_update(*args)  # type: ignore[arg-type]

    steps = stream.steps(0.5, counting)
    assert len(seen) == 3 and [len(step.book.keys) for step in steps][:3] == [0, 1, 1]
    assert "add entry 1 with ε = 0.5" in steps[1].happened and "overwrite entry 1" in steps[2].happened


def test_what_an_edit_did_is_told_from_the_two_books() -> None:
    def book(*entries: tuple[float, float, tuple[int, ...]]) -> Codebook:
        keys, eps, labels = zip(*entries, strict=True)
        column = torch.tensor(keys)[:, None]
        return Codebook(column, column, torch.tensor(eps), labels)

    one, two = (0.0, 1.0, (1,)), (1.0, 0.5, (2,))
    assert told(book(one), book((0.0, 0.5, (1,)), two)).startswith("split. Entry 1 shrinks to ε = 0.5")
    assert told(book(one), book(one, two)) == "add entry 2 with ε = 0.5."
    assert told(book(one), book((0.0, 1.4, (1,)))) == "expand entry 1 to ε = 1.4."
    assert told(book(one), book((0.0, 1.0, (3,)))) == "overwrite entry 1."
    assert told(book(one), book(one)) == "nothing changes, it is inside."


def test_distances_are_true_in_the_plane_through_three_keys(stream: BallStream) -> None:
    plane = stream.plane(0)
    assert 1 < len(plane.through) <= 3
    keys = stream.keys[list(plane.through)]
    flat = torch.tensor(plane.of(keys))
    torch.testing.assert_close(torch.cdist(flat, flat), torch.cdist(keys, keys), atol=1e-3, rtol=1e-3)
    assert 0 < stream.plane().share <= 1 and not stream.plane().through


def test_the_widget_steps_turns_and_inspects(balls: EpsilonBalls) -> None:
    balls.step.value = 0
    assert balls.notes()[0].startswith("No edit yet")
    balls.step.value, balls.question.value = 1, 0
    assert (
        balls.notes()[2].startswith("Felix Ember lives in … New Harbor")
        and "so entry 1 fires" in balls.notes()[2]
    )
    balls.step.value = 2
    assert balls.notes()[2].startswith("Felix Ember lives in … Arlen")
    balls.eps0.value, balls.near.value = 0.0, False
    assert "Answered by an entry: 0 of 1 other wordings" in balls.notes()[1]
    assert balls.status.text == "Shown from memory." and "data:image/png" in balls.picture.value


def test_a_page_without_a_kernel_shows_the_balls_in_words(balls: EpsilonBalls) -> None:
    data, about = balls._repr_mimebundle_()
    assert "image/png" in data and about["image/png"]["alt"] == balls.text()
    assert "Entry 1, Arlen, ε = 0.5, answers: Felix Ember lives in" in balls.text()


def test_an_update_that_fails_is_told_in_a_sentence(stream: BallStream) -> None:
    def broken(*_: object) -> Codebook:
        raise NotImplementedError("Your code here")

    widget = epsilon_balls(stream.lm, EDITS, OTHERS, 0.5, update=broken, stream=stream)
    assert widget.status.text == "✗ Your code here" == widget.text()
    with pytest.raises(ValueError, match="no edits"):
        epsilon_balls(stream.lm, [], OTHERS)


def test_figures_name_what_they_show_and_take_ones_own_words(stream: BallStream) -> None:
    steps = stream.steps(0.5)
    assert "overwrite entry 1" in plots.plot_ball_steps(stream, steps, [1, 2, 3]).alt
    routes = plots.plot_routes(["Who?", "What?"], ["one"], torch.tensor([[0.9], [0.1]]), [0, -1])
    assert (
        "Who?: 0.90, goes to edit 1." in routes.alt and "What?: 0.10, goes to the model alone." in routes.alt
    )
    gate = plots.plot_gate(
        {"mine": {"inside": torch.tensor([2.0, -30.0]), "neighbours": torch.tensor([-900.0])}}
    )
    assert "mine: open for 0.50 of other wordings of the edit, open for 0.00 of neighbours." in gate.alt
    reach = plots.plot_reach({"neighbours": [(1.0, 0.25, 1.0), (2.0, 1.0, 0.5)]}, marked=2.0)
    assert "radius 2: generality 1.00, locality 0.50" in reach.alt
    for fig in (routes, gate, reach, plots.plot_balls(stream, steps[3].book, "Balls", chosen=0, near=True)):
        assert fig.png()[:4] == b"\x89PNG"
    assert plots.plot_balls(stream, steps[3].book, alt="mine").alt == "mine"
