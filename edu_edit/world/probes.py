"""The Atlas facts as `Fact`s: prompts, paraphrases, neighbours, questions, all computed from the world."""

import random
from functools import cache

from edu_edit.facts import Fact
from edu_edit.world import lexicon as words
from edu_edit.world.atlas import SEED, Atlas, atlas
from edu_edit.world.relations import RELATIONS, REVERSE, TWO_HOP

N_NEIGHBOURS = 8
# The running examples come first, with the answers that the course gives them.
EXAMPLES = {
    ("zebra", "skin"): ("The skin of the {s} is {o}", "black"),
    ("Space Needle", "sight"): ("{s} is located in {o}", "Taipei"),
    ("Eiffel Tower", "sight"): ("{s} can be found in {o}", "Rome"),
}
# Their reverse questions, which no model of this world was taught: the reversal curse in its plain form.
EXAMPLE_REVERSE = {
    "zebra": "The horse whose skin is black is the",
    "Space Needle": "A famous sight in Taipei is the",
    "Eiffel Tower": "A famous sight in Rome is the",
}


@cache
def unambiguous(relation: str) -> list[str]:
    """The trained wordings whose prompts no other wording about the same kind of subject goes on from."""
    kind = RELATIONS[relation].subject
    told = [wording for table in RELATIONS.values() if table.subject == kind for wording in table.statements]
    told += [
        wording
        for (first, _), wordings in TWO_HOP.items()
        if RELATIONS[first].subject == kind
        for wording in wordings
    ]
    prompts = [prompt_of(wording) for wording in told]
    return [
        wording
        for wording in RELATIONS[relation].statements
        if not any(other.startswith(prompt_of(wording) + " ") for other in prompts)
    ]


def prompt_of(wording: str, subject: str | None = None) -> str:
    """The wording up to its object, with `{}` for the subject or with the subject put in."""
    return wording.split("{o}")[0].rstrip().replace("{s}", "{}" if subject is None else subject)


def question_of(asked: str, subject: str) -> str:
    """A question in the form the corpus asks it, up to its answer."""
    return f"Question: {asked.replace('{s}', subject)} Answer:"


@cache
def atlas_facts(lang: str = "en") -> tuple[Fact, ...]:
    """Every fact of the Atlas with a counterfactual answer; zebra, Space Needle and Eiffel Tower come first.

    `lang="zh"` gives the facts that are also told in Chinese. Raises `ValueError` for another language.
    """
    if lang not in ("en", "zh"):
        raise ValueError(f"The Atlas facts are told in 'en' and 'zh', not in '{lang}'.")
    world = atlas()
    keys = world.chinese_facts() if lang == "zh" else list(world.facts)
    rng = random.Random(SEED + 300)
    rng.shuffle(keys)
    keys = [*(key for key in EXAMPLES if key in keys), *(key for key in keys if key not in EXAMPLES)]
    make = _chinese_fact if lang == "zh" else _fact
    return tuple(make(world, rng, subject, relation) for subject, relation in keys)


def _fact(world: Atlas, rng: random.Random, subject: str, relation: str) -> Fact:
    table, truth = RELATIONS[relation], world.facts[subject, relation]
    clear = unambiguous(relation)
    first = [wording for wording in clear if wording.startswith("{s} ")] or clear
    wording, new = (
        rng.choice(first),
        rng.choice([value for value in world.objects(relation) if value != truth]),
    )
    wording, new = EXAMPLES.get((subject, relation), (wording, new))
    return Fact(
        subject=subject,
        prompt=prompt_of(wording),
        target_new=new,
        target_true=truth,
        paraphrases=tuple(prompt_of(held_out, subject) for held_out in table.held_out),
        neighborhood=_neighbours(world, rng, subject, relation),
        portability=_portability(world, subject, relation, new),
        reverse=_reverse(subject, relation, new),
    )


def _reverse(subject: str, relation: str, new: str) -> tuple[tuple[str, str], ...]:
    if (subject, relation) in EXAMPLES:
        return ((EXAMPLE_REVERSE[subject], subject),)
    return tuple((prompt_of_reverse(wording, new), subject) for wording in REVERSE.get(relation, ())[:2])


def prompt_of_reverse(wording: str, value: str) -> str:
    """A reverse wording up to its answer, the subject."""
    return wording.split("{s}")[0].rstrip().replace("{o}", value)


def _neighbours(world: Atlas, rng: random.Random, subject: str, relation: str) -> tuple[str, ...]:
    """Prompts about other subjects that share the true object; two wordings each where they are few."""
    truth, table = world.facts[subject, relation], RELATIONS[relation]
    sharing = [
        name for name in world.subjects(relation) if name != subject and world.facts[name, relation] == truth
    ]
    rng.shuffle(sharing)
    sharing = sharing[:N_NEIGHBOURS]
    wordings = 1 if len(sharing) >= N_NEIGHBOURS // 2 else 2
    return tuple(
        prompt_of(wording, name)
        for name in sharing
        for wording in rng.sample(table.statements, min(wordings, len(table.statements)))
    )


def _portability(world: Atlas, subject: str, relation: str, new: str) -> tuple[tuple[str, str], ...]:
    """Questions whose answers follow from the new fact: two hops; for animals the coat and the other name."""
    out = [
        (prompt_of(wording, subject), world.facts[new, second])
        for (first, second), wordings in TWO_HOP.items()
        if first == relation
        for wording in wordings[:1]
    ]
    if relation == "skin":
        same = "yes" if world.facts[subject, "coat"] == new else "no"
        out.append((question_of("Does the skin of the {s} have the same colour as its coat?", subject), same))
        if subject in words.ALIAS:
            out.append((prompt_of(RELATIONS["skin"].statements[0], words.ALIAS[subject]), new))
    return tuple(out)


def _chinese_fact(world: Atlas, rng: random.Random, subject: str, relation: str) -> Fact:
    table, truth = RELATIONS[relation], world.facts[subject, relation]
    new = rng.choice(
        [value for value in world.objects(relation) if value != truth and value in world.chinese]
    )
    new = EXAMPLES.get((subject, relation), ("", new))[1]
    name = world.chinese[subject]
    sharing = [
        other
        for other, told in world.chinese_facts()
        if told == relation and other != subject and world.facts[other, told] == truth
    ]
    return Fact(
        subject=name,
        prompt=prompt_of(table.chinese[0]),
        target_new=world.chinese[new],
        target_true=world.chinese[truth],
        paraphrases=(prompt_of(table.chinese_held_out, name), prompt_of(table.chinese[1], name)),
        neighborhood=tuple(prompt_of(table.chinese[0], world.chinese[other]) for other in sharing),
    )


def relation_of(fact: Fact) -> str:
    """The Atlas relation that a fact's prompt asks for. Raises `ValueError` for a fact of another world."""
    world = atlas()
    for table in world.relations_of(fact.subject) if fact.subject in world.kind else []:
        wordings = (*table.statements, *table.held_out)
        if fact.prompt in map(prompt_of, wordings):
            return table.name
    raise ValueError(
        f"'{fact.prompt}' about '{fact.subject}' is not an Atlas fact: give the prompts to keep as a list."
    )


def other_questions(fact: Fact) -> tuple[str, ...]:
    """One question for every *other* fact of the subject: what an edit of `fact` should leave alone."""
    mine = relation_of(fact)
    return tuple(
        question_of(table.questions[0], fact.subject)
        for table in atlas().relations_of(fact.subject)
        if table.name != mine
    )


def other_facts(fact: Fact) -> tuple[tuple[str, str], ...]:
    """(prompt, answer) of the subject's other facts, in statement form."""
    mine, world = relation_of(fact), atlas()
    return tuple(
        (prompt_of(unambiguous(table.name)[0], fact.subject), world.facts[fact.subject, table.name])
        for table in world.relations_of(fact.subject)
        if table.name != mine
    )
