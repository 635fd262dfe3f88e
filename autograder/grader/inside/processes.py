"""The processes of one submission: which they are, what they use together, and their end."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import signal
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36


def adopt() -> None:
    """Become the parent of all that descends from this process, when its own parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """All processes that come from one, as far as they are still there."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        try:
            tasks = os.listdir(f"/proc/{one}/task")
            lists = [Path(f"/proc/{one}/task/{task}/children").read_text() for task in tasks]
        except OSError:  # it has ended
            continue
        children = [int(child) for text in lists for child in text.split()]
        found += children
        todo += children
    return found


def end_descendants() -> None:
    """Kill and collect all that comes from this process, also what is born meanwhile."""
    while True:
        for pid in descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def memory_of(pids: list[int], inherited: int) -> int:
    """Bytes that these processes hold together, shared ones counted once; 0 where there is only one.

    One process alone is bound by its own limit, and this look at many costs milliseconds. inherited: what
    each has from the warm process, where the kernel does not tell what is shared.
    """
    total = 0
    for pid in pids if len(pids) > 1 else ():
        try:
            rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += sum(int(row.split()[1]) * 1024 for row in rows if row.startswith(("Pss:", "SwapPss:")))
        except PermissionError:  # another user's, in a container without the right to look
            total += max(0, anonymous(pid) - inherited)
        except OSError:  # it has ended
            continue
    return total


def anonymous(pid: int | str) -> int:
    """Bytes of a process that no file backs, shared ones included; 0 for one that has ended."""
    try:
        rows = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(row.split()[1]) * 1024 for row in rows if row.startswith(("RssAnon:", "VmSwap:")))


def in_namespace() -> list[int]:
    """All processes of the namespace whose /proc is mounted here."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def size_of(folder: str, most: int) -> int:
    """Bytes on the disk below a folder, with 4 KiB for every file and folder; counting ends beyond `most`."""
    total, todo = 0, [folder]
    while todo and total <= most:
        try:
            entries = list(os.scandir(todo.pop()))
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return most + 1
            continue
        for entry in entries:
            with contextlib.suppress(OSError):
                total += 4096 + entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    todo.append(entry.path)
    return total
