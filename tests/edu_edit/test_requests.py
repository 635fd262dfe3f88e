"""What a method is asked to write: a fact, a list, or one sentence."""

from dataclasses import replace

import pytest

from edu_edit import Fact
from edu_edit.requests import requested

FACT = Fact("Boris Dunlin", "{} lives in", "Kelling")
OTHER = Fact("Irma Ember", "{} plays the", "flute")


def test_one_fact_and_a_list_of_facts_come_out_as_a_list() -> None:
    assert requested(FACT) == [FACT] == requested((FACT,))
    given = [FACT, OTHER]
    assert requested(given, at_once=True) == given and requested(given) is not given


def test_nothing_to_write_is_refused() -> None:
    with pytest.raises(ValueError, match="no fact to write in \\[\\]"):
        requested([])


def test_a_question_asked_twice_can_be_written_one_after_the_other_only() -> None:
    twice, other_answer = [FACT, OTHER, FACT], [FACT, replace(FACT, target_new="Fenwick")]
    assert len(requested(twice)) == 3 and len(requested(other_answer)) == 2
    with pytest.raises(ValueError, match="ask 'Boris Dunlin lives in' twice: keep one"):
        requested(twice, at_once=True)
    with pytest.raises(ValueError, match="ask 'Boris Dunlin lives in' with two answers"):
        requested(other_answer, at_once=True)


def test_the_same_question_in_other_parts_is_the_same_question() -> None:
    """ "Boris Dunlin" + "{} lives in" and "Boris" + "{} Dunlin lives in" read the same to the model."""
    with pytest.raises(ValueError, match="twice"):
        requested([FACT, Fact("Boris", "{} Dunlin lives in", "Kelling")], at_once=True)
