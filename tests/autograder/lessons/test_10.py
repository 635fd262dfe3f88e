"""Lesson 10: its list, edits of nothing, and that what its prose says of the model's training is so."""

import pytest

from autograder import EXERCISES, check, grade
from autograder.lessons.ike.ike_problems import COUNTS, drawn, everything, stubborn
from autograder.lessons.ike.kinds import best
from edu_edit import LM, Edit, Fact
from edu_edit.loading import BUNDLED
from edu_edit.methods.ike import ike, ike_prompt

bundled = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "moments.safetensors").is_file(), reason="the bundled model is not there"
)


def test_the_list_of_lesson_10_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "10_ike"}
    assert points == {
        "ike.resistance": 2,
        "ike.demonstration": 2,
        "ike.nearest": 2,
        "ike.kinds": 2,
        "ike.ike_prompt": 2,
        "ike.ike": 3,
    }


def test_the_counts_of_the_expected_prompts_are_the_best_ones() -> None:
    for k, counts in COUNTS.items():
        assert tuple(best(k, (1, 3, 4)).count(kind) for kind in ("copy", "update", "retain")) == counts


@pytest.mark.slow
@bundled
def test_an_edit_of_nothing_or_of_another_fact_earns_nothing() -> None:
    def nothing(lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
        return Edit(lm, rewrite=lambda text: text)

    def another(lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
        return ike(lm, pool[0], pool[1:], k)

    def weights(lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
        return Edit(lm, {})

    def told_the_answer(lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
        return Edit(lm, rewrite=lambda text: f"{text} {fact.target_new}. {text}")

    def fails(lm: LM, fact: Fact, pool: list[Fact], k: int) -> Edit:
        return Edit(lm, rewrite=lambda text: text[10_000])

    for wrong in (nothing, another, weights, told_the_answer, fails, lambda *args: args[1]):
        score = grade("ike.ike", wrong)
        assert score == 0, score.text
    assert "stopped with IndexError" in " ".join(check("ike.ike", fails).text.split())


@bundled
def test_the_vetted_fact_is_denied_when_told_and_followed_behind_demonstrations() -> None:
    from autograder.lessons.rome.rome_problems import model

    lm, (fact, pool, _) = model(), stubborn(0)
    alone = ike_prompt([], f"{fact.question} {fact.target_new}", fact.question)
    assert lm.answer(alone) != fact.target_new
    with ike(lm, fact, pool, 6):
        assert lm.answer(fact.question) == fact.target_new


@bundled
def test_drawn_pools_say_nothing_about_the_subject() -> None:
    import torch

    for seed in range(5):
        fact, pool = drawn(torch.Generator().manual_seed(seed), 20)
        assert len(pool) == 20 and not any(fact.subject in everything(one) for one in pool)
