"""ROME: one fact, one rank-one change of one matrix. Meng et al. 2022 (arXiv 2202.05262), textbook section 5.4.3.

The down projection W of an FFN is a linear memory: it gives the value v = W k for the key k. ROME makes it give v_* for
the subject's key k_* and moves what it gives for other keys K as little as possible, (5.19)-(5.20):

    minimise |W' K - V|  subject to  W' k_* = v_*        V = W K
    W' = W + (v_* - W k_*) u^T / (u^T k_*),   u = C^-1 k_*,   C = E[k k^T]        (5.21)

1. k_*, the key at the subject's last token, averaged over prefixes (5.15). 2. v_*, found by optimisation
(5.16)-(5.18). 3. The update. W maps the key alone: an output bias is no part of v_*.
Shapes: N prefixes, T tokens, D model width, F FFN width.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import kept_prompts, prefixes_of
from edu_edit.methods.value import optimise_value, value_loss, value_objective
from edu_edit.moments import moment, second_moment
from edu_edit.tokens import encode, pad_batch, target_ids
from edu_edit.tracing import Site, record

__all__ = ["optimise_value", "rank_one_update", "rome", "second_moment", "subject_key", "value_loss"]

Key = Literal["averaged", "mixed", "prompt"]
Update = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


def subject_key(keys: Float[Tensor, "N T F"], last: Int[Tensor, " N"]) -> Float[Tensor, " F"]:
    """k_*: the mean over prefixes of the key at the subject's last token, token last[j] of text j.

    Equation (5.15).
    """
    return keys[torch.arange(len(keys), device=keys.device), last].mean(0)


def rank_one_update(
    W: Float[Tensor, "D F"], C: Float[Tensor, "F F"], k_star: Float[Tensor, " F"], v_star: Float[Tensor, " D"]
) -> Float[Tensor, "D F"]:
    """The change of W that sends k_* to v_* and old keys as little astray as possible.

    Equation (5.21): (v_* - W k_*) u^T / (u^T k_*) with u = C^-1 k_*. v_star is for W k alone, the output bias taken off.
    Solved in float64, rounded once to W's dtype. Raises ValueError for a singular C or a k_star of zeros.
    """
    k = k_star.double()
    u = solve_moment(C, k)
    return (torch.outer(v_star.double() - W.double() @ k, u) / (u @ k)).to(W.dtype)


def solve_moment(C: Float[Tensor, "F F"], k: Float[Tensor, " F"]) -> Float[Tensor, " F"]:
    """u = C^-1 k by Cholesky's factors, C being symmetric and positive. Raises ValueError where C or k allows no answer."""
    factor, failed = torch.linalg.cholesky_ex(C.double())
    pivots = factor.diagonal() ** 2
    if failed or not bool(pivots.min() > len(C) * torch.finfo(pivots.dtype).eps * pivots.max()):
        raise ValueError(f"The second moment C {tuple(C.shape)} is singular: collect it over more tokens than it has rows.")
    if not k.any():
        raise ValueError("The key k_star is zero, so no change of W can reach it: choose another layer or prompt.")
    return torch.cholesky_solve(k[:, None].double(), factor)[:, 0]


def rome(
    lm: LM,
    fact: Fact | Sequence[Fact],
    layer: int | None = None,
    C: Float[Tensor, "F F"] | Literal["identity"] | None = None,
    prefixes: int | Sequence[str] = 10,
    kl: float | None = None,
    wd: float | None = None,
    steps: int | None = None,
    lr: float | None = None,
    clamp: float | None = None,
    key: Key = "averaged",
    keep: Literal["essence", "questions"] | Sequence[str] = "essence",
    update: Update = rank_one_update,
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that makes the model answer `fact.target_new`; several facts are written one after the other.

    layer, kl, wd, steps, lr, clamp: None = the model's own value, from the table in `defaults`. C: None = the model's
    second moment, "identity" = I (most released configurations; L2 is lost), or a tensor. prefixes: a number n = no prefix
    and n that the model writes with `generator`, or a list as it is. key: "averaged" = the mean key everywhere, "prompt" =
    the plain prompt's key everywhere, "mixed" = the mean key in C^-1 k and the plain one elsewhere, as released code has
    it. keep: what the KL term keeps, see `kept_prompts`. update: `rank_one_update`, or your own.
    The model stays as it is. Raises ValueError for a layer, moment, prefix, key or prompt that can't be used.
    """
    began = time.perf_counter()
    facts = [fact] if isinstance(fact, Fact) else list(fact)
    if key not in ("averaged", "mixed", "prompt"):
        raise ValueError(f"key={key!r}: choose 'averaged', 'mixed' or 'prompt'.")
    if not facts:
        raise ValueError("There is no fact to write: give a Fact, or a list of them.")
    own = defaults(lm.name, lm.n_layers)
    layer = lm.checked(own.layer if layer is None else layer)
    given = {"kl": kl, "wd": wd, "steps": steps, "lr": lr, "clamp": clamp}
    settings = {name: getattr(own, name) if value is None else value for name, value in given.items()}
    moments = _moment(lm, layer, C)
    texts = prefixes_of(lm, prefixes, generator)
    total = torch.zeros(lm.D, lm.F, dtype=torch.float64, device=moments.device)
    written = []
    for one in facts:
        with Edit(lm, {layer: total}):  # what the facts before have changed
            change, about = _write(lm, one, layer, moments, texts, settings, key, keep, update)
        total = total + change
        written.append(about)
    about = {"method": "rome", "layer": layer, "key": key, "prefixes": texts, **settings, "facts": written}
    about |= {"seed": generator.initial_seed() if generator else None, "moment": _hash(moments)}
    return Edit(lm, {layer: total}, seconds=time.perf_counter() - began, record=about)


def _write(
    lm: LM, fact: Fact, layer: int, C: Tensor, prefixes: Sequence[str], settings: dict[str, Any], key: Key,
    keep: str | Sequence[str], update: Update,
) -> tuple[Float[Tensor, "D F"], dict[str, Any]]:  # fmt: skip
    """The change that writes one fact, in float64, and its record."""
    plain = encode(lm, fact.prompt, fact.subject)
    target = target_ids(lm, fact.target_new, plain.text)
    last = plain.span[1] - 1
    ids, mask = pad_batch([plain.ids], lm.pad_id)
    key_site, out_site = Site("key", layer, last), Site("mlp", layer, last)
    seen = record(lm, (ids.to(lm.device), mask.to(lm.device)), [key_site, out_site])
    k_plain, o_0 = seen[key_site][0].double(), seen[out_site][0].float()
    contexts = [encode(lm, fact.prompt, fact.subject, prefix) for prefix in prefixes]
    kept = kept_prompts(lm, fact, keep)
    keys, loss_of = value_objective(lm, layer, contexts, kept, target, o_0, settings["kl"], settings["wd"])
    k_mean = subject_key(keys[:, None], torch.zeros(len(keys), dtype=torch.long, device=keys.device)).double()
    losses: list[float] = []

    def watched(v: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        loss = loss_of(v)
        losses.append(loss.item())
        return loss

    v_star = optimise_value(watched, o_0, settings["steps"], settings["lr"], settings["clamp"])
    ffn = lm.ffn(layer)
    W = ffn.W_out.detach().double()
    v = v_star.double() - (0 if ffn.b_out is None else ffn.b_out.detach().double())
    if key == "mixed":  # update at the mean key by what the plain key lacks, then stretch until the plain key has it
        lacking = v - W @ k_plain
        change = update(W, C, k_mean, W @ k_mean + lacking)
        change = change * (lacking @ lacking) / (lacking @ (change @ k_plain))
    else:
        change = update(W, C, k_mean if key == "averaged" else k_plain, v)
    about = {
        "subject": fact.subject, "prompt": fact.prompt, "target": fact.target_new, "target_ids": list(target),
        "positions": [text.span[1] - 1 for text in contexts], "kept": [(text.text, read) for text, read in kept],
        "losses": losses, "delta_norm": float((v_star - o_0).norm() / o_0.norm()),
    }  # fmt: skip
    return change.double(), about


def _moment(lm: LM, layer: int, C: Tensor | str | None) -> Float[Tensor, "F F"]:
    if isinstance(C, str) and C == "identity":
        C = torch.eye(lm.F)
    C = moment(lm, layer) if C is None else C
    if not isinstance(C, Tensor) or C.shape != (lm.F, lm.F) or not bool(C.isfinite().all()):
        found = tuple(C.shape) if isinstance(C, Tensor) else repr(C)
        raise ValueError(f"C is {found}: give None, 'identity', or a finite tensor of shape ({lm.F}, {lm.F}).")
    return C.to(lm.ffn(layer).W_out.device).double()


def _hash(C: Tensor) -> str:
    """What names the statistics in the record: a hash of the moment that was used."""
    return hashlib.blake2b(C.cpu().numpy().tobytes(), digest_size=16).hexdigest()
