"""The training of a fact's patches: what is read from the model, and the updates.

Huang et al. 2023 (T-Patcher) section 3.3, textbook (5.8)-(5.14). A patch in the last layer changes neither
its own layer's queries nor anything below, so queries and stream are read once. The answer's tokens then come
from the final norm and the unembedding alone, and greedy decoding gives the whole target exactly when each of
its tokens is the most probable one while the tokens before it are fed in.
Shapes: N contexts, n tokens of an answer, T = n + 1, R patches, m and p remembered queries, D model width.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.forcing import forced
from edu_edit.lm import LM
from edu_edit.methods.patch_losses import Form, loss_terms, patch_loss
from edu_edit.methods.side_neurons import Activation, SideNeurons, none
from edu_edit.replay import unembed
from edu_edit.tracing import Site, record

ROWS = 64  # texts read at once
MOST = 5  # patches for one fact
CHECK = 25  # updates between two looks at the answer
IMPROVES = 1e-3  # by less, the loss on unseen memory has stopped to improve
ROUNDS = 3  # of training, where tokens that were right have become wrong
CHECKED = 4  # every fourth remembered query is not trained on
AMPLIFIER = 10.0  # of random values, in released code


@dataclass(frozen=True)
class Asked:
    """A fact's answer fed in behind N contexts: queries q and stream h where its n tokens are predicted.

    One column more is for the answer's last token, behind which the text is to go on as it would. start: the
    position of the answer's first token in the first context.
    """

    q: Float[Tensor, "N T D"]
    h: Float[Tensor, "N T D"]
    target: Int[Tensor, " n"]
    start: int


@dataclass(frozen=True)
class Training:
    """How patches are trained: the arguments of `tpatcher` of the same names."""

    form: Form
    steps: int
    lr: float
    a: float
    m: float
    beta: float
    gamma: float
    value: str


@torch.no_grad()
def ask(lm: LM, facts: Sequence[Fact], templates: Sequence[str]) -> list[Asked]:
    """Read each fact's answer behind its question in every template, many facts in one batch."""
    query, resid = Site("query", lm.n_layers - 1), Site("resid", lm.n_layers - 1)
    out = []
    together = max(1, ROWS // len(templates))
    for first in range(0, len(facts), together):
        some = facts[first : first + together]
        pairs = [(text.replace("{}", fact.question), fact.target_new) for fact in some for text in templates]
        ids, mask, wanted, starts = forced(lm, pairs)
        found = record(lm, (ids, mask), [query, resid])
        for begin in range(0, len(pairs), len(templates)):
            rows = slice(begin, begin + len(templates))
            lengths = wanted[rows].sum(1)
            n = int(lengths[0])
            if bool((lengths != n).any()):
                raise ValueError(
                    f"The answer to {pairs[begin][0]!r} has other tokens in other contexts: end them alike."
                )
            columns = starts[rows, None] - 1 + torch.arange(n + 1, device=starts.device)
            q, h = (
                found[site][rows].gather(1, columns[..., None].expand(-1, -1, lm.D)).float()
                for site in (query, resid)
            )
            start = int(starts[begin])
            out.append(Asked(q, h, ids[begin, start : start + n], start))
    return out


@torch.no_grad()
def predicted(lm: LM, h: Float[Tensor, "N n D"]) -> Int[Tensor, "N n"]:
    """The most probable next tokens for states of the last layer's output."""
    return unembed(lm, h.to(lm.W_U.dtype)).argmax(-1)


def tokens_to_patch(pred: Int[Tensor, " Ty"], target: Int[Tensor, " Ty"], start: int) -> list[int]:
    """The positions whose prediction has to change: start - 1 + i for each answer token i predicted wrongly.

    pred: what the model says while the answer `target` is fed in. start: the position of the answer's first
    token, which is predicted one earlier. At most 5, the first ones.
    """
    return [start - 1 + i for i in (pred != target).nonzero()[:, 0].tolist()[:MOST]]


def train_patches(
    lm: LM,
    asked: Asked,
    M: Float[Tensor, "m D"],
    own: Float[Tensor, "p D"],
    earlier: SideNeurons,
    how: Training,
    generator: torch.Generator | None,
) -> tuple[SideNeurons, dict[str, Any]]:
    """The patches that make the model, with the earlier ones in it, give this answer; and their record.

    M: remembered queries, of which a quarter is not trained on but watched. own: more, from answers.

    Trains until all tokens of the answer are right and the loss on unseen memory stops to improve, or for
    `how.steps` updates. Tokens that were right and become wrong get a patch, too, and all are trained again.
    """
    base = asked.h + earlier.said(asked.q)
    said = predicted(lm, base)[:, -1:]  # what follows the answer, without the patches to come
    target = torch.cat([asked.target.to(said.device).expand(len(said), -1), said], dim=1)
    fresh = none(lm.D, earlier.act, base)
    positions: list[int] = []
    about: dict[str, Any] = {"updates": 0}
    for _ in range(ROUNDS):
        pred = predicted(lm, base[:1] + fresh.said(asked.q[:1]))[0, :-1]
        wrong = tokens_to_patch(pred, target[0, :-1], asked.start)
        more = [t for t in wrong if t not in positions][: MOST - len(positions)]
        if not more:
            break
        positions += more
        fresh, last = _trained(lm, asked, base, target, positions, (M, own), earlier.act, how, generator)
        about = last | {"updates": about["updates"] + last["updates"]}
    return fresh, about | {"positions": positions, "right": not wrong}


def _trained(
    lm: LM,
    asked: Asked,
    base: Float[Tensor, "N T D"],
    target: Int[Tensor, "N T"],
    positions: Sequence[int],
    memory: tuple[Tensor, Tensor],
    act: Activation,
    how: Training,
    generator: torch.Generator | None,
) -> tuple[SideNeurons, dict[str, Any]]:
    q_e = asked.q[:, [t - asked.start + 1 for t in positions]]
    M, own = memory
    unseen = torch.arange(len(M), device=M.device) % CHECKED == CHECKED - 1
    train, check = torch.cat([M[~unseen], own]), M[unseen] if bool(unseen.any()) else M
    k = (q_e[0] / q_e[0].square().sum(-1, keepdim=True)).clone()  # a pre-activation of exactly 1
    b, v = torch.zeros_like(k[:, 0]), torch.zeros_like(k)
    amplifier = torch.ones_like(k)
    if how.value == "random":
        v, amplifier = torch.randn(v.shape, generator=generator).to(v), AMPLIFIER * amplifier
    # In these units an update moves a pre-activation by about lr, a value by lr times the stream's length.
    units = [1 / float(q_e.abs().sum(-1).mean()), 1.0, float(base.norm(dim=-1).mean()) / lm.D**0.5]
    trained = [k, b, v, amplifier][: 4 if how.value == "random" else 3]
    rates = [how.lr * unit for unit in (*units, units[-1])]
    adam = torch.optim.Adam([{"params": [x], "lr": rate} for x, rate in zip(trained, rates, strict=False)])
    for x in trained:
        x.requires_grad_()
    losses: list[list[float]] = []
    before = float("inf")
    with torch.enable_grad():
        for step in range(how.steps + 1):
            side = SideNeurons(k, b, v * amplifier, act)
            logits = unembed(lm, (base + side.said(asked.q)).to(lm.W_U.dtype)).float()
            l_e = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten())
            terms = (l_e.to(k.device), *loss_terms(how.form, q_e, train, k, b, how.beta, how.gamma))
            losses.append([float(term.detach()) for term in terms])
            if step % CHECK == 0 and step > 0:
                right = bool((logits[0].argmax(-1) == target[0]).all())
                unseen_losses = loss_terms(how.form, q_e, check, k, b, how.beta, how.gamma)[1:]
                now = sum(float(loss.detach()) for loss in unseen_losses)
                if right and now > before - IMPROVES:
                    break
                before = now
            if step == how.steps:
                break
            grads = torch.autograd.grad(patch_loss(*terms, how.a, how.m), trained)
            for x, grad in zip(trained, grads, strict=True):
                x.grad = grad
            adam.step()
    side = SideNeurons(k.detach(), b.detach(), (v * amplifier).detach(), act)
    return side, {"updates": len(losses) - 1, "losses": losses, "own": (q_e[0] * side.k).sum(-1) + side.b,
                  "remembered": float((torch.cat(memory) @ side.k.T + side.b).max())}  # fmt: skip
