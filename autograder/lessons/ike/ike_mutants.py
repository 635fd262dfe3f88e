"""Misconceptions about ike.ike: the edit with one part exchanged, known by the prompts that it makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from autograder.calls import Call
from autograder.lessons.ike.ike_problems import ROOM, everything
from autograder.mutants import Mutant
from edu_edit import LM, Edit, Fact
from edu_edit.methods.demonstrations import demonstration, embeddings, ike_prompt, kinds, nearest, told

Make = Callable[[LM, Fact, list[Fact], int], Edit]
LONG = "In a long letter that nobody had asked for she wrote again and again that " * 5


def similar(lm: LM, fact: Fact, pool: list[Fact], k: int) -> list[Fact]:
    vectors = embeddings(lm, [told(fact), *map(told, pool)])
    return [pool[i] for i in nearest(vectors[0], vectors[1:], k).tolist()]


def paired(shown: list[Fact], k: int) -> list[str]:
    return [demonstration(kind, one) for kind, one in zip(kinds(len(shown)), shown, strict=True)]


def size(lm: LM, text: str) -> int:
    return len(lm.tok(text, verbose=False)["input_ids"])


def fitted(lm: LM, demos: list[str], fact: str, text: str, room: int = ROOM, from_end: bool = False) -> str:
    """The longest prompt that fits, dropping the first demonstrations, or the last."""
    for dropped in range(len(demos) + 1):
        kept = demos[: len(demos) - dropped] if from_end else demos[dropped:]
        prompt = ike_prompt(kept, fact, text)
        if size(lm, prompt) + room <= lm.context:
            break
    return prompt


def cut(lm: LM, demos: list[str], fact: str, text: str) -> str:
    ids = lm.tok(ike_prompt(demos, fact, text), verbose=False)["input_ids"]
    return str(lm.tok.decode(ids[-(lm.context - ROOM) :]))


def edited(
    usable: Callable[[Fact, Fact], bool] = lambda one, fact: fact.subject not in everything(one),
    choose: Callable[[LM, Fact, list[Fact], int], list[Fact]] = similar,
    pair: Callable[[list[Fact], int], list[str]] = paired,
    extra: Callable[[Fact], list[str]] = lambda fact: [],
    write: Callable[[LM, list[str], str, str], str] = fitted,
    asked: Callable[[Fact, str], str] = lambda fact, text: text,
) -> Make:
    """The edit with one part exchanged."""

    def ike(lm: LM, fact: Fact, pool: list[Fact], k: int = 8) -> Edit:
        shown = choose(lm, fact, [one for one in pool if usable(one, fact)], k)
        demos = [*pair(shown, k), *extra(fact)]
        return Edit(lm, rewrite=lambda text: write(lm, demos, told(fact), asked(fact, text)))

    return ike


def no_retain(shown: list[Fact], k: int) -> list[str]:
    return [demonstration(kind, one) for kind, one in zip(kinds(len(shown), (1, 3, 0)), shown, strict=True)]


def kinds_of_k(shown: list[Fact], k: int) -> list[str]:
    return [demonstration(kind, one) for kind, one in zip(kinds(k), shown, strict=False)]


def left_on(lm: LM, fact: Fact, pool: list[Fact], k: int = 8) -> Edit:
    return edited()(lm, fact, pool, k).on()


def like(make: Make) -> Callable[[Sequence[Call]], bool]:
    """Whether all edits make the prompts that this misconception makes."""

    def behaves(made: Sequence[Call]) -> bool:
        if any(not isinstance(found.value, Edit) or found.value.rewrite is None for found in made):
            return False
        return all(same_prompts(found, make) for found in made)

    return behaves


def same_prompts(found: Call, make: Make) -> bool:
    lm, fact, *_ = found.args
    theirs = make(*found.args)
    assert theirs.rewrite is not None
    try:
        texts = (fact.question, fact.neighborhood[0], LONG + fact.question)
        return all(found.value.rewrite(text) == theirs.rewrite(text) for text in texts)
    except Exception:  # the student's rewrite may fail in any way
        return False


def mutant(name: str, sentence: str, make: Make) -> Mutant:
    return Mutant(name, sentence, lambda: make, like(make))


MUTANTS = [
    Mutant(
        "left_on",
        "Your function leaves the edit switched on. Give back the Edit as it is made; `with edit:` switches "
        "it.",
        lambda: left_on,
        lambda made: bool(made) and all(found.changed == (0,) for found in made),
    ),
    mutant(
        "bare",
        "You only tell the fact. Telling is not editing: without demonstrations this model mostly keeps its "
        "old "
        "answer.",
        edited(choose=lambda lm, fact, pool, k: []),
    ),
    mutant(
        "unfiltered",
        "Facts about the same subject are among your demonstrations. They tell the model what it is to be "
        "asked: "
        "leave out every fact of the pool that mentions the subject.",
        edited(usable=lambda one, fact: True),
    ),
    mutant(
        "same_subject_only",
        "You left out the facts about the same subject, but not those that mention it. As a neighbour in a "
        "retain "
        "demonstration it would be shown with its old answer.",
        edited(usable=lambda one, fact: one.subject != fact.subject),
    ),
    mutant(
        "shows_itself",
        "Your last demonstration is the fact itself, with its answer. Then the model need only copy. (The "
        "released "
        "script does that, so its figures can't be compared with others.)",
        edited(extra=lambda fact: [demonstration("copy", fact)]),
    ),
    mutant(
        "no_retain",
        "There are no retain demonstrations. They cost half the space and are what keeps other answers in "
        "place.",
        edited(pair=no_retain),
    ),
    mutant(
        "first_k",
        "You took the first facts of the pool. Take those that are most similar to the new fact, by "
        "`embeddings` "
        "and `nearest`.",
        edited(choose=lambda lm, fact, pool, k: pool[:k]),
    ),
    mutant(
        "similar_first",
        "Your most similar fact stands first. Keep the order of `nearest`: the most similar one is shown "
        "last.",
        edited(choose=lambda lm, fact, pool, k: similar(lm, fact, pool, k)[::-1]),
    ),
    mutant(
        "kinds_of_k",
        "The pool was smaller than k, and you cut the kinds of k off. Ask `kinds` for as many as there are "
        "facts "
        "to show, so that the ratio holds.",
        edited(pair=kinds_of_k),
    ),
    mutant(
        "never_drops",
        "Your prompt can be longer than the model's context. Drop demonstrations until the prompt and 8 "
        "tokens for "
        "the answer fit.",
        edited(write=lambda lm, demos, fact, text: ike_prompt(demos, fact, text)),
    ),
    mutant(
        "drops_the_nearest",
        "You dropped the last demonstrations, the most similar ones. Drop from the front.",
        edited(write=lambda lm, demos, fact, text: fitted(lm, demos, fact, text, from_end=True)),
    ),
    mutant(
        "no_room",
        "Your prompt fits, but the answer doesn't: keep 8 tokens of the context free.",
        edited(write=lambda lm, demos, fact, text: fitted(lm, demos, fact, text, room=0)),
    ),
    mutant(
        "cuts_tokens",
        "You cut tokens off, so that a demonstration stands there in part. Drop whole demonstrations.",
        edited(write=cut),
    ),
    mutant(
        "no_care",
        "Two things at once: facts about the same subject are among your demonstrations, and your prompt can be "
        "longer than the model's context. Leave the facts out first, then see to the length.",
        edited(
            usable=lambda one, fact: True,
            write=lambda lm, demos, fact, text: ike_prompt(demos, fact, text),
        ),
    ),
    mutant(
        "one_question",
        "Your prompt asks the fact's own question whatever the text is. The rewrite gets the text that the "
        "model is "
        "to read: ask that.",
        edited(asked=lambda fact, text: fact.question),
    ),
]
