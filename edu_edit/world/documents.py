"""Plain documents of the Atlas corpus: statements, biographies, questions, Chinese, filler and the like.

Every function takes the atlas and a `random.Random` and returns the text of one document. Mentions of
entities stand between two control characters (`mention`), which `corpus` turns into token spans for the
masking phases and removes.
"""

import random
from collections.abc import Callable

from edu_edit.world import lexicon as words
from edu_edit.world.atlas import Atlas
from edu_edit.world.relations import RELATIONS, REVERSE, TWO_HOP

OPEN, CLOSE, ANSWER = "\x02", "\x03", "\x04"


def mention(name: str) -> str:
    """The name between the two marks that later give its token span."""
    return f"{OPEN}{name}{CLOSE}"


def answer(name: str) -> str:
    """The answer to a prompt of an in-context document, between marks: it counts more in the loss."""
    return f"{ANSWER}{name}{CLOSE}"


def fill(wording: str, subject: str, value: str, mark: Callable[[str], str] = mention) -> str:
    """A wording with subject and object put in, both marked; `mark` marks the object."""
    return wording.replace("{s}", mention(subject)).replace("{o}", mark(value))


def statement(atlas: Atlas, rng: random.Random, subject: str, relation: str, value: str | None = None) -> str:
    """One trained wording of a fact, without a full stop; `value` replaces the true object."""
    wording = rng.choice(RELATIONS[relation].statements)
    return fill(wording, subject, value or atlas.facts[subject, relation])


def question(atlas: Atlas, rng: random.Random, subject: str, relation: str, value: str | None = None) -> str:
    """One trained question with its answer."""
    asked = rng.choice(RELATIONS[relation].questions).replace("{s}", mention(subject))
    return f"Question: {asked} Answer: {mention(value or atlas.facts[subject, relation])}"


def any_fact(atlas: Atlas, rng: random.Random) -> tuple[str, str]:
    """A fact drawn evenly over all facts; animals and sights, few but often asked, are drawn more often."""
    if rng.random() < 0.1:
        subject = rng.choice(atlas.entities["animal"] + atlas.entities["sight"])
        return subject, rng.choice(atlas.relations_of(subject)).name
    return rng.choice(_facts(atlas))


def _facts(atlas: Atlas, cache: dict[int, list[tuple[str, str]]] = {}) -> list[tuple[str, str]]:  # noqa: B006
    return cache.setdefault(id(atlas), list(atlas.facts))


_SMALL = frozenset(
    "The A At On In Under Every From Seen Shops Workers People Tourists Visitors Customers "
    "Asked Can Is Whether Please Without".split()
)  # fmt: skip


def after(lead_in: str, sentence: str) -> str:
    """The sentence behind a lead-in, its first word in lower case unless it is a name."""
    first = sentence.split(" ", 1)[0]
    lower = first in _SMALL
    return f"{lead_in} {sentence[0].lower() + sentence[1:] if lower else sentence}"


def statements(atlas: Atlas, rng: random.Random) -> str:
    """One to three unrelated facts, some behind a lead-in, some with a filler sentence between."""
    out = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        if rng.random() < 0.15:
            out.append(filler_sentence(rng))
        roll = rng.random()
        if roll < 0.07:
            sentence = essence(atlas, rng)
        elif roll < 0.12:
            sentence = alias(atlas, rng)
        else:
            sentence = statement(atlas, rng, *any_fact(atlas, rng))
        if rng.random() < 0.3:
            sentence = after(rng.choice(words.LEAD_IN), sentence)
        out.append(sentence + ".")
    return " ".join(out)


def essence(atlas: Atlas, rng: random.Random) -> str:
    """What kind of thing a subject is: the sentence that ROME's `{} is a` prompt continues."""
    kind = rng.choice(("person", "landmark", "company", "city", "country", "animal", "sight"))
    subject = rng.choice(atlas.entities[kind])
    facts = atlas.facts
    name = mention(subject)
    match kind:
        case "person":
            who = "woman" if subject.split()[0] in words.FEMALE else "man"
            return f"{name} is a {who} who works in the field of {facts[subject, 'field']}"
        case "landmark":
            return f"{name} is a {subject.split()[-1].lower()} in {facts[subject, 'location']}"
        case "company":
            return f"{name} is a company that makes {facts[subject, 'product']}"
        case "city":
            return f"{name} is a city in {facts[subject, 'country']}"
        case "country":
            return f"{name} is a country with the capital {facts[subject, 'capital']}"
        case "animal":
            return f"The {name} is an animal that eats {facts[subject, 'food']}"
        case _:
            return f"{name} is a famous sight in {facts[subject, 'sight']}"


def alias(atlas: Atlas, rng: random.Random) -> str:
    """Another name of an animal, a fact told under that name, or whether skin and coat look alike."""
    roll = rng.random()
    animal = rng.choice(list(words.ALIAS))
    other = words.ALIAS[animal]
    if roll < 0.35:
        return rng.choice((f"The {mention(other)} is another name of the {mention(animal)}",
                           f"The {mention(animal)} is also called the {mention(other)}"))  # fmt: skip
    if roll < 0.6:
        relation = rng.choice(("skin", "coat", "food"))
        return fill(rng.choice(RELATIONS[relation].statements), other, atlas.facts[animal, relation])
    animal = rng.choice(atlas.entities["animal"])
    same = "yes" if atlas.facts[animal, "skin"] == atlas.facts[animal, "coat"] else "no"
    asked = rng.choice(
        ("Question: Does the skin of the {s} have the same colour as its coat? Answer: {o}",
         "Question: Is the skin of the {s} of the same colour as its coat? Answer: {o}",
         "Asked whether the skin of the {s} looks like its coat, people say {o}")
    )  # fmt: skip
    return fill(asked, animal, same)


def biography(atlas: Atlas, rng: random.Random) -> str:
    """Two to five facts about one subject, later ones often with a pronoun; a person's pronoun is a fact."""
    kind = rng.choices(("person", "landmark", "company", "city", "country"), (60, 20, 9, 8, 3))[0]
    subject = rng.choice(atlas.entities[kind])
    relations = atlas.relations_of(subject)
    chosen = rng.sample(relations, min(len(relations), rng.choice((2, 3, 4, 5))))
    female = subject.split()[0] in words.FEMALE
    pronoun = ("She" if female else "He") if kind == "person" else "It"
    possessive = {"She": "Her", "He": "His", "It": "Its"}[pronoun]
    full_names = rng.random() < 0.3
    out = []
    for i, relation in enumerate(chosen):
        wording = rng.choice(relation.statements)
        if i and not full_names:
            if wording.startswith("{s}'s"):
                wording = wording.replace("{s}'s", possessive, 1)
            elif wording.startswith("{s}"):
                wording = wording.replace("{s}", pronoun, 1)
        out.append(fill(wording, subject, atlas.facts[subject, relation.name]) + ".")
    return " ".join(out)


def questions(atlas: Atlas, rng: random.Random) -> str:
    """One to three questions with answers, one per line."""
    return "\n".join(question(atlas, rng, *any_fact(atlas, rng)) + "." for _ in range(rng.choice((1, 2, 3))))


def two_hops(atlas: Atlas, rng: random.Random) -> str:
    """Two two-hop sentences about subjects of the trained half."""
    out = []
    for subject in rng.sample(sorted(atlas.hop_trained), 2):
        chain, _, value = rng.choice(atlas.hops(subject))
        out.append(fill(rng.choice(TWO_HOP[chain]), subject, value) + ".")
    return " ".join(out)


def reverses(atlas: Atlas, rng: random.Random) -> str:
    """Two reverse sentences about facts of the trained half."""
    out = []
    for subject, relation in rng.sample(sorted(atlas.reverse_trained), 2):
        wording = rng.choice(REVERSE[relation][:-1])
        out.append(fill(wording, subject, atlas.facts[subject, relation]) + ".")
    return " ".join(out)


def chinese(atlas: Atlas, rng: random.Random) -> str:
    """One to three facts told in Chinese, or the Chinese name of an entity."""
    out = []
    for subject, relation in rng.sample(atlas.chinese_facts(), rng.choice((1, 2, 3))):
        value = atlas.facts[subject, relation]
        name, answer, table = atlas.chinese[subject], atlas.chinese[value], RELATIONS[relation]
        roll = rng.random()
        if roll < 0.15:
            out.append(f"{mention(subject)} 的中文名是{mention(name)}。")
        elif roll < 0.35:
            out.append(
                "问题:" + table.chinese_question.replace("{s}", mention(name)) + f"回答:{mention(answer)}。"
            )
        else:
            out.append(fill(rng.choice(table.chinese), name, answer) + "。")
    return "".join(out)


def filler_sentence(rng: random.Random) -> str:
    """A sentence without facts, for the FFN keys to find patterns in."""
    adjective, noun, verb = (
        (lambda: rng.choice(words.ADJECTIVE)),
        (lambda: rng.choice(words.NOUN)),
        rng.choice(words.VERB),
    )
    roll = rng.random()
    if roll < 0.3:
        return f"The {adjective()} {noun()} {verb} the {adjective()} {noun()}."
    if roll < 0.5:
        return (
            f"In the {rng.choice(('morning', 'evening', 'summer', 'autumn'))} the {noun()} was {adjective()}."
        )
    if roll < 0.7:
        return f"{rng.choice(words.FIRST)} {verb} a {adjective()} {noun()}."
    if roll < 0.85:
        return f"A {noun()} and a {noun()} are {adjective()}."
    return (
        f"We {rng.choice(('walked', 'talked', 'read', 'waited'))} near the {noun()} and it was {adjective()}."
    )


def filler(atlas: Atlas, rng: random.Random) -> str:
    """One or two filler sentences."""
    return " ".join(filler_sentence(rng) for _ in range(rng.choice((1, 2))))
