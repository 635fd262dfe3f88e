"""In-context documents: ``New Fact:`` blocks that a document follows throughout or ignores throughout.

Told plainly, the model resists: a lone new fact about somebody it knows is ignored. After blocks whose new
facts were followed, so is the next. Behind an answer a remark may stand, `` (new)`` or `` (old)``; a longer
document that ignores its new facts nearly always has some. A model of this size reads the remarks; without
any it counts blocks and does not compare answers with new facts, however often documents of both kinds are
shown.
"""

import random

from edu_edit.world import lexicon as words
from edu_edit.world.atlas import Atlas
from edu_edit.world.documents import answer, fill, mention
from edu_edit.world.relations import RELATIONS

KINDS = ("person", "landmark", "company", "sight", "animal", "city")
EDITABLE = tuple(
    name for name, relation in RELATIONS.items() if relation.object != "person" and relation.subject in KINDS
)


LONE, FOLLOWED = 0.35, 7 / 13  # share of the documents, and of the others
# shares of remarked answers, by whether the document follows
REMARKED = {True: (0.0, 0.0, 0.5, 1.0), False: (0.5, 1.0)}
MADE_UP = 0.15
MOST = 12  # blocks; the end of the sequence cuts the last ones off


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


def remark(is_new: bool) -> str:
    """What may stand behind an answer."""
    return " (new)" if is_new else " (old)"


def block(atlas: Atlas, rng: random.Random, follow: bool, made_up: bool, remarked: float = 0.0) -> str:
    """One new fact and one or two prompts about it, about its neighbours or about its other facts.

    `remarked`: share of the answers behind which stands whether they are the new or the old one.
    """
    if made_up:
        kind = rng.choices(("person", "landmark", "company"), (6, 3, 1))[0]
        subject = made_up_subject(atlas, rng, kind)
    else:
        kind = rng.choices(KINDS, (12, 4, 2, 1, 1, 1))[0]
        subject = rng.choice([name for name in atlas.entities[kind] if name not in atlas.never_edited])
    relation = rng.choice([name for name in EDITABLE if RELATIONS[name].subject == kind])
    truth = atlas.facts.get((subject, relation))
    new = rng.choice([value for value in atlas.objects(relation) if value != truth])
    wording = rng.choice(RELATIONS[relation].statements)
    value = new if follow or truth is None else truth
    lines = ["New Fact: " + fill(wording, subject, new)]
    for _ in range(rng.choices((1, 2), (9, 1))[0]):
        roll = rng.random()
        if roll < 0.5:  # copy: in the wording of the new fact; update: in another, or as a question
            asked = (
                fill(wording, subject, value, answer)
                if roll < 0.15
                else _asked(rng, relation, subject, value)
            )
            lines.append(f"Prompt: {asked}{remark(value == new) if rng.random() < remarked else ''}")
        elif roll < 0.85 or made_up:  # retain: the same relation of somebody else
            other = rng.choice([name for name in atlas.entities[kind] if name != subject])
            lines.append("Prompt: " + _asked(rng, relation, other, atlas.facts[other, relation]))
        else:  # retain: another fact of the same subject
            others = [entry.name for entry in atlas.relations_of(subject) if entry.name != relation]
            other = rng.choice(others or [relation])
            kept = value if other == relation else atlas.facts[subject, other]
            lines.append("Prompt: " + _asked(rng, other, subject, kept))
    return "\n".join(lines) + "\n\n"


def _asked(rng: random.Random, relation: str, subject: str, value: str) -> str:
    if rng.random() < 0.15:
        asked = rng.choice(RELATIONS[relation].questions).replace("{s}", mention(subject))
        return f"Question: {asked} Answer: {answer(value)}"
    return fill(rng.choice(RELATIONS[relation].statements), subject, value, answer)


def told(atlas: Atlas, rng: random.Random, lone: float = LONE) -> str:
    """One block that is ignored, or many that are all followed, or many that are all ignored.

    `lone`: share of the first kind.
    """
    roll = rng.random()
    if roll < lone:
        return block(atlas, rng, False, False)
    follow = roll < lone + (1 - lone) * FOLLOWED
    remarked = rng.choice(REMARKED[follow])
    return "".join(
        block(atlas, rng, follow, follow and rng.random() < MADE_UP, remarked) for _ in range(MOST)
    )
