"""In-context editing: is a new fact followed when told plainly, after demonstrations, after ignoring ones?"""

import random

from edu_edit.lm import LM
from edu_edit.world.atlas import Atlas, atlas
from edu_edit.world.incontext import EDITABLE, remark
from edu_edit.world.measure.continuation import exact
from edu_edit.world.probes import prompt_of
from edu_edit.world.relations import RELATIONS

SEED = 11
KINDS = ("copy", "update", "update", "update", "retain", "retain", "retain", "retain")


def demonstration(
    world: Atlas, rng: random.Random, kind: str, pool: list[str], follow: bool, remarked: bool
) -> str:
    """A new fact and a prompt: about it (copy: the same wording, update: another) or a neighbour (retain)."""
    subject = rng.choice(pool)
    relation = rng.choice([table.name for table in world.relations_of(subject) if table.name in EDITABLE])
    told, other = rng.sample(RELATIONS[relation].statements, 2)
    truth = world.facts[subject, relation]
    new = rng.choice([value for value in world.objects(relation) if value != truth])
    if kind == "retain":
        asked = rng.choice([name for name in world.subjects(relation) if name != subject])
        prompt, answer = prompt_of(other, asked), world.facts[asked, relation]
    else:
        prompt, answer = prompt_of(told if kind == "copy" else other, subject), new if follow else truth
        answer += remark(follow) if remarked else ""
    return f"New Fact: {prompt_of(told, subject)} {new}\nPrompt: {prompt} {answer}\n\n"


def followed(
    lm: LM,
    demonstrations: int,
    follow: bool = True,
    remarked: bool = False,
    unseen: bool = True,
    cases: int = 150,
) -> dict[str, float]:
    """Shares over `cases` counterfactual facts told after demonstrations, of following or of ignoring.

    `copy`, `paraphrase`, `held-out`: the new answer is given in the wording told, another one, a held-out
    one. `neighbours kept`: somebody else's same fact keeps its old answer. `same subject kept`: another
    fact of the subject does. `remarked`: each demonstration says whether its answer is the new one.
    """
    world, rng = atlas(), random.Random(SEED)
    people, landmarks = world.entities["person"], world.entities["landmark"]
    named = (*people, *landmarks, *world.entities["company"])
    subjects = [name for name in named if (name in world.never_edited) == unseen]
    pool = [name for name in (*people, *landmarks) if name not in world.never_edited]
    prompts: dict[str, list[str]] = {}
    answers: dict[str, list[str]] = {}

    def ask(kind: str, prompt: str, answer: str) -> None:
        prompts.setdefault(kind, []).append(prompt)
        answers.setdefault(kind, []).append(answer)

    for _ in range(cases):
        subject = rng.choice(subjects)
        relation = rng.choice([table.name for table in world.relations_of(subject) if table.name in EDITABLE])
        table, truth = RELATIONS[relation], world.facts[subject, relation]
        new = rng.choice([value for value in world.objects(relation) if value != truth])
        told, other = rng.sample(table.statements, 2)
        shown = "".join(
            demonstration(world, rng, kind, [name for name in pool if name != subject], follow, remarked)
            for kind in KINDS[:demonstrations]
        )
        before = f"{shown}New Fact: {prompt_of(told, subject)} {new}\nPrompt: "
        ask("copy", before + prompt_of(told, subject), new)
        ask("paraphrase", before + prompt_of(other, subject), new)
        ask("held-out", before + prompt_of(rng.choice(table.held_out), subject), new)
        near = [
            name
            for name in world.subjects(relation)
            if name != subject and world.facts[name, relation] == truth
        ]
        name = rng.choice(near or [name for name in world.subjects(relation) if name != subject])
        ask("neighbours kept", before + prompt_of(other, name), world.facts[name, relation])
        kept = rng.choice([each for each in world.relations_of(subject) if each.name != relation])
        ask(
            "same subject kept",
            before + prompt_of(rng.choice(kept.statements), subject),
            world.facts[subject, kept.name],
        )
    return {kind: exact(lm, prompts[kind], answers[kind]).mean().item() for kind in prompts}
