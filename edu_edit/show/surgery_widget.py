"""Lesson 05's surgery room: edit one fact with ROME, turn its knobs, and see what it did and what it broke."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import ipywidgets as widgets
from torch import Tensor

from edu_edit.defaults import defaults
from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.show.answer_figures import answers_table
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.operation import DEPTHS, Operation, Settings, operate
from edu_edit.show.probes import rates
from edu_edit.show.rank_one_figures import plot_rank_one
from edu_edit.show.score_figures import plot_rates
from edu_edit.show.status import Status, twin_bundle

WORK = "the edit and its answers"
LABELS = {"description_width": "8.5em"}
WIDE = {"width": "98%"}


class SurgeryRoom:
    """A form for the fact, the knobs of ROME, a button, and the result: bars, answers, and the scalpel u vᵀ on W.

    An operation once done is kept: its settings show it again at once. `view` is the widget itself.
    """

    def __init__(
        self, lm: LM, facts: Sequence[Fact], update: Callable[..., Tensor] | None, seed: int
    ) -> None:
        self.lm, self.facts, self.update, self.seed = lm, list(facts), update, seed
        self.known = [*self.facts, *load_facts()]  # where the subject's other facts are looked up
        self.done: dict[tuple[str, str, str, Settings], Operation] = {}
        self.pages: dict[tuple[str, str, str, Settings], tuple[str, str]] = {}
        self.now: Operation | None = None
        self.pictures: dict[tuple[Fact, Settings, int], str] = {}
        self.filling = False
        usual = defaults(lm.name, lm.n_layers)
        choices = [(f"{f.question} … {f.target_new}", i) for i, f in enumerate(self.facts)]
        self.fact = widgets.Dropdown(options=choices, description="Fact", style=LABELS, layout=WIDE)
        self.subject = widgets.Text(description="Subject", continuous_update=False, style=LABELS, layout=WIDE)
        self.prompt = widgets.Text(
            description="Prompt with {}", continuous_update=False, style=LABELS, layout=WIDE
        )
        self.target = widgets.Text(
            description="New answer", continuous_update=False, style=LABELS, layout=WIDE
        )
        self.layer = widgets.IntSlider(
            value=usual.layer,
            max=lm.n_layers - 1,
            description="Layer",
            continuous_update=False,
            style=LABELS,
            layout=WIDE,
        )
        self.C = widgets.ToggleButtons(
            options=[("C = E[kkᵀ]", "model"), ("C = I", "identity")], description="Statistics", style=LABELS
        )
        self.prefixes = widgets.ToggleButtons(
            options=[("10", 10), ("0", 0)], description="Prefixes", style=LABELS
        )
        self.kl = widgets.SelectionSlider(
            options=sorted({0.0, 0.0625, 0.25, 1.0, 4.0, usual.kl}), value=usual.kl, description="KL weight", continuous_update=False,
            style=LABELS,
        )  # fmt: skip
        self.keep = widgets.ToggleButtons(
            options=[("what it is", "essence"), ("its other facts", "questions")],
            description="KL protects",
            style=LABELS,
        )
        self.go = widgets.Button(description="Operate", button_style="primary", icon="cut")
        self.status = Status()
        self.bars, self.answers, self.picture, self.probability = (widgets.HTML() for _ in range(4))
        self.play = widgets.Play(min=0, max=len(DEPTHS) - 1, interval=700, description="cut")
        self.depth = widgets.SelectionSlider(
            options=[(f"{d:.0%}", i) for i, d in enumerate(DEPTHS)],
            value=len(DEPTHS) - 1,
            description="Depth of cut",
            style=LABELS,
        )
        self.scalpel = widgets.VBox([widgets.HBox([self.play, self.depth]), self.probability, self.picture])
        self.result = widgets.VBox(
            [self.bars, self.answers, self.scalpel], layout=widgets.Layout(display="none")
        )
        self.view = widgets.VBox([
            self.fact, self.subject, self.prompt, self.target, self.layer, self.C, self.prefixes, self.kl, self.keep,
            self.go, self.status.view, self.result,
        ])  # fmt: skip
        self.fact.observe(lambda _: self._fill_form(), names="value")
        for knob in (
            self.subject,
            self.prompt,
            self.target,
            self.layer,
            self.C,
            self.prefixes,
            self.kl,
            self.keep,
        ):
            knob.observe(lambda _: self._turned(), names="value")
        self.go.on_click(lambda _: self.operate())
        self.play.observe(lambda change: setattr(self.depth, "value", change["new"]), names="value")
        self.depth.observe(lambda _: self._show_depth(), names="value")
        self._fill_form()
        self.operate()

    def operate(self) -> None:
        """Do what the button does: edit with the settings as they stand."""
        self.go.disabled = True
        try:
            self.status.run(self._operate, WORK, self._key() in self.done)
        finally:
            self.go.disabled = False

    def static(self) -> AltFigure:
        """The operation that the room shows now as one figure: bars, answers, scalpel."""
        return words_figure(self.status.text) if self.now is None else self.now.figure()

    def text(self) -> str:
        """The operation that the room shows now, in words."""
        return self.static().alt

    def _repr_mimebundle_(
        self, include: Any = None, exclude: Any = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _fill_form(self) -> None:
        fact = self.facts[self.fact.value]
        self.filling = True
        self.subject.value, self.prompt.value, self.target.value = fact.subject, fact.prompt, fact.target_new
        self.filling = False
        self._turned()

    def _turned(self) -> None:
        """A knob was turned: show the result if it is known, else say what to do."""
        if self.filling:
            return
        if self._key() in self.done:
            self.operate()
        else:
            seconds = self.status.seconds.get(WORK)
            cost = f" (about {seconds:.1g} s)" if seconds else ""
            self.status.say(
                f"These settings have not been tried yet: press Operate{cost}. Below is the last operation."
            )

    def _key(self) -> tuple[str, str, str, Settings]:
        texts = (self.subject.value.strip(), self.prompt.value.strip(), self.target.value.strip())
        settings = Settings(
            self.layer.value, self.C.value, self.prefixes.value, self.kl.value, self.keep.value
        )
        return *texts, settings

    def _operate(self) -> None:
        key = self._key()
        if key not in self.done:
            fact = fact_of_form(*key[:3], self.known)
            self.done[key] = operate(self.lm, fact, key[3], self.known, self.update, self.seed)
            done = self.done[key]
            self.pages[key] = (
                plot_rates(rates(done.answers), done.title).to_html(),
                answers_table(done.answers),
            )
        self.now = self.done[key]
        self.bars.value, self.answers.value = self.pages[key]
        self.result.layout.display = None
        self._show_depth()

    def _show_depth(self) -> None:
        if self.now is None:
            return
        i = self.depth.value
        new, old = self.now.depths[i]
        sentence = (
            f"With {DEPTHS[i]:.0%} of Δ added: P({self.now.fact.target_new}) = {new:.2f}, "
            f"P({self.now.answers[0].before}, the answer before) = {old:.2f}."
        )
        self.probability.value = f'<div role="status" aria-live="polite">{html.escape(sentence)}</div>'
        key = (self.now.fact, self.now.settings, i)
        if key not in self.pictures:
            figure = plot_rank_one(self.now.weight, self.now.change, strength=DEPTHS[i])
            self.pictures[key] = figure.to_html()
        self.picture.value = self.pictures[key]


def fact_of_form(subject: str, prompt: str, target: str, known: Sequence[Fact]) -> Fact:
    """The fact that the form describes, with the probes of a known fact of the same subject and prompt.

    With another new answer, what would follow from it is not known: portability and reverse are left out.
    """
    for fact in known:
        if (fact.subject, fact.prompt) == (subject, prompt):
            return (
                fact
                if fact.target_new == target
                else replace(fact, target_new=target, portability=(), reverse=())
            )
    return Fact(subject, prompt, target)


def surgery_room(
    lm: LM, facts: Sequence[Fact], update: Callable[..., Tensor] | None = None, seed: int = 0
) -> SurgeryRoom:
    """Lesson 05's closing widget. `update` puts your own `rank_one_update` to work in it.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("surgery_room got no facts: give at least one, for example load_facts()[:20].")
    return SurgeryRoom(lm, facts, update, seed)
