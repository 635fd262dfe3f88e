"""Which Atlas facts a trained editor may learn from, and which are kept for judging it.

Methods that learn to edit (MEND, KE, ENN, SERAC's gate) are judged on subjects that they never saw. The split
is by subject and fixed: a fifth of all subjects is held out, whatever the facts are and in whatever order.
"""

import hashlib
from collections import Counter

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.world.measure.editing import answered, chosen


def held_out(fact: Fact) -> bool:
    """Whether the fact's subject is kept for judging: no trained editor that is shipped has seen it."""
    return hashlib.blake2b(fact.subject.encode(), digest_size=1).digest()[0] < 51  # a fifth of 256


def training_facts() -> list[Fact]:
    """The English Atlas facts about subjects that are not held out."""
    return [fact for fact in load_facts() if not held_out(fact)]


def facts_to_edit(lm: LM, n: int = 60) -> list[Fact]:
    """The facts that methods are compared on: n that the model knows, about subjects that are held out.

    First one of every subject, then a second one, and so on: see `facts_at_once`.
    """
    turns: dict[int, list[Fact]] = {}
    seen: Counter[str] = Counter()
    for fact in answered(lm, among=held_out):
        turns.setdefault(seen[fact.subject], []).append(fact)
        seen[fact.subject] += 1
        if len(turns[0]) == n:
            break
    return [fact for _, turn in sorted(turns.items()) for fact in turn][:n]


def facts_in_sequence(lm: LM, n: int = 300, probes: int = 100) -> tuple[list[Fact], list[str]]:
    """n facts to be edited one after the other, and prompts about other subjects that should not move.

    All are known to the model. The facts are about subjects that are not held out, the prompts about those
    that are.
    """
    known = chosen(lm, len(load_facts()))
    edited = [fact for fact in known if not held_out(fact)][:n]
    return edited, [fact.question for fact in known if held_out(fact)][:probes]


def facts_at_once(lm: LM, n: int = 256) -> list[Fact]:
    """n facts that the model knows, each about another subject: what one batch can hold.

    Prompts that begin with one subject share its key, so two facts about it can't both be written by it.
    """
    of_subject = {fact.subject: fact for fact in reversed(chosen(lm, len(load_facts())))}
    return list(of_subject.values())[:n]
