"""The kernel's wall around one process where no namespaces can be built: in a plain container, say.

Landlock (Linux 5.13) lets a process give up what it may open, for itself and all that it starts. What it
leaves to others (signals, modes of files, limits on processes) is taken care of by being another user, so
only root can build this wall. What exists can still be asked for, only not opened. Run as a program, this
module tries all of it and ends with 0 where it holds.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable

libc = ctypes.CDLL(None, use_errno=True)

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # on every architecture
PATH_BENEATH, VERSION = 1, 1
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}  # by version; then bit 15
ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
PR_SET_NO_NEW_PRIVS = 38


def call(number: int, *args: object) -> int:
    """A system call of Landlock; raises OSError where the kernel refuses it."""
    result: int = libc.syscall(ctypes.c_long(number), *args)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"Landlock: {os.strerror(error)}")
    return result


def confine(read: Iterable[str], listed: Iterable[str], write: Iterable[str]) -> None:
    """From now on this process and its children open only what lies below these files and folders: `read` to
    read and run, `listed` for the names in it, `write` for all.

    What is missing of the first two is left out; raises OSError for the third.
    """
    version = call(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(VERSION))
    rights = RIGHTS.get(version, (1 << 16) - 1)
    ruleset = call(CREATE_RULESET, struct.pack("Q", rights), ctypes.c_size_t(8), ctypes.c_uint32(0))
    groups = ((read, EXECUTE | READ_FILE | READ_DIR), (listed, READ_DIR), (write, rights))
    for places, allowed in groups:
        for place in places:
            try:
                at = os.open(place, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                if places is write:
                    raise
                continue
            here = allowed & rights if os.path.isdir(place) else allowed & rights & ON_FILES
            rule = struct.pack("=Qi", here, at)
            call(ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint32(0))
            os.close(at)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise OSError("no new privileges")
    call(RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    os.close(ruleset)


def holds(user: int) -> bool:
    """Whether this process, which is spent for it, can become `user`, read this Python, and be confined."""
    os.stat(f"/proc/self/task/{os.getpid()}/children")  # or the processes of a notebook can't be counted
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    with open(str(os.__file__), "rb"):
        pass
    confine([os.path.dirname(str(os.__file__))], [], [])
    try:
        os.listdir("/")
    except PermissionError:
        return True
    return False


if __name__ == "__main__":
    sys.exit(0 if holds(int(sys.argv[1])) else 1)
