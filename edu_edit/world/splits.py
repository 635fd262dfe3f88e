"""Which Atlas facts a trained editor may learn from, and which are kept for judging it.

Methods that learn to edit (MEND, KE, ENN, SERAC's gate) are judged on subjects that they never saw. The split
is by subject and fixed: a fifth of all subjects is held out, whatever the facts are and in whatever order.
"""

import hashlib

from edu_edit.facts import Fact, load_facts


def held_out(fact: Fact) -> bool:
    """Whether the fact's subject is kept for judging: no trained editor that is shipped has seen it."""
    return hashlib.blake2b(fact.subject.encode(), digest_size=1).digest()[0] < 51  # a fifth of 256


def training_facts() -> list[Fact]:
    """The English Atlas facts about subjects that are not held out."""
    return [fact for fact in load_facts() if not held_out(fact)]
