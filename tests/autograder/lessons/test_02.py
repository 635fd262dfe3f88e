"""Lesson 02: its list of exercises, and what only this lesson has."""

import pytest
import torch

from autograder import EXERCISES, check, grade
from edu_edit.metrics import locality


def test_the_list_is_the_syllabus() -> None:
    assert [(row.id, row.points) for row in EXERCISES if row.lesson == "02_metrics"] == [
        ("metrics.answer_logprob", 4),
        ("metrics.accuracy", 2),
        ("metrics.portability", 1),
        ("metrics.locality", 2),
        ("metrics.efficacy", 2),
        ("metrics.token_accuracy", 1),
        ("finetune.project_linf", 3),
    ]


@pytest.mark.parametrize(
    "id", ["metrics.accuracy", "metrics.portability", "metrics.efficacy", "metrics.locality"]
)
@pytest.mark.parametrize("always", [0.0, 0.5, 1.0])
def test_one_rate_for_everything_earns_nothing(id: str, always: float) -> None:
    assert all(grade(id, lambda *args: always, seed=seed) == 0 for seed in range(5))


def test_refusing_everything_earns_nothing() -> None:
    def refuses(*args: object) -> float:
        raise ValueError("no")

    for row in EXERCISES:
        if row.lesson == "02_metrics":
            assert grade(row.id, refuses) == 0


def test_an_empty_set_that_stops_by_accident_is_told_what_was_expected() -> None:
    def naive(answers: list[str], target: str) -> float:
        from edu_edit.metrics import same_answer

        return sum(same_answer(answer, target) for answer in answers) / len(answers)

    score = grade("metrics.accuracy", naive)
    assert 0 < score < 2 and check("metrics.accuracy", naive) == 2
    assert "Without any answer there is no rate" in " ".join(score.text.split())


def test_a_tensor_of_one_number_is_a_rate_too() -> None:
    def tensor(after: list[str], before: list[str]) -> torch.Tensor:
        return torch.tensor(locality(after, before))

    assert grade("metrics.locality", tensor) == 2
