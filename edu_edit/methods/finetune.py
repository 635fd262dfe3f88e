"""Fine-tuning on the facts to be edited: the baseline that reaches every paraphrase, and bleeds.

Textbook section 5.1.3. FT trains one output matrix (or the whole model) with Adam on -log P(answer | prompt).
FT-L keeps every weight within eps of where it was (Zhu et al. 2020, arXiv 2012.00363). The loss counts every
token of the answer at the position that predicts it; released code reads all of them at the last token of the
prompt, which only works for answers of one token.
"""

import time
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.rebuilding import down_parameter
from edu_edit.tokens import encode, pad_batch, target_ids


def project_linf(w: Float[Tensor, "*S"], w0: Float[Tensor, "*S"], eps: float) -> Float[Tensor, "*S"]:
    """The point nearest to w in FT-L's ball |w - w0| <= eps, entry by entry; w stays as it is."""
    return w0 + (w - w0).clamp(-eps, eps)


def finetune(
    lm: LM,
    facts: Fact | Sequence[Fact],
    layer: int | Literal["all"] | None = None,
    steps: int = 25,
    lr: float | None = None,
    linf: float | None = None,
    until: float | None = None,
) -> Edit:
    """The edit that at most `steps` updates of Adam on the facts make; all facts are one batch.

    layer: whose output matrix is trained, None = the model's default, "all" = every parameter. linf: FT-L's
    ball. until: stop as soon as every answer has more than this probability (per token, geometric mean). The
    model is left as it was. Raises ValueError for an empty answer, a layer that is not there, or settings out
    of range.
    """
    facts = [facts] if isinstance(facts, Fact) else list(facts)
    own = defaults(lm.name, lm.n_layers)
    if not facts or steps < 1 or (linf is not None and linf <= 0):
        raise ValueError(
            f"{len(facts)} facts, steps={steps}, linf={linf}: give a fact, a step and a ball above 0."
        )
    ids, mask, wanted = _batch(lm, facts)
    names = _trained(lm, own.layer if layer is None else layer)
    began = time.perf_counter()
    parameters = dict(lm.model.named_parameters())
    before = {name: parameters[name].detach().clone() for name in names}
    asked = {name: parameter.requires_grad for name, parameter in parameters.items()}
    losses: list[float] = []
    try:
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in before)
        adam = torch.optim.Adam(
            [parameters[name] for name in names], lr=own.finetune_lr if lr is None else lr
        )
        for _ in range(steps):
            with torch.enable_grad():
                logp = _mean_logp(lm.forward(ids, mask), ids, wanted)
                loss = -logp.mean()
            losses.append(loss.item())
            if until is not None and bool((logp.exp() > until).all()):
                break
            grads = torch.autograd.grad(loss, [parameters[name] for name in names])
            with torch.no_grad():
                for name, grad in zip(names, grads, strict=True):
                    parameters[name].grad = grad
                adam.step()
                if linf is not None:
                    for name in names:
                        parameters[name].copy_(project_linf(parameters[name], before[name], linf))
        after = {name: parameters[name].detach().clone() for name in names}
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.grad = None
                parameter.requires_grad_(asked[name])
                if name in before:
                    parameter.copy_(before[name])
    record = {"method": "finetune", "layer": layer, "steps": len(losses), "linf": linf, "losses": losses}
    return Edit.from_weights(lm, after, seconds=time.perf_counter() - began, record=record)


def _batch(lm: LM, facts: Sequence[Fact]) -> tuple[Tensor, Tensor, Tensor]:
    """Prompts with their answers, and a mask of the answers' tokens."""
    rows, starts = [], []
    for fact in facts:
        prompt = encode(lm, fact.prompt, fact.subject)
        rows.append(prompt.ids + target_ids(lm, fact.target_new, prompt.text))
        starts.append(len(prompt.ids))
    ids, mask = pad_batch(rows, lm.pad_id)
    wanted = mask.bool() & (torch.arange(ids.shape[1]) >= torch.tensor(starts)[:, None])
    return ids.to(lm.device), mask.to(lm.device), wanted.to(lm.device)


def _mean_logp(logits: Float[Tensor, "B T V"], ids: Tensor, wanted: Tensor) -> Float[Tensor, " B"]:
    """Mean log-probability of each answer's tokens, each read one token earlier."""
    logp = logits[:, :-1].float().log_softmax(-1).gather(2, ids[:, 1:, None])[..., 0]
    counted = wanted[:, 1:].to(logp.device)
    return (logp * counted).sum(1) / counted.sum(1)


def _trained(lm: LM, layer: int | Literal["all"]) -> list[str]:
    if layer == "all":
        return [name for name, _ in lm.model.named_parameters()]
    return [down_parameter(lm, lm.checked(layer))[0]]
