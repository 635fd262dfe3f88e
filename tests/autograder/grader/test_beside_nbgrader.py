"""The same notebooks graded by stock nbgrader and by ours, in one run: the same points, and what each costs.

The figures go to the terminal (`pytest -m slow -s tests/autograder/grader/test_beside_nbgrader.py`); nothing
is asserted about time.
"""

import json
import resource
import time
from itertools import combinations

import pytest

from autograder.cli.machine import isolation_level
from autograder.exercises import EXERCISES
from autograder.grader.grading import Settings, grade_class
from autograder.grading import grade_submissions
from autograder.nbgrader_config import ROOT

LESSON = "01_model"
ROWS = [row for row in EXERCISES if row.lesson == LESSON]
STUB = "def {}(*args):\n    raise NotImplementedError()\n"


def notebook(*missing: str) -> str:
    """The student's notebook solved, but for these exercises."""
    student = json.loads((ROOT / "lessons" / "en" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    solved = json.loads((ROOT / "solutions" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8"))
    sources = {
        cell["metadata"].get("nbgrader", {}).get("grade_id"): cell["source"] for cell in solved["cells"]
    }
    for cell in student["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("solution"):
            name = about["grade_id"].partition("-")[2]
            cell["source"] = STUB.format(name) if name in missing else sources[about["grade_id"]]
    return json.dumps(student)


def cost(work):
    """What a call gives back, its seconds, and the CPU seconds of this process and all that it started."""

    def used():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(one.ru_utime + one.ru_stime for one in both)

    began, cpu = time.monotonic(), used()
    done = work()
    return done, time.monotonic() - began, used() - cpu


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_twenty_notebooks_get_the_same_points_from_both(tmp_path, capsys):
    names = [row.function for row in ROWS]
    wrong = [missing for n in range(len(names)) for missing in combinations(names, n)][:20]
    for number, missing in enumerate(wrong):
        (tmp_path / "class").mkdir(exist_ok=True)
        (tmp_path / "class" / f"s{number:02}.ipynb").write_text(notebook(*missing), encoding="utf-8")
    level = isolation_level()

    def ours():
        return grade_class(LESSON, [tmp_path / "class"], tmp_path / "ours", Settings(level=level, workers=1))

    # With its own start-up: the worker, the warm sandbox, the gradebook.
    mine, wall, cpu = cost(ours)
    theirs, stock_wall, stock_cpu = cost(
        lambda: grade_submissions(LESSON, tmp_path / "class", tmp_path / "stock")
    )
    assert {one.student: one.earned for one in mine.results} == {one.student: one.score for one in theirs}
    alone = sum(result.cpu for result in mine.results)
    n = len(wrong)
    with capsys.disabled():
        print(f"\n{n} notebooks of {LESSON}, level {level}, one process; CPU and wall seconds per submission")
        print(f"  stock nbgrader         {stock_cpu / n:6.2f} {stock_wall / n:6.2f}")
        print(f"  ours, with start-up    {cpu / n:6.2f} {wall / n:6.2f}   CPU ratio {stock_cpu / cpu:.1f}")
        print(f"  ours, without start-up {alone / n:6.2f}          CPU ratio {stock_cpu / alone:.1f}")
        hundred = (cpu - alone) + 100 * alone / n
        print(f"  at 100 submissions, with start-up: CPU ratio {100 * stock_cpu / n / hundred:.1f}")
