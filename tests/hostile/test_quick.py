"""Six telling attacks in one short run: what each kind of them must come to."""

from __future__ import annotations

import pytest

from autograder.cli.machine import bubblewrap_works

from .conftest import Case, graded

pytestmark = pytest.mark.skipif(not bubblewrap_works(), reason="bubblewrap can't build a sandbox here")
CASES = [
    Case(
        "equal_to_all",
        {
            "metrics.accuracy": "class Yes(float):\n    __eq__ = lambda *_: True\ndef accuracy(answers, target):\n    return Yes(0.123)"
        },
    )
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded("02_metrics", CASES, tmp_path_factory)


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_earns_what_it_earned(run, case):
    assert run.marks(case) == case.expected(run.full)
