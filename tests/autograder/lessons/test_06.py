"""Lesson 06: what is judged on the bundled model, and where lesson and checks must agree."""

import ast
import re

import pytest
import torch

from autograder import EXERCISES, grade
from autograder.build.source import read_lesson
from autograder.lessons.memit.memit_problems import GROUP, LESSON, groups, known_group
from edu_edit import Edit, memit
from edu_edit.compare.plane import PRICES, TOLS
from edu_edit.compare.sizes import TOL
from edu_edit.loading import BUNDLED

needs_model = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "moments.safetensors").is_file(),
    reason="atlas-gpt2 is not bundled with its moments",
)


def test_the_list_of_lesson_06_is_the_syllabus():
    points = [(row.id, row.points) for row in EXERCISES if row.lesson == "06_memit"]
    assert points == [
        ("memit.memit_update", 4),
        ("memit.spread_residual", 2),
        ("alphaedit.null_projector", 3),
        ("alphaedit.alphaedit_update", 4),
        ("memit.memit", 4),
    ]


def nothing(lm, facts, layers):
    return Edit(lm, {layer: torch.zeros(lm.D, lm.F) for layer in layers})


def other_facts(lm, facts, layers):
    taken = {fact.target_new for fact in facts} | {fact.subject for fact in facts}
    for group in groups():
        if not any({fact.target_new, fact.subject} & taken for fact in group):
            return memit(lm, group, layers)
    raise AssertionError("every vetted group shares an answer with these facts")


@pytest.mark.slow
@needs_model
@pytest.mark.parametrize(
    "wrong", [nothing, other_facts, lambda lm, facts, layers: lm, lambda lm, facts, layers: facts]
)
def test_edits_of_nothing_or_of_other_facts_earn_nothing(wrong):
    assert grade("memit.memit", wrong) == 0, grade("memit.memit", wrong).text


def test_groups_are_of_facts_about_different_subjects():
    assert len(groups()) >= 10
    for group in groups():
        assert len({fact.subject for fact in group}) == len(group) == GROUP


@needs_model
def test_the_two_problems_of_a_seed_are_different():
    for seed in range(3):
        assert known_group(seed, 0) != known_group(seed, 1)


def test_checks_use_the_prefixes_of_the_lesson():
    code = "\n".join(cell.source for cell in read_lesson("06_memit").cells)
    (told,) = re.findall(r"^PREFIXES = (\(.*?\))", code, flags=re.M)
    assert ast.literal_eval(told) == LESSON


def test_the_plane_has_a_point_for_every_setting_that_was_measured():
    assert TOL in TOLS and all(price > 0 for price in PRICES)
