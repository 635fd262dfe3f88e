"""Many submissions at once: processes with one warm sandbox each, here or on a Dask cluster.

The same job runs everywhere: `grade_here`. A process that dies takes nothing with it but the submission that
it had: that one is tried once more, alone, and then comes back with a note instead of points.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.util
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from typing import Any

from autograder.grader.judging import judge
from autograder.grader.plan import Plan
from autograder.grader.records import Result, Submission
from autograder.grader.session import Limits
from autograder.grader.view import SandboxError
from autograder.grader.zygotes import Zygote
from edu_edit.processes import end_with_parent

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
        _warm[at] = Zygote(job.level, job.limits)
    return _warm[at]


def close_all() -> None:
    while _warm:
        _warm.popitem()[1].close()


def grade_all(jobs: Iterable[Job], workers: int = 2) -> Iterator[Result]:
    """The results as they come, in whatever order; a job is taken when a process is about to need it."""
    coming = iter(jobs)
    following = next(coming, None)
    alone: list[Job] = []
    while following or alone:
        together = workers if following else 1
        with _pool(together) as pool:
            running: dict[Future[Result], Job] = {}
            try:
                while following or alone or running:
                    while following and len(running) < AHEAD * together:
                        running[pool.submit(grade_here, following)] = following
                        following = next(coming, None)
                    if alone and not running:
                        running[pool.submit(grade_here, alone[-1])] = alone[-1]
                        alone.pop()
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
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=end_with_parent, initargs=(close_all,)
    )


def grade_on_cluster(jobs: Iterable[Job], address: str) -> Iterator[Result]:
    """The same on a Dask cluster, whose workers have the same version of the course installed."""
    from distributed import Client, as_completed

    coming = iter(jobs)
    with Client(address) as client:

        def submitted(job: Job) -> Any:
            future = client.submit(grade_here, job, pure=False, retries=2)
            running[future.key] = job
            return future

        def wanted() -> int:
            return AHEAD * max(sum(client.nthreads().values()), 1) - len(running)

        running: dict[str, Job] = {}
        futures = as_completed([submitted(job) for job in islice(coming, wanted())])
        for future in futures:
            job = running.pop(future.key)
            yield future.result() if future.status == "finished" else not_graded(job)
            for following in islice(coming, max(wanted(), 0)):
                futures.add(submitted(following))


ENDED = "grading it ended the grading process, twice"


def not_graded(job: Job, why: str = ENDED) -> Result:
    """What stands for a submission that the grader itself failed at. It has no key, so that the next run
    tries anew.
    """
    said = f"This notebook could not be graded and has to be looked at by hand: {why.rstrip('.')}."
    return Result(job.submission.student, job.plan.lesson, "", notes=(said,), level=job.level, seed=job.seed)
