"""What a sandbox sees of this machine: the system's programs and Python's, read-only, the library without its
references, an empty home, a handful of variables. There is no network, no home folder, nothing of the course.

Bubblewrap builds a file system of it; Landlock takes the same places as a list.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import autograder
import edu_edit

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


class SandboxError(RuntimeError):
    """A sandbox could not be started; the message says why."""


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
