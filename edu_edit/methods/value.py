"""The value v_* that ROME writes: what the FFN must say at the subject so that the model gives the new answer.

Meng et al. 2022 (ROME) section 3.1, textbook (5.16)-(5.18). v = o_0 + delta takes the place of the FFN's output at the
subject's last token, and delta minimises

    L(delta) = 1/N sum_j -1/|o| sum_i log P_delta(o_i | x_j + p, o_<i)     the new answer, after every prefix (5.16)
               + kl KL(P_delta(. | p') || P_0(. | p'))                     what else the model thinks of it (5.17)
               + wd |delta| / |o_0|^2                                      released code's weight decay

The same delta is added in every prompt. Source: methods of the paper's released settings (Adam, a ball, a stop at .05).
Shapes: N prefixes, K kept prompts, R = N + K rows, T tokens, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.methods.contexts import aligned
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.tokens import Encoded
from edu_edit.tracing import Site

LOW_ENOUGH = 0.05


def value_loss(
    logp_target: Float[Tensor, " N"], logits_new: Float[Tensor, "*K V"], logits_old: Float[Tensor, "*K V"], kl: float
) -> Float[Tensor, ""]:
    """L_1 + kl L_2: the new answer's mean negative log-probability, and KL(M' || M) of the kept distribution.

    Equations (5.16)-(5.18); several kept prompts count by their mean. logp_target: mean over the answer's tokens.
    """
    new, old = logits_new.log_softmax(-1), logits_old.log_softmax(-1)
    divergence = (new.exp() * (new - old)).sum(-1)
    return -logp_target.mean() + kl * divergence.mean()


def optimise_value(
    loss_of: Callable[[Float[Tensor, " D"]], Float[Tensor, ""]],
    v0: Float[Tensor, " D"],
    steps: int,
    lr: float,
    clamp: float,
) -> Float[Tensor, " D"]:
    """v_*: Adam on delta from 0, v = v0 + delta, kept inside the ball |delta| <= clamp |v0|.

    Equation (5.18). Stops before a step when the loss is below .05. steps counts updates.
    """
    delta = torch.zeros_like(v0, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=lr)
    radius = clamp * v0.norm()
    for _ in range(steps):
        with torch.enable_grad():
            loss = loss_of(v0 + delta)
            if loss < LOW_ENOUGH:
                break
            (delta.grad,) = torch.autograd.grad(loss, delta)
        adam.step()
        with torch.no_grad():
            delta *= (radius / delta.norm()).clamp(max=1)
    return (v0 + delta).detach()


def value_objective(
    lm: LM,
    layer: int,
    contexts: Sequence[Encoded],
    kept: Sequence[tuple[Encoded, int]],
    target: Sequence[int],
    o_0: Float[Tensor, " D"],
    kl: float,
    wd: float,
) -> tuple[Float[Tensor, "N F"], Callable[[Float[Tensor, " D"]], Float[Tensor, ""]]]:
    """The subject's keys in the contexts, and L as a function of v, at the price of the blocks above `layer`.

    contexts: the prompt after each prefix. kept: prompts and the token at which each is read. target: the answer's ids.
    Rows are aligned at the subject's last token. Before it nothing changes, so one forward pass is kept and every
    evaluation replays only the tokens from there on; logits are computed only where they are read.
    """
    texts = [*contexts, *(text for text, _ in kept)]
    ends = [len(text.ids) for text in contexts] + [read + 1 for _, read in kept]
    rows = [text.ids[:end] for text, end in zip(texts, ends, strict=True)]
    for row in rows[: len(contexts)]:
        row.extend(target[:-1])
    subject = [text.span[1] - 1 for text in texts]
    ids, mask, start = aligned(rows, subject, lm.pad_id)
    run = keep_run(lm, ids.to(lm.device), mask.to(lm.device), [Site("key", layer), Site("resid", layer)])
    stream = run.sites[Site("resid", layer)][:, start:]
    places = [(i, ends[i] - 1 - subject[i] + j) for i in range(len(contexts)) for j in range(len(target))]
    places += [(len(contexts) + i, read - text.span[1] + 1) for i, (text, read) in enumerate(kept)]
    row, column = torch.tensor(places, device=lm.device).T
    answers = torch.tensor([*target] * len(contexts), device=lm.device)[:, None]
    old = run.logits[row, column + start][len(answers) :].float()

    def loss_of(v: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        delta = v - o_0
        h = torch.cat([stream[:, :1] + delta.to(stream), stream[:, 1:]], dim=1)
        for above in range(layer + 1, lm.n_layers):
            h = replay(lm, run, above, h, start)
        logits = unembed(lm, h[row.to(h.device), column.to(h.device)]).float().to(lm.device)
        logp = logits[: len(answers)].log_softmax(-1).gather(-1, answers).view(len(contexts), -1).mean(-1)
        return value_loss(logp, logits[len(answers) :], old, kl) + wd * delta.norm() / o_0.norm() ** 2

    return run.sites[Site("key", layer)][: len(contexts), start], loss_of
