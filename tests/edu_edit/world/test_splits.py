"""Subjects that trained editors never see: a fixed fifth, by subject and by nothing else."""

from dataclasses import replace

import pytest

from edu_edit import Fact, load, load_facts
from edu_edit.world import atlas_facts
from edu_edit.world.splits import facts_at_once, facts_in_sequence, facts_to_edit, held_out, training_facts

FACTS = load_facts()


def test_no_subject_is_on_both_sides() -> None:
    trained = {fact.subject for fact in training_facts()}
    judged = {fact.subject for fact in FACTS if held_out(fact)}
    assert trained and judged and not trained & judged
    assert trained | judged == {fact.subject for fact in FACTS}


def test_a_fifth_of_the_subjects_is_held_out() -> None:
    subjects = {fact.subject: held_out(fact) for fact in FACTS}
    assert 0.15 < sum(subjects.values()) / len(subjects) < 0.25


def test_the_side_is_the_subjects_alone() -> None:
    """Neither the relation nor the objects matter, and another order changes nothing."""
    for fact in FACTS[:50]:
        other = replace(fact, prompt="Nobody knows {} as a", target_new="x", target_true=None, paraphrases=())
        assert held_out(other) == held_out(fact)
    assert [fact for fact in FACTS if not held_out(fact)] == training_facts()


def test_the_side_of_a_name_never_changes() -> None:
    """Shipped editors were trained on this split: these names stay where they are."""
    out = ("Boris Hargrove", "Hugo Ostrov", "Quinn Henry Pellman", "Clara Tremont", "Perrin Systems")
    within = ("zebra", "Space Needle", "Eiffel Tower", "Royal Silverlake Library", "Lunden", "Arthur Kovac")
    for name in (*out, *within):
        assert held_out(Fact(name, "{} is a", "x")) == (name in out), name


def test_chinese_facts_have_sides_too() -> None:
    sides = {held_out(fact) for fact in atlas_facts("zh")}
    assert sides == {True, False}


@pytest.mark.slow
def test_what_methods_are_compared_on_is_known_and_kept_apart() -> None:
    lm = load("atlas-llama")
    alone, (sequence, probes), batch = (
        facts_to_edit(lm, 5),
        facts_in_sequence(lm, 5, 4),
        facts_at_once(lm, 40),
    )
    assert [lm.answer(fact.question) for fact in alone] == [fact.target_true for fact in alone]
    assert all(held_out(fact) for fact in alone) and not any(held_out(fact) for fact in sequence)
    assert len({fact.subject for fact in facts_to_edit(lm, 60)}) == 60
    assert not {fact.question for fact in sequence} & set(probes) and len(probes) == 4
    assert len({fact.subject for fact in batch}) == len(batch) == 40
