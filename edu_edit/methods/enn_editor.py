"""ENN's editor: a trained change of the model's weights, and the steps of gradient descent that make an edit.

Sinitsin et al. 2020 (arXiv 2004.00345) section 3, textbook equation (5.5). Every edit of a batch has a copy
of the parameters, so that one backward pass gives each its own gradient.
Shapes: G edits, B facts, T tokens.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.edit_batches import EditData
from edu_edit.methods.editor_storage import read_editor, save_editor
from edu_edit.methods.upper_blocks import Term, UpperBlocks, adding, ffn_matrices
from edu_edit.requests import requested

Parameters = dict[str, Tensor]
InnerStep = Callable[[Parameters, Callable[[Parameters], Tensor], Mapping[str, Any]], Parameters]


def enn_inner_step(
    params: dict[str, Tensor],
    loss: Callable[[dict[str, Tensor]], Float[Tensor, ""]],
    lrs: Mapping[str, Float[Tensor, ""] | float],
) -> dict[str, Tensor]:
    """The parameters after one step of gradient descent on loss(params), each with its own rate.

    The inner problem of equation (5.5). The result is a differentiable function of the parameters and the
    rates, through the gradient too, so that an outer loss can train both. `params` stays as it is; one that
    the loss does not use stays where it was.
    """
    with torch.enable_grad():
        inputs = {name: p if p.requires_grad else p.detach().requires_grad_() for name, p in params.items()}
        grads = torch.autograd.grad(
            loss(inputs), list(inputs.values()), create_graph=True, allow_unused=True, materialize_grads=True
        )
        return {name: params[name] - lrs[name] * grad for name, grad in zip(params, grads, strict=True)}


class Enn:
    """A trained editor of `lm`: `enn(facts)` is an Edit. `train_enn` makes one, `Enn.load` reads one.

    layers: whose FFN matrices it changes. lr: what each matrix' rate starts from. inner: k, the steps of an
    edit. Raises ValueError for layers that are not there, and for k or a rate below 0.
    """

    def __init__(self, lm: LM, layers: Sequence[int], lr: float = 0.1, inner: int = 1) -> None:
        if inner < 0 or lr < 0:
            raise ValueError(f"inner={inner}, lr={lr}: give a number of steps and a rate of 0 or more.")
        self.lm = lm
        self.options: dict[str, Any] = {"layers": sorted(layers), "lr": lr, "inner": inner}
        self.training: dict[str, Any] = {}
        self.matrices = ffn_matrices(lm, layers)
        names = [matrix.name for matrix in self.matrices]
        self.change = {
            m.name: nn.Parameter(torch.zeros_like(m.weight, dtype=torch.float32)) for m in self.matrices
        }
        self.rates = {name: nn.Parameter(torch.tensor(lr, device=lm.device)) for name in names}

    def base(self, edits: int) -> Parameters:
        """theta_0 = W + A, (G, d_out, d_in): a copy for every edit."""
        return {m.name: (m.weight.float() + self.change[m.name]).expand(edits, -1, -1) for m in self.matrices}

    def terms(self, params: Mapping[str, Tensor]) -> dict[nn.Module, Term]:
        """What the modules' outputs gain when the weights are `params` (G, d_out, d_in) instead of W."""
        return {m.module: _dense(params[m.name] - m.weight.float()) for m in self.matrices}

    def stepped(
        self, blocks: UpperBlocks, facts: int, together: int, step: InnerStep, first_order: bool = False
    ) -> Parameters:
        """theta_k for every edit of the batch, by its first rows: the summed loss of the edit's facts.

        Summing over edits changes nothing in their gradients, as each has parameters of its own.
        """
        rows = slice(0, facts)

        def loss(params: Parameters) -> Float[Tensor, ""]:
            with adding(self.terms(params), 1, facts // together):
                return -blocks.answer_logp(blocks.states(rows), rows).sum()

        params = self.base(facts // together)
        for _ in range(self.options["inner"]):
            if first_order:  # the gradient counts as a constant
                fixed = {name: p.detach() for name, p in params.items()}
                after = step(fixed, loss, self.rates)
                params = {name: p + after[name] - fixed[name] for name, p in params.items()}
            else:
                params = step(params, loss, self.rates)
        return params

    def __call__(self, facts: Fact | Sequence[Fact], inner_step: InnerStep = enn_inner_step) -> Edit:
        """The edit that writes the facts; their losses are summed. inner_step: or your own.

        Raises ValueError for facts that can't be used together, and while an edit of an Enn is on.
        """
        return _written(self.lm, self, requested(facts, at_once=True), inner_step)

    def save(self, path: str | Path) -> None:
        """Write the editor: the base change in float16, and the rates."""
        tensors = {f"change.{name}": change.half() for name, change in self.change.items()}
        tensors |= {f"rate.{name}": rate.detach() for name, rate in self.rates.items()}
        save_editor(self.lm, path, "enn", tensors, {"options": self.options, "training": self.training})

    @classmethod
    def load(cls, lm: LM, path: str | Path) -> "Enn":
        """The editor that `save` wrote. Raises ValueError for another file, and for other weights."""
        tensors, about = read_editor(lm, path, "enn")
        editor = cls(lm, **about["options"])
        editor.training = about["training"]
        for matrix in editor.matrices:
            editor.change[matrix.name].data = tensors[f"change.{matrix.name}"].to(lm.device)
            editor.rates[matrix.name].data = tensors[f"rate.{matrix.name}"].to(lm.device)
        return editor


def _dense(change: Float[Tensor, "G d_out d_in"]) -> Term:
    return lambda x: x @ change.transpose(1, 2)


@costed
def _written(lm: LM, enn: Enn, facts: Sequence[Fact], inner_step: InnerStep) -> Edit:
    if any(edit.record.get("method") == "enn" for edit in lm.edits):
        raise ValueError(
            "An edit of an ENN is on, with its base change: switch it off, or write all facts in one."
        )
    pairs = [(fact.question, fact.target_new) for fact in facts]
    batch = EditData(lm, facts, [facts[0].question]).batch(pairs)
    blocks = UpperBlocks(lm, batch, enn.options["layers"][0])
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH):
        params = enn.stepped(blocks, len(facts), len(facts), inner_step)
    new = {m.name: m.stored(params[m.name][0].detach()) for m in enn.matrices}
    rates = {name: rate.item() for name, rate in enn.rates.items()}
    record = {"method": "enn", **enn.options, "rates": rates, "training": enn.training, "facts": pairs}
    return Edit.from_weights(lm, new, record=record)
