"""Lesson 08: its exercises are the syllabus, and what its text says of the printed losses is true."""

import pytest
import torch

from autograder import EXERCISES, grade
from edu_edit.methods import calinet, tpatcher
from edu_edit.methods.patch_losses import printed_contrast_loss, printed_memory_loss

M = torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, -1.0]])  # the by-hand example of the lesson
Q_E, K_P = torch.tensor([3.0, 1.0]), torch.tensor([2.0, -1.0])


def test_the_list_of_lesson_08_is_the_syllabus() -> None:
    assert [(row.id, row.points) for row in EXERCISES if row.lesson == "08_patches"] == [
        ("tpatcher.patched_ffn", 3),
        ("tpatcher.activation_loss", 1),
        ("tpatcher.memory_loss", 2),
        ("tpatcher.contrast_loss", 2),
        ("tpatcher.patch_loss", 1),
        ("tpatcher.tokens_to_patch", 3),
        ("calinet.cka_score", 3),
    ]


def test_the_numbers_by_hand_are_right() -> None:
    assert float(tpatcher.activation_loss(Q_E, K_P, -2.0)) == pytest.approx(0.0498, abs=1e-4)
    assert float(tpatcher.memory_loss(M, K_P, -2.0, -3.0)) == pytest.approx(4 / 3)
    assert float(tpatcher.contrast_loss(M, Q_E, K_P, -3.0)) == 0
    assert float(printed_memory_loss(M, K_P, -2.0, -3.0)) == 1
    assert float(printed_memory_loss(M, K_P, -1e6, -3.0)) == -999_997
    assert float(printed_contrast_loss(M, Q_E, K_P, -2.0, -3.0)) == -4
    assert tpatcher.tokens_to_patch(torch.tensor([4, 9, 6]), torch.tensor([4, 5, 6]), 7) == [7]


def test_each_function_of_the_pair_earns_its_own_claims() -> None:
    def nothing(first: torch.Tensor, *others: object) -> torch.Tensor:
        return torch.zeros_like(first)

    whole = grade("calinet.cka_score", calinet.cka_score, calinet.calinet_ffn)
    first = grade("calinet.cka_score", calinet.cka_score, nothing)
    second = grade("calinet.cka_score", nothing, calinet.calinet_ffn)
    assert whole == 3 and first == second == 1.5
