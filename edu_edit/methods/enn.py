"""ENN, editable neural networks: train the model itself so that a gradient step is an edit.

Sinitsin et al. 2020 (arXiv 2004.00345), textbook section 5.2.2, equation (5.5). Nothing is added to the
model; its weights theta are moved to where k steps of plain gradient descent write any fact and nothing else:

    inner   theta_i+1 = theta_i - lr * grad L_edit(theta_i)            k times, a learned lr per tensor
    outer   L_base(theta_0) + c_edit L_edit(theta_k) + c_loc KL(p || p_theta_k)

The outer loss is trained through the inner steps, so it needs second derivatives (`first_order` drops them).
Here theta_0 = W + A, with a trained change A of a few FFN matrices, and L_base is KL(p || p_theta_0) on kept
prompts, so that the text which the model was trained on is not needed again. An edit is A and the steps
together. Shapes: B facts, G edits, T tokens.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.edit_batches import EditBatch, EditData
from edu_edit.methods.editor_storage import shipped_editor
from edu_edit.methods.editor_training import Progress, facts_per_edit, fit
from edu_edit.methods.enn_editor import Enn, InnerStep, enn_inner_step
from edu_edit.methods.gradient_factors import editor_loss
from edu_edit.methods.upper_blocks import UpperBlocks

__all__ = ["Enn", "enn", "enn_inner_step", "train_enn"]


def enn(lm: LM, facts: Fact | Sequence[Fact], inner_step: InnerStep = enn_inner_step) -> Edit:
    """The edit of the ENN that came with a bundled model; `train_enn` trains one for another.

    Raises ValueError when none came with the model, and as `Enn` does.
    """
    return Enn.load(lm, shipped_editor(lm, "enn"))(facts, inner_step)


def train_enn(
    lm: LM,
    facts: Sequence[Fact],
    keep: Sequence[str],
    layers: Sequence[int] | None = None,
    steps: int = 200,
    generator: torch.Generator | None = None,
    *,
    batch: int = 8,
    together: int | Sequence[int] = 1,
    inner: int = 1,
    first_order: bool = False,
    lr: float = 3e-4,
    lr_rates: float = 3e-3,
    edit_lr: float = 0.1,
    c_edit: float = 1.0,
    c_base: float = 1.0,
    loss: Callable[[Tensor, Tensor, Tensor, float], Tensor] = editor_loss,
    inner_step: InnerStep = enn_inner_step,
    progress: Progress | None = None,
) -> Enn:
    """ENN trained on the facts: `edit_batches.EditData` says what facts and keep are for.

    layers: None = the last two. steps: batches of `batch` facts. together: how many of them one edit writes;
    several numbers take turns. inner: steps of gradient descent per edit. first_order: their gradients count
    as constants, which saves the second derivatives. lr, lr_rates: learning rates of A and of the inner
    rates, which start from edit_lr. c_edit, c_base: weights of the edit, and of what the unedited base is to
    keep, against the KL term of the edited model. loss, inner_step: `editor_loss` and `enn_inner_step`, or
    your own. progress(step, loss, log-probability of the answers) is called after every step. The model stays
    as it is. Raises ValueError as `EditData`, `Enn`, `facts_per_edit` and `fit` do.
    """
    layers = range(max(0, lm.n_layers - 2), lm.n_layers) if layers is None else layers
    editor = Enn(lm, layers, edit_lr, inner)
    data = EditData(lm, facts, keep)

    def objective(drawn: EditBatch, step: int) -> tuple[Tensor, Tensor]:
        blocks = UpperBlocks(lm, drawn, editor.options["layers"][0])
        drawn_facts = len(drawn.texts)
        size = facts_per_edit(together, step, drawn_facts)
        params = editor.stepped(blocks, drawn_facts, size, inner_step, first_order)
        logp, after, before = blocks.judged(editor.terms(params), size)
        unedited = blocks.judged(editor.terms(editor.base(1)), drawn_facts)[1]
        return loss(logp, after, before, c_edit) + c_base * editor_loss(logp, unedited, before, 0.0), logp

    groups = [(list(editor.change.values()), lr), (list(editor.rates.values()), lr_rates)]
    with sdpa_kernel(SDPBackend.MATH):  # the faster attentions have no second derivative
        editor.training = fit(groups, objective, data, steps, batch, generator, progress)
    return editor
