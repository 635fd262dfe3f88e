"""Lesson 09's ε-balls: a stream of GRACE edits in a plane, a radius to turn, and who fires which patch."""

import io
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.codebook import grace_update
from edu_edit.show.ball_figures import LOOKS, NOTE, plot_balls
from edu_edit.show.ball_work import BallStream, Step, Update, ball_stream
from edu_edit.show.controls import LINE, named, spoken, toggles
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.status import Status, twin_bundle


class EpsilonBalls:
    """Step through the stream, turn the first radius, and inspect a question. `view` is the widget itself.

    Queries and values are computed when it is made; then no step and no radius needs the model. Only the
    answer of a question that fires an entry does, once, and it is kept.
    """

    def __init__(self, stream: BallStream, eps0: float, update: Update) -> None:
        self.stream, self.update = stream, update
        self.known: dict[float, list[Step]] = {}
        last = len(stream.edits)
        self.step = widgets.IntSlider(value=last, min=0, max=last, description="Edits so far", **LINE)
        most = max(1.0, round(3 * eps0, 1))
        self.eps0 = widgets.FloatSlider(
            value=round(eps0, 1), min=0, max=most, step=0.1, description="First radius ε", **LINE
        )
        options = [(f"{text} …", m) for m, text in enumerate(stream.asked)]
        self.question = widgets.Dropdown(options=options, description="Inspect", **LINE)
        self.near = toggles([("the three nearest keys", True), ("all queries", False)])
        self.status, self.reading, self.picture = Status(), widgets.HTML(), widgets.HTML()
        self.view = widgets.VBox([
            self.step, self.eps0, self.question, named("Plane of", self.near), self.reading, self.picture,
            self.status.view,
        ])  # fmt: skip
        for control in (self.step, self.eps0, self.question, self.near):
            control.observe(lambda _: self._turned(), names="value")
        self._turned()

    @property
    def steps(self) -> list[Step]:
        """The codebooks of the stream at this first radius."""
        eps0 = self.eps0.value
        if eps0 not in self.known:
            self.known[eps0] = self.stream.steps(eps0, self.update)
        return self.known[eps0]

    def notes(self) -> list[str]:
        """What the last edit did, how far the codebook reaches, and which patch fired at the question."""
        step = self.steps[self.step.value]
        inspected = self.stream.inspected(step.book, self.question.value)
        dots = self.stream.dots(step.book, self.stream.plane())
        counts = []
        for kind, (name, _, _) in list(LOOKS.items())[1:]:
            group = [dot for dot in dots if dot.kind == kind]
            counts.append(f"{sum(dot.fires >= 0 for dot in group)} of {len(group)} {name}")
        return [step.happened, f"Answered by an entry: {', '.join(counts)}.", inspected]

    def static(self) -> AltFigure:
        """The balls as they stand, as a figure."""
        try:
            return self._figure([*self.notes(), NOTE])
        except Exception:  # the status line has said why, in a sentence
            return words_figure(self.status.text)

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _turned(self) -> None:
        self.status.run(self._draw, "the balls", known=True)

    def _draw(self) -> None:
        self.reading.value = "".join(spoken(note) for note in (*self.notes(), NOTE))
        fig, png = self._figure(()), io.BytesIO()
        fig.set_layout_engine(None)  # half of the time would go into the layout
        fig.subplots_adjust(left=0.08, right=0.98, top=0.88, bottom=0.11)
        fig.savefig(png, format="png", dpi=80)  # quicker than `AltFigure.png`, which makes it small
        self.picture.value = fig.to_html(png.getvalue())

    def _figure(self, notes: Sequence[str]) -> AltFigure:
        count, eps0 = self.step.value, self.eps0.value
        title = f"The codebook after {count} of {len(self.stream.edits)} edits, first radius {eps0:.1f}"
        book, chosen = self.steps[count].book, self.question.value
        return plot_balls(self.stream, book, title, chosen, self.near.value, notes)


def epsilon_balls(
    lm: LM,
    edits: Sequence[Fact],
    facts: Sequence[Fact],
    eps0: float = 5.7,
    update: Update = grace_update,
    stream: BallStream | None = None,
) -> EpsilonBalls:
    """Lesson 09's closing widget: a stream of edits, and a codebook that grows and splits.

    facts: where other questions about the subjects come from. eps0: the first radius to begin with. update:
    the rule that maintains the codebook, for example yours. stream: one that `ball_stream` has made before.
    Raises ValueError when there is no edit.
    """
    if not edits:
        raise ValueError("epsilon_balls got no edits: give at least one fact.")
    return EpsilonBalls(ball_stream(lm, edits, facts) if stream is None else stream, eps0, update)
