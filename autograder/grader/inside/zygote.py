"""A warm process that is forked once per submission: everything imported, the bundled models loaded.

    python -m autograder.grader.inside.zygote FD SETTINGS

FD is a socket; each message on it brings two more: the wire of one submission and the control of its
supervisor, which is forked here.
"""

from __future__ import annotations

import gc
import importlib
import json
import linecache
import os
import pkgutil
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from autograder.grader.inside import processes
from autograder.grader.inside.supervisor import supervise


def warm_up(models: list[str], output: int) -> Any:
    """Import and run once all that a lesson may need; returns the shell. One thread, or a fork would lose
    some.
    """
    import matplotlib.pyplot
    import torch

    import edu_edit

    torch.set_num_threads(1)
    for module in pkgutil.walk_packages(edu_edit.__path__, "edu_edit."):
        importlib.import_module(module.name)
    for name in (
        "ipywidgets",
        "IPython.display",
        "jaxtyping",
        "nbformat",
        "numpy.random",
        "matplotlib_inline",
    ):
        importlib.import_module(name)
    from autograder.grader.inside import shell
    from autograder.grader.problems import bundled_model, pristine

    edu_edit.load_facts()
    for name in models:
        pristine(name)
        lm = bundled_model(name)
        with torch.no_grad():
            lm.answer("The mother tongue of Ida")
    made = shell.new_shell(output)
    made.run_cell("1 + 1")
    made.execution_count = 1
    made.outputs.begin()
    matplotlib.pyplot.close("all")
    return made


def show_sources(library: Path, by: Path) -> None:
    """Where no file can be shown in another's place, its text can: `inspect.getsource` reads it from here."""
    for path in by.rglob("*.py"):
        text, name = path.read_text(encoding="utf-8"), str(library / path.relative_to(by))
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)


def main(fd: int, settings: dict[str, Any]) -> None:
    shell = warm_up(settings["models"], settings["output"])
    linecache.clearcache()
    if settings["sources"]:
        show_sources(*map(Path, settings["sources"]))
    threads = len(os.listdir("/proc/self/task"))
    gc.collect()
    gc.freeze()
    jobs = socket.socket(fileno=fd)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings["most"] = settings["memory"] + memory * 1024
    settings["inherited"] = processes.anonymous("self")
    jobs.send(json.dumps({"ready": True, "threads": threads, "memory": memory}).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        message, fds, _, _ = socket.recv_fds(jobs, 64, 2)
        if not message or len(fds) != 2:
            os._exit(0)
        if os.fork() == 0:
            jobs.close()
            code = 1
            try:
                code = supervise(fds[0], fds[1], shell, settings)
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(code)
        for one in fds:
            os.close(one)


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
