"""The process that stays outside a submission's namespaces: it forks the notebook, watches it and ends it.

Its child is process 1 of the new namespaces and becomes the notebook. When the child ends, or the grader
says so or goes away, everything in there ends with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
import socket
import subprocess
import tempfile
from typing import Any

from autograder.grader.inside import processes, walls
from autograder.grader.inside.notebook import HOME, notebook
from autograder.grader.waiting import waiting

LOOKS = 0.25  # seconds between two looks at the memory of all processes of a submission


def supervise(data: int, control: int, shell: Any, settings: dict[str, Any]) -> int:
    """Fork the notebook, and end it when it is time."""
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
