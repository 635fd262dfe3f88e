"""ike.ike: the prompt edit, judged by the prompts that it makes and by the bundled model's answers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from autograder.claims import Claim, Student, equal, every
from autograder.gates import Refused
from autograder.judgement import Verdict
from autograder.lessons.ike.ike_mutants import LONG, MUTANTS
from autograder.lessons.ike.ike_problems import demos, drawn, expected, last_block, model, prompts, stubborn
from autograder.lessons.ike.made_up import number
from edu_edit import LM, Edit, Fact
from edu_edit.metrics import same_answer

__all__ = ["ARGUMENTS", "CLAIMS", "EXPLANATION", "HINTS", "MUTANTS", "STUB", "USES_MODEL", "gate"]

USES_MODEL = True  # its tokenizer, its embeddings and its answers: a second or so per grading
ARGUMENTS = ("lm", "fact", "pool", "k")


def gate(value: Any, lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
    """A prompt edit of this model, made anew from its rewrite."""
    if not isinstance(value, Edit) or value.rewrite is None:
        came = f"an Edit of {value.kind}" if isinstance(value, Edit) else type(value).__name__
        said = "The function should give back a prompt edit: Edit(lm, rewrite=...)."
        raise Refused(Verdict(False, came, "Edit(lm, rewrite=...)", said=said))
    return Edit(lm, rewrite=value.rewrite)


def judged(
    student: Student, fact: Fact, pool: list[Fact], k: int, texts: list[str], shown: list[str]
) -> Verdict:
    """Whether the edit's prompts are the expected ones, to the byte."""
    lm = model()
    made = prompts(student, student(lm, fact, pool, k), texts)
    return every(
        *(
            equal(prompt[-400:], expected(lm, shown, fact, text)[-400:], "end of the prompt")
            for prompt, text in zip(made, texts, strict=True)
        ),
        *(
            equal(prompt, expected(lm, shown, fact, text), "prompt")
            for prompt, text in zip(made, texts, strict=True)
        ),
    )


def asked(fact: Fact) -> list[str]:
    return [fact.question, fact.paraphrases[0], fact.neighborhood[0]]


def only_told(student: Student, g: torch.Generator) -> Verdict:
    """k = 0 is the baseline called PROMPT."""
    found = []
    for _ in range(2):
        fact, pool = drawn(g, 6)
        found.append(judged(student, fact, pool, 0, asked(fact), []))
    return every(*found)


def behind_similar_ones(student: Student, g: torch.Generator) -> Verdict:
    lm, (fact, pool), k = model(), drawn(g, 16), number(g, 4, 8)
    return judged(student, fact, pool, k, asked(fact), demos(lm, fact, pool, k))


def is_followed(student: Student, g: torch.Generator) -> Verdict:
    """A fact that the model denies when it is only told."""
    lm, (fact, pool, _) = model(), stubborn(student.seed)
    edit = student(lm, fact, pool, 6)
    [prompt] = prompts(student, edit, [fact.question])
    if not ends_well(lm, prompt, fact, fact.question):
        return Verdict(False, prompt[-160:], last_block(fact, fact.question))
    with edit:
        said = lm.answer(fact.question)
    return Verdict(same_answer(said, fact.target_new), f"{fact.question} … {said}", f"… {fact.target_new}")


def unrelated_stays(student: Student, g: torch.Generator) -> Verdict:
    lm, (fact, pool, other) = model(), stubborn(student.seed + 1)
    edit = student(lm, fact, pool, 6)
    texts = [fact.question, other]
    for text, prompt in zip(texts, prompts(student, edit, texts), strict=True):
        if not ends_well(lm, prompt, fact, text):
            return Verdict(False, prompt[-160:], last_block(fact, text))
    before = lm.answer(other)
    with edit:
        new, after = lm.answers(texts)
    return every(
        Verdict(same_answer(new, fact.target_new), f"{fact.question} … {new}", f"… {fact.target_new}"),
        Verdict(same_answer(before, after), f"{other} … {after}", f"… {before}"),
    )


def ends_well(lm: LM, prompt: str, fact: Fact, text: str) -> bool:
    """Whether a prompt can be read by the model and tells this fact before this text."""
    fits = len(lm.tok(prompt, verbose=False)["input_ids"]) < lm.context - 1
    return fits and prompt.endswith(last_block(fact, text))


def no_leak(student: Student, g: torch.Generator) -> Verdict:
    """The pool holds the fact, another about its subject, and one with the subject as its neighbour."""
    lm, (fact, pool), k = model(), drawn(g, 14), number(g, 5, 8)
    about = replace(
        pool[0], subject=fact.subject, prompt="{} plays the", target_new="harp", target_true="oboe"
    )
    place = number(g, 2, 9)
    own = [*pool[:place], fact, *pool[place:], about]
    beside = replace(pool[1], prompt=fact.prompt, target_new=fact.target_new, target_true=fact.target_true,
                     neighborhood=[fact.question])  # fmt: skip
    near = [beside, *pool[:1], *pool[2:]]
    [prompt] = prompts(student, student(lm, fact, near, k), [fact.neighborhood[0]])
    *blocks, last = prompt.split("\n\n")
    mentioned = sum(fact.subject in text for text in blocks)
    return every(
        judged(student, fact, own, k, asked(fact), demos(lm, fact, pool, k)),
        equal(last, last_block(fact, fact.neighborhood[0]), "last block"),
        equal((len(blocks), mentioned), (k, 0), "demonstrations, and how many mention the subject"),
    )


def small_pool(student: Student, g: torch.Generator) -> Verdict:
    """More asked for than there is: all of them, in the ratio that so many should have."""
    lm, (fact, pool) = model(), drawn(g, number(g, 5, 7))
    return judged(student, fact, pool, number(g, 10, 40), asked(fact), demos(lm, fact, pool, len(pool)))


def fits(student: Student, g: torch.Generator) -> Verdict:
    """Twice as many demonstrations as fit, and questions of several lengths: one leaves no room for any."""
    lm, (fact, pool) = model(), drawn(g, 24)
    texts = [*asked(fact), *(LONG[: 75 * n] + fact.question for n in (1, 3, 5))]
    return judged(student, fact, pool, 24, texts, demos(lm, fact, pool, 24))


CLAIMS = (
    Claim(
        "only told",
        "With k = 0 the prompt is the new fact and the text, whatever the text is",
        "The rewrite gets a text and gives back ike_prompt(demonstrations, new fact as a sentence, that "
        "text).",
        only_told,
        open=True,
    ),
    Claim(
        "behind similar ones",
        "With k > 0, demonstrations by the k most similar facts stand in front, in the order of `nearest`",
        "The i-th kind of `kinds` is shown by the i-th fact of `nearest`.",
        behind_similar_ones,
        open=True,
    ),
    Claim(
        "is followed",
        "Inside `with edit` the model follows a fact that it denies when it is only told",
        "With your edit on, the model does not give the new answer.",
        is_followed,
        open=True,
    ),
    Claim(
        "no leak",
        "No demonstration mentions the subject of the fact",
        "Leave out every fact of the pool that mentions the subject: in its question, its answers, its "
        "paraphrases or its neighbours.",
        no_leak,
    ),
    Claim(
        "small pool",
        "If k is larger than the pool, all of it is shown, in the right ratio",
        "Find the facts first, then ask `kinds` for as many as there are.",
        small_pool,
    ),
    Claim(
        "fits",
        "Prompt and answer fit into the context; what doesn't fit is dropped in whole demonstrations",
        "While the prompt and 8 tokens are more than lm.context, drop the first demonstration.",
        fits,
    ),
    Claim(
        "unrelated stays",
        "An unrelated question keeps its old answer while the fact is followed",
        "The unrelated question got another answer, or the fact is not followed. Are there retain "
        "demonstrations?",
        unrelated_stays,
    ),
)

HINTS = (
    "First find the demonstrations, once. Then write the inner function that puts them before any text. "
    "Which "
    "facts of the pool must not be shown?",
    "usable = those of the pool with fact.subject not in everything(one). vectors = embeddings of "
    "told(fact) and of "
    "told(one) for all usable ones; nearest(vectors[0], vectors[1:], k) says which, kinds(how many) says "
    "how. "
    "rewrite(text): try all demonstrations, then all but the first, and so on, until n_tokens(lm, prompt) + "
    "8 fits "
    "into lm.context.",
    "usable = [one for one in pool if ...]\n"
    "vectors = embeddings(lm, [told(fact), *map(told, usable)])\n"
    "best = pieces.nearest(vectors[0], ..., k).tolist()\n"
    "demos = [pieces.demonstration(kind, usable[i]) for kind, i in zip(pieces.kinds(...), best)]\n\n"
    "def rewrite(text):\n"
    "    for dropped in range(len(demos) + 1):\n"
    "        prompt = pieces.ike_prompt(demos[...], told(fact), text)\n"
    "        if ...:\n"
    "            break\n"
    "    return prompt\n\n"
    "return Edit(lm, rewrite=...)",
)

EXPLANATION = (
    "The facts are chosen once, when the edit is made; the prompt is built for every text, because only "
    "then is it "
    "known how much room is left.",
    "Ours also takes several facts and tells each text only the one that it is most likely about. A fact "
    "with "
    "several neighbours is kept and shown by a neighbour that does not mention the subject.",
)

STUB = '''def ike(lm, fact: Fact, pool: Sequence[Fact], k: int = 8) -> Edit:
    """The prompt edit that tells a fact, after k demonstrations, before each text that the model reads.

    lm: the model; fact: what is told; pool: facts to show. None that mentions the fact's subject anywhere is
    shown. The k whose new fact is most similar to this one (by `embeddings` of `told`) are, the nearest last,
    the i-th of them by the i-th kind of `kinds`; all where the pool has fewer than k. Where the prompt and
    8 tokens for the answer don't fit into lm.context, the first demonstrations are dropped, as few as will do.
    Returns Edit(lm, rewrite=rewrite), switched off; rewrite(text) gives the prompt for any text.
    """
    raise NotImplementedError("Your code here")
'''
