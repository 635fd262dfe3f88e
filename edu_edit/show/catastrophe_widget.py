"""Lesson 02's catastrophe slider: fine-tune on one fact, and drag through its training step by step."""

from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.methods.finetune import project_linf
from edu_edit.show.answer_figures import answers_table
from edu_edit.show.controls import LINE, spoken
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.status import Status, twin_bundle
from edu_edit.show.training import RECIPES, STEPS, Project, Recipe, Training, short, ten_prompts, train
from edu_edit.show.training_figures import plot_training, plot_training_curves

Plane = tuple[list[float], float, float]
Shown = tuple[Training, str, Plane]  # a training, its picture as HTML, and where the steps are in it
WORK = f"the answers along {STEPS} steps"


class CatastropheSlider:
    """Choose a fact and a way to train, press the button once, and move the step: nothing is computed then.

    A training once done is kept, with its picture. `view` is the widget itself.
    """

    def __init__(self, lm: LM, facts: Sequence[Fact], project: Project) -> None:
        self.lm, self.facts, self.project = lm, list(facts), project
        self.known = load_facts()  # where unrelated facts come from
        self.done: dict[tuple[int, Recipe], Shown] = {}
        self.shown: Shown | None = None
        choices = [(f"{fact.question} … {fact.target_new}", i) for i, fact in enumerate(self.facts)]
        self.fact = widgets.Dropdown(options=choices, description="Fact", **LINE)
        self.recipe = widgets.Dropdown(
            options=[(recipe.name, recipe) for recipe in RECIPES], description="Train", **LINE
        )
        self.go = widgets.Button(
            description=f"Train for {STEPS} steps", button_style="primary", layout={"width": "auto"}
        )
        self.status = Status()
        self.play = widgets.Play(max=STEPS, interval=400)
        self.step = widgets.IntSlider(max=STEPS, description="Step", **LINE)
        self.told, self.curves, self.answers = (widgets.HTML() for _ in range(3))
        self.result = widgets.VBox(
            [widgets.HBox([self.play, self.step]), self.told, self.curves, self.answers],
            layout={"display": "none"},
        )
        self.view = widgets.VBox([self.fact, self.recipe, self.go, self.status.view, self.result])
        for choice in (self.fact, self.recipe):
            choice.observe(lambda _: self._turned(), names="value")
        self.go.on_click(lambda _: self.train())
        self.play.observe(lambda change: self.step.set_trait("value", change["new"]), names="value")
        self.step.observe(lambda _: self._show_step(), names="value")
        self.train()

    @property
    def now(self) -> Training | None:
        """The training that is shown; None before the first one has worked."""
        return None if self.shown is None else self.shown[0]

    def train(self) -> None:
        """Do what the button does: train as chosen, or show that training again."""
        self.go.disabled = True
        self.status.run(self._train, WORK, self._key() in self.done)
        self.go.disabled = False

    def static(self) -> AltFigure:
        """The training that is shown, at the step that is shown, as a figure."""
        return (
            words_figure(self.status.text) if self.now is None else plot_training(self.now, self.step.value)
        )

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _key(self) -> tuple[int, Recipe]:
        return self.fact.value, self.recipe.value

    def _turned(self) -> None:
        """Another choice: show its training if it is known, else say what to do."""
        if self._key() in self.done:
            self.train()
            return
        seconds = self.status.seconds.get(WORK)
        cost = f" (about {seconds:.0f} s)" if seconds else ""
        self.status.say(f"Not trained yet: press the button{cost}. What stands below is the last training.")

    def _train(self) -> None:
        key = self._key()
        if key not in self.done:
            fact = self.facts[key[0]]
            training = train(self.lm, fact, key[1], ten_prompts(self.lm, fact, self.known), self.project)
            fig = plot_training_curves(training)
            picture = fig.to_html()
            self.done[key] = (training, picture, _plane(fig))
        self.shown = self.done[key]
        self.result.layout.display = None
        self._show_step()

    def _show_step(self) -> None:
        if self.shown is None:
            return
        step, (now, picture, plane) = self.step.value, self.shown
        self.told.value = spoken(now.told(step))
        self.curves.value = _marked(picture, plane, step)
        self.answers.value = answers_table(short(now.answers[step]))


def _plane(fig: AltFigure) -> tuple[list[float], float, float]:
    """Where the steps are in the drawn picture, in shares of it: the x of each, the top, the height."""
    ax = fig.axes[0]
    box = ax.get_position()
    x = ax.transData.transform([(step, 0.0) for step in range(STEPS + 1)])[:, 0] / fig.bbox.width
    return x.tolist(), 1 - box.y1, box.height


def _marked(picture: str, plane: Plane, step: int) -> str:
    """The picture of the curves with a dotted line over it, which costs nothing to move."""
    x, top, height = plane
    line = (
        f"position:absolute;left:{x[step]:.2%};top:{top:.2%};height:{height:.2%};border-left:2px dotted #444"
    )
    box = "position:relative;display:inline-block;max-width:100%"
    return f'<div style="{box}">{picture}<div aria-hidden="true" style="{line}"></div></div>'


def catastrophe(lm: LM, facts: Sequence[Fact], project: Project = project_linf) -> CatastropheSlider:
    """Lesson 02's closing widget. `project` puts your own `project_linf` to work in it.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("catastrophe got no facts: give at least one, for example load_facts()[:20].")
    return CatastropheSlider(lm, facts, project)
