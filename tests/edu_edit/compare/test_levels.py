"""Table 5.2's pure parts: cuts, the Pareto front against brute force, lifetimes, cells that stay empty."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edu_edit.compare import Measured, edit_lifetime, level, pareto, table_5_2


def test_a_value_at_a_cut_has_the_higher_level() -> None:
    assert [level(x) for x in (0.0, 0.33, 1 / 3, 0.5, 2 / 3, 1.0)] == ["低", "低", "中", "中", "高", "高"]
    assert level(0.5, cuts=(0.5, 0.5)) == "高"


@pytest.mark.parametrize("x, cuts", [(float("nan"), (0.3, 0.6)), (0.5, (0.6, 0.3))])
def test_level_refuses_what_is_no_number_and_falling_cuts(x: float, cuts: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="rising order"):
        level(x, cuts)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12))
def test_pareto_is_the_brute_force_front(points: list[tuple[int, int, int]]) -> None:
    def beats(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
        return all(x >= y for x, y in zip(a, b, strict=True)) and a != b

    expected = [not any(beats(other, mine) for other in points) for mine in points]
    assert pareto(torch.tensor(points, dtype=torch.float32)).tolist() == expected


def test_lifetime_ends_where_the_curve_stays_below_the_floor() -> None:
    assert edit_lifetime([1.0, 0.9, 0.4, 0.8, 0.3, 0.2], 0.5) == 4  # the dip at 3 is recovered from
    assert edit_lifetime(torch.tensor([1.0, 0.9, 0.9]), 0.9) == 3
    assert edit_lifetime([0.1, 0.2], 0.5) == 0


def test_what_was_not_measured_is_a_dash_and_no_batch_is_a_cross() -> None:
    rows = table_5_2(
        [
            Measured("a", 1.0, 0.5, None, 0.1, 0.9, 1.234, 2048.0),
            Measured("b", None, None, None, None, None, None, None),
            Measured("c", 1.0, 1.0, 1.0, 1.0, 0.6, 0.1, 0.0),
        ]
    )
    assert [tuple(row) for row in rows] == [
        ("a", "高", "中", "-", "低", "✓", "1.23", "2,048"),
        ("b", "-", "-", "-", "-", "✗", "-", "-"),
        ("c", "高", "高", "高", "高", "✗", "0.10", "0"),  # it edits many at once, but not well
    ]
