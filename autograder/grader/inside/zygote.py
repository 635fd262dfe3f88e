"""A warm process that is forked once per submission: everything imported, the bundled models loaded.

    python -m autograder.grader.inside.zygote FD SETTINGS

FD is a socket; each message on it brings two more: the wire of one submission and the control of its
supervisor. The supervisor is forked first and stays outside the new namespaces; its child is process 1 of
them and becomes the notebook. When the child ends, or the grader says so or goes away, everything in there
ends with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import resource
import select
import signal
import socket
import sys
import traceback
import types
from pathlib import Path
from typing import Any

HOME = "/home/student"
LOOKS = 0.25  # seconds between two looks at the memory of all processes of a submission


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
    from autograder.grader import waiting  # noqa: F401
    from autograder.grader.inside import agent, masks, shell, walls  # noqa: F401
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


def course_stub() -> types.ModuleType:
    """What `from autograder import check, hint, quiz` finds in the sandbox: nothing is checked in here."""
    module = types.ModuleType("autograder")

    def nothing(*args: Any, **named: Any) -> None:
        return None

    for name in ("check", "grade", "hint", "quiz", "progress", "reset", "explain"):
        setattr(module, name, nothing)
    module.__path__ = []
    return module


def main(fd: int, settings: dict[str, Any]) -> None:
    shell = warm_up(settings["models"], settings["output"])
    threads = len(os.listdir("/proc/self/task"))
    gc.collect()
    gc.freeze()
    jobs = socket.socket(fileno=fd)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    settings["most"] = settings["memory"] + memory * 1024
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


def supervise(data: int, control: int, shell: Any, settings: dict[str, Any]) -> int:
    """Fork the notebook, and end it when it is time."""
    from autograder.grader.inside import walls
    from autograder.grader.waiting import waiting

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    walls.die_with_parent()
    os.setsid()
    told = socket.socket(fileno=control)
    try:
        if settings["walls"]:
            walls.new_namespaces()
        child = os.fork()
    except OSError as error:
        told.send(json.dumps({"failed": str(error)}).encode())
        return 1
    if child == 0:
        code = 1
        try:
            os.setsid()  # a signal to its own group must not find the supervisor
            code = notebook(data, shell, settings)
        except BaseException as error:
            told.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(code)
    os.close(data)
    watch = os.pidfd_open(child)
    over = False
    waits: list[Any] = [watch, told]
    while True:
        ready, _, _ = select.select(waits, [], [], LOOKS if settings["walls"] else None)
        if watch in ready:
            break
        if not ready:
            over = walls.memory_of_all() > settings["most"]
            if not over:
                continue
            os.kill(child, signal.SIGKILL)
            break
        word = told.recv(64)
        if word == b"interrupt":
            os.kill(child, signal.SIGINT)
        elif word == b"waited":
            place = "/proc/1/schedstat" if settings["walls"] else f"/proc/{child}/schedstat"
            told.send(json.dumps({"waited": waiting(place)}).encode())
        else:
            os.kill(child, signal.SIGKILL)
            break
    _, status = os.waitpid(child, 0)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    end = {
        "exit": os.waitstatus_to_exitcode(status),
        "cpu": round(used.ru_utime + used.ru_stime, 4),
        "memory": used.ru_maxrss,
        "over": over,
    }
    try:
        told.send(json.dumps(end).encode())
    except OSError:
        return 1
    return 0


def notebook(data: int, shell: Any, settings: dict[str, Any]) -> int:
    """Process 1 of the new namespaces: builds the walls, then serves the grader."""
    from autograder.grader.inside import agent, masks, walls
    from autograder.grader.wire import Closed, Wire, WireError

    wire = Wire(socket.socket(fileno=data))
    wire.deadline = None
    first, contents = wire.receive()
    masks.mask((module, name) for module, name in first["masks"])
    limits = first["limits"]
    if settings["walls"]:
        walls.mount_proc()
        walls.mount_tmpfs(HOME, limits["disk"])
        walls.mount_tmpfs("/dev/shm", 16 << 20, 0o1777)
        for place, by in settings["cover"].items():
            walls.cover(place, by)
        walls.hide(settings["hide"])
        os.makedirs(f"{HOME}/tmp")
        files = {name: contents[str(n)].numpy().tobytes() for n, name in enumerate(first["files"])}
        place_files(Path(HOME), files)
        if settings["user"]:
            for folder, _, names in os.walk(HOME):
                for path in (folder, *(os.path.join(folder, name) for name in names)):
                    os.chown(path, settings["user"], settings["user"])
        os.chdir(HOME)
    null = os.open(os.devnull, os.O_RDWR)
    for one in (0, 1, 2):
        os.dup2(null, one)
    keep = wire.sock.fileno()
    os.closerange(3, keep)
    os.closerange(keep + 1, 4096)
    if settings["walls"]:
        walls.limits(limits["memory"], limits["processes"], limits["file"], limits["cpu"])
        walls.drop_bounding_set()
        if settings["user"]:
            walls.become(settings["user"])
            readable()
        walls.die_with_parent()  # another user has to ask for it again
        walls.drop_capabilities()
        walls.filter_calls()
    leave_behind()
    with contextlib.suppress(Closed, WireError):
        wire.send({"op": "ready"})
        agent.begin(wire, shell)
    return 0


def readable() -> None:
    """Some modules are only read when they are used: who may not read them would be marked wrong for it."""
    for module in (os, sys.modules["numpy"]):
        path = str(module.__file__)
        if not os.access(path, os.R_OK):
            place = os.path.dirname(path)
            raise PermissionError(f"Other users can't read this Python: chmod -R o+rX {place}")


def place_files(home: Path, files: dict[str, bytes]) -> None:
    """What lay beside the notebook, at its relative paths; what no file system or this one can't hold is left
    out.
    """
    for name, content in files.items():
        try:
            path = home / name
            if path.resolve().is_relative_to(home):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        except (OSError, ValueError):  # a name that is too long, or taken by a folder; no room
            continue


def leave_behind() -> None:
    """The course's own modules go; the names that a lesson imports stay."""
    for name in [name for name in sys.modules if name == "autograder" or name.startswith("autograder.")]:
        del sys.modules[name]
    sys.modules["autograder"] = course_stub()
    sys.argv = ["notebook"]
    sys.path.insert(0, "")


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
