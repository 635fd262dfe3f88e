"""MEND's trained editor: the networks, the statistics of their inputs, and a learned rate per matrix.

Mitchell et al. 2022 (MEND, arXiv 2110.11309) section 3, textbook section 5.2.2.
Shapes: n tokens, B facts, T tokens of a row, m matrices.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.edit_batches import EditData
from edu_edit.methods.editor_storage import read_editor, save_editor
from edu_edit.methods.gradient_factors import mend_update, normalise_factors
from edu_edit.methods.mend_network import EditorNetwork, RunningMoments
from edu_edit.methods.upper_blocks import (
    Matrix,
    Term,
    UpperBlocks,
    batch_factors,
    ffn_matrices,
    low_rank,
    nonzero_tokens,
)
from edu_edit.rebuilding import added
from edu_edit.requests import requested

Update = Callable[[Tensor, Tensor, float], Tensor]


class Mend:
    """A trained editor of `lm`: `mend(facts)` is an Edit. `train_mend` makes one, `Mend.load` reads one.

    layers: whose FFN matrices it changes. rank: of its networks. norm: whether factors are normalised;
    without, it starts as one step of SGD. sign: "paper" subtracts, "released" adds. activation: "clamp", or
    "relu", which can't be trained. lr: what each matrix' own rate starts from.
    Raises ValueError for layers and options that are not there.
    """

    def __init__(
        self,
        lm: LM,
        layers: Sequence[int],
        rank: int = 64,
        lr: float = 1e-3,
        norm: bool = True,
        sign: str = "paper",
        activation: str = "clamp",
        generator: torch.Generator | None = None,
    ) -> None:
        if sign not in ("paper", "released") or activation not in ("clamp", "relu"):
            raise ValueError(
                f"sign={sign!r}, activation={activation!r}: choose 'paper' or 'released', 'clamp' or 'relu'."
            )
        if rank < 1 or lr <= 0:
            raise ValueError(f"rank={rank}, lr={lr}: give a rank of 1 or more, and a rate above 0.")
        self.lm = lm
        self.layers = sorted(layers)
        self.matrices = ffn_matrices(lm, layers)
        self.options: dict[str, Any] = {
            "layers": self.layers, "rank": rank, "lr": lr, "norm": norm, "sign": sign,
            "activation": activation,
        }  # fmt: skip
        self.training: dict[str, Any] = {}  # how it was trained
        by_shape: dict[tuple[int, ...], list[Matrix]] = {}
        for matrix in self.matrices:
            by_shape.setdefault(tuple(matrix.weight.shape), []).append(matrix)
        self.shapes = list(by_shape)
        self.place = {
            matrix.name: (shape, which)
            for shape, group in by_shape.items()
            for which, matrix in enumerate(group)
        }
        self.networks = nn.ModuleList(
            EditorNetwork(sum(shape), rank, len(group), activation, generator)
            for shape, group in by_shape.items()
        )
        self.moments = {shape: (RunningMoments(shape[1]), RunningMoments(shape[0])) for shape in self.shapes}
        self.rates = nn.Parameter(torch.full((len(self.matrices),), lr))

    def transformed(
        self, matrix: Matrix, x: Float[Tensor, "n d_in"], delta: Float[Tensor, "n d_out"]
    ) -> tuple[Float[Tensor, "n d_in"], Float[Tensor, "n d_out"]]:
        """(x~, delta~) of tokens with a gradient: normalised, and sent through the network of the shape."""
        shape, which = self.place[matrix.name]
        if self.options["norm"]:
            x, delta = (
                normalise_factors(v, m.mean.to(v), m.std.to(v))
                for v, m in zip((x, delta), self.moments[shape], strict=True)
            )
        out = self.networks[self.shapes.index(shape)](torch.cat([x, delta], dim=-1), which)
        return out[:, : shape[1]], out[:, shape[1] :]

    def learn_moments(self, factors: Sequence[tuple[Tensor, Tensor]]) -> None:
        """Take the tokens with a gradient into the statistics: factors of one batch, matrix by matrix."""
        for matrix, (x, delta) in zip(self.matrices, factors, strict=True):
            used = nonzero_tokens(x, delta)
            for moments, rows in zip(self.moments[self.place[matrix.name][0]], (x, delta), strict=True):
                moments.update(rows[used])

    def terms(self, factors: Sequence[tuple[Tensor, Tensor]], together: int) -> dict[nn.Module, Term]:
        """What each module's output gains by the edits: - lr sum_t delta~_t (x~_t x), never a whole matrix.

        factors: (B, T, .) of a batch; every `together` facts that follow each other are one edit.
        """
        terms: dict[nn.Module, Term] = {}
        for matrix, rate, (x, delta) in zip(self.matrices, self.signed_rates(), factors, strict=True):
            used = nonzero_tokens(x, delta)
            x_new, delta_new = self.transformed(matrix, x[used], delta[used])
            x_t, delta_t = torch.zeros_like(x), torch.zeros_like(delta)
            x_t[used], delta_t[used] = x_new, delta_new
            edits = len(x) // together
            left, right = x_t.view(edits, -1, x.shape[-1]), delta_t.view(edits, -1, delta.shape[-1])
            terms[matrix.module] = low_rank(left, -rate * right)
        return terms

    def signed_rates(self) -> Float[Tensor, " m"]:
        """The rate of each matrix as the paper means it, to be subtracted."""
        return self.rates if self.options["sign"] == "paper" else -self.rates

    def __call__(self, facts: Fact | Sequence[Fact], update: Update = mend_update) -> Edit:
        """The edit that writes the facts; the updates of several are summed, as released code does under the
        name of a mean. update: or your own. It writes about as many at once as it was trained to.

        Raises ValueError for facts that can't be used together, and before any training.
        """
        return _written(self.lm, self, requested(facts, at_once=True), update)

    def save(self, path: str | Path) -> None:
        """Write the editor: networks in float16, rates and statistics as they are, so that training resumes.

        Raises OSError where nothing can be written.
        """
        tensors = {f"network.{name}": t.half() for name, t in self.networks.state_dict().items()}
        tensors["rates"] = self.rates.detach()
        for i, shape in enumerate(self.shapes):
            for side, moments in zip(("x", "delta"), self.moments[shape], strict=True):
                tensors[f"moments.{i}.{side}"] = torch.stack([moments.mean, moments.scatter])
                tensors[f"moments.{i}.{side}.count"] = torch.tensor(float(moments.count))
        save_editor(self.lm, path, "mend", tensors, {"options": self.options, "training": self.training})

    @classmethod
    def load(cls, lm: LM, path: str | Path) -> "Mend":
        """The editor that `save` wrote. Raises ValueError for another file, and for other weights."""
        tensors, about = read_editor(lm, path, "mend")
        editor = cls(lm, **about["options"])
        editor.training = about["training"]
        state = {name.removeprefix("network."): t for name, t in tensors.items() if "network." in name}
        editor.networks.load_state_dict(state)
        editor.rates.data = tensors["rates"]
        for i, shape in enumerate(editor.shapes):
            for side, moments in zip(("x", "delta"), editor.moments[shape], strict=True):
                moments.mean, moments.scatter = tensors[f"moments.{i}.{side}"].unbind()
                moments.count = int(tensors[f"moments.{i}.{side}.count"])
        return editor


@costed
@torch.no_grad()
def _written(lm: LM, mend: Mend, facts: Sequence[Fact], update: Update) -> Edit:
    batch = EditData(lm, facts, [facts[0].question]).batch(
        [(fact.question, fact.target_new) for fact in facts]
    )
    factors = batch_factors(
        UpperBlocks(lm, batch, mend.layers[0]), [m.module for m in mend.matrices], len(facts)
    )
    new = {}
    parameters = dict(lm.model.named_parameters())
    for matrix, rate, (x, delta) in zip(mend.matrices, mend.signed_rates(), factors, strict=True):
        used = nonzero_tokens(x, delta)
        change = update(*mend.transformed(matrix, x[used], delta[used]), rate.item())
        new[matrix.name] = added(parameters[matrix.name], matrix.stored(change))
    record = {
        "method": "mend", **mend.options, "rates": mend.rates.tolist(), "training": mend.training,
        "facts": [(fact.question, fact.target_new) for fact in facts],
    }  # fmt: skip
    return Edit.from_weights(lm, new, record=record)
