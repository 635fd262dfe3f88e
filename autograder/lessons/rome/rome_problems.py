"""What rome.rome is asked: facts that the bundled model knows, and the same model with another output bias.

Shape letters: D width of the residual stream, F width of the feed-forward layer.
"""

from __future__ import annotations

import copy
from functools import lru_cache

import torch
from torch import Tensor

from edu_edit import LM, Edit, Fact, load, load_facts, record
from edu_edit.metrics import same_answer
from edu_edit.tokens import encode
from edu_edit.tracing import Site

MODEL = "atlas-gpt2"
SHIFT = 100.0  # added to every entry of b_out: no LayerNorm sees it, but a forgotten bias shows it


@lru_cache(1)
def model() -> LM:
    return load(MODEL)


@lru_cache(1)
def shifted_bias() -> LM:
    """The same function of the prompt with another b_out: LayerNorm takes off what is equal in all D
    entries.
    """
    lm = model()
    shifted = LM(copy.deepcopy(lm.model), lm.tok, lm.name, lm.folder)
    bias = shifted.ffn(shifted.default_layer).b_out
    assert bias is not None
    with torch.no_grad():
        bias += SHIFT
    return shifted


@lru_cache(1)
def facts() -> tuple[Fact, ...]:
    """Facts with enough probes whose prompt goes on after the subject."""
    return tuple(
        fact
        for fact in load_facts()
        if fact.target_true
        and not fact.prompt.endswith("{}")
        and len(fact.paraphrases) >= 2
        and len(fact.neighborhood) >= 3
    )


@lru_cache(64)
def known_fact(seed: int, place: int) -> Fact:
    """A fact that the model knows: the first one in an order that the seed gives; `place` makes the facts
    of a check differ.
    """
    lm, listed = model(), facts()
    order = torch.randperm(len(listed), generator=torch.Generator().manual_seed(seed)).tolist()
    for i in order[place::2]:
        if same_answer(lm.answer(listed[i].question), listed[i].target_true or ""):
            return listed[i]
    raise ValueError(f"{lm.name} knows none of the facts that could be edited: was it trained?")


def subject_key(lm: LM, fact: Fact, layer: int, last: bool = False) -> Tensor:
    """The key (F,) of the plain prompt at the subject's last token, or at the prompt's."""
    at = encode(lm, fact.prompt, fact.subject)
    site = Site("key", layer)
    keys = record(lm, [at.text], [site])[site]
    return keys[0, -1 if last else at.span[1] - 1].double()


def mean_move(edit: Edit, lm: LM, fact: Fact) -> float:
    layer = lm.default_layer
    return float((edit.delta[layer].double() @ subject_key(lm, fact, layer)).mean())
