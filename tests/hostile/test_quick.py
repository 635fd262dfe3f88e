"""The most telling attacks in one short run: every other module of this folder is slow."""

from __future__ import annotations

import pytest

from . import test_points as points
from . import test_protocol as protocol
from .conftest import Case, graded, isolated

pytestmark = isolated
LESSON = "02_metrics"
KNOWN = {case.name: case for case in (*points.CASES, *protocol.CASES)}


def together(name: str, *names: str, **more) -> Case:
    """Several attacks in one notebook, each on an exercise of its own."""
    cells = {id: source for one in names for id, source in KNOWN[one].cells.items()}
    first = "\n".join(dict.fromkeys(KNOWN[one].first for one in names if KNOWN[one].first))
    return Case(name, cells, first=first, **more)


CASES = [
    together("lies", "float_that_equals_all", "tensor_subclass", "by_its_twin", edit=points.more_points),
    KNOWN["scope_of_4300_digits"],
    KNOWN["outputs_900_deep"],
    KNOWN["two_sandboxes_talk"],
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded(LESSON, CASES, tmp_path_factory, {"cell": 10.0, "notebook": 60.0})


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0 and run.rejections == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_earns_what_it_earned(run, case):
    assert run.marks(case) == case.expected(run.full)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_points_are_the_lessons_own(run, case):
    assert {mark.id: mark.points for mark in run.results[case.name].marks if mark.points} == run.full
