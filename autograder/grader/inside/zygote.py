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
import linecache
import os
import pkgutil
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
import types
from pathlib import Path
from typing import Any

HOME = "/home/student"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
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
    from autograder.grader.inside import agent, landlock, masks, processes, refuse, shell, walls  # noqa: F401
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
    from autograder.grader.inside import processes

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


def supervise(data: int, control: int, shell: Any, settings: dict[str, Any]) -> int:
    """Fork the notebook, and end it when it is time."""
    from autograder.grader.inside import processes, walls

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    alone = settings["level"] == "bubblewrap"  # a namespace of its own ends with all that is in it
    home = HOME if alone else tempfile.mkdtemp(dir=settings["homes"])

    def clear(*_: Any) -> None:
        if not alone:
            processes.end_descendants()
            subprocess.run(["rm", "-rf", "--", home], check=False)

    def leave(*_: Any) -> None:
        clear()
        os._exit(1)

    signal.signal(signal.SIGTERM, leave)
    walls.die_with_parent(signal.SIGKILL if alone else signal.SIGTERM)
    processes.adopt()
    os.setsid()
    told = socket.socket(fileno=control)
    try:
        if alone:
            walls.new_namespaces()
        child = os.fork()
    except OSError as error:
        told.send(json.dumps({"failed": str(error)}).encode())
        return 1
    if child == 0:
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.setsid()  # a signal to its own group must not find the supervisor
            code = notebook(data, told, shell, settings, home)
        except BaseException as error:
            with contextlib.suppress(OSError):
                told.send(json.dumps({"failed": f"{type(error).__name__}: {error}"}).encode())
        finally:
            os._exit(code)
    os.close(data)
    try:
        end = watched(child, told, home, settings)
    finally:
        clear()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    end |= {"cpu": round(used.ru_utime + used.ru_stime, 4), "memory": used.ru_maxrss}
    try:
        told.send(json.dumps(end).encode())
    except OSError:
        return 1
    return 0


def watched(child: int, told: socket.socket, home: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Do what the grader says until the notebook has ended: how it did, and why if it was ended."""
    from autograder.grader.inside import processes
    from autograder.grader.waiting import waiting

    alone = settings["level"] == "bubblewrap"
    watch = os.pidfd_open(child)
    over = ""
    waits: list[Any] = [watch, told]
    while True:
        ready, _, _ = select.select(waits, [], [], LOOKS if settings["walls"] else None)
        if watch in ready:
            break
        if not ready:
            pids = processes.in_namespace() if alone else processes.descendants(os.getpid())
            if processes.memory_of(pids, settings["inherited"]) > settings["most"]:
                over = "its processes together used more memory than is allowed"
            elif not alone and processes.size_of(home, settings["disk"]) > settings["disk"]:
                over = "its files together took more room than is allowed"
            if not over:
                continue
            os.kill(child, signal.SIGKILL)
            break
        word = told.recv(64)
        if word == b"interrupt":
            os.kill(child, signal.SIGINT)
        elif word == b"waited":
            place = f"/proc/{1 if alone else child}/schedstat"
            told.send(json.dumps({"waited": waiting(place)}).encode())
        else:
            os.kill(child, signal.SIGKILL)
            break
    _, status = os.waitpid(child, 0)
    return {"exit": os.waitstatus_to_exitcode(status), "over": over}


def notebook(data: int, told: socket.socket, shell: Any, settings: dict[str, Any], home: str) -> int:
    """Process 1 of the new namespaces, where there are some: builds the walls, then serves the grader."""
    from autograder.grader.inside import agent, landlock, masks, refuse, walls
    from autograder.grader.wire import Closed, Wire, WireError

    wire = Wire(socket.socket(fileno=data))
    wire.deadline = None
    first, contents = wire.receive()
    masks.mask((module, name) for module, name in first["masks"])
    limits, user, alone = first["limits"], settings["user"], settings["level"] == "bubblewrap"
    if alone:
        walls.mount_proc()
        walls.mount_tmpfs(HOME, settings["disk"])
        walls.mount_tmpfs("/dev/shm", 16 << 20, 0o1777)
        for place, by in settings["cover"].items():
            walls.cover(place, by)
        walls.hide(settings["hide"])
    files = {name: contents[str(n)].numpy().tobytes() for n, name in enumerate(first["files"])}
    move_in(home, files, user)
    null = os.open(os.devnull, os.O_RDWR)
    for one in (0, 1, 2):
        os.dup2(null, one)
    first_kept, last_kept = sorted((wire.sock.fileno(), told.fileno()))
    os.closerange(3, first_kept)
    os.closerange(first_kept + 1, last_kept)
    os.closerange(last_kept + 1, 4096)
    if settings["walls"]:
        walls.limits(limits["memory"], limits["processes"], limits["file"], limits["cpu"])
        walls.drop_bounding_set()
        if user:
            walls.become(user)
            readable()
        if not alone:
            landlock.confine(settings["readable"], settings["listed"], [home, *DEVICES])
        walls.die_with_parent()  # another user has to ask for it again
        walls.drop_capabilities()
        refuse.filter_calls(refuse.FAMILIES if alone else ())
    leave_behind()
    told.close()
    with contextlib.suppress(Closed, WireError):
        wire.send({"op": "ready"})
        agent.begin(wire, shell)
    return 0


def move_in(home: str, files: dict[str, bytes], user: int) -> None:
    """Put a submission's files into its home, give it to the user (0: the same one), and go there."""
    os.makedirs(f"{home}/tmp")
    place_files(Path(home), files)
    if user:
        for folder, _, names in os.walk(home):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                os.chown(path, user, user)
    places = {"TMPDIR": "tmp", "MPLCONFIGDIR": "tmp/matplotlib", "IPYTHONDIR": "tmp/ipython"}
    os.environ.update({name: f"{home}/{place}" for name, place in places.items()}, HOME=home)
    tempfile.tempdir = None  # ask for it again
    os.chdir(home)


def readable() -> None:
    """Some modules are only read when they are used: who may not read them would be marked wrong for it."""
    for module in (os, sys.modules["numpy"], sys.modules["edu_edit"]):
        path = str(module.__file__)
        if not os.access(path, os.R_OK):
            place = os.path.dirname(path)
            raise PermissionError(
                f"Students' users can't read {place}: chmod -R o+rX it, and what it lies in"
            )


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
