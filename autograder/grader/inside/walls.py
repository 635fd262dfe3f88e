"""The walls around one submission: what the kernel lets its processes see, do and use.

Called in a process that was forked for the submission and may still administer its own namespaces (`bwrap`
has given it those). Afterwards it can't: no capabilities, no new privileges, no calls that build namespaces
or look into other processes. Linux only; every step raises OSError where the kernel refuses it.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID = 0x20000, 0x4000000, 0x8000000, 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 4096, 16384, 1 << 18
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_CAPBSET_DROP, PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 38, 22, 24, 1, 4


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


def memory_of_all(proc: str = "/proc") -> int:
    """Bytes that all processes here hold together, shared ones counted once; 0 where there is only one.

    One process alone is bound by its own limit, and this look at many costs milliseconds.
    """
    pids = [name for name in os.listdir(proc) if name.isdigit()]
    total = 0
    for pid in pids if len(pids) > 1 else ():
        try:
            rows = Path(f"{proc}/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:  # it has ended
            continue
        total += sum(int(row.split()[1]) * 1024 for row in rows if row.startswith(("Pss:", "SwapPss:")))
    return total


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


# Calls that are refused, by number: namespaces and mounts, other processes' memory, keys, modules, raw io,
# and memory
# that belongs to no process, so that no limit on processes counts it.
REFUSED = {
    "x86_64": {
        101: "ptrace", 165: "mount", 166: "umount2", 155: "pivot_root", 161: "chroot", 272: "unshare",
        308: "setns", 310: "process_vm_readv", 311: "process_vm_writev", 312: "kcmp", 321: "bpf",
        298: "perf_event_open", 248: "add_key", 249: "request_key", 250: "keyctl", 246: "kexec_load",
        320: "kexec_file_load", 175: "init_module", 313: "finit_module", 176: "delete_module",
        169: "reboot", 167: "swapon", 168: "swapoff", 323: "userfaultfd", 304: "open_by_handle_at",
        303: "name_to_handle_at", 425: "io_uring_setup", 426: "io_uring_enter", 427: "io_uring_register",
        428: "open_tree", 429: "move_mount", 430: "fsopen", 431: "fsconfig", 432: "fsmount",
        433: "fspick", 438: "pidfd_getfd", 442: "mount_setattr", 135: "personality", 163: "acct",
        164: "settimeofday", 227: "clock_settime", 170: "sethostname", 171: "setdomainname",
        134: "uselib", 139: "sysfs", 212: "lookup_dcookie", 256: "migrate_pages", 279: "move_pages",
        103: "syslog", 300: "fanotify_init", 179: "quotactl", 319: "memfd_create", 447: "memfd_secret",
        29: "shmget", 68: "msgget", 64: "semget",
    },
    "aarch64": {
        117: "ptrace", 40: "mount", 39: "umount2", 41: "pivot_root", 51: "chroot", 97: "unshare",
        268: "setns", 270: "process_vm_readv", 271: "process_vm_writev", 272: "kcmp", 280: "bpf",
        241: "perf_event_open", 217: "add_key", 218: "request_key", 219: "keyctl", 104: "kexec_load",
        294: "kexec_file_load", 105: "init_module", 273: "finit_module", 106: "delete_module",
        142: "reboot", 224: "swapon", 225: "swapoff", 282: "userfaultfd", 265: "open_by_handle_at",
        264: "name_to_handle_at", 425: "io_uring_setup", 426: "io_uring_enter", 427: "io_uring_register",
        428: "open_tree", 429: "move_mount", 430: "fsopen", 431: "fsconfig", 432: "fsmount",
        433: "fspick", 438: "pidfd_getfd", 442: "mount_setattr", 92: "personality", 89: "acct",
        170: "settimeofday", 112: "clock_settime", 161: "sethostname", 162: "setdomainname",
        116: "syslog", 262: "fanotify_init", 60: "quotactl", 279: "memfd_create", 447: "memfd_secret",
        194: "shmget", 186: "msgget", 190: "semget",
    },
}  # fmt: skip
MACHINE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
SOCKET = {"x86_64": 41, "aarch64": 198}
FAMILIES = (
    1,
    2,
    10,
    16,
)  # unix, IPv4, IPv6, netlink: the others, vsock among them, know no network namespaces
LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
NEW_NAMESPACES = 0x7E020000


def filter_calls() -> None:
    """Refuse the calls above, for this process and all that come from it."""
    machine = platform.machine()
    if machine not in REFUSED:
        raise OSError(f"there is no list of refused calls for {machine}")
    rules = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, MACHINE[machine]), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if machine == "x86_64":  # the same calls once more, for 32-bit pointers
        rules += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, ERROR | EPERM)]
    for number in sorted(REFUSED[machine]):
        rules += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | EPERM)]
    rules += [(EQUAL, 0, len(FAMILIES) + 3, SOCKET[machine]), (LOAD, 0, 0, 16)]
    rules += [(EQUAL, len(FAMILIES) - place, 0, family) for place, family in enumerate(FAMILIES)]
    rules += [(RETURN, 0, 0, ERROR | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    rules += [
        (EQUAL, 0, 1, CLONE3),
        (RETURN, 0, 0, ERROR | ENOSYS),
    ]  # its flags can't be read here; clone's can
    rules += [
        (EQUAL, 0, 3, CLONE[machine]),
        (LOAD, 0, 0, 16),
        (ANY_BIT, 0, 1, NEW_NAMESPACES),
        (RETURN, 0, 0, ERROR | EPERM),
        (RETURN, 0, 0, ALLOW),
    ]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *rule) for rule in rules))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("rules", ctypes.c_void_p)]

    program = Program(len(rules), ctypes.addressof(code))
    kernel(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no new privileges")
    kernel(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(program), 0, 0), "seccomp")


def die_with_parent() -> None:
    libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0)
