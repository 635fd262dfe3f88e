"""The form of lesson 05's surgery room: which fact to edit, and the knobs of ROME."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import ipywidgets as widgets

from edu_edit.defaults import defaults
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.show.controls import LINE, named, toggles
from edu_edit.show.operation import KEPT, Settings


class SurgeryForm:
    """A fact to pick or to write, and the settings of the edit. `turned()` is called after every change."""

    def __init__(self, lm: LM, facts: Sequence[Fact], turned: Callable[[], None]) -> None:
        self.facts, self.turned, self.filling = list(facts), turned, False
        usual = defaults(lm.name, lm.n_layers)
        choices = [(f"{f.question} … {f.target_new}", i) for i, f in enumerate(self.facts)]
        weights = sorted({0.0, 0.0625, 0.25, 1.0, 4.0, usual.kl, usual.kl_questions})
        late = LINE | {"continuous_update": False}  # tell of a change when it is finished
        self.fact = widgets.Dropdown(options=choices, description="Fact", **LINE)
        self.subject = widgets.Text(description="Subject", **late)
        self.prompt = widgets.Text(description="Prompt with {}", **late)
        self.target = widgets.Text(description="New answer", **late)
        self.layer = widgets.IntSlider(value=usual.layer, max=lm.n_layers - 1, description="Layer", **late)
        self.kl = widgets.SelectionSlider(options=weights, value=usual.kl, description="KL weight", **late)
        self.C = toggles([("C = E[kkᵀ]", "model"), ("C = I", "identity")])
        self.prefixes = toggles([("10", 10), ("0", 0)])
        self.keep = toggles([(words, keep) for keep, words in KEPT.items()])
        knobs = (
            self.subject,
            self.prompt,
            self.target,
            self.layer,
            self.kl,
            self.C,
            self.prefixes,
            self.keep,
        )
        self.view = widgets.VBox([
            self.fact, self.subject, self.prompt, self.target, self.layer, named("Statistics", self.C),
            named("Prefixes", self.prefixes), self.kl, named("KL protects", self.keep),
        ])  # fmt: skip
        self._fill()
        self.fact.observe(lambda _: self._picked(), names="value")
        for knob in knobs:
            knob.observe(lambda _: self._changed(), names="value")

    def texts(self) -> tuple[str, str, str]:
        """Subject, prompt and new answer as they are written."""
        return self.subject.value.strip(), self.prompt.value.strip(), self.target.value.strip()

    def settings(self) -> Settings:
        """The knobs as they stand."""
        return Settings(self.layer.value, self.C.value, self.prefixes.value, self.kl.value, self.keep.value)

    def _fill(self) -> None:
        fact = self.facts[self.fact.value]
        self.filling = True
        self.subject.value, self.prompt.value, self.target.value = fact.subject, fact.prompt, fact.target_new
        self.filling = False

    def _picked(self) -> None:
        self._fill()
        self.turned()

    def _changed(self) -> None:
        if not self.filling:
            self.turned()


def fact_of_form(subject: str, prompt: str, target: str, known: Sequence[Fact]) -> Fact:
    """The fact that the form describes, with the probes of a known fact of the same subject and prompt.

    With another new answer, what would follow from it is not known: portability and reverse are left out.
    Raises ValueError where `Fact` does.
    """
    for fact in known:
        if (fact.subject, fact.prompt, fact.target_new) == (subject, prompt, target):
            return fact
    for fact in known:
        if (fact.subject, fact.prompt) == (subject, prompt):
            return replace(fact, target_new=target, portability=(), reverse=())
    return Fact(subject, prompt, target)
