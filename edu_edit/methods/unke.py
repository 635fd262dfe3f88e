"""UnKE: a whole block is trained to give an unstructured answer, instead of one matrix being solved for.

Deng et al. 2025 (UnKE, arXiv 2405.15349), lesson 11. As in AnyEdit with one chunk, a state z is searched that
makes the whole answer likely when it takes the place of block l's output at the prompt's last token. Then
*all* parameters of the block, attention and norms included, are trained by AdamW so that it gives z there and
what it gave before everywhere else: at the other tokens of the sequence, and on texts to be kept,

    L = mean (block(H) - H*)^2 + mean (block(H_keep) - H*_keep)^2     (over all entries)

Only this one block is run: what enters it is known. With several chunks the block is fitted to all their
anchors, which is AnyEdit with UnKE. Shapes: n, m tokens, D model width.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.methods.anyedit import paired
from edu_edit.methods.chunk_states import Solve, States, chunk_state, chunk_states
from edu_edit.methods.chunking import Chunks, token_ranges
from edu_edit.replay import Run, keep_run, replay
from edu_edit.tokens import pad_batch, target_ids
from edu_edit.tracing import Site


def unke_loss(
    out_edit: Float[Tensor, "n D"],
    want_edit: Float[Tensor, "n D"],
    out_keep: Float[Tensor, "m D"],
    want_keep: Float[Tensor, "m D"],
) -> Float[Tensor, ""]:
    """The mean squared error on the edited sequence plus that on what is to be kept, which may be nothing."""
    edited = (out_edit - want_edit).square().mean()
    return edited + (out_keep - want_keep).square().mean() if want_keep.numel() else edited


class Inputs(NamedTuple):
    """What a block reads: a stream with the run that it is from, and which tokens are real, (B, T)."""

    run: Run
    h: Float[Tensor, "B T D"]
    real: Tensor


@costed
def unke(
    lm: LM,
    prompt: str | Sequence[str],
    target: str | Sequence[str],
    layer: int | None = None,
    keep: Sequence[str] = (),
    *,
    chunks: int | str | Chunks = "whole",
    solve: Solve | None = None,
    steps: int | None = None,
    lr: float | None = None,
    wd: float = 0.01,
) -> Edit:
    """The edit of one block that makes the model continue the prompt with the target.

    Several prompts with their targets, as two lists of one length, are written at once.
    layer: the block, None = the model's own. keep: texts on which the block shall do what it did; without
    any, only the other tokens of the edited sequence say so. (Released code takes 20 random chats.)
    chunks: "whole" = one state for the whole answer; else as for `anyedit`, which makes this AnyEdit with
    UnKE. solve: `chunk_state`, or your own, as for `anyedit`.
    steps, lr, wd: of AdamW; norms and biases have no decay. The model stays as it is. Raises ValueError for
    texts, chunks, a layer or settings that can't be used.
    """
    own = defaults(lm.name, lm.n_layers)
    layer = lm.checked(own.layer if layer is None else layer)
    steps, lr = own.unke_steps if steps is None else steps, own.unke_lr if lr is None else lr
    if isinstance(keep, str) or not all(keep) or steps < 1 or not lr > 0 or not wd >= 0:
        raise ValueError(
            f"keep={keep!r:.40}, steps={steps}, lr={lr}, wd={wd}: give a list of texts, a step or more, a "
            f"learning rate above 0, and a decay of 0 or more."
        )
    search = partial(chunk_state, layer=layer) if solve is None else solve
    rows, states, records = [], [], []
    for text, wanted in paired(prompt, target):
        asked, answer = list(lm.tok(text, verbose=False)["input_ids"]), target_ids(lm, wanted, text)
        ranges = token_ranges(lm, text, wanted, chunks, 0, False)
        lm.check_input(torch.tensor([asked + answer]))
        states.append(chunk_states(lm, asked, answer, ranges, search))
        rows.append(asked + answer)
        records.append({"prompt": text, "target": wanted, "chunks": ranges, "positions": list(states[-1])})
    weights, losses = fitted(lm, layer, rows, states, keep, steps, lr, wd)
    about = {"method": "unke", "layer": layer, "kept": len(keep), "lr": lr, "wd": wd, "losses": losses}
    return Edit.from_weights(lm, weights, record=about | {"texts": records})


def fitted(
    lm: LM,
    layer: int,
    rows: Sequence[Sequence[int]],
    states: Sequence[States],
    keep: Sequence[str],
    steps: int,
    lr: float,
    wd: float,
) -> tuple[dict[str, Tensor], list[float]]:
    """The block's parameters by name after `steps` updates of AdamW, and the losses before each."""
    edited = entering(lm, layer, rows)
    kept = entering(lm, layer, [lm.tok(text, verbose=False)["input_ids"] for text in keep]) if keep else None
    mine = {id(parameter) for parameter in lm.blocks[layer].parameters()}
    trained = {name: p for name, p in lm.model.named_parameters() if id(p) in mine}
    before = {name: p.detach().clone() for name, p in trained.items()}
    flags = {name: p.requires_grad for name, p in trained.items()}
    groups = [
        {"params": [p for p in trained.values() if p.dim() > 1], "weight_decay": wd},
        {"params": [p for p in trained.values() if p.dim() == 1], "weight_decay": 0.0},
    ]
    losses = []
    with torch.no_grad():
        whole = block_outputs(lm, layer, edited)
        for i, found in enumerate(states):
            for position, z in found.items():
                whole[i, position] = z.to(whole)
        want_edit = whole[edited.real]
        want_keep = want_edit[:0] if kept is None else block_outputs(lm, layer, kept)[kept.real]
    try:
        for parameter in trained.values():
            parameter.requires_grad_(True)
        adam = torch.optim.AdamW(groups, lr=lr)
        for _ in range(steps):
            with torch.enable_grad():
                out_edit = block_outputs(lm, layer, edited)[edited.real]
                out_keep = out_edit[:0] if kept is None else block_outputs(lm, layer, kept)[kept.real]
                loss = unke_loss(out_edit, want_edit, out_keep, want_keep)
                grads = torch.autograd.grad(loss, list(trained.values()))
            losses.append(loss.item())
            for parameter, grad in zip(trained.values(), grads, strict=True):
                parameter.grad = grad
            adam.step()
        after = {name: p.detach().clone() for name, p in trained.items()}
    finally:
        with torch.no_grad():
            for name, parameter in trained.items():
                parameter.grad = None
                parameter.requires_grad_(flags[name])
                parameter.copy_(before[name])
    return after, losses


def entering(lm: LM, layer: int, rows: Sequence[Sequence[int]]) -> Inputs:
    """What block `layer` reads in these texts, token ids padded on the right."""
    ids, mask = (x.to(lm.device) for x in pad_batch(rows, lm.pad_id))
    site = Site("resid", layer - 1) if layer else Site("embed")
    run = keep_run(lm, ids, mask, [site])
    return Inputs(run, run.sites[site], mask.bool())


def block_outputs(lm: LM, layer: int, inputs: Inputs) -> Float[Tensor, "B T D"]:
    """The block's output on what entered it: the block alone is run."""
    return replay(lm, inputs.run, layer, inputs.h, 0)
