"""A run that is killed twice on its way and started again gives every grade once, the same as one that was not.

EDU_EDIT_CLASS=1000 pytest -m slow -s tests/hostile/test_resume.py      # the same with a thousand notebooks
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from autograder.grader.inside.processes import descendants

from .conftest import LEVEL, ROOT, Case, attacked, in_gradebook, isolated

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
AT = "metrics.accuracy"
KINDS = (
    Case("honest"),
    Case("wrong", {AT: "def accuracy(answers, target):\n    return 0.5"}),
    Case("partly", {"metrics.locality": "def locality(after, before):\n    return sum(a == b for a, b in zip(after, before)) / len(after)"}),
    Case("cheats", {AT: "from edu_edit.metrics import accuracy"}),
    Case("ends", {AT: "import os\ndef accuracy(answers, target):\n    os._exit(3)"}),
)  # fmt: skip
STUDENTS = int(os.environ.get("EDU_EDIT_CLASS", "12"))
RUN = """
import json, os, sys, time
from pathlib import Path
from autograder.grader.grading import Settings, grade_class
from autograder.grader.inside.processes import anonymous, descendants, memory_of

if __name__ == "__main__":
    place, out, seed, level = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    began, costs = time.monotonic(), []

    def tell(done, total, student):
        print(student, flush=True)
        if done % (total // 10 or 1) == 0:
            held = anonymous(os.getpid()), memory_of([os.getpid(), *descendants(os.getpid())], 0)
            costs.append((done, round(time.monotonic() - began), *(size >> 20 for size in held)))

    grade_class("02_metrics", [place], out, Settings(level=level, workers=2, seed=seed), tell)
    out.with_suffix(".costs").write_text(json.dumps(costs))
    print("whole", flush=True)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("resume")
    (base / "run.py").write_text(RUN)
    for number in range(STUDENTS):
        folder = base / "class" / f"student{number:02}" / LESSON
        folder.mkdir(parents=True)
        (folder / f"{LESSON}.ipynb").write_bytes(attacked(LESSON, KINDS[number % len(KINDS)]))
    return base


def start(base: Path, out: str, seed: int) -> subprocess.Popen[str]:
    command = [sys.executable, str(base / "run.py"), str(base / "class"), str(base / out), str(seed), LEVEL]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def said(process: subprocess.Popen[str], lines: int = 0) -> list[str]:
    """The students whose grades came, until so many have come or the run has ended."""
    assert process.stdout is not None
    found: list[str] = []
    for line in process.stdout:
        found.append(line.strip())
        if len(found) == lines:
            return found
    process.stdout.close()
    process.wait()
    return found


def grades(out: Path) -> dict[str, Any]:
    rows = [json.loads(path.read_text()) for path in sorted((out / "results" / LESSON).glob("student*.json"))]
    return {row["student"]: {mark["id"]: mark["earned"] for mark in row["marks"]} for row in rows}


def alive(pids: list[int]) -> list[int]:
    def running(pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
        except OSError:
            return False

    return [pid for pid in pids if running(pid)]


@pytest.fixture(scope="module")
def whole(place: Path) -> Mapping[str, Any]:
    """The grades of a run that nothing stops; its costs go to the terminal."""
    assert len(said(start(place, "whole", 7))) == STUDENTS + 1
    for done, seconds, own, all_ in json.loads((place / "whole.costs").read_text()):
        print(
            f"\n{done} of {STUDENTS} notebooks after {seconds} s: grader {own} MiB, with its processes {all_} MiB",
            end="",
        )
    return grades(place / "whole")


def test_killed_twice_gives_every_grade_once(place: Path, whole: Mapping[str, Any]) -> None:
    told: list[str] = []
    for _ in range(2):
        process = start(place, "killed", 7)
        told += said(process, STUDENTS // 4)
        children = descendants(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        ends = time.monotonic() + 20
        while alive(children) and time.monotonic() < ends:
            time.sleep(0.2)
        assert not alive(children), "the killed run left processes behind"
    before = {path: path.stat().st_mtime_ns for path in (place / "killed/results").rglob("student*.json")}
    last = said(start(place, "killed", 7))
    assert last[-1] == "whole" and len(before) >= 6
    assert all(path.stat().st_mtime_ns == then for path, then in before.items()), "a grade was made twice"
    assert len(last) - 1 + len(before) == STUDENTS and set(told) <= {path.stem for path in before}
    assert grades(place / "killed") == whole
    results = [
        json.loads(path.read_text()) for path in (place / "killed" / "results" / LESSON).glob("student*.json")
    ]
    scores = {row["student"]: Score(sum(mark["earned"] for mark in row["marks"])) for row in results}
    assert in_gradebook(place / "killed", LESSON, scores) == []


class Score:
    def __init__(self, earned: float) -> None:
        self.earned = earned


def test_another_seed_gives_honest_work_the_same_grades(place: Path, whole: Mapping[str, Any]) -> None:
    assert said(start(place, "again", 8))[-1] == "whole"
    other = grades(place / "again")
    full = [number for number in range(STUDENTS) if number % len(KINDS) == 0]
    assert len(other) == len(whole) == STUDENTS
    assert {(n, str(other[f"student{n:02}"])) for n in full} == {
        (n, str(whole[f"student{n:02}"])) for n in full
    }
    assert sum(whole["student00"].values()) == 15.0
