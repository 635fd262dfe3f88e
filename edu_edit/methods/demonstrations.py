"""Demonstrations of how to treat a new fact: how they read, how many of each kind, and which facts they show.

Zheng et al. 2023 (IKE, arXiv 2305.12740), lesson 10. A demonstration is a new fact and a prompt with its
answer, of one of three kinds: *copy* asks the prompt told, *update* a paraphrase, *retain* a neighbour, which
keeps its old answer. The facts shown are those most similar to the one that is to be told.
Shapes: n pool entries, d width of embeddings.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.loading import bundled_names
from edu_edit.tokens import spaced

KINDS = ("copy", "update", "retain")


def ike_prompt(demos: Sequence[str], new_fact: str, question: str) -> str:
    """The whole prompt: the demonstrations, the new fact as a sentence, and the question, without a blank
    behind it.
    """
    return "".join(demos) + f"New Fact: {new_fact}\nPrompt: {question}"


def demonstration(kind: str, fact: Fact) -> str:
    """One demonstration of a kind, byte for byte as released; its last line is blank.

    "copy": the prompt told, "update": the fact's first paraphrase, "retain": its first neighbour with the
    answer that stays, `target_true`. Raises ValueError for another kind, and for a fact that lacks the field.
    """
    if kind not in KINDS:
        raise ValueError(f"kind={kind!r}: the kinds of demonstration are {', '.join(KINDS)}.")
    if not _shows(kind, fact):
        lacking = {"update": "paraphrases", "retain": "neighborhood or no target_true"}[kind]
        raise ValueError(f"The fact about {fact.subject} has no {lacking}: it can't show {kind!r}.")
    asked, answer = {
        "copy": (fact.question, fact.target_new),
        "update": (*fact.paraphrases[:1], fact.target_new),
        "retain": (*fact.neighborhood[:1], fact.target_true),
    }[kind]
    return f"{ike_prompt([], told(fact), str(asked))}{spaced(str(asked), str(answer))}\n\n"


def told(fact: Fact) -> str:
    """The new fact as a sentence: its prompt and its new answer."""
    return fact.question + spaced(fact.question, fact.target_new)


def _shows(kind: str, fact: Fact) -> bool:
    needed = {"copy": True, "update": fact.paraphrases, "retain": fact.neighborhood and fact.target_true}
    return bool(needed[kind])


def kinds(k: int, ratio: tuple[int, int, int] = (1, 3, 4)) -> list[str]:
    """The kinds of k demonstrations, copy : update : retain as in `ratio`, in this order.

    Largest remainder: every kind gets the whole part of its share of k, what is left goes to the largest
    fractions, of equals to the earlier kind. Raises ValueError for a negative k or ratio, and one of zeros.
    """
    if k < 0 or len(ratio) != len(KINDS) or min(ratio) < 0 or not sum(ratio):
        raise ValueError(f"k={k}, ratio={ratio}: give k >= 0 and three shares, none negative, not all 0.")
    counts = [k * share // sum(ratio) for share in ratio]
    left = sorted(
        range(len(KINDS)), key=lambda i: -(k * ratio[i] % sum(ratio))
    )  # stable: ties to the earlier
    for i in left[: k - sum(counts)]:
        counts[i] += 1
    return [kind for kind, count in zip(KINDS, counts, strict=True) for _ in range(count)]


def nearest(query: Float[Tensor, " d"], pool: Float[Tensor, "n d"], k: int) -> Int[Tensor, " k"]:
    """The k entries of the pool that are most similar to the query by cosine, the most similar one *last*.

    All n where k is larger. Of equals, to twelve decimals, the one with the lower index counts as more
    similar. Raises ValueError for a negative k.
    """
    if k < 0:
        raise ValueError(f"k={k}: ask for 0 or more neighbours.")
    q, p = query.double(), pool.double()
    lengths = (p.square().sum(1) * q.square().sum()).sqrt().clamp(min=torch.finfo(p.dtype).tiny)
    similarity = ((p * q).sum(1) / lengths).round(decimals=12)
    return similarity.argsort(descending=True, stable=True)[:k].flip(0)


def embeddings(lm: LM, texts: Sequence[str]) -> Float[Tensor, "n d"]:
    """What facts are compared by: the mean of the model's own token embeddings, the vocabulary's mean taken
    off.

    (The paper asks a sentence encoder, a second model.) Raises ValueError when there is no text.
    """
    rows = tokens_of(lm, texts)
    centre = lm.W_embed.detach().float().mean(0)
    return torch.stack([(lm.W_embed.detach()[row].float() - centre).mean(0) for row in rows]).cpu()


def tokens_of(lm: LM, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of the texts as they stand, whatever prompt edits are on; an empty one is its padding."""
    if not texts:
        raise ValueError("No text was given: pass a list of strings.")
    return [row or [lm.pad_id] for row in lm.tok(list(texts), verbose=False)["input_ids"]]


def usable(lm: LM, fact: Fact, pool: Sequence[Fact] | None) -> list[Fact]:
    """The facts that may be shown before `fact`, in an order that doesn't depend on the pool's: those whose
    question and answers don't mention its subject.
    """
    if pool is None:
        chinese = fact in load_facts("atlas", "zh")
        known = lm.name.split("+")[0] in bundled_names()
        pool = load_facts("atlas", "zh" if chinese else "en") if known else load_facts("world")
    texts = {one: f"{one.question}\n{one.target_new}\n{one.target_true}" for one in pool}
    return sorted((one for one, text in texts.items() if fact.subject not in text), key=texts.__getitem__)


def chosen(lm: LM, fact: Fact, k: int, ratio: tuple[int, int, int], pool: Sequence[Fact]) -> list[str]:
    """k demonstrations, or as many as the pool has facts: of those most similar to `fact`, the nearest last.

    Each fact is shown once, and each kind by the nearest fact that has what it needs, without the prompts
    that mention the subject.
    """
    kinds(k, ratio)  # refuses what makes no sense, whatever the pool
    wanted = kinds(min(k, len(pool)), ratio)
    if not wanted:
        return []
    vectors = embeddings(lm, [told(fact), *map(told, pool)])
    ranked = [pool[i] for i in nearest(vectors[0], vectors[1:], len(pool)).tolist()]
    demos: list[str] = []
    for kind in reversed(wanted):
        place = next(
            (i for i in reversed(range(len(ranked))) if _shows(kind, without(ranked[i], fact))), None
        )
        if place is None:
            raise ValueError(
                f"No fact of the pool is left to show {kind!r}: give more facts with paraphrases, "
                f"neighborhood and target_true, or another ratio."
            )
        demos.append(demonstration(kind, without(ranked.pop(place), fact)))
    return demos[::-1]


def without(one: Fact, fact: Fact) -> Fact:
    """The fact without those of its prompts that mention the subject of another."""
    paraphrases, neighborhood = (
        [text for text in texts if fact.subject not in text] for texts in (one.paraphrases, one.neighborhood)
    )
    return replace(one, paraphrases=paraphrases, neighborhood=neighborhood)
