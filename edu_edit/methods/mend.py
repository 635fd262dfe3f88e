"""MEND: learn to turn a fine-tuning gradient into an edit that generalises and stays local.

Mitchell et al. 2022 (arXiv 2110.11309), textbook section 5.2.2, equation (5.5), and figure 5.7. The gradient
of a linear layer is a sum of outer products, one per token:

    grad W = sum_t delta_t x_t^T        x_t the layer's input, delta_t the gradient at its output

so it has rank one *per token*, not per example. A network that mapped whole gradients would need
(d_in d_out)^2 weights; MEND maps each token's factors, (x, delta) -> (x~, delta~), and writes

    W~ = W - lr sum_t delta~_t x~_t^T

with a learned lr per matrix. It is trained by L = c_edit (-log p_W~(y' | x')) + KL(p_W || p_W~) on kept
prompts. Released code *adds* the sum, with a positive lr at the start, and leaves it to training to turn the
sign round (`sign="released"`).
Shapes: T tokens, B facts, n and m rows, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.edit_batches import EditBatch, EditData
from edu_edit.methods.editor_storage import shipped_editor
from edu_edit.methods.editor_training import Progress, facts_per_edit, fit
from edu_edit.methods.gradient_factors import (
    editor_loss,
    editor_size,
    gradient_factors,
    gradient_from_factors,
    mend_update,
    normalise_factors,
)
from edu_edit.methods.mend_editor import Mend, Update
from edu_edit.methods.upper_blocks import UpperBlocks, batch_factors

__all__ = [
    "Mend",
    "editor_loss",
    "editor_size",
    "gradient_factors",
    "gradient_from_factors",
    "mend",
    "mend_update",
    "normalise_factors",
    "train_mend",
]

Loss = Callable[[Tensor, Tensor, Tensor, float], Tensor]


def mend(lm: LM, facts: Fact | Sequence[Fact], update: Update = mend_update) -> Edit:
    """The edit of the MEND that came with a bundled model; `train_mend` trains one for another.

    update: `mend_update`, or your own. Raises ValueError when none came with the model, and as `Mend` does.
    """
    return Mend.load(lm, shipped_editor(lm, "mend"))(facts, update)


def train_mend(
    lm: LM,
    facts: Sequence[Fact],
    keep: Sequence[str],
    layers: Sequence[int] | None = None,
    steps: int = 300,
    generator: torch.Generator | None = None,
    *,
    batch: int = 16,
    together: int | Sequence[int] = (1, 4),
    rank: int = 64,
    norm: bool = True,
    sign: str = "paper",
    activation: str = "clamp",
    edit_lr: float = 1e-3,
    lr: float = 1e-3,
    lr_rates: float = 1e-4,
    c_edit: float = 1.0,
    loss: Loss = editor_loss,
    resume: Mend | None = None,
    progress: Progress | None = None,
) -> Mend:
    """MEND trained on the facts: `edit_batches.EditData` says what facts and keep are for.

    layers: None = the last three. steps: batches of `batch` facts. together: how many of them one edit
    writes; several numbers take turns, so that facts can be written alone and at once. rank, norm, sign,
    activation, edit_lr: of the editor, see `Mend`. lr, lr_rates: learning rates of its networks and of its
    rates. c_edit: weight of the edit against the KL term. loss: `editor_loss`, or your own. resume: an editor
    to train further, with its statistics; its layers and options stay. progress(step, loss, log-probability
    of the answers) is called after every step. The model stays as it is. Raises ValueError as `EditData`,
    `Mend`, `facts_per_edit` and `fit` do.
    """
    layers = range(max(0, lm.n_layers - 3), lm.n_layers) if layers is None else layers
    editor = resume or Mend(lm, layers, rank, edit_lr, norm, sign, activation, generator)
    data = EditData(lm, facts, keep)
    modules = [matrix.module for matrix in editor.matrices]

    def objective(drawn: EditBatch, step: int) -> tuple[Tensor, Tensor]:
        blocks = UpperBlocks(lm, drawn, editor.layers[0])
        factors = batch_factors(blocks, modules, len(drawn.texts))
        editor.learn_moments(factors)
        size = facts_per_edit(together, step, len(drawn.texts))
        logp, after, before = blocks.judged(editor.terms(factors, size), size)
        return loss(logp, after, before, c_edit), logp

    weights = list(editor.networks.parameters())
    groups = [(weights, lr), ([editor.rates], lr_rates)]
    training = fit(groups, objective, data, steps, batch, generator, progress)
    editor.training = training | {"before": editor.training} if resume else training
    return editor
