"""Lesson 08's patch dial: driven as from the page, its static twin, and the figure's words."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bs4 import BeautifulSoup

from edu_edit import LM, Fact, load, tpatcher
from edu_edit.methods.patch_memory import Memory, remembered
from edu_edit.show.patch_work import Met, dial_patch
from edu_edit.show.plots import plot_patch_line
from edu_edit.show.widgets import PatchDial, patch_dial

GOLDEN = Path(__file__).parents[2] / "golden"
TEXTS = ["Felix Ember lives in New Harbor", "Greta Frost works as a farmer", "The language of Karin Frost is"]
FACTS = [
    Fact("Felix Ember", "{} works as a", "pilot", neighborhood=("Karin Frost works as a",)),
    Fact("Karin Frost", "{} lives in", "Arlen", paraphrases=("The home of Karin Frost is",)),
]
MET = [
    Met("edit", "Felix Ember works as a", 1.2, "pilot"),
    Met("paraphrases", "The work of Felix Ember is", -0.4, "farmer"),
    Met("neighbours", "Karin Frost works as a", 0.3, "pilot"),
]


@pytest.fixture(scope="module")
def lm() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture(scope="module")
def memory(lm: LM) -> Memory:
    return remembered(lm, TEXTS, lm.n_layers - 1)


@pytest.fixture
def dial(lm: LM, memory: Memory) -> PatchDial:
    return patch_dial(lm, FACTS, memory, known=FACTS)


@pytest.fixture(autouse=True)
def _untouched(lm: LM) -> Iterator[None]:
    """No dial may leave anything behind in the model."""
    before = {name: weight.clone() for name, weight in lm.model.state_dict().items()}
    yield
    assert not lm.edits
    assert all(torch.equal(before[name], now) for name, now in lm.model.state_dict().items())


def said(box: object) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", box.value))  # type: ignore[attr-defined]


def test_at_the_trained_bias_the_dial_says_what_the_edit_says(lm: LM, memory: Memory) -> None:
    for fact in FACTS:
        patch = dial_patch(lm, fact, FACTS, memory)
        with tpatcher(lm, fact, memory=memory):
            tokens = lm.next_probs(list(patch.prompts)).argmax(-1).tolist()
        words = [str(lm.tok.decode([token])).strip() for token in tokens]
        assert [met.token for met in patch.met(patch.trained)] == words


def test_a_bias_far_below_silences_the_patch_and_gives_the_model_back(lm: LM, memory: Memory) -> None:
    patch = dial_patch(lm, FACTS[0], FACTS, memory)
    met = patch.met(-1e4)
    tokens = lm.next_probs(list(patch.prompts)).argmax(-1).tolist()
    assert not any(m.fires for m in met)
    assert [m.token for m in met] == [str(lm.tok.decode([token])).strip() for token in tokens]
    assert patch.losses(-1e4, -3.0, -3.0)[1] == 0


def test_a_higher_bias_lowers_the_activation_loss_and_raises_the_memory_loss(lm: LM, memory: Memory) -> None:
    patch = dial_patch(lm, FACTS[0], FACTS, memory)
    low, high = (patch.losses(b, -3.0, -3.0) for b in (0.0, 2.0))
    assert high[0] < low[0] and high[1] > low[1] and high[2] == pytest.approx(low[2])


def test_the_dial_opens_at_the_trained_bias_and_comes_back_to_it(dial: PatchDial) -> None:
    assert dial.shown is not None
    trained = dial.b_p.value
    assert trained == pytest.approx(dial.shown.trained, abs=0.051)
    dial.b_p.value = -12.0
    assert not any(met.fires for met in dial.met())
    dial.back.click()
    assert dial.b_p.value == trained and dial.met()[0].fires


def test_turning_names_who_fires_by_mistake_and_the_losses(dial: PatchDial) -> None:
    dial.b_p.value = 4.0
    assert "Karin Frost works as a" in said(dial.reading) and "l_m1 =" in said(dial.reading)
    before = said(dial.reading)
    dial.beta.value = -6.0
    assert said(dial.reading) != before
    (image,) = BeautifulSoup(dial.picture.value, "html.parser").find_all("img")
    assert "fires, where it should not" in image["alt"]


def test_another_fact_is_trained_once(dial: PatchDial) -> None:
    dial.fact.value = 1
    assert dial.shown is not None and dial.shown.fact is FACTS[1] and set(dial.trained) == {0, 1}
    first = dial.shown
    dial.fact.value = 0
    dial.fact.value = 1
    assert dial.shown is first


def test_losses_of_ones_own_are_asked_and_their_errors_become_a_sentence(lm: LM, memory: Memory) -> None:
    seven = patch_dial(lm, FACTS, memory, (lambda *_: torch.tensor(7.0),) * 3, FACTS)
    assert said(seven.reading).count("= 7 ") == 3

    def empty(*args: object) -> torch.Tensor:
        raise NotImplementedError("Your code here")

    unwritten = patch_dial(lm, FACTS, memory, (empty, empty, empty), FACTS)
    assert "Your code here" in unwritten.status.text and unwritten.static().alt == unwritten.status.text


def test_the_static_twin_says_what_the_dial_shows(dial: PatchDial) -> None:
    dial.b_p.value, dial.beta.value = 4.0, -2.0
    data, about = dial._repr_mimebundle_()
    assert data["text/plain"] == dial.text() == about["image/png"]["alt"]
    assert "b_p = 4.0, β = -2" in dial.text() and data["image/png"]


def test_no_fact_is_a_sentence(lm: LM, memory: Memory) -> None:
    with pytest.raises(ValueError, match="got no facts"):
        patch_dial(lm, [], memory)


def test_the_figure_tells_silent_from_firing_and_marks_strangers_in_words() -> None:
    fig = plot_patch_line(MET, torch.linspace(-6, -2, 40), notes=["A note."], title="Who fires?")
    texts = [text.get_text() for text in fig.axes[0].texts]
    assert texts == ["fires: pilot", "silent: farmer", "fires by mistake: pilot"]
    assert [m.stranger for m in MET] == [False, False, True]
    for part in (
        "Who fires?",
        "is silent (-0.40): farmer",
        "where it should not",
        "40 remembered",
        "A note.",
    ):
        assert part in fig.alt


def test_the_figure_stands_without_a_memory() -> None:
    assert "Nothing is remembered." in plot_patch_line(MET, torch.zeros(0)).alt
