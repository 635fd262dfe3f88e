"""Fine-tuning on the facts to be edited: the baseline that reaches every paraphrase, and bleeds.

Textbook section 5.1.3. FT trains one output matrix (or the whole model) with Adam on -log P(answer | prompt).
FT-L keeps every weight within eps of where it was (Zhu et al. 2020, arXiv 2012.00363). The loss counts every
token of the answer at the position that predicts it; released code reads all of them at the last token of the
prompt, which only works for answers of one token.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.forcing import forced, mean_logp
from edu_edit.lm import LM
from edu_edit.rebuilding import down_parameter
from edu_edit.requests import requested


def project_linf(w: Float[Tensor, "*S"], w0: Float[Tensor, "*S"], eps: float) -> Float[Tensor, "*S"]:
    """The point nearest to w in FT-L's ball |w - w0| <= eps, entry by entry; w stays as it is."""
    return w0 + (w - w0).clamp(-eps, eps)


@costed
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
    facts = requested(facts, at_once=True)
    own = defaults(lm.name, lm.n_layers)
    if steps < 1 or (linf is not None and linf <= 0):
        raise ValueError(f"steps={steps}, linf={linf}: give a step or more, and a ball above 0.")
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new) for fact in facts])
    names = _trained(lm, own.layer if layer is None else layer)
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
                logp = mean_logp(lm.forward(ids, mask), ids, wanted)
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
    return Edit.from_weights(lm, after, record=record)


def _trained(lm: LM, layer: int | Literal["all"]) -> list[str]:
    if layer == "all":
        return [name for name, _ in lm.model.named_parameters()]
    return [down_parameter(lm, lm.checked(layer))[0]]
