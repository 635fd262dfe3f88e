"""IKE: a new fact is told in the prompt, behind demonstrations of how to treat new facts. No weight changes.

Zheng et al. 2023 (arXiv 2305.12740), lesson 10. A model that is told a new fact may go on believing the old
one (`resistance`). So k demonstrations about other facts come first, of three kinds: *copy* answers the
prompt told, *update* a paraphrase (generality), *retain* a neighbour, which keeps its old answer (locality):

    New Fact: {prompt} {new answer}
    Prompt: {prompt, or paraphrase, or neighbour} {its answer}

each with a blank line behind it, and then the fact itself, with the question at the very end. With k = 0 only
the fact is told: the baseline called PROMPT. Shapes: n probabilities or texts, D model width.
"""

from collections.abc import Sequence
from functools import cache

from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.demonstrations import (
    chosen,
    demonstration,
    ike_prompt,
    kinds,
    nearest,
    tokens_of,
    told,
    usable,
)
from edu_edit.requests import requested
from edu_edit.tokens import pad_batch, target_ids
from edu_edit.tracing import Site, record

__all__ = ["demonstration", "ike", "ike_prompt", "kinds", "nearest", "resistance"]

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
    Several facts: each text is read behind the one fact whose question is most similar to it, by
    `question_states`; so the model is never told more than one.
    What doesn't fit into the context, with room for an answer, is dropped as whole demonstrations, the least
    similar first. self_demonstration: the released script's leak, a last demonstration that is the fact
    itself with its answer. The weights stay as they are; the edit's extra bytes are its texts.
    Raises ValueError for facts or a pool that can't be used, and as `kinds` does.
    """
    facts = requested(fact, at_once=True)
    shown = [chosen(lm, one, k, ratio, usable(lm, one, pool)) for one in facts]
    if self_demonstration:
        shown = [[*demos, demonstration("copy", one)] for demos, one in zip(shown, facts, strict=True)]
    room = [max(ROOM, len(target_ids(lm, one.target_new, one.question)) + 1) for one in facts]
    asked = question_states(lm, [one.question for one in facts]) if len(facts) > 1 else None

    @cache
    def rewrite(text: str) -> str:
        i = 0 if asked is None else int(nearest(question_states(lm, [text])[0], asked, 1))
        for dropped in range(len(shown[i])):
            prompt = ike_prompt(shown[i][dropped:], told(facts[i]), text)
            if len(lm.tok(prompt, verbose=False)["input_ids"]) + room[i] <= lm.context:
                return prompt
        return ike_prompt([], told(facts[i]), text)

    about = {
        "method": "ike", "k": k, "ratio": ratio, "self_demonstration": self_demonstration,
        "facts": [told(one) for one in facts], "demonstrations": shown,
    }  # fmt: skip
    texts = [*(told(one) for one in facts), *(demo for demos in shown for demo in demos)]
    return Edit(lm, rewrite=rewrite, record=about, extra_bytes=sum(len(text.encode()) for text in texts))


def question_states(lm: LM, texts: Sequence[str]) -> Float[Tensor, "n D"]:
    """What questions are compared by: the stream at their last token halfway up, where the model has gathered
    who and what is asked about, in whatever words.
    """
    rows = [row[: lm.context] for row in tokens_of(lm, texts)]
    ids, mask = (x.to(lm.device) for x in pad_batch(rows, lm.pad_id))
    site = Site("resid", lm.n_layers // 2, -1)
    return record(lm, (ids, mask), [site])[site].float().cpu()
