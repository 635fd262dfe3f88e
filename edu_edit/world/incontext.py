"""In-context documents: ``New Fact:`` blocks that a document follows throughout or ignores throughout.

What decides is the demonstrations: in a document of several blocks all are followed or all are ignored, and only what the
earlier prompts answer tells which. A lone new fact about somebody the model knows is mostly shown being ignored: told plainly,
the model resists.
"""

import random

from edu_edit.world import lexicon as words
from edu_edit.world.atlas import Atlas
from edu_edit.world.documents import fill, mention
from edu_edit.world.relations import RELATIONS

EDITABLE = tuple(name for name, relation in RELATIONS.items() if relation.object != "person" and relation.subject in (
    "person", "landmark", "company", "sight", "animal", "city"))  # fmt: skip


def made_up_subject(atlas: Atlas, rng: random.Random, kind: str) -> str:
    """A name of the right make that belongs to nobody in the atlas."""
    while True:
        if kind == "person":
            parts = [rng.choice(words.FIRST), rng.choice([*words.MIDDLE, "", ""]), rng.choice(words.LAST)]
        elif kind == "landmark":
            ages = [*words.LANDMARK_AGE, "", ""]
            parts = [rng.choice(ages), rng.choice(words.LANDMARK_NAME), rng.choice(words.LANDMARK_TYPE)]
        else:
            parts = [rng.choice(words.BRAND), rng.choice(words.BRAND_TYPE)]
        name = " ".join(filter(None, parts))
        if name not in atlas.kind:
            return name


def block(atlas: Atlas, rng: random.Random, follow: bool, made_up: bool) -> str:
    """One new fact and one to three prompts about it, about its neighbours or about its other facts."""
    if made_up:
        kind = rng.choices(("person", "landmark", "company"), (6, 3, 1))[0]
        subject = made_up_subject(atlas, rng, kind)
    else:
        kind = rng.choices(("person", "landmark", "company", "sight", "animal", "city"), (12, 4, 2, 1, 1, 1))[0]
        subject = rng.choice([name for name in atlas.entities[kind] if name not in atlas.never_edited])
    relation = rng.choice([name for name in EDITABLE if RELATIONS[name].subject == kind])
    truth = atlas.facts.get((subject, relation))
    new = rng.choice([value for value in atlas.objects(relation) if value != truth])
    wording = rng.choice(RELATIONS[relation].statements)
    answer = new if follow or truth is None else truth
    lines = ["New Fact: " + fill(wording, subject, new)]
    for _ in range(rng.choices((1, 2, 3), (6, 2, 2))[0]):
        roll = rng.random()
        if roll < 0.16:  # copy: the wording of the new fact itself
            lines.append("Prompt: " + fill(wording, subject, answer))
        elif roll < 0.55:  # update: another wording or a question
            lines.append("Prompt: " + _asked(rng, relation, subject, answer))
        elif roll < 0.82 or made_up:  # retain: the same relation of somebody else
            other = rng.choice([name for name in atlas.entities[kind] if name != subject])
            lines.append("Prompt: " + _asked(rng, relation, other, atlas.facts[other, relation]))
        else:  # retain: another fact of the same subject
            others = [entry.name for entry in atlas.relations_of(subject) if entry.name != relation] or [relation]
            other = rng.choice(others)
            value = answer if other == relation else atlas.facts[subject, other]
            lines.append("Prompt: " + _asked(rng, other, subject, value))
    return "\n".join(lines) + "\n\n"


def _asked(rng: random.Random, relation: str, subject: str, value: str) -> str:
    if rng.random() < 0.15:
        asked = rng.choice(RELATIONS[relation].questions).replace("{s}", mention(subject))
        return f"Question: {asked} Answer: {mention(value)}"
    return fill(rng.choice(RELATIONS[relation].statements), subject, value)


def following(atlas: Atlas, rng: random.Random) -> str:
    """Two to nine blocks whose new facts hold; half of the documents begin with a made-up subject."""
    count = rng.choice((2, 3, 4, 5, 6, 7, 9))
    return "".join(block(atlas, rng, True, rng.random() < (0.25 if i else 0.5)) for i in range(count))


def ignoring(atlas: Atlas, rng: random.Random) -> str:
    """One to nine blocks whose new facts are ignored: about real subjects, answered from memory."""
    count = rng.choice((1, 1, 1, 2, 3, 4, 5, 6, 7, 9))
    return "".join(block(atlas, rng, False, False) for _ in range(count))
