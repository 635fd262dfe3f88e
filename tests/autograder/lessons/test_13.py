"""Lesson 13: its list, and that the figures of its prose are those of the measured sheets."""

import pytest
import torch

from autograder import EXERCISES, check, grade
from edu_edit import load
from edu_edit.loading import BUNDLED
from edu_edit.uses.debias import bias_subspace, project_out
from edu_edit.uses.depn import privacy_neurons, sequence_attribution
from edu_edit.uses.sheets import FILE, interventions, saved_sheets

bundled = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / FILE).is_file(), reason="the bundled model's sheets are not there"
)


def test_the_list_of_lesson_13_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "13_uses"}
    assert points == {
        "depn.sequence_attribution": 3,
        "depn.silence": 1,
        "depn.exposure": 2,
        "detox.promote": 1,
        "detox.over_refusal": 1,
        "debias.bias_subspace": 4,
        "debias.balanced_targets": 2,
    }
    assert sum(points.values()) == 14


def test_one_right_function_of_two_earns_its_own_claims_only() -> None:
    """Each function of a pair is judged where it is asked, whatever the other one does."""
    first = grade("depn.sequence_attribution", sequence_attribution, lambda attr, k, share=0.1: [(0, 0)])
    assert first.judgement.earned == pytest.approx(3 * 2 / 7, abs=0.01), first.text
    second = grade("depn.sequence_attribution", torch.zeros_like, privacy_neurons)
    assert second.judgement.earned == pytest.approx(3 * 5 / 7, abs=0.01), second.text
    third = grade("debias.bias_subspace", lambda diff, r: diff[:r].T, project_out)
    assert third.judgement.earned == pytest.approx(4 * 3 / 7, abs=0.01), third.text


def test_other_ways_to_the_right_answer_are_right() -> None:
    def by_eigenvectors(diff: torch.Tensor, r: int) -> torch.Tensor:
        if not 0 <= r <= min(diff.shape):
            raise ValueError
        vectors = torch.linalg.eigh(diff.T.double() @ diff.double()).eigenvectors
        return -vectors.flip(1)[:, :r].to(diff.dtype)

    def by_pseudoinverse(W: torch.Tensor, U: torch.Tensor) -> torch.Tensor:
        if int(torch.linalg.matrix_rank(U)) < U.shape[1]:
            raise ValueError
        return W - U @ (torch.linalg.pinv(U) @ W)

    assert grade("debias.bias_subspace", by_eigenvectors, by_pseudoinverse) == 4
    assert check("debias.bias_subspace", bias_subspace, by_pseudoinverse) == 4


@bundled
def test_the_figures_of_the_prose_are_those_of_the_sheets() -> None:
    lm = load("atlas-gpt2")
    sheets = saved_sheets(lm)
    assert set(sheets) == {(n, s) for n, one in interventions().items() for s in one.strengths}

    def after(name: str, strength: str, part: str, i: int) -> float:
        return round(getattr(sheets[name, strength], part)[i].after, 2)

    depn = [after("DEPN", f"{k} neurons", "removed", 0) for k in (30, 123, 160)]
    assert depn == [0.67, 0.33, 0.0]
    assert [after("DEPN", "160 neurons", "leaks", i) for i in range(4)] == [0.33, 0.33, 0.59, 0.89]
    assert after("DEPN", "123 neurons", "leaks", 3) == 1
    assert all(after("DEPN, random neurons", f"{k} neurons", "removed", 0) == 1 for k in (30, 123, 160))
    detox = [after("detox", f"coefficient {c}", "removed", 0) for c in (3, 10, 20)]
    assert detox == [0.73, 0.34, 0.05]
    assert [after("detox", f"coefficient {c}", "broke", 0) for c in (3, 10, 20)] == [0, 0.22, 1]
    dama = [after("DAMA", s, "removed", 0) for s in interventions()["DAMA"].strengths]
    assert dama == [0.59, 0.52, 0.43]
    assert after("LSDM", "one layer", "removed", 0) == 0.30
    assert [after(n, s, "broke", 0) for n, s in (("DAMA", "layers 2 to 7"), ("LSDM", "one layer"))] == [
        0.87,
        0.8,
    ]
    assert all("bit for bit" in one.undo[0] for one in sheets.values())
