"""Many submissions at once: processes with one warm sandbox each, here or on a Dask cluster.

The same job runs everywhere: `grade_here`. A process that dies takes nothing with it but the submission that
it had: that one is tried once more, alone, and then comes back with a note instead of points.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import multiprocessing.util
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

from autograder.grader.judging import judge
from autograder.grader.plan import Plan
from autograder.grader.records import Result, Submission
from autograder.grader.session import Limits
from autograder.grader.zygotes import SandboxError, Zygote

AHEAD = 3  # submissions waiting per process


@dataclass(frozen=True)
class Job:
    """A submission and all that grading it needs."""

    submission: Submission
    plan: Plan
    seed: int
    key: str
    level: str
    limits: Limits


_warm: dict[tuple[str, Limits], Zygote] = {}
_one_at_a_time = threading.Lock()  # a Dask worker may have several threads; torch has one random generator


def grade_here(job: Job) -> Result:
    """Grade one submission in this process, which keeps its warm sandbox for the next one.

    Raises SandboxError where no sandbox can be started at all; whatever else goes wrong is about this
    submission.
    """
    import torch

    torch.set_num_threads(1)
    with _one_at_a_time:
        for last in (False, True):
            zygote = warm(job)
            try:
                return judge(job.submission, job.plan, zygote, job.seed, job.key)
            except SandboxError as error:  # the warm one has gone, maybe by this notebook: once more
                _warm.pop((job.level, job.limits)).close()
                if last:
                    return not_graded(job, str(error))
            except Exception as error:  # a fault of the grader's: it must not end the class
                return not_graded(job, f"{type(error).__name__}: {str(error)[:300]}")
    raise AssertionError


def warm(job: Job) -> Zygote:
    """This process' warm sandbox for such jobs."""
    at = (job.level, job.limits)
    if at not in _warm:
        if not _warm:  # a pool's process leaves without atexit, but runs its finalizers
            multiprocessing.util.Finalize(None, close_all, exitpriority=10)
        _warm[at] = Zygote(job.level, os.getpid(), job.limits)
    return _warm[at]


def close_all() -> None:
    while _warm:
        _warm.popitem()[1].close()


def end_with_parent() -> None:
    """End this process with its sandboxes when the run that started it has been killed."""
    parent = multiprocessing.parent_process()

    def wait_for_it() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            close_all()
            os._exit(1)

    threading.Thread(target=wait_for_it, daemon=True).start()


def grade_all(jobs: Sequence[Job], workers: int = 2) -> Iterator[Result]:
    """The results as they come, in whatever order."""
    waiting = list(reversed(jobs))
    alone: list[Job] = []
    while waiting or alone:
        together = workers if waiting else 1
        with _pool(together) as pool:
            running: dict[Future[Result], Job] = {}
            try:
                while waiting or alone or running:
                    source = waiting or (alone if not running else [])
                    while source and len(running) < (AHEAD * together if source is waiting else 1):
                        job = source.pop()
                        running[pool.submit(grade_here, job)] = job
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield future.result()
                        del running[future]
            except BrokenProcessPool:
                if together == 1 and len(running) == 1:
                    yield not_graded(next(iter(running.values())))
                else:
                    alone += running.values()


def _pool(workers: int) -> ProcessPoolExecutor:
    """Processes that begin from nothing: a fork of this one would take along its threads."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=end_with_parent)


def grade_on_cluster(jobs: Sequence[Job], address: str) -> Iterator[Result]:
    """The same on a Dask cluster, whose workers have the same version of the course installed."""
    from distributed import Client, as_completed

    with Client(address) as client:
        futures = {client.submit(grade_here, job, pure=False, retries=2): job for job in jobs}
        for future in as_completed(futures):
            job = futures[future]
            yield future.result() if future.status == "finished" else not_graded(job)


ENDED = "grading it ended the grading process, twice"


def not_graded(job: Job, why: str = ENDED) -> Result:
    """What stands for a submission that the grader itself failed at. It has no key, so that the next run
    tries anew.
    """
    said = f"This notebook could not be graded and has to be looked at by hand: {why.rstrip('.')}."
    return Result(job.submission.student, job.plan.lesson, "", notes=(said,), level=job.level, seed=job.seed)
