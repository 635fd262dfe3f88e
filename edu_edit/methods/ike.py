"""IKE: a new fact is told in the prompt, behind demonstrations of how to treat new facts. No weight changes.

Zheng et al. 2023 (arXiv 2305.12740), lesson 10. A model that is told a new fact may go on believing the old
one (`resistance`). So k demonstrations about other facts come first, of three kinds: *copy* answers the
prompt told, *update* a paraphrase (generality), *retain* a neighbour, which keeps its old answer (locality):

    New Fact: {prompt} {new answer}
    Prompt: {prompt, or paraphrase, or neighbour} {its answer}

each with a blank line behind it, and then the fact itself, with the question at the very end. With k = 0 only
the fact is told: the baseline called PROMPT. Shapes: n probabilities or pool entries, d width of embeddings.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.loading import bundled_names
from edu_edit.requests import requested
from edu_edit.tokens import spaced, target_ids

KINDS = ("copy", "update", "retain")
ROOM = 8  # tokens that are kept free for the answer, or as many as the new answer has and one more


def resistance(p_old_plain: Float[Tensor, " n"], p_old_told: Float[Tensor, " n"]) -> float:
    """How much of the old belief survives being told: the mean of clip(p_told / p_plain, 0, 1) over n facts.

    p_old_plain, p_old_told: the old answer's probability, asked plainly and behind the new fact. 1 = nothing
    was believed. Raises ValueError when there is no fact, and for a p_old_plain of 0: no belief was there.
    """
    if not len(p_old_plain) or not bool((p_old_plain > 0).all()):
        raise ValueError(
            "Resistance needs old beliefs: give facts whose old answer has a probability above 0."
        )
    return float((p_old_told / p_old_plain).clamp(0, 1).double().mean())


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


def ike_prompt(demos: Sequence[str], new_fact: str, question: str) -> str:
    """The whole prompt: the demonstrations, the new fact as a sentence, and the question, without a blank
    behind it.
    """
    return "".join(demos) + f"New Fact: {new_fact}\nPrompt: {question}"


@costed
def ike(
    lm: LM,
    fact: Fact | Sequence[Fact],
    pool: Sequence[Fact] | None = None,
    k: int = 8,
    ratio: tuple[int, int, int] = (1, 3, 4),
    self_demonstration: bool = False,
) -> Edit:
    """The prompt edit that tells the fact, behind k demonstrations, before every text that the model reads.

    pool: facts to show; those about the fact's own subject, and neighbours that mention it, are left out.
    None = the facts of the Atlas for a model that knows them, else those of the real world. Shown are the k
    whose new fact is most similar to this one by `embeddings`, the nearest last, in the order of `kinds`.
    Several facts: each text is read behind the one fact whose question is most similar to it, of equals the
    earlier; so the model is never told more than one.
    What doesn't fit into the context, with room for an answer, is dropped as whole demonstrations, the least
    similar first. self_demonstration: the released script's leak, a last demonstration that is the fact
    itself with its answer. The weights stay as they are; the edit's extra bytes are its texts.
    Raises ValueError for facts or a pool that can't be used, and as `kinds` does.
    """
    facts = requested(fact, at_once=True)
    shown = [_chosen(lm, one, k, ratio, _pool(lm, one, pool)) for one in facts]
    if self_demonstration:
        shown = [[*demos, demonstration("copy", one)] for demos, one in zip(shown, facts, strict=True)]
    room = [max(ROOM, len(target_ids(lm, one.target_new, one.question)) + 1) for one in facts]
    questions = embeddings(lm, [one.question for one in facts])

    def rewrite(text: str) -> str:
        nearby = int(nearest(embeddings(lm, [text])[0], questions, 1)) if len(facts) > 1 else 0
        demos, sentence = shown[nearby], told(facts[nearby])
        for dropped in range(len(demos)):
            prompt = ike_prompt(demos[dropped:], sentence, text)
            if len(lm.tok(prompt, verbose=False)["input_ids"]) + room[nearby] <= lm.context:
                return prompt
        return ike_prompt([], sentence, text)

    record = {
        "method": "ike", "k": k, "ratio": ratio, "self_demonstration": self_demonstration,
        "facts": [told(one) for one in facts], "demonstrations": shown,
    }  # fmt: skip
    texts = [*(told(one) for one in facts), *(demo for demos in shown for demo in demos)]
    return Edit(lm, rewrite=rewrite, record=record, extra_bytes=sum(len(text.encode()) for text in texts))


def embeddings(lm: LM, texts: Sequence[str]) -> Float[Tensor, "n d"]:
    """What texts are compared by: the mean of the model's own token embeddings, the vocabulary's mean taken
    off.

    (The paper asks a sentence encoder, a second model.) An empty text has the zero vector.
    """
    rows = [lm.tok(text, verbose=False)["input_ids"] for text in texts]
    centre = lm.W_embed.detach().float().mean(0)
    found = [(lm.W_embed.detach()[row].float() - centre).mean(0) if row else 0 * centre for row in rows]
    return torch.stack(found).cpu()


def _pool(lm: LM, fact: Fact, pool: Sequence[Fact] | None) -> list[Fact]:
    """The facts that may be shown before `fact`, in an order that doesn't depend on the pool's. None is about
    its subject, and no prompt of theirs mentions it.
    """
    if pool is None:
        chinese = fact in load_facts("atlas", "zh")
        known = lm.name.split("+")[0] in bundled_names()
        pool = load_facts("atlas", "zh" if chinese else "en") if known else load_facts("world")
    others = {one for one in pool if fact.subject not in one.question and one.subject != fact.subject}
    return [
        replace(
            one,
            paraphrases=[text for text in one.paraphrases if fact.subject not in text],
            neighborhood=[text for text in one.neighborhood if fact.subject not in text],
        )
        for one in sorted(others, key=repr)
    ]


def _chosen(lm: LM, fact: Fact, k: int, ratio: tuple[int, int, int], pool: Sequence[Fact]) -> list[str]:
    """k demonstrations, or as many as the pool has facts: of those most similar to `fact`, the nearest last.

    Each fact is shown once, and each kind by the nearest fact that has what it needs.
    """
    kinds(k, ratio)  # refuses what makes no sense, whatever the pool
    wanted = kinds(min(k, len(pool)), ratio)
    if not wanted:
        return []
    vectors = embeddings(lm, [told(fact), *map(told, pool)])
    ranked = [pool[i] for i in nearest(vectors[0], vectors[1:], len(pool)).tolist()]
    demos: list[str] = []
    for kind in reversed(wanted):
        able = [one for one in ranked if _shows(kind, one)]
        if not able:
            raise ValueError(
                f"No fact of the pool is left to show {kind!r}: give more facts with paraphrases, "
                f"neighborhood and target_true, or another ratio."
            )
        ranked.remove(able[-1])
        demos.append(demonstration(kind, able[-1]))
    return demos[::-1]
