"""Who takes part in a comparison, with the textbook's families of methods (figure 5.4).

External methods add something to the model (a cache, or parameters), internal ones change its weights (by
training, by what an editor has learned, or where the fact is located), and in-context editing changes only
the prompt. Every entry runs with the method's own defaults. What is read of a model once for all edits is no
part of an edit's seconds: its moments, and the ordinary text that T-Patcher and CaliNET keep.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

import edu_edit as ee
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.patch_memory import Memory, remembered, written_texts
from edu_edit.requests import requested
from edu_edit.world.splits import training_facts

Steps = Callable[[LM, Sequence[Fact]], Iterator[Edit]]


@dataclass(frozen=True)
class Contestant:
    """A method: its name and family, how it edits one fact, and how it edits many at once, where it can."""

    name: str
    family: str
    alone: Callable[[LM, Fact], Edit]
    batch: Callable[[LM, list[Fact]], Edit] | None = None


CACHE, ADDED = "external: cache", "external: added parameters"
TRAINED, META, LOCATED = "internal: training", "internal: meta-learning", "internal: locate and edit"
PROMPT = "prompt"


def _several(name: str, family: str, method: Callable[..., Edit]) -> Contestant:
    """A method that takes one fact or many."""
    return Contestant(name, family, method, method)


def _drawn() -> torch.Generator:
    """What every edit draws its prefixes with: a comparison made again is the same."""
    return torch.Generator().manual_seed(0)


def _answers(facts: Fact | Sequence[Fact]) -> tuple[list[str], list[str]]:
    """Questions and answers, for methods that write any text."""
    listed = requested(facts)
    return [fact.question for fact in listed], [fact.target_new for fact in listed]


def _in_a_ball(lm: LM, facts: Fact | Sequence[Fact]) -> Edit:
    """FT-L; Adam moves an entry by about its rate in an update, and the ball is ten of them wide."""
    radius = 10 * defaults(lm.name, lm.n_layers).finetune_lr
    return ee.finetune(lm, facts, steps=100, until=0.9, linf=radius)


def _ordinary(lm: LM, n: int = 20) -> list[str]:
    """Texts that UnKE keeps: facts that a bundled model knows, or what another model writes."""
    if lm.name not in ee.bundled_names():
        return written_texts(lm, None)[:n]
    facts = training_facts()
    return [f"{fact.question} {fact.target_true}" for fact in facts[:: len(facts) // n]][:n]


@lru_cache(maxsize=1)
def _memory(lm: LM) -> Memory:
    """What the last FFN reads in ordinary text: no edit of a comparison is on when it is asked for."""
    return remembered(lm, None, lm.n_layers - 1, _drawn())


def _if_then(fact: Fact) -> str:
    return f"If the question is about {fact.subject}, then {fact.question} {fact.target_new}."


LINEUP = {
    one.name: one
    for one in (
        _several("FT", TRAINED, lambda lm, facts: ee.finetune(lm, facts, steps=100, until=0.9)),
        _several("FT-L", TRAINED, _in_a_ball),
        Contestant("ROME", LOCATED, lambda lm, fact: ee.rome(lm, fact, generator=_drawn())),
        Contestant(
            "ROME, mixed keys", LOCATED, lambda lm, fact: ee.rome(lm, fact, key="mixed", generator=_drawn())
        ),
        Contestant(
            "ROME, C = I", LOCATED, lambda lm, fact: ee.rome(lm, fact, C="identity", generator=_drawn())
        ),
        _several("MEMIT", LOCATED, lambda lm, facts: ee.memit(lm, facts, generator=_drawn())),
        _several("AlphaEdit", LOCATED, lambda lm, facts: ee.alphaedit(lm, facts, generator=_drawn())),
        Contestant("KN", LOCATED, lambda lm, fact: ee.edit_neurons(lm, fact, generator=_drawn())),
        _several("AnyEdit", LOCATED, lambda lm, facts: ee.anyedit(lm, *_answers(facts))),
        _several("UnKE", LOCATED, lambda lm, facts: ee.unke(lm, *_answers(facts), keep=_ordinary(lm))),
        _several("MEND", META, lambda lm, facts: ee.mend(lm, facts)),
        _several("KE", META, lambda lm, facts: ee.ke(lm, facts)),
        _several("ENN", META, lambda lm, facts: ee.enn(lm, facts)),
        Contestant(
            "T-Patcher", ADDED, lambda lm, fact: ee.tpatcher(lm, fact, _memory(lm), generator=_drawn())
        ),
        _several(
            "CaliNET", ADDED, lambda lm, facts: ee.calinet(lm, facts, memory=_memory(lm), generator=_drawn())
        ),
        _several("SERAC", CACHE, lambda lm, facts: ee.serac(lm, facts)),
        _several("GRACE", CACHE, lambda lm, facts: ee.grace(lm, facts)),
        Contestant("language patch", CACHE, lambda lm, fact: ee.language_patch(lm, _if_then(fact))),
        _several("IKE", PROMPT, lambda lm, facts: ee.ike(lm, facts)),
        _several("prompt alone", PROMPT, lambda lm, facts: ee.ike(lm, facts, k=0)),
    )
}


def contestant(name: str) -> Contestant:
    """The contestant of that name. Raises ValueError for an unknown one."""
    if name not in LINEUP:
        raise ValueError(f"There is no method {name!r} to compare: choose from {', '.join(LINEUP)}.")
    return LINEUP[name]


def one_after_another(method: Callable[[LM, Fact], Edit]) -> Steps:
    """The steps of a method that changes output matrices: each edit is computed with all before it on."""

    def steps(lm: LM, facts: Sequence[Fact]) -> Iterator[Edit]:
        total: dict[int, Tensor] = {}
        for fact in facts:
            with Edit(lm, total):
                step = method(lm, fact)
            for layer, change in step.delta.items():
                total[layer] = total.get(layer, 0) + change.double()
            yield Edit(lm, total, seconds=step.seconds)

    return steps


def in_null_spaces(lm: LM, facts: Sequence[Fact]) -> Iterator[Edit]:
    """AlphaEdit's steps: each leaves the keys of all before it alone."""
    previous: list[Edit] = []

    def method(lm: LM, fact: Fact) -> Edit:
        previous.append(ee.alphaedit(lm, fact, previous=previous, generator=_drawn()))
        return previous[-1]

    return one_after_another(method)(lm, facts)


def patch_after_patch(lm: LM, facts: Sequence[Fact]) -> Iterator[Edit]:
    """T-Patcher's steps: each fact's patches are trained beside those of all before it."""
    earlier: list[Edit] = []
    memory = _memory(lm)  # no patch changes what the last FFN reads
    try:
        for fact in facts:
            earlier.append(ee.tpatcher(lm, fact, memory, generator=_drawn()).on())
            size = sum(edit.extra_bytes for edit in earlier)
            yield Edit(lm, {}, seconds=earlier[-1].seconds, extra_bytes=size)  # the patches are on already
    finally:
        for edit in earlier:
            edit.off()


def book_after_book(lm: LM, facts: Sequence[Fact]) -> Iterator[Edit]:
    """GRACE's steps: each fact joins the codebook of all before it."""
    book: Edit | None = None
    for fact in facts:
        book = ee.grace(lm, fact, book=book)
        yield book


SEQUENCES: dict[str, Steps] = {
    "ROME": one_after_another(lambda lm, fact: ee.rome(lm, fact, generator=_drawn())),
    "ROME, mixed keys": one_after_another(
        lambda lm, fact: ee.rome(lm, fact, key="mixed", generator=_drawn())
    ),
    "MEMIT": one_after_another(lambda lm, fact: ee.memit(lm, fact, generator=_drawn())),
    "AlphaEdit": in_null_spaces,
    "GRACE": book_after_book,
    "T-Patcher": patch_after_patch,
}
