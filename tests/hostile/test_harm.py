"""Attacks on others: other processes, other people's files, the machine, the network, the next submission.

Every attack reports what it reached (`REACHED [...]`); the list must be empty, and its own honest answers count.
"""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from pathlib import Path

import pytest

from .conftest import ROOT, Case, graded, isolated

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
AT = "metrics.accuracy"
MARKER = "harm-left-over"
NAME = f"harm-{os.getpid()}"  # of sockets of this machine where nothing may arrive
TRY = f"""
import ctypes, errno, os, pathlib, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
ROOT, AT_HOME = {str(ROOT)!r}, os.path.expanduser("~")
reached = []

def attempt(name, action, *args):
    try:
        result = action(*args)
    except BaseException:
        return None
    reached.append(name)
    return result

def call(name, *args):
    if libc.syscall(*args) < 0:
        raise OSError(ctypes.get_errno(), name)
"""


def probe(name: str, source: str, **more: object) -> Case:
    """An attack in a cell of its own that says what it reached."""
    source = source.replace("@NAME@", NAME)
    return Case(name, before={AT: f"{TRY}\n{source}\nprint('REACHED', sorted(map(str, reached)))"}, **more)  # type: ignore[arg-type]


CASES = [
    probe(
        "kill_all_pids",
        """
me = os.getpid()
for pid in [*range(2, 4000), os.getppid(), *(int(p) for p in os.listdir("/proc") if p.isdigit())]:
    if pid > 1:
        for number in (signal.SIGKILL, signal.SIGSTOP):
            attempt(pid, os.kill, pid, number)
""",
    ),
    probe(
        "kill_parent_and_group",
        """
for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
    for target in (0, -1):
        try:
            os.kill(target, number)
        except OSError:
            pass
if os.getppid() != 0:
    reached.append("parent")
if any(int(p) != os.getpid() for p in os.listdir("/proc") if p.isdigit()):
    reached.append("sees others")
""",
    ),
    probe(
        "kill_by_socket",
        """
for fd in range(3, 256):
    try:
        peer = socket.socket(fileno=os.dup(fd))
        pidfd = peer.getsockopt(socket.SOL_SOCKET, 77)
    except OSError:
        continue
    attempt("peer", signal.pidfd_send_signal, pidfd, signal.SIGKILL)
    attempt("peer's files", call, "pidfd_getfd", 438, pidfd, 0, 0)
    attempt("peer's spaces", call, "setns", 308, pidfd, 0x20000)
""",
    ),
    probe(
        "open_descriptors",
        """
import stat
for name in os.listdir("/proc/self/fd"):
    try:
        where = os.readlink(f"/proc/self/fd/{name}")
    except OSError:
        continue
    if not where.startswith(("socket:", "/dev/null", "anon_inode", "/proc/", "pipe:")):
        reached.append(where)
shared = [row for row in open("/proc/self/maps") if row.split()[1][:4] == "rw-s"]
reached += shared
""",
    ),
    probe(
        "gradebook_and_submissions",
        """
import glob, shutil, sqlite3
places = ["@BASE@/out/gradebook.db", "@BASE@/out/results/.lock", "@BASE@/out", "@BASE@/class", "@BASE@/class/s000-honest/02_metrics.ipynb",
          "@BASE@/out/submitted/s000-honest/02_metrics/02_metrics.ipynb", ROOT + "/solutions", ROOT + "/tests", ROOT + "/lessons",
          ROOT + "/autograder/checks.py", ROOT + "/autograder/exercises.py", ROOT + "/.git", ROOT + "/pyproject.toml"]
import fcntl
for place in places:
    attempt("there: " + place, os.stat, place)
    attempt("read " + place, lambda: open(place).read())
    attempt("write " + place, lambda: open(place, "a"))
    attempt("remove " + place, os.remove, place)
    attempt("tree " + place, shutil.rmtree, place)
    attempt("lock " + place, lambda: fcntl.flock(open(place), fcntl.LOCK_EX))
    attempt("make " + place, lambda: os.makedirs(place))
    attempt("through root " + place, lambda: open("/proc/1/root" + place).read())
attempt("sqlite", lambda: sqlite3.connect("@BASE@/out/gradebook.db").execute("delete from grade"))
""",
    ),
    probe(
        "write_everywhere",
        """
seen = 0
for folder, below, names in os.walk("/"):
    if folder.startswith(("/proc", AT_HOME, "/dev/shm")):
        below[:] = []
        continue
    seen += 1
    attempt("make in " + folder, lambda: open(os.path.join(folder, "harm-was-here"), "w").close())
    for name in names[:1]:
        if folder != "/dev" and not folder.startswith("/dev/pts"):
            attempt("write " + os.path.join(folder, name), lambda: open(os.path.join(folder, name), "r+b").close())
    if folder.count("/") > 3 or seen > 3000:
        below[:] = []
import edu_edit, torch, transformers
for module in (edu_edit, torch, transformers, os):
    attempt("change " + module.__name__, lambda: open(module.__file__, "a"))
    attempt("chmod " + module.__name__, lambda: os.chmod(module.__file__, 0o777))
""",
    ),
    probe(
        "poison_compiled",
        """
import edu_edit, importlib.util, json, py_compile
open("evil.py", "w").write("raise SystemExit(3)")
for module in (json, edu_edit, torch, os):
    target = importlib.util.cache_from_source(module.__file__)
    attempt("compiled " + target, lambda: py_compile.compile("evil.py", cfile=target, doraise=True))
    attempt("moved " + target, lambda: os.replace("evil.py", target))
attempt("link", lambda: os.link("evil.py", os.path.dirname(json.__file__) + "/evil.py"))
attempt("in site-packages", lambda: open(os.path.dirname(torch.__path__[0]) + "/sitecustomize.py", "w"))
""",
    ),
    probe(
        "links",
        """
targets = ["/etc/shadow", "/etc/passwd", "/root/.ssh", "@BASE@/out/gradebook.db", ROOT + "/solutions"]
for number, target in enumerate(targets):
    os.symlink(target, f"soft{number}")
    attempt("soft " + target, lambda: os.listdir(f"soft{number}") if target.endswith(("ssh", "solutions"))
            else open(f"soft{number}").read())
    attempt("hard " + target, os.link, target, f"hard{number}")
import json
attempt("hard library", os.link, json.__file__, "hard")
for way in ("/proc/1/root", "/proc/self/root", "/proc/self/cwd/../..", "/proc/1/cwd/../.."):
    attempt(way, lambda: open(way + "@BASE@/out/gradebook.db").read())
fd = os.open("/", os.O_RDONLY)
os.chdir("/"); os.chdir("../../../../..")
attempt("above root", lambda: os.stat("@BASE@/class".lstrip("/")))
attempt("chroot", os.chroot, AT_HOME)
os.chdir(AT_HOME)
""",
    ),
    probe(
        "leftover_processes",
        f"""
import os, subprocess
for number in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for one in range(1, 65):
                try: signal.signal(one, signal.SIG_IGN)
                except (OSError, ValueError): pass
            libc.prctl(15, b"{MARKER}"[:15], 0, 0, 0)
            libc.prctl(1, 0, 0, 0, 0)
            os.closerange(0, 256)
            end = time.monotonic() + 60
            while time.monotonic() < end:
                time.sleep(0.2)
        os._exit(0)
subprocess.Popen(["setsid", "nohup", "sleep", "61"], start_new_session=True)
time.sleep(0.3)
""",
    ),
    probe(
        "network",
        """
import urllib.request
port = int("@PORT@")
for family, address in ((socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET, ("10.0.0.1", 53)),
                        (socket.AF_INET6, ("::1", port)), (socket.AF_INET, ("1.1.1.1", 80)),
                        (socket.AF_UNIX, "/tmp/@NAME@"), (socket.AF_UNIX, "\\0@NAME@")):
    def connect():
        one = socket.socket(family, socket.SOCK_STREAM); one.settimeout(1); one.connect(address)
    attempt(f"connect {address}", connect)
attempt("unix datagram", lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"x", "\\0@NAME@-d"))
attempt("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("1.1.1.1", 53)))
attempt("dns", socket.getaddrinfo, "example.org", 80)
attempt("http", lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1))
attempt("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM).connect((2, 1024)))
""",
    ),
    probe(
        "kernel_settings",
        """
for place in ("/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/shmmax",
              "/proc/sys/vm/overcommit_memory", "/proc/sys/net/ipv4/ip_forward", "/proc/sysrq-trigger",
              "/proc/sys/kernel/modprobe", "/proc/sys/fs/file-max", "/proc/1/mem", "/proc/kcore", "/proc/kmsg",
              "/proc/sys/user/max_user_namespaces", "/proc/sys/kernel/pid_max", "/proc/acpi", "/proc/irq/default_smp_affinity",
              "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/power/state", "/dev/mem", "/dev/kmsg", "/dev/sda",
              "/dev/fuse", "/dev/kvm", "/dev/loop-control", "/dev/net/tun"):
    if place != "/proc/1/mem":
        attempt("write " + place, lambda: os.close(os.open(place, os.O_WRONLY)))
attempt("sys", os.listdir, "/sys")
attempt("cgroup", os.listdir, "/sys/fs/cgroup")
attempt("nice", lambda: os.nice(-5))
attempt("root", os.setuid, 0)
attempt("realtime", lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10)))
import resource
attempt("more processes", lambda: resource.setrlimit(resource.RLIMIT_NPROC, (4096, 4096)))
attempt("more memory", lambda: resource.setrlimit(resource.RLIMIT_AS, (-1, -1)))
attempt("lower oom score", lambda: open("/proc/self/oom_score_adj", "wb", buffering=0).write(b"-900"))
""",
    ),
    probe(
        "kernel_calls",
        """
libc.mount.restype = ctypes.c_int
text = ctypes.create_string_buffer(b"tmpfs")
for name, *args in (
    ("mount", 165, text, b"/home", text, 0, 0), ("bind", 165, b"/home", b"/usr", 0, 4096, 0),
    ("remount", 165, 0, b"/", 0, 4096 | 32, 0), ("umount", 166, b"/proc", 2), ("pivot_root", 155, b"/", b"/"),
    ("chroot", 161, b"/home"), ("user namespace", 272, 0x10000000), ("namespaces", 272, 0x20000),
    ("clone", 56, 0x10000000 | 17, 0, 0, 0, 0), ("clone3", 435, 0, 0), ("setns", 308, 0, 0),
    ("ptrace", 101, 16, 1, 0, 0), ("traceme", 101, 0, 0, 0, 0), ("readv", 310, 1, 0, 0, 0, 0, 0),
    ("bpf", 321, 0, 0, 0), ("perf", 298, 0, 0, -1, -1, 0), ("keyring", 250, 0, -4, 1),
    ("add_key", 248, b"user", b"harm", b"x", 1, -4), ("io_uring", 425, 4, ctypes.create_string_buffer(256)),
    ("userfaultfd", 323, 1), ("module", 175, 0, 0, b""), ("kexec", 246, 0, 0, 0, 0), ("reboot", 169, 0xFEE1DEAD, 672274793, 0, 0),
    ("handle", 304, -100, 0, 0), ("mount api", 430, b"tmpfs", 0), ("hostname", 170, b"harm", 4), ("clock", 227, 0, text),
    ("swap", 167, b"/home/x", 0), ("shared memory", 29, 0, 1 << 20, 0o1600), ("messages", 68, 0, 0o1600), ("memfd", 319, b"x", 0),
    ("personality", 135, 0x0040000), ("fanotify", 300, 0, 0), ("syslog", 103, 3, text, 5), ("quota", 179, 0, 0, 0, 0),
    ("x32", 0x40000000 + 39),
):
    if name == "clone":
        pid = libc.syscall(*args)
        if pid == 0:
            os._exit(0)
        if pid > 0:
            reached.append(name)
    else:
        attempt(name, call, name, *args)
""",
    ),
    probe(
        "poison_warm_process",
        """
import builtins, gc, random
import edu_edit, numpy, transformers
builtins.sum = lambda *a, **k: 1
torch.Tensor.__add__ = lambda *a: a[0]
torch.set_default_dtype(torch.float64)
edu_edit.metrics.same_answer = lambda *a: True
edu_edit.load = lambda *a, **k: None
sys.path.insert(0, "/home/student/evil")
sys.modules["json"] = None
os.environ.update(OMP_NUM_THREADS="64", HARM="1")
gc.unfreeze(); gc.disable()
with torch.no_grad():
    for one in gc.get_objects():
        try:
            if isinstance(one, torch.nn.Parameter):
                one.data.fill_(7.0)
        except Exception:
            pass
""",
        # A sum that is always 1 is still right where one of the answers is.
        earns={
            AT: 0.4,
            **dict.fromkeys(("metrics.portability", "metrics.locality", "finetune.project_linf"), 0.0),
        },
    ),
    probe(
        "leave_for_the_next",
        f"""
for place in (AT_HOME, AT_HOME + "/tmp", "/tmp", "/dev/shm", "/dev", "/dev/pts", "/var/tmp", "/run", "/home", "/"):
    try:
        open(place + "/{MARKER}", "w").write("x")
    except OSError:
        pass
holder = socket.socket(socket.AF_UNIX); holder.bind("\\0{MARKER}"); holder.listen()
try:
    server = socket.create_server(("127.0.0.1", 45671))
except OSError:
    pass
libc.shmget(0x4A4A, 4096, 0o1666); libc.semget(0x4A4A, 1, 0o1666); libc.msgget(0x4A4A, 0o1666)
os.environ["{MARKER}"] = "1"
threading.current_thread().name = "{MARKER}"
""",
    ),
    probe(
        "next_finds_nothing",
        f"""
for place in (AT_HOME, AT_HOME + "/tmp", "/tmp", "/dev/shm", "/dev", "/dev/pts", "/var/tmp", "/run", "/home", "/"):
    attempt("file in " + place, os.stat, place + "/{MARKER}")
attempt("abstract socket", lambda: socket.socket(socket.AF_UNIX).connect("\\0{MARKER}"))
attempt("port", lambda: socket.create_connection(("127.0.0.1", 45671), 1))
for name, key in (("shmget", 4096), ("semget", 1), ("msgget", 0)):
    if getattr(libc, name)(0x4A4A, *([key, 0o666] if key else [0o666])) >= 0:
        reached.append(name)
reached += ["environment"] if "{MARKER}" in os.environ or "HARM" in os.environ else []
reached += [name for name in os.listdir(AT_HOME) if name != "tmp"] + os.listdir("/dev/shm")
for name in os.listdir("/proc"):
    if name.isdigit() and int(name) != os.getpid():
        reached.append(f"process {{name}}")
import json
reached += ["dtype"] if torch.get_default_dtype() != torch.float32 else []
reached += ["sum"] if sum([2, 3]) != 5 else []
reached += ["weights"] if any((w == 7.0).all() for w in lm.model.parameters()) else []
""",
    ),
    probe(
        "secrets",
        """
for name, value in os.environ.items():
    if "secret" in value or name.startswith(("EDU_", "SSH", "AWS", "GITHUB", "PYTEST")):
        reached.append(name)
for name in os.listdir("/proc"):
    if name.isdigit():
        for part in ("environ", "cmdline"):
            try:
                text = open(f"/proc/{name}/{part}", "rb").read()
            except OSError:
                continue
            if b"secret" in text or b"pytest" in text:
                reached.append(f"{name} {part}")
for place in ("/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf", "/root/.ssh", "/root/.bashrc", "/root/.cache", "/var/log", "/var/lib",
              "/run", "/home/student/.ssh", "/etc/ssh", "/boot", "/srv", "/opt", "/mnt", "/media"):
    python = [one for one in (sys.prefix, sys.base_prefix) if one.startswith(place + "/")]
    if python:  # where Python lies is there, with nothing beside it
        reached += [f"{place}/{name}" for name in os.listdir(place) if not any(one.startswith(f"{place}/{name}") for one in python)]
    else:
        attempt(place, os.stat, place)
reached += [name for name in os.listdir("/home") if name != "student"]
reached += ["host name"] if os.uname().nodename != "sandbox" else []
""",
    ),
    probe(
        "fake_supervisor_words",
        """
for fd in range(0, 256):
    try:
        one = socket.socket(fileno=os.dup(fd))
    except OSError:
        continue
    if one.type == socket.SOCK_SEQPACKET:
        reached.append("control socket")
        one.send(b'{"exit": 0, "cpu": -1e9}')
    if one.type == socket.SOCK_STREAM:
        attempt("descriptors", lambda: one.recvmsg(1, 64, socket.MSG_DONTWAIT))
""",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    patch = pytest.MonkeyPatch()
    patch.setenv("EDU_TOKEN", "a secret of the grader's")
    try:
        with Listeners() as listeners, Sightings() as sightings:
            done = graded(LESSON, CASES, tmp_path_factory)
            done.arrived += listeners.arrived()
            done.sightings = sightings
        yield done
    finally:
        patch.undo()


class Listeners:
    """Unix sockets of this machine, by name and by path. What connects waits in their queues."""

    def __enter__(self) -> Listeners:
        self.path = Path("/tmp") / NAME
        kinds = (
            ("\0" + NAME, socket.SOCK_STREAM),
            (str(self.path), socket.SOCK_STREAM),
            (f"\0{NAME}-d", socket.SOCK_DGRAM),
        )
        self.sockets = []
        for address, kind in kinds:
            one = socket.socket(socket.AF_UNIX, kind)
            one.bind(address)
            one.setblocking(False)
            if kind == socket.SOCK_STREAM:
                one.listen()
            self.sockets.append(one)
        return self

    def arrived(self) -> int:
        return len(select.select(self.sockets, [], [], 0)[0])

    def __exit__(self, *_: object) -> None:
        for one in self.sockets:
            one.close()
        self.path.unlink()


class Sightings:
    """When a process with the name of the attack's leftovers was last seen on this machine."""

    def __enter__(self) -> Sightings:
        self.first = self.last = 0.0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stop.wait(0.1):
            for place in Path("/proc").glob("[0-9]*/comm"):
                try:
                    found = place.read_text().strip() == MARKER[:15]
                except OSError:
                    continue
                if found:
                    self.last = time.time()
                    self.first = self.first or self.last

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join(5)


def reached(run, case: Case) -> list[str]:
    """What the attack's own cell says."""
    texts = [
        str(output.get("text", output.get("evalue", "")))
        for cell in run.results[case.name].cells
        for output in cell.outputs
    ]
    return [line for text in texts for line in text.splitlines() if line.startswith("REACHED")]


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_reaches_nothing(run, case):
    assert reached(run, case) == ["REACHED []"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_honest_answers_count(run, case):
    assert run.marks(case) == case.expected(run.full)


def test_leftovers_end_with_their_submission(run):
    place = next(n for n, case in enumerate(CASES) if case.name == "leftover_processes")
    after = next((run.out / "results" / LESSON).glob(f"s{place + 1:03}-honest*.json"))
    assert 0 < run.sightings.first <= run.sightings.last < after.stat().st_mtime
