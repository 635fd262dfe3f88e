"""The walls around one submission: what the kernel lets its processes see, do and use.

Called in a process that was forked for the submission and may still administer its own namespaces (`bwrap`
has given it those). Afterwards it can't: it has no capabilities. Linux only; every step raises OSError where
the kernel refuses it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import struct
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x4000000, 0x8000000, 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
PR_CAPBSET_DROP, PR_SET_PDEATHSIG = 24, 1


def kernel(result: int, what: str) -> None:
    """Raise OSError when a call of the kernel failed."""
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def new_namespaces() -> None:
    """Mounts, processes, semaphores, host name and an empty network of its own, which no other submission
    shares; the next fork is process 1 of them.
    """
    kinds = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET
    kernel(libc.unshare(kinds), "unshare")
    kernel(libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None), "mount /")


def mount_tmpfs(place: str, size: int, mode: int = 0o755) -> None:
    """An empty file system in memory that holds so many bytes and 4,096 files."""
    data = f"size={size},nr_inodes=4096,mode={mode:o}".encode()
    kernel(libc.mount(b"tmpfs", place.encode(), b"tmpfs", MS_NOSUID | MS_NODEV, data), f"mount {place}")


def hide(places: list[str]) -> None:
    """Put an empty read-only folder over each of these."""
    for place in places:
        flags = MS_NOSUID | MS_NODEV | MS_RDONLY
        kernel(libc.mount(b"tmpfs", place.encode(), b"tmpfs", flags, b"size=4k"), f"hide {place}")


def cover(place: str, by: str) -> None:
    """Show another folder in this one's place."""
    kernel(libc.mount(by.encode(), place.encode(), None, MS_BIND | MS_REC, None), f"cover {place}")


def mount_proc() -> None:
    kernel(libc.mount(b"proc", b"/proc", b"proc", MS_NOSUID | MS_NODEV, None), "mount /proc")


def limits(memory: int, processes: int, file: int, cpu: int) -> None:
    """Bytes beyond those in use, processes of this user, bytes of a file, CPU seconds."""
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, now + memory),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, file),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, processes),
        (resource.RLIMIT_STACK, 64 << 20),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(what, (most, most))


def become(user: int) -> None:
    """Become another user, who owns nothing here: limits on processes do not bind root."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def drop_bounding_set() -> None:
    """No program that is started from now on can get a capability; only who may set them can do this."""
    for one in range(64):
        libc.prctl(PR_CAPBSET_DROP, one, 0, 0, 0)


def drop_capabilities() -> None:
    header = struct.pack("Ii", 0x20080522, 0)
    kernel(libc.capset(header, bytes(24)), "capset")


def die_with_parent(by: int = signal.SIGKILL) -> None:
    """Be sent this signal when the process that started this one ends."""
    libc.prctl(PR_SET_PDEATHSIG, int(by), 0, 0, 0)
