"""Work on one model, spread over processes of one thread each.

Models of the bundled size gain nothing from threads, so two processes do twice the work of one on two cores.
"""

import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing.managers import SyncManager
from typing import Any, TypeVar

import torch

from edu_edit.lm import LM
from edu_edit.loading import load
from edu_edit.processes import end_with_parent

T = TypeVar("T")
Task = Callable[[LM, Callable[[], object]], T]
_worker: dict[str, Any] = {}  # of a worker process: its model, and where it reports steps


def worked(
    lm: LM, tasks: Sequence[Task[T]], workers: int, step: Callable[[], object] = lambda: None
) -> Iterator[T]:
    """What each task(lm, step) returns, as it comes; whenever a task calls step(), so does this process.

    workers: processes, which load the model by its name and kind of number; 1 or fewer = this process, in
    order, with `lm` itself. When the reader stops (Ctrl-C), what is under way ends and nothing new begins.
    """
    if workers <= 1:
        yield from (task(lm, step) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    manager = SyncManager(ctx=context)
    manager.start(end_with_parent)
    with manager:
        steps = manager.Queue()
        pool = ProcessPoolExecutor(
            workers, context, initializer=_begin, initargs=(lm.name, lm.W_U.dtype, steps)
        )
        try:
            waiting = {pool.submit(_do, task) for task in tasks}
            while waiting:
                done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
                for _ in range(steps.qsize()):
                    steps.get()
                    step()
                yield from (one.result() for one in done)
        finally:
            pool.shutdown(cancel_futures=True)


def _begin(name: str, dtype: torch.dtype, steps: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that shows the bar
    end_with_parent()
    torch.set_num_threads(1)
    _worker.update(lm=load(name, dtype), steps=steps)


def _do(task: Task[T]) -> T:
    return task(_worker["lm"], lambda: _worker["steps"].put(1))
