"""The pair (k_*, v_*) that ROME writes: the subject's key, and what the FFN must answer to it.

Meng et al. 2022 (ROME) section 3.1, textbook (5.15)-(5.18). k_* is the key at the subject's last token,
averaged over prefixes x_j. v = o_0 + delta takes the place of the FFN's output o_0 there, and delta minimises

    L(delta) = - 1/N sum_j 1/n sum_i log P_delta(o_i | x_j + p, o_<i)     the new answer's n tokens (5.17)
               + kl KL(P_delta(. | p') || P_0(. | p'))                    what else it thinks of it (5.18)
               + wd |delta| / |o_0|^2                                     the released code's decay

by Adam in a ball, stopping at .05. The same delta is added in every prompt. Released MEMIT searches at the
block's output instead (`Search.site` "resid"): o_0 is then the stream there, and v what it is to become.
Shapes: n facts, N prefixes, K kept prompts, T tokens, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.trials import Trials, trials

LOW_ENOUGH = 0.05


def subject_key(keys: Float[Tensor, "N T F"], last: Int[Tensor, " N"]) -> Float[Tensor, " F"]:
    """k_*: the mean over N prefixes of the key at the subject's last token, token last[j] of text j.

    Equation (5.15).
    """
    return keys[torch.arange(len(keys), device=keys.device), last].mean(0)


def value_loss(
    logp_target: Float[Tensor, " N"],
    logits_new: Float[Tensor, "*K V"],
    logits_old: Float[Tensor, "*K V"],
    kl: float,
) -> Float[Tensor, ""]:
    """L_1 + kl L_2: the new answer's mean negative log-probability, and KL(M' || M) of the kept distribution.

    Equations (5.16)-(5.18). logp_target[j]: the answer's log-probability after text j, already averaged over
    its tokens. K kept prompts, one row of logits each (or none: one vector), count by the mean of their KLs.
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

    Minimises (5.16). Stops before a step when the loss is below .05. steps counts updates.
    """
    return searched(loss_of, v0, steps, lr, clamp, LOW_ENOUGH)


def searched(
    loss_of: Callable[[Float[Tensor, " D"]], Float[Tensor, ""]],
    v0: Float[Tensor, " D"],
    steps: int,
    lr: float,
    clamp: float,
    enough: float,
) -> Float[Tensor, " D"]:
    """`optimise_value` for a search that is content at another loss: it stops below `enough`."""
    delta = torch.zeros_like(v0, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=lr)
    radius = clamp * v0.norm()
    for _ in range(steps):
        with torch.enable_grad():
            loss = loss_of(v0 + delta)
            if loss.item() < enough:
                break
            (delta.grad,) = torch.autograd.grad(loss, delta)
        adam.step()
        with torch.no_grad():
            if delta.norm() > radius:
                delta *= radius / delta.norm()
    return (v0 + delta).detach()


@dataclass(frozen=True)
class Search:
    """How v_* is searched: weights of KL term and decay, updates, learning rate, size of the ball.

    site: whose output o_0 is, the FFN's ("mlp") or the block's ("resid").
    """

    kl: float
    wd: float
    steps: int
    lr: float
    clamp: float
    site: Literal["mlp", "resid"] = "mlp"


@dataclass(frozen=True)
class Pair:
    """What (5.21) inserts: a key, the mean over prefixes and that of the plain prompt, and the value v_star.

    v_star is the FFN's whole output, an output bias included, or the block's (`Search.site`); o_0 is what it
    was before. record: texts, positions, and all losses.
    """

    k_mean: Float[Tensor, " F"]
    k_prompt: Float[Tensor, " F"]
    v_star: Float[Tensor, " D"]
    o_0: Float[Tensor, " D"]
    record: dict[str, Any]


def find_pair(
    lm: LM, fact: Fact, layer: int, templates: Sequence[str], keep: str | Sequence[str], search: Search
) -> Pair:
    """The key and the value that write `fact` into `layer`, at the price of the blocks above the layer.

    templates: texts with `{}` where the prompt goes. keep: see `kept_prompts`. The losses end with that of
    v_star.
    """
    tried = trials(lm, [fact], layer, templates, keep, search.site)
    losses: list[float] = []

    def loss_of(v: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        loss = searched_losses(tried, v[None], search)[0]
        losses.append(loss.item())
        return loss

    v_star = optimise_value(loss_of, tried.o_0[0], search.steps, search.lr, search.clamp)
    if not losses or losses[-1] >= LOW_ENOUGH:  # the search ended on an update, which is not judged yet
        with torch.no_grad():
            loss_of(v_star)
    return pair_of(fact, tried, 0, v_star, losses)


def searched_losses(tried: Trials, v: Float[Tensor, "n D"], search: Search) -> Float[Tensor, " n"]:
    """L(delta) of each fact, decay included, when its site is to hold v."""
    decay = search.wd * (v - tried.o_0).norm(dim=1) / tried.o_0.norm(dim=1) ** 2
    return tried.losses(v, partial(value_loss, kl=search.kl)) + decay


def pair_of(fact: Fact, tried: Trials, i: int, v_star: Float[Tensor, " D"], losses: list[float]) -> Pair:
    """The pair of fact i of the trials, with its record."""
    texts, (keys, k_prompt), o_0 = tried.texts[i], tried.keys[i], tried.o_0[i]
    k_mean = subject_key(keys[:, None], torch.zeros(len(keys), dtype=torch.long, device=keys.device))
    record = {
        "subject": fact.subject, "prompt": fact.prompt, "target": fact.target_new, "target_ids": texts.target,
        "positions": texts.last[: texts.contexts], "kept": [(text.text, place) for text, place in texts.kept],
        "losses": losses, "delta": float((v_star - o_0).norm() / o_0.norm()),
    }  # fmt: skip
    return Pair(k_mean, k_prompt, v_star, o_0, record)
