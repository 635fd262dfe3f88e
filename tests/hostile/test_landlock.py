"""The second level, for containers that can't build namespaces: what it must hold beside the first."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from autograder.cli.machine import landlock_works
from autograder.grader.inside.processes import descendants
from autograder.grader.session import Gone, Limits
from autograder.grader.zygotes import Zygote

pytestmark = pytest.mark.skipif(
    not landlock_works(), reason="Landlock needs root, a recent kernel, and a Python that everyone can read"
)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def warm():
    with Zygote("landlock", limits=Limits(cell=20, file=1 << 20)) as zygote:
        yield zygote


@pytest.fixture
def session(warm):
    session = warm.open([], {"data/own.txt": b"mine"})
    yield session
    session.end("over")


def printed(session, source):
    outputs, _ = session.run(source)
    return "".join(str(output.get("text", output.get("evalue", ""))) for output in outputs)


def gone(pids):
    """Whether all of these end soon; a process that waits for its parent has ended."""
    for _ in range(100):
        states = [Path(f"/proc/{pid}/stat") for pid in pids]
        if not any(path.exists() and path.read_text().rsplit(")", 1)[1].split()[0] != "Z" for path in states):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize(
    "place",
    [
        ROOT / "solutions" / "02_metrics" / "02_metrics.ipynb",
        ROOT / "autograder" / "exercises.py",
        ROOT / "edu_edit" / "metrics.py",
        "/etc/passwd",
        "/proc/1/environ",
        "/proc/self/mem",
    ],
)
def test_what_is_not_the_students_cannot_be_read(session, place):
    assert "Errno 13" in printed(session, f"print(open({str(place)!r}, 'rb').read(9))")


def test_nothing_outside_the_home_can_be_listed_or_written(session):
    source = """
import os
for place in ("/", "/tmp", "/root", "/dev/shm", "/var/tmp"):
    for what in (os.listdir, lambda place: open(place + "/mark", "w")):
        try:
            what(place)
            print("OPEN", place)
        except OSError:
            pass
"""
    assert printed(session, source) == ""


def test_the_home_is_theirs_and_gone_afterwards(warm):
    session = warm.open([], {"data/own.txt": b"mine"})
    where = printed(
        session, "import os; open('new', 'w').write('x'); print(os.getcwd(), open('data/own.txt').read())"
    )
    home, text = where.split()
    assert text == "mine" and Path(home, "new").is_file()
    session.end("over")
    assert not Path(home).exists()


def test_there_is_no_socket(session):
    source = "import socket\nfor family in (1, 2, 10, 16, 40):\n    try:\n        socket.socket(family); print('OPEN', family)\n    except OSError:\n        pass"
    assert printed(session, source) == ""
    pairs = "import socket\nfor kind in (1, 5, 2, 3):\n    try:\n        socket.socketpair(1, kind); print(kind)\n    except OSError:\n        pass"
    assert printed(session, pairs).split() == ["1", "5"]


def test_what_a_lesson_needs_is_there(session):
    source = """
import subprocess, sys, edu_edit, importlib
print(edu_edit.load("atlas-llama").name, len(edu_edit.load_facts()) > 100)
print(subprocess.run([sys.executable, "-c", "import json; print(json.dumps(1))"], capture_output=True, text=True).stdout)
print(importlib.import_module("numpy.ctypeslib").__name__)
import matplotlib.pyplot as plt
plt.plot([1, 2]); plt.savefig("figure.png"); plt.close()
"""
    assert printed(session, source).split() == ["atlas-llama", "True", "1", "numpy.ctypeslib"]


def test_processes_that_a_notebook_leaves_behind_end_with_it(warm):
    session = warm.open([], {})
    printed(session, "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)")
    assert any("sleep" in Path(f"/proc/{pid}/comm").read_text() for pid in descendants(warm.process.pid))
    session.end("over")
    assert gone(descendants(warm.process.pid))


def test_they_end_with_a_grader_that_is_killed():
    zygote = Zygote("landlock")
    session = zygote.open([], {})
    printed(session, "import subprocess; subprocess.Popen(['sleep', '300'], start_new_session=True)")
    pids = descendants(zygote.process.pid)
    zygote.process.kill()
    zygote.process.wait()
    assert gone(pids)
    session.end("over")
    zygote.close()


def test_many_files_together_are_bounded(session):
    source = "import time\nfor n in range(9):\n    open(f'{n}', 'wb').write(bytes(10**6))\ntime.sleep(5)"
    with pytest.raises(Gone, match="files together took more room"):
        session.run(source)


def test_the_source_of_a_reference_is_without_its_body(session):
    source = "import inspect, edu_edit.metrics as m; print(inspect.getsource(m.efficacy))"
    text = printed(session, source)
    assert "def efficacy" in text and "raise NotImplementedError" in text
