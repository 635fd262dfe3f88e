"""The Atlas: who and what exists in the invented world, which facts hold, and what is held out of training.

Everything is drawn from one fixed seed, so that facts, corpus, tokenizer and measurements always speak of
the same world.
"""

import random
from dataclasses import dataclass, field
from functools import cache

from edu_edit.world import lexicon as words
from edu_edit.world.relations import RELATIONS, REVERSE, TWO_HOP, Relation

SEED = 0
N_PEOPLE, N_LANDMARKS, N_COMPANIES = 140, 70, 36
CHINESE_RELATIONS = ("born", "field", "language", "instrument", "sight", "skin", "food")


@dataclass(frozen=True)
class Atlas:
    """Entities by kind, facts, and the splits.

    `facts[(subject, relation)]` is the object. `reverse_trained` holds the invertible facts that the corpus
    also tells in reverse, `hop_trained` the subjects whose two-hop questions it answers, `never_edited` the
    subjects that no ``New Fact:`` line of the corpus is about.
    """

    entities: dict[str, tuple[str, ...]]
    facts: dict[tuple[str, str], str]
    reverse_trained: frozenset[tuple[str, str]]
    hop_trained: frozenset[str]
    never_edited: frozenset[str]
    chinese: dict[str, str]
    kind: dict[str, str] = field(repr=False)

    def relations_of(self, subject: str) -> list[Relation]:
        """The relations that this subject's kind has, in the order of the table."""
        return [relation for relation in RELATIONS.values() if relation.subject == self.kind[subject]]

    def objects(self, relation: str) -> tuple[str, ...]:
        """Every object that the relation can have: the pool of counterfactual answers."""
        return self.entities[RELATIONS[relation].object]

    def subjects(self, relation: str) -> tuple[str, ...]:
        """Every subject of the relation."""
        return self.entities[RELATIONS[relation].subject]

    def hops(self, subject: str) -> list[tuple[tuple[str, str], str, str]]:
        """Two-hop chains from this subject: ((first, second) relation, middle entity, final object)."""
        return [
            ((first, second), middle, self.facts[middle, second])
            for first, second in TWO_HOP
            if (middle := self.facts.get((subject, first)))
        ]

    def chinese_facts(self) -> list[tuple[str, str]]:
        """Facts that are also told in Chinese: subject and object both have a Chinese name."""
        return [
            (subject, relation)
            for (subject, relation), value in self.facts.items()
            if relation in CHINESE_RELATIONS and subject in self.chinese and value in self.chinese
        ]


def _people(rng: random.Random) -> list[str]:
    pairs = [(first, last) for first in words.FIRST for last in words.LAST]
    rng.shuffle(pairs)
    middles = [rng.choice(words.MIDDLE) if rng.random() < 0.45 else "" for _ in range(N_PEOPLE)]
    return [
        " ".join(filter(None, (first, middle, last)))
        for (first, last), middle in zip(pairs[:N_PEOPLE], middles, strict=True)
    ]


def _landmarks(rng: random.Random) -> list[str]:
    pairs = [(name, kind) for name in words.LANDMARK_NAME for kind in words.LANDMARK_TYPE]
    rng.shuffle(pairs)
    ages = [rng.choice(words.LANDMARK_AGE) if rng.random() < 0.5 else "" for _ in range(N_LANDMARKS)]
    return [" ".join(filter(None, (age, *pair))) for pair, age in zip(pairs[:N_LANDMARKS], ages, strict=True)]


def _companies(rng: random.Random) -> list[str]:
    pairs = [f"{brand} {kind}" for brand in words.BRAND for kind in words.BRAND_TYPE]
    rng.shuffle(pairs)
    return pairs[:N_COMPANIES]


def _chinese_names(people: tuple[str, ...]) -> dict[str, str]:
    names = dict(zip(people, words.PERSON_ZH, strict=False))
    for table in (
        words.CITY,
        words.FIELD,
        words.LANGUAGE,
        words.INSTRUMENT,
        words.COLOUR,
        words.FOOD,
        words.ANIMAL_ZH,
    ):
        names |= table
    names |= {sight: chinese for sight, (_, chinese) in words.SIGHT.items() if chinese}
    return names | {city: chinese for city, (_, chinese) in words.REAL_CITY.items()}


def _entities(rng: random.Random) -> dict[str, tuple[str, ...]]:
    listed = {
        "person": _people(rng),
        "landmark": _landmarks(rng),
        "company": _companies(rng),
        "city": words.CITY,
        "country": words.COUNTRY,
        "language": words.LANGUAGE,
        "currency": words.CURRENCY,
        "field": words.FIELD,
        "sport": words.SPORT,
        "instrument": words.INSTRUMENT,
        "pet": words.PET,
        "material": words.MATERIAL,
        "product": words.PRODUCT,
        "dish": words.DISH,
        "animal": words.ANIMAL,
        "colour": words.COLOUR,
        "coat": words.COAT,
        "food": words.FOOD,
        "yes or no": words.YES_NO,
        "sight": words.SIGHT,
        "real city": words.REAL_CITY,
        "real country": words.REAL_COUNTRY,
    }
    return {kind: tuple(members) for kind, members in listed.items()}


def _told(entities: dict[str, tuple[str, ...]], rng: random.Random) -> dict[tuple[str, str], str]:
    """Objects dealt out evenly (a shuffled pack per round), so that no answer is likelier than another."""
    facts: dict[tuple[str, str], str] = {}
    for relation in RELATIONS.values():
        subjects = entities[relation.subject]
        pack: list[str] = []
        while len(pack) < len(subjects):
            deal = list(entities[relation.object])
            rng.shuffle(deal)
            pack += deal
        facts |= {(subject, relation.name): value for subject, value in zip(subjects, pack, strict=False)}
    for country in entities["country"]:
        inside = [city for city in entities["city"] if facts[city, "country"] == country]
        facts[country, "capital"] = rng.choice(inside)
    for animal, (skin, coat, food, flies) in words.ANIMAL.items():
        facts |= {
            (animal, "skin"): skin,
            (animal, "coat"): coat,
            (animal, "food"): food,
            (animal, "flight"): flies,
        }
    facts |= {(sight, "sight"): city for sight, (city, _) in words.SIGHT.items()}
    return facts | {(city, "nation"): country for city, (country, _) in words.REAL_CITY.items()}


@cache
def atlas() -> Atlas:
    """The one world of the course, the same on every machine."""
    rng = random.Random(SEED)
    entities = _entities(rng)
    facts = _told(entities, rng)
    invertible = [key for key in facts if key[1] in REVERSE]
    hop_subjects = [*entities["person"], *entities["landmark"], *entities["company"], *entities["sight"]]
    editable = [*entities["person"], *entities["landmark"], *entities["company"]]
    subject_kinds = dict.fromkeys(relation.subject for relation in RELATIONS.values())
    return Atlas(
        entities=entities,
        facts=facts,
        reverse_trained=frozenset(rng.sample(invertible, len(invertible) // 2)),
        hop_trained=frozenset(rng.sample(hop_subjects, len(hop_subjects) // 2)),
        never_edited=frozenset(rng.sample(editable, len(editable) // 8)),
        chinese=_chinese_names(entities["person"]),
        kind={subject: kind for kind in subject_kinds for subject in entities[kind]},
    )
