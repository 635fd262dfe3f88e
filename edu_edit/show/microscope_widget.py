"""Lesson 07's gradient microscope: the gradient of one example in one layer, token by token."""

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from torch import Tensor, nn

from edu_edit.facts import Fact
from edu_edit.forcing import forced
from edu_edit.lm import LM
from edu_edit.methods.gradient_factors import gradient_factors
from edu_edit.methods.upper_blocks import ffn_matrices
from edu_edit.show.controls import LINE, named, toggles
from edu_edit.show.figure import AltFigure, words_figure
from edu_edit.show.gradient_figures import plot_gradient
from edu_edit.show.status import Status, twin_bundle

Factors = Callable[[nn.Module, Callable[[], Tensor]], tuple[Tensor, Tensor]]
LOSSES = {"all": "every next token", "last": "the last answer token only"}
MATRICES = {"in": "W_in", "out": "W_out"}
Key = tuple[int, int, str, str]


class GradientMicroscope:
    """Choose a fact, a layer, a matrix, and where the loss is read; see the gradient as a sum over tokens.

    Every picture is kept, so that going back to it is immediate. `view` is the widget itself.
    """

    def __init__(self, lm: LM, facts: Sequence[Fact], factors: Factors) -> None:
        self.lm, self.facts, self.factors = lm, list(facts), factors
        self.drawn: dict[Key, tuple[AltFigure, str]] = {}
        choices = [(f"{fact.question} {fact.target_new}", i) for i, fact in enumerate(self.facts)]
        self.fact = widgets.Dropdown(options=choices, description="Fact", **LINE)
        self.layer = widgets.IntSlider(
            value=lm.n_layers - 1, max=lm.n_layers - 1, description="Layer", continuous_update=False, **LINE
        )
        self.matrix = toggles([(name, key) for key, name in MATRICES.items()])
        self.matrix.value = "out"
        self.loss = toggles([(name, key) for key, name in LOSSES.items()])
        self.status, self.picture = Status(), widgets.HTML()
        self.view = widgets.VBox([
            self.fact, self.layer, named("Matrix", self.matrix), named("Loss on", self.loss),
            self.status.view, self.picture,
        ])  # fmt: skip
        for control in (self.fact, self.layer, self.matrix, self.loss):
            control.observe(lambda _: self._show(), names="value")
        self._show()

    def static(self) -> AltFigure:
        """The picture that is shown."""
        found = self.drawn.get(self._key())
        return words_figure(self.status.text) if found is None else found[0]

    def text(self) -> str:
        """The same in words."""
        return self.static().alt

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return twin_bundle(self.view, self.static())

    def _key(self) -> Key:
        return self.fact.value, self.layer.value, self.matrix.value, self.loss.value

    def _show(self) -> None:
        self.status.run(self._draw, "the gradient", self._key() in self.drawn)

    def _draw(self) -> None:
        fact, layer, matrix, where = key = self._key()
        if key not in self.drawn:
            matrices = ffn_matrices(self.lm, [layer])
            module = matrices[0 if matrix == "in" else -1].module
            tokens, loss = loss_of_fact(self.lm, self.facts[fact], where)
            x, delta = self.factors(module, loss)
            title = f"Layer {layer}, {MATRICES[matrix]}, loss on {LOSSES[where]}"
            fig = plot_gradient(x, delta, tokens, title)
            self.drawn[key] = fig, fig.to_html(fig.png(90))
        self.picture.value = self.drawn[key][1]


def loss_of_fact(lm: LM, fact: Fact, where: str = "last") -> tuple[list[str], Callable[[], Tensor]]:
    """The tokens of a fact with its new answer, and a function that runs the model and returns the loss.

    where: "all" counts every next token, "last" the last token of the answer alone.
    """
    ids = forced(lm, [(fact.question, fact.target_new)]).ids
    tokens = [str(lm.tok.decode([int(token)])) for token in ids[0]]

    def loss() -> Tensor:
        logp = lm.forward(ids, ids.new_ones(ids.shape))[:, :-1].float().log_softmax(-1)
        found = -logp.gather(2, ids[:, 1:, None])[0, :, 0]
        return found.mean() if where == "all" else found[-1]

    return tokens, loss


def gradient_microscope(
    lm: LM, facts: Sequence[Fact], factors: Factors = gradient_factors
) -> GradientMicroscope:
    """Lesson 07's closing widget. `factors` puts your own `gradient_factors` to work in it.

    Raises ValueError when there are no facts.
    """
    if not facts:
        raise ValueError("gradient_microscope got no facts: give at least one, for example load_facts()[:9].")
    return GradientMicroscope(lm, facts, factors)
