"""Worker processes that do not outlive the run that started them."""

import multiprocessing
import multiprocessing.connection
import os
import threading
from collections.abc import Callable


def end_with_parent(last: Callable[[], object] = lambda: None) -> None:
    """End this worker process, after calling `last`, when the process that started it has been killed."""
    parent = multiprocessing.parent_process()

    def wait_for_it() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            last()
            os._exit(1)

    threading.Thread(target=wait_for_it, daemon=True).start()
