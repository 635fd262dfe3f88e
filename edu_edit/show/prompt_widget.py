"""Lesson 10's closing widget: the blocks of an IKE prompt, and what it does for 0 to 32 demonstrations."""

import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
from matplotlib.colors import to_hex

from edu_edit.evaluation import Rate
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.demonstrations import chosen, ike_prompt, kinds, told, usable
from edu_edit.show.controls import named, toggles
from edu_edit.show.figure import PALETTE, AltFigure, words_figure
from edu_edit.show.probes import Answered, probes, rates
from edu_edit.show.prompt_figures import LOOKS, plot_anatomy
from edu_edit.show.score_figures import plot_rates
from edu_edit.show.status import Status, twin_bundle
from edu_edit.tokens import target_ids

COUNTS = (0, 1, 2, 8, 32)
PARTS = {"all three kinds": (1, 3, 4), "no copy": (0, 3, 4), "no update": (1, 0, 4), "no retain": (1, 3, 0)}
ROOM = 8  # tokens that stay free for the answer
Recipe = tuple[str, bool]  # which kinds, and whether the order is turned round
Bars = dict[str, dict[str, Rate]]


class PromptAnatomy:
    """Choose kinds, order and number: the blocks change at once, and the bars for all numbers stand beside.

    The first recipe is measured beforehand; another one when the button is pressed, and is then kept.
    """

    def __init__(self, lm: LM, fact: Fact, facts: Sequence[Fact], pool: Sequence[Fact]) -> None:
        self.lm, self.fact, self.pool = lm, fact, usable(lm, fact, pool)
        self.asked = probes(lm, fact, facts, most=4)
        self.demos: dict[tuple[str, int], list[str]] = {}
        self.bars: dict[Recipe, tuple[Bars, str]] = {}
        self.kinds = toggles([(name, name) for name in PARTS])
        self.order = toggles([("most similar last", False), ("most similar first", True)])
        self.k = toggles([(str(k), k) for k in COUNTS])
        self.k.value = 8
        self.go = widgets.Button(
            button_style="primary", layout={"width": "auto"}, description="Ask the model"
        )
        self.status, self.blocks, self.chart = Status(), widgets.HTML(), widgets.HTML()
        rows = [named("Kinds", self.kinds), named("Order", self.order), named("Demonstrations", self.k)]
        self.view = widgets.VBox([*rows, self.blocks, self.go, self.status.view, self.chart])
        for control in (self.kinds, self.order, self.k):
            control.observe(lambda _: self._turned(), names="value")
        self.go.on_click(lambda _: self.measure())
        self.measure()

    @property
    def recipe(self) -> Recipe:
        return self.kinds.value, self.order.value

    def shown(self, k: int, text: str) -> list[str]:
        """The demonstrations that fit before a text, with room for its answer."""
        name, turned = self.recipe
        if (name, k) not in self.demos:
            self.demos[name, k] = chosen(self.lm, self.fact, k, PARTS[name], self.pool)
        demos = self.demos[name, k]
        room = max(ROOM, len(target_ids(self.lm, self.fact.target_new, self.fact.question)) + 1)
        while demos and self._size(ike_prompt(demos, told(self.fact), text)) + room > self.lm.context:
            demos = demos[1:]
        return demos[::-1] if turned else demos

    def parts(self) -> list[tuple[str, str]]:
        """The blocks of the prompt that is shown, (kind, text) from top to bottom."""
        demos = self.shown(self.k.value, self.fact.question)
        names = kinds(min(self.k.value, len(self.pool)), PARTS[self.kinds.value])
        names = names[len(names) - len(demos) :]
        names = names[::-1] if self.order.value else names
        last = ike_prompt([], told(self.fact), self.fact.question)
        return [*zip(names, demos, strict=True), ("new fact", last)]

    def measure(self) -> None:
        """Do what the button does: ask all prompts for every number, or show what is known."""
        self.status.run(self._measure, f"answers for {len(COUNTS)} prompt lengths", self.recipe in self.bars)
        self._draw_blocks()

    def static(self) -> AltFigure:
        """What is shown, as one figure."""
        if self.recipe not in self.bars:
            return words_figure(self.status.text)
        return plot_anatomy(self.parts(), self.bars[self.recipe][0], self._title())

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _size(self, prompt: str) -> int:
        return len(self.lm.tok(prompt, verbose=False)["input_ids"])

    def _title(self) -> str:
        words = self._size(
            ike_prompt([demo for _, demo in self.parts()[:-1]], told(self.fact), self.fact.question)
        )
        fit = len(self.parts()) - 1
        return f"{self.k.value} demonstrations asked for, {fit} fit: {words} of {self.lm.context} tokens"

    def _turned(self) -> None:
        self._draw_blocks()
        if self.recipe in self.bars:
            self.measure()
        else:
            self.status.say(
                "Not asked yet: press the button (some seconds). The bars below are the last ones."
            )

    def _measure(self) -> None:
        if self.recipe not in self.bars:
            rows: list[tuple[Answered, str]] = [
                (a, ike_prompt(self.shown(k, a.prompt), told(self.fact), a.prompt))
                for k in COUNTS
                for a in self.asked
            ]
            said = self.lm.answers([prompt for _, prompt in rows])
            bars = {"plainly asked": rates(self.asked)["before"]}
            for i, k in enumerate(COUNTS):
                part = said[i * len(self.asked) : (i + 1) * len(self.asked)]
                after = [
                    Answered(a.kind, a.prompt, a.wanted, a.before, now)
                    for a, now in zip(self.asked, part, strict=True)
                ]
                bars[f"k = {k}"] = rates(after)["after"]
            self.bars[self.recipe] = (bars, plot_rates(bars, "Right answers").to_html())
        self.chart.value = self.bars[self.recipe][1]

    def _draw_blocks(self) -> None:
        rows = ""
        for kind, text in self.parts():
            colour, purpose = LOOKS[kind]
            lines = html.escape(text.strip()).replace("\n", "<br>")
            rows += (
                f'<li style="border-left:8px solid {to_hex(PALETTE[colour])};padding-left:8px;margin:3px 0">'
                f"<b>{kind}</b> ({html.escape(purpose)})<br>{lines}</li>"
            )
        title = html.escape(self._title())
        self.blocks.value = (
            f'<p>{title}</p><ol style="list-style:none;padding:0;line-height:1.35">{rows}</ol>'
        )


def prompt_anatomy(lm: LM, fact: Fact, facts: Sequence[Fact], pool: Sequence[Fact]) -> PromptAnatomy:
    """Lesson 10's closing widget. facts: where other facts of the subject are looked up; pool: facts to show.

    Raises ValueError when no fact of the pool may be shown.
    """
    if not usable(lm, fact, pool):
        raise ValueError(
            f"No fact of the pool may be shown before one about {fact.subject}: give more facts."
        )
    return PromptAnatomy(lm, fact, facts, pool)
