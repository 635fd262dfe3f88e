"""Lesson 03's neuron card: the widget driven as from the page, its static twin, and the lesson's figures."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from bs4 import BeautifulSoup

from edu_edit import LM, Fact, Site, collect_triggers, load, neuron_card, record, scale_neurons
from edu_edit.locate.neuron_cards import layer_agreement
from edu_edit.locate.triggers import Triggers
from edu_edit.show.plots import plot_curves, plot_memory, plot_neuron_card
from edu_edit.show.widgets import NeuronExplorer, neuron_explorer
from edu_edit.tokens import target_ids

GOLDEN = Path(__file__).parents[2] / "golden"
TEXTS = [
    "Felix Ember lives in New Harbor", "Greta Frost works as a farmer", "Felix Ember works as a",
    "The language of Karin Frost is", "Karin Frost works as a farmer",
]  # fmt: skip
FACTS = [Fact("Felix Ember", "{} works as a", "pilot"), Fact("Karin Frost", "{} lives in", "Arlen")]
GROUP = {FACTS[0].question: [(1, 5), (2, 7)]}


@pytest.fixture(scope="module")
def triggers() -> Triggers:
    return collect_triggers(load(GOLDEN / "models" / "gpt2-tiny"), TEXTS, k=4)


@pytest.fixture
def explorer(triggers: Triggers) -> NeuronExplorer:
    return neuron_explorer(triggers, FACTS, GROUP)


@pytest.fixture(autouse=True)
def _untouched(triggers: Triggers) -> Iterator[None]:
    """No switch may leave anything behind in the model."""
    before = {name: weight.clone() for name, weight in triggers.lm.model.state_dict().items()}
    yield
    assert not triggers.lm.edits
    assert all(torch.equal(before[name], now) for name, now in triggers.lm.model.state_dict().items())


def said(box: object) -> str:
    return html.unescape(re.sub("<[^>]*>", " ", box.value))  # type: ignore[attr-defined]


def p_answer(lm: LM, fact: Fact, answer: str) -> float:
    return lm.next_probs(fact.question)[0, target_ids(lm, answer, fact.question)[0]].item()


def test_it_begins_with_the_strongest_knowledge_neuron_of_the_question(explorer: NeuronExplorer) -> None:
    assert (explorer.layer.value, explorer.neuron.value) == (1, 5)
    explorer.jump.index = 1
    assert (explorer.layer.value, explorer.neuron.value) == (2, 7)
    explorer.fact.value = 1  # a question without known neurons: the card stays where it is
    assert (explorer.layer.value, explorer.neuron.value) == (2, 7)
    assert FACTS[1].question in said(explorer.reading)


def test_the_card_is_the_librarys(explorer: NeuronExplorer) -> None:
    explorer.layer.value, explorer.neuron.value = 0, 3
    expected = neuron_card(explorer.triggers, 0, 3, FACTS[0].question)
    assert explorer.card() == expected
    shown = said(explorer.card_view)
    assert "Layer 0, neuron 3." in shown
    for trigger in expected.triggers:
        assert trigger.text[-20:].strip() in shown
    assert all(word.strip() in shown for word, _ in expected.words)
    assert explorer.chance() == layer_agreement(explorer.triggers, 0, 4).chance


@pytest.mark.parametrize("which", ["one", "group"])
def test_the_switch_scales_what_it_names(explorer: NeuronExplorer, which: str) -> None:
    explorer.which.value, explorer.factor.value = which, 0.0
    neurons = GROUP[FACTS[0].question] if which == "group" else [(1, 5)]
    lm = explorer.lm
    answer = lm.answer(FACTS[0].question)
    found = {}
    for factor in (0.0, 1.0, 2.0):
        with scale_neurons(lm, neurons, factor):
            found[factor] = p_answer(lm, FACTS[0], answer)
    reading = said(explorer.reading)
    assert f"× 0: {found[0.0]:.3f}, × 1: {found[1.0]:.3f}, × 2: {found[2.0]:.3f}" in reading
    assert f"The switch is at × 0: {found[0.0]:.3f}" in reading
    assert f"P({answer}) with" in reading


def test_a_group_that_is_not_known_falls_back_to_the_one_neuron(explorer: NeuronExplorer) -> None:
    explorer.fact.value, explorer.which.value = 1, "group"
    assert explorer.switched() == ((1, 5),)


def test_what_was_asked_once_comes_from_memory(
    explorer: NeuronExplorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    explorer.neuron.value = 9
    explorer.neuron.value = 5
    monkeypatch.setattr("edu_edit.show.neuron_widget.scale_neurons", None)
    explorer.neuron.value = 9
    assert "neuron 9" in said(explorer.card_view) and not explorer.status.text.startswith("✗")


def test_the_static_twin_says_what_the_widget_says(explorer: NeuronExplorer) -> None:
    data, _ = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    (image,) = BeautifulSoup(data["text/html"], "html.parser").find_all("img")
    assert image["alt"] == explorer.text()
    for note in explorer._notes():
        assert note in explorer.text()
    assert "Card of layer 1, neuron 5." in explorer.text()


def test_a_widget_without_facts_says_what_to_give(triggers: Triggers) -> None:
    with pytest.raises(ValueError, match=r"give at least one, for example load_facts\(\)"):
        neuron_explorer(triggers, [])


def test_a_card_tells_agreement_beside_chance(triggers: Triggers) -> None:
    card = neuron_card(triggers, 1, 5)
    fig = plot_neuron_card(card, 0.25, ["And a note."])
    hits = round(4 * card.agreement)
    assert (
        f"follows {hits} of these 4 triggers ({card.agreement:.0%}; by chance in this layer 25.0%)" in fig.alt
    )
    assert fig.alt.endswith("And a note.")
    assert all(ax.get_xlabel() for ax in fig.axes)
    assert plot_neuron_card(card, 0.25, alt="mine").alt == "mine"


def test_the_loudest_neurons_of_a_layer_are_drawn_with_their_coefficients(triggers: Triggers) -> None:
    lm, prompt, site = triggers.lm, FACTS[0].question, Site("key", 1, -1)
    a = record(lm, prompt, [site])[site][0]
    fig = plot_memory(lm, prompt, 1, most=3)
    widths = [bar.get_width() for bar in fig.axes[0].patches]
    assert widths == pytest.approx(a[a.abs().topk(3).indices].tolist())
    assert f"neuron {int(a.abs().argmax())}:" in fig.alt and prompt in fig.alt


def test_curves_are_told_in_words_and_by_more_than_colour() -> None:
    fig = plot_curves(
        [0.0, 1.0, 2.0], {"on": [0.1, 0.5, 0.9], "off": [0.3, 0.3, 0.3]}, "factor", "P", mark=1.0
    )
    assert "on: 0.10 at 0, 0.50 at 1, 0.90 at 2." in fig.alt and "Curves of P over factor" in fig.alt
    lines = fig.axes[0].lines[:2]
    assert len({line.get_marker() for line in lines}) == len({line.get_linestyle() for line in lines}) == 2
