"""The recorded comparison, read back: every cell of the table, and the widest values of a given mean."""

import pytest
import torch

from edu_edit.compare import LINEUP, all_or_nothing, recorded, recorded_measured, recorded_rates, table_5_2
from edu_edit.compare.recorded import WITH_PORTABILITY
from edu_edit.loading import BUNDLED


@pytest.mark.parametrize("name", ["atlas-gpt2", "atlas-llama"])
def test_every_method_is_read_and_its_levels_are_those_of_the_file(name: str) -> None:
    rows = recorded(name)
    assert list(rows) == ["no edit", *LINEUP]
    lines = (BUNDLED / name / "comparison.md").read_text(encoding="utf-8").splitlines()
    for method in LINEUP:
        (line,) = [line for line in lines if line.startswith(f"| {method} |")]
        (row,) = table_5_2([recorded_measured(rows[method])])
        assert "".join(row[1:5]) in line
        assert (rows[method].batch == {}) == (LINEUP[method].batch is None)
    assert rows["SERAC"].bytes == 50_628 and rows["no edit"].seconds is None


def test_portability_was_asked_of_so_many_facts() -> None:
    """Its rates are means of 16 facts with one or two questions each: multiples of 1/32."""
    for row in recorded("atlas-gpt2").values():
        shares = row.alone["portability"] * 2 * WITH_PORTABILITY
        assert abs(shares - round(shares)) < 0.02


@pytest.mark.parametrize("rate", [0.0, 0.188, 0.5, 0.9, 1.0])
def test_all_or_nothing_has_the_mean_and_varies_most(rate: float) -> None:
    x = all_or_nothing(rate, 60)
    assert float(x.mean()) == pytest.approx(rate) and float(x.min()) >= 0 and float(x.max()) <= 1
    assert int(((x > 0) & (x < 1)).sum()) <= 1
    other = torch.rand(60, dtype=torch.float64)
    other = other * rate / other.mean()
    if float(other.max()) <= 1:
        assert float(x.std()) >= float(other.std()) - 1e-9


def test_rates_lie_in_their_intervals() -> None:
    for row in recorded("atlas-gpt2").values():
        assert all(
            rate.lo <= rate.value + 1e-3 and rate.value - 1e-3 <= rate.hi
            for rate in recorded_rates(row).values()
        )
