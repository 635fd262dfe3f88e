"""Lesson 08's patch dial: turn a patch's bias, β and γ; see who fires it, what is said, and the losses."""

import io
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.methods.patch_losses import MARGIN
from edu_edit.methods.patch_memory import Memory, remembered
from edu_edit.show.controls import LINE, spoken
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.patch_figures import plot_patch_line
from edu_edit.show.patch_work import DialPatch, Losses, Met, dial_patch
from edu_edit.show.status import Status, twin_bundle


class PatchDial:
    """Choose a fact, then turn b_p, β and γ. `view` is the widget itself.

    A patch is trained when its fact is chosen for the first time; after that nothing but its bias moves.
    """

    def __init__(
        self, lm: LM, facts: Sequence[Fact], memory: Memory, losses: Losses, known: Sequence[Fact]
    ) -> None:
        self.lm, self.facts, self.memory, self.losses = lm, list(facts), memory, losses
        self.known = list(known)
        self.trained: dict[int, DialPatch] = {}
        self.shown: DialPatch | None = None
        self.filling = False  # while several controls are set at once
        options = [(f"{fact.question} … {fact.target_new}", i) for i, fact in enumerate(self.facts)]
        self.fact = widgets.Dropdown(options=options, description="Fact", **LINE)
        self.b_p = widgets.FloatSlider(min=-12, max=4, step=0.1, description="Bias b_p", **LINE)
        self.beta = widgets.FloatSlider(value=-3, min=-8, max=0, step=0.5, description="β (memory)", **LINE)
        self.gamma = widgets.FloatSlider(
            value=-3, min=-8, max=0, step=0.5, description="γ (contrast)", **LINE
        )
        self.back = widgets.Button(description="Back to the trained bias", layout={"width": "auto"})
        self.status, self.reading, self.picture = Status(), widgets.HTML(), widgets.HTML()
        self.view = widgets.VBox([
            self.fact, self.b_p, self.beta, self.gamma, self.back, self.reading, self.picture,
            self.status.view,
        ])  # fmt: skip
        self.fact.observe(lambda _: self._chosen(), names="value")
        for slider in (self.b_p, self.beta, self.gamma):
            slider.observe(lambda _: self._turned(), names="value")
        self.back.on_click(lambda _: self._reset())
        self._chosen()

    def met(self) -> list[Met]:
        """The prompts as the dial stands now."""
        return [] if self.shown is None else self.shown.met(self.b_p.value)

    def static(self) -> AltFigure:
        """The dial as it stands, as a figure."""
        if self.shown is None:
            return words_figure(self.status.text)
        try:
            return self._figure(self.shown, [*self._notes(self.shown), self._setting()])
        except Exception:  # the status line has said why, in a sentence
            return words_figure(self.status.text)

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _chosen(self) -> None:
        """Another fact: train its patch, unless it is known, and turn the dial to its trained bias."""
        number = self.fact.value
        self.status.run(lambda: self._train(number), "the patch", known=number in self.trained)
        self._reset()

    def _train(self, number: int) -> None:
        self.shown = None
        if number not in self.trained:
            self.trained[number] = dial_patch(self.lm, self.facts[number], self.known, self.memory)
        self.shown = self.trained[number]

    def _reset(self) -> None:
        if self.shown is None:
            return
        self.filling = True
        self.b_p.value = round(self.shown.trained, 1)
        self.filling = False
        self._turned()

    def _turned(self) -> None:
        if self.shown is not None and not self.filling:
            shown = self.shown
            self.status.run(lambda: self._draw(shown), "the dial", known=True)

    def _draw(self, shown: DialPatch) -> None:
        self.reading.value = "".join(spoken(note) for note in self._notes(shown))
        fig, png = self._figure(shown, ()), io.BytesIO()
        fig.savefig(png, format="png", dpi=80)  # quicker than `AltFigure.png`, which makes it small
        self.picture.value = fig.to_html(png.getvalue())

    def _figure(self, shown: DialPatch, notes: Sequence[str]) -> AltFigure:
        b_p = self.b_p.value
        title = f"{shown.fact.question} … {shown.fact.target_new}: who fires the patch?"
        return plot_patch_line(shown.met(b_p), shown.remembered(b_p), self.beta.value, notes, title)

    def _notes(self, shown: DialPatch) -> list[str]:
        l_a, l_m1, l_m2 = shown.losses(self.b_p.value, self.beta.value, self.gamma.value, self.losses)
        wrong = [m.prompt for m in shown.met(self.b_p.value) if m.stranger]
        strangers = "; ".join(wrong) if wrong else "none of those asked here"
        return [
            f"l_a = {l_a:.3g} (5.9)   l_m1 = {l_m1:.3g} (5.12)   l_m2 = {l_m2:.3g} (5.13)",
            f"Prompts that fire it by mistake: {strangers}.",
        ]

    def _setting(self) -> str:
        return f"b_p = {self.b_p.value:.1f}, β = {self.beta.value:g}, γ = {self.gamma.value:g}."


def patch_dial(
    lm: LM,
    facts: Sequence[Fact],
    memory: Memory | None = None,
    losses: Losses = MARGIN,
    known: Sequence[Fact] | None = None,
) -> PatchDial:
    """Lesson 08's closing widget: a patch for each fact, and a dial for its bias.

    memory: None = the usual one (`remembered`). losses: activation_loss, memory_loss, contrast_loss, for
    example yours. known: facts whose questions are asked beside the fact's own; None = the Atlas facts.
    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("patch_dial got no facts: give at least one, for example load_facts()[:2].")
    memory = remembered(lm, None, lm.n_layers - 1) if memory is None else memory
    return PatchDial(lm, facts, memory, losses, load_facts() if known is None else known)
