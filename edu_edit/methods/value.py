"""The pair (k_*, v_*) that ROME writes: the subject's key, and what the FFN must answer to it.

Meng et al. 2022 (ROME) section 3.1, textbook (5.15)-(5.18). k_* is the key at the subject's last token,
averaged over prefixes x_j. v = o_0 + delta takes the place of the FFN's output o_0 there, and delta minimises

    L(delta) = - 1/N sum_j 1/n sum_i log P_delta(o_i | x_j + p, o_<i)     the new answer's n tokens (5.16)
               + kl KL(P_delta(. | p') || P_0(. | p'))                    what else it thinks of it (5.17)
               + wd |delta| / |o_0|^2                                     the released code's decay

by Adam in a ball, stopping at .05. The same delta is added in every prompt. Released MEMIT searches at the
block's output instead (`Search.site` "resid"): o_0 is then the stream there, and v what it is to become.
Shapes: N prefixes, K kept prompts, R = N + K rows, T tokens, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import aligned, kept_prompts
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.tokens import encode, target_ids
from edu_edit.tracing import Site

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

    Equations (5.16)-(5.18); several kept prompts count by their mean. logp_target: mean over the answer's
    tokens.
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
            if loss.item() < LOW_ENOUGH:
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

    v_star is the FFN's whole output, an output bias included, or the block's (`Search.site`). record: texts,
    positions, and all losses.
    """

    k_mean: Float[Tensor, " F"]
    k_prompt: Float[Tensor, " F"]
    v_star: Float[Tensor, " D"]
    record: dict[str, Any]


def find_pair(
    lm: LM, fact: Fact, layer: int, templates: Sequence[str], keep: str | Sequence[str], search: Search
) -> Pair:
    """The key and the value that write `fact` into `layer`, at the price of the blocks above the layer.

    templates: texts with `{}` where the prompt goes. keep: see `kept_prompts`. Rows are aligned at the
    subject's last token. Before it nothing changes, so one forward pass is kept, every evaluation replays
    only the tokens from there on, and logits are computed only where they are read. The losses end with that
    of v_star.
    """
    contexts = [encode(lm, template.replace("{}", fact.prompt), fact.subject) for template in templates]
    kept = kept_prompts(lm, fact, keep)
    plain = encode(lm, fact.prompt, fact.subject)
    target = target_ids(lm, fact.target_new, plain.text)
    rows = [text.ids + target[:-1] for text in contexts] + [text.ids[: read + 1] for text, read in kept]
    last = [text.span[1] - 1 for text in (*contexts, *(text for text, _ in kept), plain)]
    ids, mask, start = aligned([*rows, plain.ids], last, lm.pad_id)
    sites = [Site("key", layer), Site("mlp", layer), Site("resid", layer)]
    run = keep_run(lm, ids.to(lm.device), mask.to(lm.device), sites)
    keys, outputs, stream = (run.sites[site][:, start:] for site in sites)
    o_0 = (outputs if search.site == "mlp" else stream)[-1, 0].float()
    N, n = len(contexts), len(target)
    read = [(i, len(rows[i]) - 1 - last[i] - j) for i in range(N) for j in reversed(range(n))]
    read += [(i, len(rows[i]) - 1 - last[i]) for i in range(N, len(rows))]
    at, column = torch.tensor(read).T
    old = run.logits[at[N * n :], start + column[N * n :]].float()
    answer = torch.tensor(target * N, device=old.device)[:, None]
    run = run.rows(slice(len(rows)))  # without the plain prompt
    losses: list[float] = []

    def loss_of(v: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        delta = v - o_0
        h = torch.cat([stream[:-1, :1] + delta.to(stream.dtype), stream[:-1, 1:]], dim=1)
        for above in range(layer + 1, lm.n_layers):
            h = replay(lm, run, above, h, start)
        logits = unembed(lm, h[at, column]).float()
        logp = logits[: N * n].log_softmax(-1).gather(1, answer).view(N, n).mean(1)
        loss: Tensor = value_loss(logp, logits[N * n :], old, search.kl).to(delta.device)
        loss = loss + search.wd * delta.norm() / o_0.norm() ** 2
        losses.append(loss.item())
        return loss

    v_star = optimise_value(loss_of, o_0, search.steps, search.lr, search.clamp)
    if not losses or losses[-1] >= LOW_ENOUGH:  # the search ended on an update, which is not judged yet
        with torch.no_grad():
            loss_of(v_star)
    k_mean = subject_key(keys[:N], torch.zeros(N, dtype=torch.long, device=keys.device))
    record = {
        "subject": fact.subject, "prompt": fact.prompt, "target": fact.target_new, "target_ids": target,
        "positions": last[:N], "kept": [(text.text, place) for text, place in kept], "losses": losses,
        "delta": float((v_star - o_0).norm() / o_0.norm()),
    }  # fmt: skip
    return Pair(k_mean, keys[-1, 0], v_star, record)
