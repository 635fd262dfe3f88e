"""Start a warm sandbox and open sessions in it.

The file system that the sandbox sees is built by bubblewrap: the system's programs and Python's, read-only,
the library without its references, and an empty home. There is no network, no home folder, nothing of the
course.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import autograder
import edu_edit
from autograder.grader.redacted import redact
from autograder.grader.session import Limits, Session
from autograder.grader.wire import Closed, Late, Wire, WireError

COURSE, LIBRARY = (Path(module.__path__[0]).resolve() for module in (autograder, edu_edit))
SYSTEM = (
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/localtime",
)
MODELS = ("atlas-gpt2", "atlas-llama", "atlas-gpt2-plain")
USERS = range(61_184, 65_534)  # user ids of sandboxes, when root grades: each takes one by chance


class SandboxError(RuntimeError):
    """A sandbox could not be started; the message says why."""


class Zygote:
    """A warm process that is forked for every session. level: "bubblewrap", "landlock", or "none"."""

    def __init__(self, level: str = "bubblewrap", limits: Limits | None = None) -> None:
        self.level, self.limits = level, limits or Limits()
        self.folder = Path(tempfile.mkdtemp(prefix="edu-edit-sandbox-")).resolve()
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        if sys.platform != "linux":
            raise SandboxError(
                "Grading needs Linux: on other systems, grade in a Linux container or machine."
            )
        if self.level == "landlock" and os.geteuid() != 0:
            raise SandboxError("The level landlock needs root: students' code has to run as another user.")
        walls = self.level != "none"
        library = redact(LIBRARY, self.folder / "library") if walls else LIBRARY
        home, homes = self.folder / "home", self.folder / "homes"
        (home / "tmp").mkdir(parents=True)
        homes.mkdir()
        self.folder.chmod(0o711)  # a student's user finds its home in there
        settings: dict[str, Any] = {
            "models": list(MODELS),
            "output": self.limits.output,
            "memory": self.limits.memory,
            "disk": 2 * self.limits.file,
            "level": self.level,
            "walls": walls,
            "user": secrets.choice(USERS) if walls and os.geteuid() == 0 else 0,
            "homes": str(homes),
            "cover": {},
            "hide": [],
            "readable": [],
            "listed": [],
            "sources": [],
        }
        if self.level == "bubblewrap":
            home = Path("/home/student")
            settings["cover"] = {str(LIBRARY): "/library"}
            settings["hide"] = [str(COURSE), "/library", *other_copies()]
        if self.level == "landlock":
            settings["readable"], settings["listed"] = visible()
            settings["sources"] = [str(LIBRARY), str(library)]
        self.jobs, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        python = [sys.executable, "-X", "utf8", "-m", "autograder.grader.inside.zygote"]
        command = [
            *(bubblewrap(library) if self.level == "bubblewrap" else []),
            *python,
            str(theirs.fileno()),
            json.dumps(settings),
        ]
        self.errors = (self.folder / "errors").open("wb+")
        self.process = subprocess.Popen(
            command, pass_fds=[theirs.fileno()], env=environment(str(home)), cwd="/",
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.errors,
        )  # fmt: skip
        theirs.close()
        self.jobs.settimeout(180)
        try:
            told = json.loads(self.jobs.recv(4096) or b"{}")
        except (OSError, ValueError):
            told = {}
        if not told.get("ready"):
            raise SandboxError(f"The sandbox did not start: {self._said()}")
        if told["threads"] != 1:
            raise SandboxError(f"The sandbox has {told['threads']} threads and can't be forked safely.")
        self.memory: int = told["memory"]

    def open(self, masks: Sequence[tuple[str, str]], files: dict[str, bytes]) -> Session:
        """A new session, without the functions of `masks`, with these files in its home."""
        limits = self.limits
        ours, data = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            socket.send_fds(self.jobs, [b"job"], [data.fileno(), theirs.fileno()])
        except OSError as error:
            raise SandboxError(f"The sandbox has ended: {self._said()}") from error
        finally:
            data.close()
            theirs.close()
        wire = Wire(ours)
        wire.deadline = time.monotonic() + 30
        allowed = {
            "memory": limits.memory, "processes": limits.processes, "file": limits.file,
            "cpu": int(limits.notebook) + 5,
        }  # fmt: skip
        first = {"masks": [list(mask) for mask in masks], "limits": allowed, "files": list(files)}
        contents = {str(n): as_tensor(content) for n, content in enumerate(files.values())}
        try:
            wire.send(first, contents)
            ready, _ = wire.receive()
        except (Closed, Late, WireError) as error:
            control.settimeout(1)
            try:
                why = control.recv(4096).decode()
            except OSError:
                why = self._said()
            raise SandboxError(f"A sandbox could not be opened: {why}") from error
        if ready.get("op") != "ready":
            raise SandboxError("A sandbox could not be opened.")
        return Session(wire, control, limits)

    def _said(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def close(self) -> None:
        """End the warm process and every session in it."""
        if hasattr(self, "jobs"):
            self.jobs.close()
        if hasattr(self, "process"):
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if hasattr(self, "errors"):
            self.errors.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Zygote:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def as_tensor(content: bytes) -> torch.Tensor:
    """A file's bytes, as a message carries them."""
    return torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)[: len(content)]


def pythons() -> list[str]:
    """Where this Python and its environment lie."""
    return sorted({str(Path(place).resolve()) for place in (sys.prefix, sys.base_prefix, sys.exec_prefix)})


def other_copies() -> list[str]:
    """What else of the course a sandbox would see: solutions, an installed copy beside this one."""
    tops = {Path(top).resolve() for top in sys.path if top} | {COURSE.parent}
    names = ("autograder", "edu_edit", "solutions", "lessons", "tests", ".git")
    places = {top / name for top in tops for name in names}
    return sorted(
        str(place)
        for place in places - {COURSE, LIBRARY}
        if place.is_dir() and any(place.is_relative_to(top) for top in (*SYSTEM, *pythons()))
    )


def visible() -> tuple[list[str], list[str]]:
    """The system, Python and the library's data, without the course: what may be read and run, and folders
    whose names alone may be seen.
    """
    hidden = {COURSE, LIBRARY, *map(Path, other_copies())}
    above = {parent for place in hidden for parent in place.parents}
    todo = [Path(os.path.realpath(place)) for place in (*SYSTEM, *pythons(), sys.prefix)]
    inside = [path for path in LIBRARY.rglob("*") if path.name != "__pycache__"]
    read = [path for path in inside if path.is_file() and path.suffix not in (".py", ".pyc")]
    listed = [LIBRARY, *(path for path in inside if path.is_dir())]
    while todo:
        place = todo.pop()
        if place in above and place.is_dir():
            listed.append(place)
            todo += place.iterdir()
        elif place not in hidden:
            read.append(place)
    return sorted({str(path) for path in read}), sorted({str(path) for path in listed})


def bubblewrap(library: Path) -> list[str]:
    """The command that builds the sandbox' file system around the one that follows."""
    found = shutil.which("bwrap")
    if found is None:
        raise SandboxError("bubblewrap is not installed: on Debian and Ubuntu, `apt install bubblewrap`.")
    seen = (*SYSTEM, *pythons(), str(Path(sys.prefix)), str(COURSE), str(LIBRARY))
    command = [found, "--die-with-parent", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    if os.geteuid() != 0:
        command += ["--unshare-user", "--uid", "1000", "--gid", "1000"]
    command += ["--cap-add", "ALL", "--hostname", "sandbox"]
    for place in dict.fromkeys(seen):
        for above in reversed(Path(place).parents[:-1]):
            command += ["--perms", "0755", "--dir", str(above)]
        if os.path.islink(place) and place in SYSTEM:
            command += ["--symlink", os.readlink(place), place]
        elif os.path.exists(place):
            command += mounts(place)
    command += ["--ro-bind", str(library), "/library", "--proc", "/proc"]
    command += ["--dev", "/dev", "--remount-ro", "/dev"]
    command += ["--perms", "0755", "--dir", "/home", "--tmpfs", "/home/student", "--dir", "/home/student/tmp"]
    return [*command, "--remount-ro", "/", "--chdir", "/", "--"]


def mounts(place: str) -> list[str]:
    """Show a place read-only. A folder that only its owner may enter is shown by what lies in it: when root
    grades, the student is another user.
    """
    if os.geteuid() != 0 or not os.path.isdir(place) or os.stat(place).st_mode & 0o5 == 0o5:
        return ["--ro-bind", place, place]
    command = ["--perms", "0755", "--dir", place]
    for one in sorted(Path(place).iterdir()):
        command += ["--ro-bind-try", str(one), str(one)]
    return command


def environment(home: str) -> dict[str, str]:
    """All that the sandbox knows of this machine's variables."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "PYTHONPATH": str(COURSE.parent),
        "LANG": "C.UTF-8",
        "HOME": home,
        "TMPDIR": f"{home}/tmp",
        "USER": "student",
        "LOGNAME": "student",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "HF_HUB_OFFLINE": "1",
        "PIP_NO_INDEX": "1",
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{home}/tmp/matplotlib",
        "IPYTHONDIR": f"{home}/tmp/ipython",
        **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),
        "TOKENIZERS_PARALLELISM": "false",
        "MALLOC_ARENA_MAX": "2",  # else every thread takes 64 MB of what the limit on memory counts
    }
