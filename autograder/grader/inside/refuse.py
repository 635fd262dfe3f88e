"""System calls that a submission may not make: those that build namespaces or look into other processes."""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Sequence

from autograder.grader.inside.walls import kernel, libc

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22

# By number: namespaces and mounts, other processes' memory, keys, modules, raw io, and memory that belongs to
# no process, so that no limit on processes counts it.
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
SOCKET, SOCKETPAIR = {"x86_64": 41, "aarch64": 198}, {"x86_64": 53, "aarch64": 199}
STREAM, SEQPACKET = 1, 5  # pairs of these are connected for good; datagrams can be sent anywhere
FAMILIES = (1, 2, 10, 16)  # unix, IPv4, IPv6, netlink: the others know no network namespaces
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97
NEW_NAMESPACES = 0x7E020000


def filter_calls(families: Sequence[int] = FAMILIES) -> None:
    """Refuse the calls above, and sockets of other families, for this process and all that come from it.

    No families: no socket at all, and only such pairs of them as lead nowhere else.
    """
    machine = platform.machine()
    if machine not in REFUSED:
        raise OSError(f"there is no list of refused calls for {machine}")
    rules = [(LOAD, 0, 0, 4), (EQUAL, 1, 0, MACHINE[machine]), (RETURN, 0, 0, KILL), (LOAD, 0, 0, 0)]
    if machine == "x86_64":  # the same calls once more, for 32-bit pointers
        rules += [(AT_LEAST, 0, 1, 0x40000000), (RETURN, 0, 0, ERROR | EPERM)]
    for number in sorted(REFUSED[machine]):
        rules += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERROR | EPERM)]
    rules += [(EQUAL, 0, len(families) + 3, SOCKET[machine]), (LOAD, 0, 0, 16)]
    rules += [(EQUAL, len(families) - place, 0, family) for place, family in enumerate(families)]
    rules += [(RETURN, 0, 0, ERROR | EAFNOSUPPORT), (RETURN, 0, 0, ALLOW)]
    if not families:
        rules += [(EQUAL, 0, 6, SOCKETPAIR[machine]), (LOAD, 0, 0, 24), (AND, 0, 0, 0xF)]
        rules += [(EQUAL, 2, 0, STREAM), (EQUAL, 1, 0, SEQPACKET)]
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
