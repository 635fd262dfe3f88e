"""Who takes part in a comparison, with the textbook's families of methods (figure 5.4).

External methods add something to the model (a cache, or parameters), internal ones change its weights (by
training, by what an editor has learned, or where the fact is located), and in-context editing changes only
the prompt. Every entry runs with the method's own defaults.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

import edu_edit as ee
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM

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


LINEUP = {
    one.name: one
    for one in (
        _several("FT", TRAINED, lambda lm, facts: ee.finetune(lm, facts, steps=100, until=0.9)),
        Contestant("ROME", LOCATED, lambda lm, fact: ee.rome(lm, fact)),
        Contestant("ROME, mixed keys", LOCATED, lambda lm, fact: ee.rome(lm, fact, key="mixed")),
        Contestant("ROME, C = I", LOCATED, lambda lm, fact: ee.rome(lm, fact, C="identity")),
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


SEQUENCES: dict[str, Steps] = {
    "ROME": one_after_another(lambda lm, fact: ee.rome(lm, fact)),
    "ROME, mixed keys": one_after_another(lambda lm, fact: ee.rome(lm, fact, key="mixed")),
}
