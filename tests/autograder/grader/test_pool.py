"""Many submissions: processes that die, a cluster that loses a worker, a run that is taken up again."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from autograder.cli.machine import isolation_level
from autograder.grader import pool
from autograder.grader.grading import Settings, grade_class, plan_of_lesson
from autograder.grader.pool import Job, grade_all, grade_on_cluster
from autograder.grader.records import Mark, Result, Submission
from autograder.grader.session import Limits
from autograder.nbgrader_config import ROOT

LESSON = "12_compare"  # its checks are the cheapest
LEVEL = isolation_level()


def job(student, plan=None):
    text = (ROOT / "solutions" / LESSON / f"{LESSON}.ipynb").read_text(encoding="utf-8")
    submission = Submission(student, LESSON, json.loads(text))
    return Job(submission, plan or plan_of_lesson(LESSON), 1, student, LEVEL, Limits())


def pretend(job):
    """Stands for grading: ends its own process for one student, every time or only once."""
    name = job.submission.student
    if name == "eve" or (name == "dan" and not os.path.exists(job.key)):
        open(job.key, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return Result(name, LESSON, job.key, (Mark("x", 1.0, 1.0),))


def test_a_process_that_dies_costs_one_submission_at_most(monkeypatch, tmp_path):
    monkeypatch.setattr(pool, "grade_here", pretend)
    plan = plan_of_lesson(LESSON)
    names = ["ada", "ben", "dan", "eve", "fay", "gus", "hal"]
    jobs = [Job(job(name, plan).submission, plan, 1, str(tmp_path / name), LEVEL, Limits()) for name in names]
    results = {result.student: result for result in grade_all(jobs, 2)}
    assert sorted(results) == names
    assert all(results[name].earned == 1 for name in names if name != "eve")
    assert results["eve"].earned == 0 and "by hand" in results["eve"].notes[0]


@pytest.mark.slow
def test_a_run_leaves_no_sandbox_behind(monkeypatch, tmp_path):
    """A pool's processes leave without atexit: their sandboxes and 55 MB each had stayed."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    (result,) = grade_all([job("ada")], 1)
    assert result.earned == 12.0 and list(tmp_path.glob("edu-edit-sandbox-*")) == []


@pytest.mark.slow
def test_a_class_is_taken_up_where_it_was_and_nothing_is_graded_twice(tmp_path):
    for name in ("ada", "ben", "cleo"):
        text = json.dumps(job(name).submission.notebook)
        (tmp_path / f"{name}.ipynb").write_text(text, encoding="utf-8")
    settings = Settings(level=LEVEL, workers=1)
    seen = []
    first = grade_class(
        LESSON, [tmp_path], tmp_path / "out", settings, lambda done, total, who: seen.append(who)
    )
    again = grade_class(
        LESSON, [tmp_path], tmp_path / "out", settings, lambda done, total, who: seen.append(who)
    )
    assert sorted(seen) == ["ada", "ben", "cleo"] and (first.known, again.known) == (0, 3)
    assert [result.earned for result in again.results] == [12.0, 12.0, 12.0]
    once = grade_class(
        LESSON, [tmp_path], tmp_path / "out", Settings(level=LEVEL, workers=1, regrade=frozenset({"ben"}))
    )
    assert once.known == 2 and [result.earned for result in once.results] == [12.0, 12.0, 12.0]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_cluster_that_loses_a_worker_gives_the_same_grades():
    pytest.importorskip("distributed")
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "18786",
         "--no-dashboard"], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = "tcp://127.0.0.1:18786"
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny",
              "--no-dashboard"]  # fmt: skip
    workers = [subprocess.Popen(worker, stderr=subprocess.DEVNULL) for _ in range(2)]
    try:
        jobs = [job(f"student{number}") for number in range(8)]
        results = {}
        for result in grade_on_cluster(jobs, address):
            results[result.student] = result
            if len(results) == 2:
                workers[0].kill()
        assert sorted(results) == sorted(one.submission.student for one in jobs)
        assert all(result.earned == 12.0 for result in results.values())
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()
        time.sleep(0.2)
