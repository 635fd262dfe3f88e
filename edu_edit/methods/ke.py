"""KE: a hypernetwork that reads the edit as text, trained under a constraint on what must not change.

De Cao et al. 2021 (KnowledgeEditor, arXiv 2104.08164), textbook section 5.2.2. The hypernetwork
(`ke_network`) bends the fact's gradient into a change Delta. It is trained to

    minimise L_edit   subject to   KL(p || p_Delta) <= m  on other prompts

by gradient descent on L_edit + alpha (KL - m) in the network, and gradient *ascent* in alpha >= 0. The margin
m starts wide and narrows as training goes on. Shapes: B facts.
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
from edu_edit.methods.edit_batches import EditBatch, EditData
from edu_edit.methods.editor_storage import read_editor, save_editor, shipped_editor
from edu_edit.methods.editor_training import Progress, fit
from edu_edit.methods.gradient_factors import editor_loss, gradient_from_factors
from edu_edit.methods.ke_network import Bend, Hypernetwork, bent_factors, ke_update
from edu_edit.methods.upper_blocks import UpperBlocks, batch_factors, ffn_matrices, low_rank
from edu_edit.rebuilding import added
from edu_edit.requests import requested
from edu_edit.tokens import pad_batch

WIDE, NARROW, NARROWING = 1e-1, 1e-3, 0.8


def ke_lagrangian(
    loss_edit: Float[Tensor, ""],
    kl_keep: Float[Tensor, ""],
    margin: float | Float[Tensor, ""],
    alpha: float | Float[Tensor, ""],
) -> Float[Tensor, ""]:
    """What the network minimises and alpha maximises: loss_edit + alpha (kl_keep - margin).

    alpha = 0 drops the constraint; while it is violated, ascent makes alpha grow until it no longer is.
    """
    return loss_edit + alpha * (kl_keep - margin)


def ascended(alpha: float, kl_keep: float, margin: float, lr: float) -> float:
    """alpha after a step of gradient ascent, d/d alpha = kl_keep - margin, never below 0."""
    return max(0.0, alpha + lr * (kl_keep - margin))


def narrowed_margin(step: int, steps: int) -> float:
    """The margin at a step: .1 at first, then in even stages times .8, down to .001."""
    return max(NARROW, WIDE * NARROWING ** (step * 25 // steps))


class Ke:
    """A trained editor of `lm`: `ke(facts)` is an Edit. `train_ke` makes one, `Ke.load` reads one.

    layers: whose FFN matrices it changes. hidden: width of the LSTM and of the condition. max_scale: the
    largest factor of a change. It reads with the model's own embeddings. Raises ValueError for layers that
    are not there, and sizes out of range.
    """

    def __init__(
        self,
        lm: LM,
        layers: Sequence[int],
        hidden: int = 64,
        max_scale: float = 100.0,
        generator: torch.Generator | None = None,
    ) -> None:
        if hidden < 1 or max_scale < 0:
            raise ValueError(f"hidden={hidden}, max_scale={max_scale}: give 1 or more, and 0 or more.")
        self.lm = lm
        self.options: dict[str, Any] = {"layers": sorted(layers), "hidden": hidden, "max_scale": max_scale}
        self.training: dict[str, Any] = {}
        self.matrices = ffn_matrices(lm, layers)
        shapes = [(m.weight.shape[0], m.weight.shape[1]) for m in self.matrices]
        self.size = float(lm.W_embed.detach().float().std())  # embeddings of some models are tiny
        self.network = Hypernetwork(lm.D, hidden, shapes, generator).to(lm.device)

    def bends(self, texts: Sequence[tuple[str, str, str]]) -> list[Bend]:
        """What the network says of each (old answer, new answer, question), one `Bend` per matrix."""
        rows = [self.lm.tok(f"{old} >> {new} || {x}", verbose=False)["input_ids"] for old, new, x in texts]
        ids, mask = pad_batch(rows, self.lm.pad_id)
        embedded = self.lm.W_embed.detach()[ids.to(self.lm.device)].float()
        return self.network(embedded / self.size, mask.sum(1), self.options["max_scale"])

    def __call__(self, facts: Fact | Sequence[Fact]) -> Edit:
        """The edit that writes the facts; their changes are summed. The old answer is `target_true`, or what
        the model says.

        In practice most of a change is the same for every fact, and adds up when several are summed: the more
        facts at once, the fewer hold. Write them one at a time.

        Raises ValueError for facts that can't be used together.
        """
        return _written(self.lm, self, requested(facts, at_once=True))

    def save(self, path: str | Path) -> None:
        """Write the hypernetwork in float16."""
        tensors = {name: t.half() for name, t in self.network.state_dict().items()}
        save_editor(self.lm, path, "ke", tensors, {"options": self.options, "training": self.training})

    @classmethod
    def load(cls, lm: LM, path: str | Path) -> "Ke":
        """The editor that `save` wrote. Raises ValueError for another file, and for other weights."""
        tensors, about = read_editor(lm, path, "ke")
        editor = cls(lm, **about["options"])
        editor.training = about["training"]
        editor.network.load_state_dict(tensors)
        return editor


@costed
@torch.no_grad()
def _written(lm: LM, ke: Ke, facts: Sequence[Fact]) -> Edit:
    pairs = [(fact.question, fact.target_new) for fact in facts]
    batch = EditData(lm, facts, [facts[0].question]).batch(pairs)
    blocks = UpperBlocks(lm, batch, ke.options["layers"][0])
    factors = batch_factors(blocks, [m.module for m in ke.matrices], len(facts))
    texts = [(f.target_true or lm.answer(f.question), f.target_new, f.question) for f in facts]
    parameters, new = dict(lm.model.named_parameters()), {}
    for matrix, (x, delta), bend in zip(ke.matrices, factors, ke.bends(texts), strict=True):
        changes = [ke_update(gradient_from_factors(x[b], delta[b]), bend, b) for b in range(len(facts))]
        new[matrix.name] = added(parameters[matrix.name], matrix.stored(torch.stack(changes).sum(0)))
    record = {"method": "ke", **ke.options, "training": ke.training, "facts": pairs}
    return Edit.from_weights(lm, new, record=record)


def ke(lm: LM, facts: Fact | Sequence[Fact]) -> Edit:
    """The edit of the KE that came with a bundled model; `train_ke` trains one for another.

    Raises ValueError when none came with the model, and as `Ke` does.
    """
    return Ke.load(lm, shipped_editor(lm, "ke"))(facts)


def train_ke(
    lm: LM,
    facts: Sequence[Fact],
    keep: Sequence[str],
    layers: Sequence[int] | None = None,
    steps: int = 200,
    generator: torch.Generator | None = None,
    *,
    batch: int = 16,
    hidden: int = 64,
    max_scale: float = 100.0,
    lr: float = 1e-3,
    lr_alpha: float = 0.1,
    lagrangian: Callable[[Tensor, Tensor, Any, Any], Tensor] = ke_lagrangian,
    progress: Progress | None = None,
) -> Ke:
    """KE trained on the facts: `edit_batches` says what facts and keep are for.

    layers: None = the last two. lr_alpha: of the ascent in alpha. lagrangian: `ke_lagrangian`, or your own.
    progress(step, loss, log-probability of the answers) is called after every step. The model stays as it
    is. Raises ValueError as `EditData`, `Ke` and `fit` do.
    """
    layers = range(max(0, lm.n_layers - 2), lm.n_layers) if layers is None else layers
    editor = Ke(lm, layers, hidden, max_scale, generator)
    data = EditData(lm, facts, keep)
    modules: list[nn.Module] = [m.module for m in editor.matrices]
    alphas = [1.0]

    def objective(drawn: EditBatch, step: int) -> tuple[Tensor, Tensor]:
        blocks = UpperBlocks(lm, drawn, editor.options["layers"][0])
        factors = batch_factors(blocks, modules, len(drawn.texts))
        bends = editor.bends(drawn.texts)
        terms = {
            module: low_rank(*bent_factors(x, delta, bend))
            for module, (x, delta), bend in zip(modules, factors, bends, strict=True)
        }
        logp, after, before = blocks.judged(terms)
        kl = editor_loss(logp, after, before, 0.0)
        margin = narrowed_margin(step, steps)
        loss = lagrangian(-logp.mean(), kl, margin, alphas[-1])
        alphas.append(ascended(alphas[-1], float(kl.detach()), margin, lr_alpha))
        return loss, logp

    weights = list(editor.network.parameters())
    editor.training = fit([(weights, lr)], objective, data, steps, batch, generator, progress)
    editor.training["alphas"] = alphas[:: max(1, steps // 50)]
    return editor
