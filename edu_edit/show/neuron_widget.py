"""Lesson 03's neuron card: turn to any neuron, read its triggers and words, switch it and watch P(answer)."""

from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from edu_edit.facts import Fact
from edu_edit.locate.neuron_cards import NeuronCard, layer_agreement, neuron_card
from edu_edit.locate.neuron_scaling import Neuron, scale_neurons
from edu_edit.locate.triggers import Triggers
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.neuron_figures import plot_neuron_card
from edu_edit.show.neuron_words import agreed, card_table, scaled_in_words
from edu_edit.show.status import Status, twin_bundle
from edu_edit.tokens import target_ids

FACTORS = (0.0, 1.0, 2.0)


class NeuronExplorer:
    """Choose a question, a layer and a neuron, and a switch. `view` is the widget itself.

    The triggers were collected before, so a card shows at once; what was asked once is kept.
    """

    def __init__(
        self, triggers: Triggers, facts: Sequence[Fact], groups: Mapping[str, Sequence[Neuron]]
    ) -> None:
        self.triggers, self.lm, self.facts, self.groups = triggers, triggers.lm, list(facts), dict(groups)
        self.filling = False  # while several controls are set at once
        self.asked: dict[tuple[int, tuple[Neuron, ...], float], float] = {}
        self.cards: dict[tuple[int, int, int], NeuronCard] = {}
        self.chances: dict[int, float] = {}
        self.answers = [self.lm.answer(fact.question) for fact in self.facts]
        layers = sorted(triggers.where)
        prompts = [
            (f"{f.question} … {a}", i) for i, (f, a) in enumerate(zip(facts, self.answers, strict=True))
        ]
        self.fact = widgets.Dropdown(options=prompts, description="Question", **LINE)
        self.jump = widgets.Dropdown(description="Jump to", **LINE)
        self.layer = widgets.SelectionSlider(options=layers, description="Layer", **LINE)
        self.neuron = widgets.BoundedIntText(max=self.lm.F - 1, description="Neuron", **LINE)
        self.which = toggles([("this neuron", "one"), ("all knowledge neurons of the question", "group")])
        self.factor = toggles([("off (× 0)", 0.0), ("as it is (× 1)", 1.0), ("double (× 2)", 2.0)])
        self.factor.value = 1.0
        self.status, self.card_view, self.reading = Status(), widgets.HTML(), widgets.HTML()
        self.view = widgets.VBox([
            self.fact, self.jump, self.layer, self.neuron, named("Switch", self.which),
            named("Multiply a by", self.factor), self.reading, self.card_view, self.status.view,
        ])  # fmt: skip
        self.fact.observe(lambda _: self._offer(), names="value")
        self.jump.observe(lambda _: self._jumped(), names="value")
        for control in (self.layer, self.neuron, self.which, self.factor):
            control.observe(lambda _: self._show(), names="value")
        self._offer()

    def card(self) -> NeuronCard:
        """The card of the neuron that is chosen, with its coefficient after the question."""
        place = (self.fact.value, self.layer.value, self.neuron.value)
        if place not in self.cards:
            question = self.facts[place[0]].question
            self.cards[place] = neuron_card(self.triggers, *place[1:], question)
        return self.cards[place]

    def switched(self) -> tuple[Neuron, ...]:
        """The neurons that the switch acts on."""
        group = tuple(self.groups.get(self.facts[self.fact.value].question, ()))
        return group if self.which.value == "group" and group else ((self.layer.value, self.neuron.value),)

    def probability(self, neurons: tuple[Neuron, ...], factor: float) -> float:
        """P(first token of the answer) with these neurons' activations times `factor`, kept once asked."""
        key = (self.fact.value, neurons, factor)
        if key not in self.asked:
            question = self.facts[self.fact.value].question
            token = target_ids(self.lm, self.answers[self.fact.value], question)[0]
            with scale_neurons(self.lm, neurons, factor):
                self.asked[key] = self.lm.next_probs(question)[0, token].item()
        return self.asked[key]

    def chance(self) -> float:
        """The layer's agreement if its values were dealt out at random."""
        layer = self.layer.value
        if layer not in self.chances:
            k = len(self.triggers.of(layer, 0))
            self.chances[layer] = layer_agreement(self.triggers, layer, k).chance
        return self.chances[layer]

    def static(self) -> AltFigure:
        """The card that the explorer shows now, as a figure, with all three positions of the switch."""
        try:
            return plot_neuron_card(self.card(), self.chance(), self._notes())
        except Exception:  # the status line has said why, in a sentence
            return words_figure(self.status.text)

    def text(self) -> str:
        """The card in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _offer(self) -> None:
        """Another question: offer its knowledge neurons, and show the strongest."""
        group = self.groups.get(self.facts[self.fact.value].question, ())
        places = [
            (f"knowledge neuron {n + 1}: layer {at}, neuron {i}", (at, i)) for n, (at, i) in enumerate(group)
        ]
        self.filling = True
        self.jump.options = [*places, ("a neuron of your own choice (below)", ())]
        self.jump.index = 0
        self.filling = False
        self._jumped()

    def _jumped(self) -> None:
        if self.filling:
            return
        self.filling = True
        if self.jump.value:
            self.layer.value, self.neuron.value = self.jump.value
        self.filling = False
        self._show()

    def _show(self) -> None:
        if not self.filling:
            self.status.run(self._draw, "the card", known=True)

    def _draw(self) -> None:
        card = self.card()
        self.reading.value = "".join(spoken(note) for note in self._notes())
        self.card_view.value = card_table(card, agreed(card, self.chance()))

    def _notes(self) -> list[str]:
        fact, neurons, factor = self.fact.value, self.switched(), self.factor.value
        one = f"layer {neurons[0][0]}, neuron {neurons[0][1]}"
        what = f"{len(neurons)} knowledge neurons" if len(neurons) > 1 else one
        asked = {f: self.probability(neurons, f) for f in FACTORS}
        said = scaled_in_words(asked, self.answers[fact], what)
        return [
            f"{self.facts[fact].question} … Here a = {self.card().coefficient or 0.0:.2f} for this neuron.",
            f"{said} The switch is at × {factor:g}: {asked[factor]:.3f}.",
        ]


def neuron_explorer(
    triggers: Triggers, facts: Sequence[Fact], groups: Mapping[str, Sequence[Neuron]] | None = None
) -> NeuronExplorer:
    """Lesson 03's closing widget, on triggers that `collect_triggers` found.

    groups: {question: its knowledge neurons}, to jump to and to switch together. Raises ValueError when there
    are no facts.
    """
    if not facts:
        raise ValueError("neuron_explorer got no facts: give at least one, for example load_facts()[:20].")
    return NeuronExplorer(triggers, facts, groups or {})
