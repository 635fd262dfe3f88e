"""Watch an editor being trained: reliability and locality of every batch, live and as curves (lesson 07)."""

from collections.abc import Callable
from typing import Any

from IPython.display import DisplayHandle
from jaxtyping import Float
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from edu_edit.methods.gradient_factors import editor_loss
from edu_edit.show.curve_figures import plot_curves
from edu_edit.show.figure import AltFigure

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


class EditorWatch:
    """Stands between `train_mend` and the loss: `train_mend(..., loss=watch.loss, progress=watch.progress)`.

    reliability: the mean probability of the batch's new answers after the edit (question and paraphrase).
    locality: the share of its kept prompts whose most likely next token is still the old one.
    """

    def __init__(self, loss: Loss = editor_loss) -> None:
        self.judge = loss
        self.losses: list[float] = []
        self.reliability: list[float] = []
        self.locality: list[float] = []
        self._line: DisplayHandle | None = None

    def loss(self, logp: Tensor, after: Tensor, before: Tensor, c_edit: float) -> Float[Tensor, ""]:
        """The loss itself; what it is computed from is noted down."""
        self.reliability.append(float(logp.detach().exp().mean()))
        self.locality.append(float((after.argmax(-1) == before.argmax(-1)).float().mean()))
        return self.judge(logp, after, before, c_edit)

    def progress(self, step: int, loss: float, logp: float) -> None:
        """Show the step in one line, which the next step overwrites."""
        self.losses.append(loss)
        if self._line is None:
            self._line = DisplayHandle()
            self._line.display({"text/plain": self.told(step)}, raw=True)
        else:
            self._line.update({"text/plain": self.told(step)}, raw=True)

    def told(self, step: int) -> str:
        """A step in words."""
        return (
            f"step {step + 1:3d}   loss {self.losses[step]:6.3f}   "
            f"reliability {self.reliability[step]:.2f}   locality {self.locality[step]:.2f}"
        )

    def plot(self, title: str = "An editor learns", **more: Any) -> AltFigure:
        """Both rates over the steps, as a mean over the last five batches: single batches are small."""
        series = {name: smooth(rates) for name, rates in self.rates().items()}
        steps = range(1, len(self.reliability) + 1)
        fig = plot_curves(
            [float(step) for step in steps],
            series,
            "step of training",
            "mean of the last five batches",
            title,
            **more,
        )
        fig.axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
        return fig

    def rates(self) -> dict[str, list[float]]:
        """Both rates, batch by batch."""
        return {
            "reliability: P(new answer)": self.reliability,
            "locality: kept prompts unmoved": self.locality,
        }


def smooth(values: list[float], window: int = 5) -> list[float]:
    """At each place the mean of the last `window` values, or of all where there are fewer."""
    found = []
    for end in range(1, len(values) + 1):
        last = values[max(0, end - window) : end]
        found.append(sum(last) / len(last))
    return found
