"""The process that becomes a student's notebook: it moves in, builds its own walls, and serves the grader."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

from autograder.grader.inside import agent, landlock, masks, refuse, walls
from autograder.grader.wire import Closed, Wire, WireError

HOME = "/home/student"
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def notebook(data: int, told: socket.socket, shell: Any, settings: dict[str, Any], home: str) -> int:
    """Process 1 of the new namespaces, where there are some: builds the walls, then serves the grader."""
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


def course_stub() -> types.ModuleType:
    """What `from autograder import check, hint, quiz` finds in the sandbox: nothing is checked in here."""
    module = types.ModuleType("autograder")

    def nothing(*args: Any, **named: Any) -> None:
        return None

    for name in ("check", "grade", "hint", "quiz", "progress", "reset", "explain"):
        setattr(module, name, nothing)
    module.__path__ = []
    return module
