"""What ike.ike is asked: facts of the bundled model's world, and by brute force the prompts expected."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Generator
from torch.nn.functional import cosine_similarity

from autograder.calls import call
from autograder.claims import Student
from autograder.gates import Refused
from autograder.judgement import Verdict
from autograder.lessons.ike.made_up import sentence
from autograder.lessons.rome.rome_problems import model
from edu_edit import LM, Edit, Fact, load_facts
from edu_edit.methods.demonstrations import embeddings
from edu_edit.metrics import same_answer

__all__ = [
    "ROOM",
    "Problem",
    "demos",
    "drawn",
    "everything",
    "expected",
    "last_block",
    "model",
    "prompts",
    "stubborn",
]

ROOM = 8  # tokens that stay free for the answer
COUNTS = {4: (1, 1, 2), 5: (1, 2, 2), 6: (1, 2, 3), 7: (1, 3, 3), 8: (1, 3, 4), 16: (2, 6, 8), 24: (3, 9, 12)}
Problem = tuple[Fact, list[Fact]]


@lru_cache(1)
def complete() -> tuple[Fact, ...]:
    """Facts that can show every kind, of answers that fit into ROOM, one for each subject."""
    found: dict[str, Fact] = {}
    for fact in load_facts():
        whole = fact.paraphrases and len(fact.neighborhood) >= 2 and fact.target_true
        if whole and max(len(fact.target_new), len(fact.target_true or "")) <= 12:
            found.setdefault(fact.subject, fact)
    return tuple(found.values())


def everything(fact: Fact) -> str:
    """All that a demonstration of this fact could show."""
    return "\n".join(
        [fact.question, fact.target_new, fact.target_true or "", *fact.paraphrases, *fact.neighborhood]
    )


def drawn(g: Generator, n: int) -> Problem:
    """A fact to tell, and n others that say nothing about its subject."""
    order = torch.randperm(len(complete()), generator=g).tolist()
    fact, *others = (complete()[i] for i in order)
    return fact, [one for one in others if fact.subject not in everything(one)][:n]


def demos(lm: LM, fact: Fact, pool: list[Fact], k: int) -> list[str]:
    """The k most similar facts, one similarity at a time, the most similar last, each written by hand."""
    own = embeddings(lm, [sentence(fact.question, fact.target_new)])[0]
    similar = []
    for place, one in enumerate(pool):
        vector = embeddings(lm, [sentence(one.question, one.target_new)])[0]
        similar.append((float(cosine_similarity(own.double(), vector.double(), dim=0)), place))
    best = [pool[place] for _, place in sorted(similar)[len(similar) - min(k, len(pool)) :]]
    copy, update, _ = COUNTS[len(best)]
    texts = []
    for place, one in enumerate(best):
        asked = sentence(one.neighborhood[0], str(one.target_true))
        if place < copy:
            asked = sentence(one.question, one.target_new)
        elif place < copy + update:
            asked = sentence(one.paraphrases[0], one.target_new)
        texts.append(f"New Fact: {sentence(one.question, one.target_new)}\nPrompt: {asked}\n\n")
    return texts


def last_block(fact: Fact, text: str) -> str:
    return f"New Fact: {sentence(fact.question, fact.target_new)}\nPrompt: {text}"


def expected(lm: LM, shown: list[str], fact: Fact, text: str) -> str:
    """The longest prompt that fits: with all demonstrations, without the first, and so on."""
    for first in range(len(shown) + 1):
        prompt = "".join(shown[first:]) + last_block(fact, text)
        if len(lm.tok(prompt, verbose=False)["input_ids"]) + ROOM <= lm.context:
            break
    return prompt


def prompts(student: Student, edit: Edit, texts: list[str]) -> list[str]:
    """What the edit makes of each text; where its rewrite fails, the card says so."""
    found = []
    for text in texts:
        made = call(edit.rewrite, (text,), 0, student.seed)  # type: ignore[arg-type]
        if made.stop is not None:
            said = f"The rewrite of your Edit stopped with {made.stop.kind}: {made.stop.message}"
            raise Refused(Verdict(False, made.stop.kind, "a prompt", said=said))
        if not isinstance(made.value, str):
            said = "The rewrite of your Edit has to give back a text: the prompt that the model reads."
            raise Refused(Verdict(False, type(made.value).__name__, "str", said=said))
        found.append(made.value)
    return found


@lru_cache(32)
def stubborn(seed: int) -> tuple[Fact, list[Fact], str]:
    """A fact that the model goes on denying when it is told, and follows after six demonstrations; its pool;
    and a question about another fact, whose answer both leave alone.
    """
    lm, g = model(), torch.Generator().manual_seed(seed)
    for _ in range(200):
        fact, (other, *pool) = drawn(g, 25)
        asked = [fact.question, last_block(fact, fact.question)]
        told = expected(lm, demos(lm, fact, pool, 6), fact, fact.question)
        aside = expected(lm, demos(lm, fact, pool, 6), fact, other.question)
        plain, bare, shown, before, after = lm.answers([*asked, told, other.question, aside])
        resisted = same_answer(plain, fact.target_true or "") and not same_answer(bare, fact.target_new)
        fits = not same_answer(before, fact.target_new) and fact.target_new != other.target_true
        if resisted and fits and same_answer(shown, fact.target_new) and same_answer(before, after):
            return fact, pool, other.question
    raise ValueError(
        "The bundled model denies no fact that it follows after demonstrations: was it trained?"
    )
