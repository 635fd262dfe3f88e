"""What rome.rome is asked: facts that the bundled model knows, and the same model with another output bias.

Shape letters: D width of the residual stream, F width of the feed-forward layer.
"""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from edu_edit import LM, Edit, Fact, load, load_facts, moment, record
from edu_edit.metrics import same_answer
from edu_edit.tokens import encode
from edu_edit.tracing import Site

MODEL = "atlas-gpt2"
VETTED = Path(__file__).with_name("vetted.json")
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
    """Facts with enough probes whose prompt goes on after the subject; of these, the vetted ones (`vet`)."""
    fit = tuple(fact for fact in load_facts() if suitable(fact))
    questions = (
        set(json.loads(VETTED.read_text(encoding="utf-8"))["questions"]) if VETTED.is_file() else set()
    )
    return tuple(fact for fact in fit if fact.question in questions) or fit


def suitable(fact: Fact) -> bool:
    probes = len(fact.paraphrases) >= 2 and len(fact.neighborhood) >= 3
    return probes and fact.target_true is not None and not fact.prompt.endswith("{}")


def knows(lm: LM, fact: Fact) -> bool:
    """Whether the unedited model answers with the true object."""
    return same_answer(lm.answer(fact.question), fact.target_true or "")


@lru_cache(64)
def known_fact(seed: int, place: int) -> Fact:
    """A fact that the model knows, the first in an order that the seed gives; another for another place."""
    order = torch.randperm(len(facts()), generator=torch.Generator().manual_seed(seed)).tolist()
    for i in order[place::2]:
        if knows(model(), facts()[i]):
            return facts()[i]
    raise ValueError(f"{MODEL} knows none of the facts that could be edited: was it trained?")


def subject_key(lm: LM, fact: Fact, layer: int, last: bool = False) -> Tensor:
    """The key (F,) of the plain prompt at the subject's last token, or at the prompt's."""
    at = encode(lm, fact.prompt, fact.subject)
    site = Site("key", layer)
    keys = record(lm, [at.text], [site])[site]
    return keys[0, -1 if last else at.span[1] - 1].double()


def mean_move(edit: Edit, lm: LM, fact: Fact) -> float:
    layer = lm.default_layer
    return float((edit.delta[layer].double() @ subject_key(lm, fact, layer)).mean())


def likeness(lm: LM, fact: Fact, layer: int, edit: Edit) -> tuple[float, float]:
    """How much the subject's key looks like Δ's row vector u, and like C u: two cosines."""
    u = torch.linalg.svd(edit.delta[layer].double(), full_matrices=False).Vh[0]
    key, C = subject_key(lm, fact, layer), moment(lm, layer).double()
    return tuple(float((x @ key).abs() / (x.norm() * key.norm())) for x in (u, C @ u))  # type: ignore[return-value]
