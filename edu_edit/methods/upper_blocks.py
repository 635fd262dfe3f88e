"""The blocks that an editor changes, run on their own: with another change for every fact of a batch.

MEND, KE and ENN learn from many edits at once, and each edit has a model of its own: the rows of fact b go
through W + Delta_b. Only the edited blocks and those above differ, so what enters them is read once
(`keep_run`) and they are replayed; the change is added to what the module gives, (W + Delta_b) x = W x +
Delta_b x, and the model's own weights are never touched.
Shapes: G edits, B facts (B / G written together), N = R B rows, T tokens, D model width, V vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from edu_edit.feedforward import oriented
from edu_edit.forcing import mean_logp
from edu_edit.lm import LM
from edu_edit.methods.edit_batches import ASKED, ROWS, EditBatch
from edu_edit.replay import Run, keep_run, replay, unembed
from edu_edit.tokens import last_real
from edu_edit.tracing import Site

# What an edit adds to a module's output: term(x (G, n, d_in)) -> (G, n, d_out).
Term = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Matrix:
    """One weight that an editor changes: the name of its parameter, and the module that holds it."""

    name: str
    module: nn.Module

    @property
    def weight(self) -> Float[Tensor, "d_out d_in"]:
        """The weight as (d_out, d_in), cut off from gradients."""
        return oriented(self.module).detach()

    def stored(self, change: Float[Tensor, "d_out d_in"]) -> Tensor:
        """A change (d_out, d_in) as the parameter is laid out."""
        return change.T if isinstance(self.module, Conv1D) else change


def ffn_matrices(lm: LM, layers: Sequence[int]) -> list[Matrix]:
    """The FFN matrices of the layers: up and down, and Llama's gate, layer by layer.

    Raises ValueError when there is no layer, one twice, or one that the model does not have.
    """
    if not layers or len(set(layers)) < len(layers):
        raise ValueError(f"layers={list(layers)}: give the layers to edit, each of them once.")
    names = {id(module): f"{name}.weight" for name, module in lm.model.named_modules()}
    ffns = [lm.ffn(layer) for layer in sorted(layers)]
    modules = [m for ffn in ffns for m in (ffn.gate, ffn.up, ffn.down) if m is not None]
    return [Matrix(names[id(module)], module) for module in modules]


class UpperBlocks:
    """One batch as the blocks from `first` on see it; `logits` replays them, as often as one likes.

    Raises ValueError while a hook edit is on, and for rows beyond the context.
    """

    def __init__(self, lm: LM, batch: EditBatch, first: int) -> None:
        self.lm, self.batch, self.first = lm, batch, first
        site = Site("resid", first - 1) if first else Site("embed")
        self.run: Run = keep_run(lm, batch.ids, batch.mask, [site])
        self.stream: Float[Tensor, "N T D"] = self.run.sites[site]

    def states(self, rows: slice = slice(None), stream: Tensor | None = None) -> Float[Tensor, "n T D"]:
        """The last block's output of some rows. Gradients flow from `stream`, and from terms that are on."""
        run = self.run.rows(rows)
        h = self.stream[rows] if stream is None else stream
        for layer in range(self.first, self.lm.n_layers):
            h = replay(self.lm, run, layer, h, 0)
        return h

    def answer_logp(self, states: Float[Tensor, "_ T D"], rows: slice) -> Float[Tensor, " n"]:
        """Mean log-probability of the answers in these rows, which are the first of the batch."""
        logits = unembed(self.lm, states[rows])
        return mean_logp(logits, self.batch.ids[rows], self.batch.wanted[rows])

    def judged(
        self, terms: Mapping[nn.Module, Term], together: int = 1
    ) -> tuple[Float[Tensor, " n"], Float[Tensor, "m V"], Float[Tensor, "m V"]]:
        """What an editor is judged by: the answers' log-probabilities, the kept logits after and before."""
        B = len(self.batch.ids) // ROWS
        with adding(terms, ROWS, B // together):
            states = self.states()
        kept = torch.arange(ASKED * B, ROWS * B, device=states.device)
        last = last_real(self.batch.mask)[ASKED * B :]
        after = unembed(self.lm, states[kept, last]).float()
        before = self.run.logits[kept, last].float()
        return self.answer_logp(states, slice(0, ASKED * B)), after, before


@contextmanager
def adding(terms: Mapping[nn.Module, Term], rows: int, edits: int) -> Iterator[None]:
    """While the block runs, each module's output has its term added.

    A pass has `rows` rows of every fact, all first ones first, and the facts make up `edits` edits, in order.
    """

    def hook(term: Term) -> Callable[[nn.Module, tuple[Any, ...], Tensor], Tensor]:
        def add(_: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor:
            x = args[0].float()
            grouped = x.view(rows, edits, -1, x.shape[-1]).transpose(0, 1)  # (G, R, T B / G, d_in)
            added = term(grouped.reshape(edits, -1, x.shape[-1]))
            back = added.view(edits, rows, -1, output.shape[-1]).transpose(0, 1)
            return output + back.reshape(output.shape).to(output.dtype)

        return add

    with ExitStack() as stack:
        for module, term in terms.items():
            stack.callback(module.register_forward_hook(hook(term)).remove)
        yield


def low_rank(x_t: Float[Tensor, "G t d_in"], delta_t: Float[Tensor, "G t d_out"]) -> Term:
    """The term of the changes sum_t delta_t x_t^T, of which no matrix is ever made."""
    return lambda x: (x @ x_t.transpose(1, 2)) @ delta_t


def batch_factors(
    blocks: UpperBlocks, modules: Sequence[nn.Module], facts: int
) -> list[tuple[Float[Tensor, "B T d_in"], Float[Tensor, "B T d_out"]]]:
    """For each module the inputs x and gradients delta of the first `facts` rows, each row's loss its own.

    The loss of a row is its answer's mean negative log-probability. Padding, and all that comes after the
    answer's last predicting token, has delta = 0.
    """
    found: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def keep(module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        found[module] = args[0].detach().float(), output

    rows = slice(0, facts)
    with ExitStack() as stack, torch.enable_grad():
        for module in modules:
            stack.callback(module.register_forward_hook(keep).remove)
        states = blocks.states(rows, blocks.stream[rows].detach().requires_grad_())
        loss = -blocks.answer_logp(states, rows).sum()
        deltas = torch.autograd.grad(loss, [found[module][1] for module in modules])
    return [(found[module][0], delta.float()) for module, delta in zip(modules, deltas, strict=True)]


def nonzero_tokens(x: Float[Tensor, "*B d_in"], delta: Float[Tensor, "*B d_out"]) -> Bool[Tensor, "*B"]:
    """Which tokens have a part in the gradient: neither x nor delta is zero there."""
    return x.any(-1) & delta.any(-1)
