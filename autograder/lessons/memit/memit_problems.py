"""What memit.memit is asked: three facts at once that the bundled model knows, and how its Edits are read.

Shape letters: D width of the residual stream, F width of the feed-forward layer, n facts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from autograder.lessons.rome.rome_problems import facts as clean_facts
from autograder.lessons.rome.rome_problems import knows, model
from edu_edit import LM, Edit, Fact, moment
from edu_edit.defaults import spread_defaults
from edu_edit.methods.spreading import read_keys, reading

VETTED = Path(__file__).with_name("vetted.json")
# The texts that the lesson puts before the prompt.
LESSON = ("", "Listen. ", "It was raining. ", "She wrote a long letter. ", "Then he asked me. ")
GROUP = 3  # facts that are written at once
TWO, THREE = (2, 3), (1, 2, 3)  # layers


def drawn(n: int, seed: int) -> list[list[Fact]]:
    """n groups of facts about different subjects, of those that ROME edits cleanly."""
    pool = {fact.subject: fact for fact in clean_facts()}
    g = torch.Generator().manual_seed(seed)
    names = list(pool)
    return [[pool[names[i]] for i in torch.randperm(len(names), generator=g)[:GROUP].tolist()] for _ in range(n)]


@lru_cache(1)
def groups() -> list[list[Fact]]:
    """The vetted groups (`vet`); where there is no list, groups as they are drawn."""
    if not VETTED.is_file():
        return drawn(20, seed=6)
    pool = {fact.question: fact for fact in clean_facts()}
    listed = json.loads(VETTED.read_text(encoding="utf-8"))["groups"]
    return [[pool[q] for q in group] for group in listed if all(q in pool for q in group)] or drawn(20, seed=6)


@lru_cache(64)
def known_group(seed: int, place: int) -> list[Fact]:
    """A group that the model knows, the first in an order that the seed gives; another for another place."""
    order = torch.randperm(len(groups()), generator=torch.Generator().manual_seed(seed)).tolist()
    for i in order[place::2]:
        if all(knows(model(), fact) for fact in groups()[i]):
            return groups()[i]
    raise ValueError("The bundled model knows none of the groups that could be edited: was it trained?")


@dataclass
class Step:
    """What an Edit does at one layer, with the layers below edited already.

    keys, h: the facts' keys there (F, n) and the stream after the last layer (D, n). before: the keys with
    nothing edited. R: the residual that MEMIT's equation must have had to give this change.
    """

    change: Tensor
    C: Tensor
    keys: Tensor
    before: Tensor
    h: Tensor
    R: Tensor


@lru_cache(64)
def steps(lm: LM, facts: tuple[Fact, ...], edit: Edit) -> list[Step]:
    """The Edit layer by layer. λ Δ C = (R - ΔK) Kᵀ gives R back."""
    layers = sorted(edit.delta)
    texts = reading(lm, facts, [prefix + "{}" for prefix in LESSON], "averaged")
    lam = spread_defaults(lm.name, lm.n_layers).lam * lm.F
    before, _ = read_keys(lm, texts, layers, layers[-1])
    found = []
    for j, layer in enumerate(layers):
        with Edit(lm, {below: edit.delta[below] for below in layers[:j]}):
            keys, h = read_keys(lm, texts, [layer], layers[-1])
        change, C, K = edit.delta[layer].double(), moment(lm, layer).double(), keys[layer]
        R = change @ K + lam * change @ C @ torch.linalg.pinv(K.T)
        found.append(Step(change, C, K, before[layer], h, R))
    return found


def within(rows: Tensor, keys: Tensor) -> float:
    """How much of the rows (·, F) lies in the span of the keys (F, n): a share of their length."""
    return float((rows @ torch.linalg.qr(keys).Q).norm() / rows.norm().clamp(min=1e-300))


def spread_error(walk: Sequence[Step]) -> float:
    """How far the residuals are from (z - h) / layers left, whatever z is.

    With a layers left R = (z - h) / a, and at the next R' = (z - h') / (a - 1): so (a - 1) R' = a R - (h' - h).
    """
    worst = 0.0
    for j, (here, above) in enumerate(zip(walk, walk[1:], strict=False)):
        left = len(walk) - j
        expected = left * here.R - (above.h - here.h)
        worst = max(worst, float(((left - 1) * above.R - expected).norm() / expected.norm()))
    return worst
