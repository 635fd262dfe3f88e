"""Start a warm sandbox and open sessions in it."""

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

from autograder.grader.redacted import redact
from autograder.grader.session import Limits, Session
from autograder.grader.view import (
    COURSE,
    LIBRARY,
    SandboxError,
    bubblewrap,
    environment,
    other_copies,
    visible,
)
from autograder.grader.wire import Closed, Late, Wire, WireError

MODELS = ("atlas-gpt2", "atlas-llama", "atlas-gpt2-plain")
USERS = range(61_184, 65_534)  # user ids of sandboxes, when root grades: each takes one by chance


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
