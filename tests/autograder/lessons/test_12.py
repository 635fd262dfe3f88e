"""Lesson 12: its list, and that the figures in its prose are those of the record."""

import pytest
import torch

from autograder import EXERCISES
from autograder.lessons.metrics.bootstrap_ci import counted_out
from edu_edit.compare import all_or_nothing, bootstrap_ci, edit_lifetime, recorded
from edu_edit.compare.measured import measured_courses
from edu_edit.loading import BUNDLED
from edu_edit.metrics import resampled_means

NAME = "atlas-gpt2"
pytestmark = pytest.mark.skipif(
    not (BUNDLED / NAME / "comparison.md").is_file(), reason="no comparison was recorded"
)


def test_the_list_of_lesson_12_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "12_compare"}
    assert points == {
        "compare.level": 1,
        "metrics.bootstrap_ci": 3,
        "metrics.harmonic": 1,
        "compare.pareto": 3,
        "compare.edit_lifetime": 2,
        "compare.table_5_2": 2,
    }


def test_every_interval_that_is_counted_out_is_found_by_drawing() -> None:
    for seed in range(20):
        values, level, ends = counted_out(torch.Generator().manual_seed(seed))
        assert bootstrap_ci(values, 2000, seed, level) == pytest.approx(ends, abs=1e-9)


def test_lifetimes_of_the_prose() -> None:
    courses = measured_courses(NAME)
    kept = [edit_lifetime(courses[name].locality, 0.8) for name in ("ROME", "AlphaEdit", "MEMIT")]
    first = [edit_lifetime(courses[name].first, 0.9) for name in ("ROME", "MEMIT", "AlphaEdit")]
    assert (kept, first) == ([132, 94, 76], [1, 51, 93])


def test_rates_of_the_prose() -> None:
    rows = recorded(NAME)
    assert [rows["KE"].alone["ES"], rows["KE"].batch["ES"]] == [0.967, 0.017]
    assert [rows["FT-L"].alone["ES"], rows["FT-L"].batch["ES"]] == [0.85, 0.033]
    assert rows["IKE"].alone["ES"] == rows["IKE"].batch["ES"] == 0.9
    assert [rows[name].alone["portability"] for name in ("IKE", "ROME", "no edit")] == [0.625, 0.5, 0.188]
    assert max(row.alone["portability"] for row in rows.values()) < 2 / 3  # no 高
    assert rows["MEND"].batch["ES"] == 0.683 and not rows["MEND"].ticked
    assert recorded("atlas-llama")["ROME"].alone["portability"] == 0.719
    a, b = (all_or_nothing(rows[name].alone["accuracy"], 60) for name in ("MEND", "KE"))
    ahead = (resampled_means(b, 2000, 1) > resampled_means(a, 2000, 2)).double().mean()
    assert 0.25 < float(ahead) < 0.4
