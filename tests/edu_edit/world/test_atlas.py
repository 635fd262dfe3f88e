"""The world is the one that the models were trained on, and its ground truth is consistent."""

import hashlib

import pytest

from edu_edit.world import atlas, atlas_facts, other_facts, other_questions
from edu_edit.world.probes import prompt_of, relation_of
from edu_edit.world.relations import RELATIONS, REVERSE, TWO_HOP


def test_the_facts_are_those_the_bundled_models_were_trained_on() -> None:
    told = "\n".join(
        f"{subject}|{relation}|{value}" for (subject, relation), value in sorted(atlas().facts.items())
    )
    assert hashlib.sha256(told.encode()).hexdigest()[:16] == "6a09b5d5eca3ca28"


def test_there_are_enough_facts_relations_and_long_answers() -> None:
    world = atlas()
    assert len(world.facts) >= 1500
    assert 6 <= len(world.relations_of("Arthur Kovac")) <= 8
    assert sum(" " in value for value in world.facts.values()) >= 60
    assert len(world.chinese_facts()) >= 60


def test_every_part_of_a_name_is_shared() -> None:
    people = atlas().entities["person"]
    for position in (0, -1):
        parts = [name.split()[position] for name in people]
        assert max(parts.count(part) for part in set(parts)) >= 3


def test_invertible_relations_have_one_subject_per_object() -> None:
    world = atlas()
    for relation in REVERSE:
        values = [value for (_, name), value in world.facts.items() if name == relation]
        assert len(values) == len(set(values))


def test_a_capital_lies_in_its_country() -> None:
    facts = atlas().facts
    for country in atlas().entities["country"]:
        assert facts[facts[country, "capital"], "country"] == country


@pytest.mark.parametrize("relation", RELATIONS.values(), ids=lambda relation: relation.name)
def test_wordings_put_the_subject_first_and_the_object_last(relation) -> None:
    for wording in (*relation.statements, *relation.held_out, *relation.chinese):
        assert wording.count("{s}") == 1 and wording.endswith("{o}")
        assert wording.index("{s}") < wording.index("{o}")
    assert not set(relation.held_out) & set(relation.statements)
    assert relation.held_out_question not in relation.questions


def test_facts_are_counterfactual_and_ask_what_they_say() -> None:
    world = atlas()
    for fact in atlas_facts():
        relation = relation_of(fact)
        assert world.facts[fact.subject, relation] == fact.target_true != fact.target_new
        assert fact.target_new in world.objects(relation)
        assert all(fact.subject not in prompt for prompt in fact.neighborhood) or relation == "skin"


def test_the_running_examples_come_first() -> None:
    zebra, needle, tower = atlas_facts()[:3]
    assert (zebra.subject, zebra.target_true, zebra.target_new) == ("zebra", "pink", "black")
    assert (needle.subject, needle.target_true, needle.target_new) == ("Space Needle", "Seattle", "Taipei")
    assert (tower.subject, tower.target_true) == ("Eiffel Tower", "Paris")
    assert atlas_facts("zh")[0].subject == "斑马"


def test_portability_follows_the_new_answer() -> None:
    world = atlas()
    for fact in atlas_facts()[:300]:
        for (first, second), wordings in TWO_HOP.items():
            if relation_of(fact) == first:
                assert (
                    prompt_of(wordings[0], fact.subject),
                    world.facts[fact.target_new, second],
                ) in fact.portability


def test_what_an_edit_should_leave_alone_is_about_the_other_relations() -> None:
    fact = next(fact for fact in atlas_facts() if fact.subject == "Arthur Kovac")
    assert len(other_questions(fact)) == len(other_facts(fact)) == 6
    assert all("Arthur Kovac" in question for question in other_questions(fact))


def test_another_language_is_refused() -> None:
    with pytest.raises(ValueError, match="'en' and 'zh'"):
        atlas_facts("fr")
