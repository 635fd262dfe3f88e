"""Lesson 05's surgery room: edit one fact with ROME, turn its knobs, see what it did and what it broke."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.show.answer_figures import answers_table
from edu_edit.show.controls import LINE, spoken
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.operation import DEPTHS, Operation, Settings, operate
from edu_edit.show.probes import rates
from edu_edit.show.rank_one_figures import plot_rank_one
from edu_edit.show.score_figures import plot_rates
from edu_edit.show.status import Status, twin_bundle
from edu_edit.show.surgery_form import SurgeryForm, fact_of_form

WORK = "the edit and its answers"
Key = tuple[tuple[str, str, str], Settings]


class SurgeryRoom:
    """The form, a button, and the result: bars, answers, and the scalpel u vᵀ on W with the depth of its cut.

    An operation once done is kept: its settings show it again at once. `view` is the widget itself.
    """

    def __init__(
        self, lm: LM, facts: Sequence[Fact], update: Callable[..., Tensor] | None, seed: int
    ) -> None:
        self.lm, self.update, self.seed = lm, update, seed
        self.known = [*facts, *load_facts()]  # where the subject's other facts are looked up
        self.done: dict[Key, Operation] = {}
        self.now: Operation | None = None
        self.drawn: dict[tuple[Fact, Settings, int], str] = {}
        self.form = SurgeryForm(lm, facts, self._turned)
        self.go = widgets.Button(description="Operate", button_style="primary", icon="cut")
        self.status = Status()
        self.bars, self.answers, self.picture, self.probability = (widgets.HTML() for _ in range(4))
        deepest = len(DEPTHS) - 1
        steps = [(f"{depth:.0%}", i) for i, depth in enumerate(DEPTHS)]
        self.play = widgets.Play(value=deepest, max=deepest, interval=700)
        self.depth = widgets.SelectionSlider(
            options=steps, value=deepest, description="Depth of the cut", **LINE
        )
        self.result = widgets.VBox(
            [self.bars, self.answers, widgets.HBox([self.play, self.depth]), self.probability, self.picture],
            layout={"display": "none"},
        )
        self.view = widgets.VBox([self.form.view, self.go, self.status.view, self.result])
        self.go.on_click(lambda _: self.operate())
        self.play.observe(lambda change: self.depth.set_trait("value", change["new"]), names="value")
        self.depth.observe(lambda _: self._show_depth(), names="value")
        self.operate()

    def operate(self) -> None:
        """Do what the button does: edit with the settings as they stand."""
        self.go.disabled = True
        self.status.run(self._operate, WORK, self._key() in self.done)
        self.go.disabled = False

    def static(self) -> AltFigure:
        """The operation that the room shows now as one figure: bars, answers, scalpel."""
        return words_figure(self.status.text) if self.now is None else self.now.figure()

    def text(self) -> str:
        """The operation that the room shows now, in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _key(self) -> Key:
        return self.form.texts(), self.form.settings()

    def _turned(self) -> None:
        """A knob was turned: show the result if it is known, else say what to do."""
        if self._key() in self.done:
            self.operate()
            return
        seconds = self.status.seconds.get(WORK)
        cost = f" (about {seconds:.1g} s)" if seconds else ""
        self.status.say(f"Not tried yet: press Operate{cost}. What stands below is the last operation.")

    def _operate(self) -> None:
        key = self._key()
        if key not in self.done:
            fact = fact_of_form(*key[0], self.known)
            self.done[key] = operate(self.lm, fact, key[1], self.known, self.update, self.seed)
        self.now = now = self.done[key]
        self.bars.value = self._drawn(-1, lambda: plot_rates(rates(now.answers), now.title))
        self.answers.value = answers_table(now.answers)
        self.result.layout.display = None
        self._show_depth()

    def _show_depth(self) -> None:
        if (now := self.now) is None:
            return
        i = self.depth.value
        new, old = now.depths[i]
        self.probability.value = spoken(
            f"With {DEPTHS[i]:.0%} of Δ added: P({now.fact.target_new}) = {new:.2f}, "
            f"P({now.answers[0].cells()[2]}, the answer before) = {old:.2f}."
        )
        self.picture.value = self._drawn(i, lambda: plot_rank_one(now.weight, now.change, strength=DEPTHS[i]))

    def _drawn(self, which: int, draw: Callable[[], AltFigure]) -> str:
        """A picture of the operation shown now as HTML, drawn once: the bars (-1), the scalpel at a depth."""
        assert self.now is not None
        key = (self.now.fact, self.now.settings, which)
        if key not in self.drawn:
            self.drawn[key] = draw().to_html()
        return self.drawn[key]


def surgery_room(
    lm: LM, facts: Sequence[Fact], update: Callable[..., Tensor] | None = None, seed: int = 0
) -> SurgeryRoom:
    """Lesson 05's closing widget. `update` puts your own `rank_one_update` to work in it.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("surgery_room got no facts: give at least one, for example load_facts()[:20].")
    return SurgeryRoom(lm, facts, update, seed)
