"""Attempts to use up the machine. Each is bounded by itself, so that the test does no harm where a wall is missing."""

from __future__ import annotations

import time

import pytest

from .conftest import Case, graded, isolated

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
AT = "metrics.accuracy"
MEMORY = 512 << 20
LIMITS = {"cell": 4.0, "notebook": 90.0, "memory": MEMORY}
LATER = (
    "metrics.portability",
    "metrics.locality",
    "metrics.efficacy",
    "metrics.token_accuracy",
    "finetune.project_linf",
)


def cell(name: str, source: str, **more: object) -> Case:
    """An attack in a cell of its own; all answers are honest and count."""
    return Case(name, before={AT: source}, **more)  # type: ignore[arg-type]


def answer(name: str, body: str, **more: object) -> Case:
    """An attack in the function that is judged; it costs that one."""
    lines = "\n    ".join(body.strip("\n").splitlines())
    return Case(
        name,
        {AT: f"import ctypes, os, signal, threading, time\ndef accuracy(answers, target):\n    {lines}"},
        **more,
    )  # type: ignore[arg-type]


STUBBORN = """
try:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
except ValueError:
    pass
while True:
    try:
        while True:
            time.sleep(0.05)
    except BaseException:
        pass
"""

CASES = [
    # Time.
    cell("loop_in_cell", "while True:\n    pass"),
    answer("loop_in_answer", "while True:\n    pass"),
    cell("stubborn_cell", "import signal, time\n" + STUBBORN),
    answer("stubborn_answer", STUBBORN),
    answer("deaf_loop", "while True:\n    try:\n        ctypes.PyDLL(None).sleep(30)  # holds the lock of the interpreter\n    except BaseException:\n        pass"),
    cell("deaf_cell", "import ctypes\nctypes.PyDLL(None).sleep(60)"),
    answer("slow_every_time", "time.sleep(3.2)\nreturn 0.5", seconds=60),
    cell("many_slow_cells", "", edit=lambda notebook: slow_cells(notebook), lost=sorted({AT, *LATER})),
    answer("slow_expression", "import re\nre.match('(a+)+$', 'a' * 40 + 'b')"),
    answer("slow_number", "return len(str(10 ** 10 ** 9))"),
    # Processes and threads.
    cell(
        "fork_bomb",
        "import os, time\nmade = 0\nfor _ in range(200):\n    try:\n        pid = os.fork()\n    except OSError:\n        break\n"
        "    if pid == 0:\n        time.sleep(5)\n        os._exit(0)\n    made += 1\nprint('MADE', made)",
    ),
    cell(
        "tree_of_forks",
        "import os, time\nfor _ in range(7):\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
        "if os.getpid() != 1:\n    time.sleep(5)\n    os._exit(0)",
    ),
    cell(
        "thread_storm",
        "import threading, time\nmade = 0\ntry:\n    for _ in range(1000):\n"
        "        threading.Thread(target=time.sleep, args=(5,), daemon=True).start()\n        made += 1\n"
        "except RuntimeError:\n    pass\nprint('MADE', made)",
    ),
    cell("busy_processes", "import os, time\nfor _ in range(40):\n    try:\n        pid = os.fork()\n    except OSError:\n        break\n    if pid == 0:\n        end = time.monotonic() + 8\n        while time.monotonic() < end:\n            pass\n        os._exit(0)"),
    # Memory.
    answer("memory", "kept = [bytearray(64 << 20) for _ in range(30)]\nreturn 1.0"),
    cell("memory_in_cell", "kept = []\nfor _ in range(30):\n    kept.append(bytearray(64 << 20))"),
    cell(
        "memory_of_many",
        "import os, time\nfor _ in range(16):\n    if os.fork() == 0:\n        kept = bytearray(b'x') * (100 << 20)\n"
        "        time.sleep(6)\n        os._exit(0)\ntime.sleep(2)\nprint('MADE 1600')",
    ),
    cell(
        "memory_without_owner",
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nmade = 0\nfor n in range(12):\n    try:\n        fd = os.memfd_create('x')\n"
        "        os.write(fd, b'x' * (25 << 20)); made += 25\n    except OSError:\n        pass\n"
        "    number = libc.shmget(0, 25 << 20, 0o1600)\n    made += 25 if number >= 0 else 0\nprint('MADE', made)",
    ),
    # Disk and descriptors.
    cell(
        "disk",
        "import os\nmade = 0\nfor place in (os.path.expanduser('~'), '/dev/shm'):\n    for n in range(10):\n        try:\n"
        "            with open(f'{place}/big{n}', 'wb', buffering=0) as file:\n                for _ in range(15):\n"
        "                    made += file.write(b'x' * (1 << 20))\n        except OSError:\n            pass\nprint('MADE', made >> 20)",
    ),
    cell(
        "sparse_file",
        "import os\ntry:\n    with open('sparse', 'wb') as file:\n        file.truncate(300 << 20)\n    print('MADE 300')\nexcept OSError:\n    print('MADE 0')",
    ),
    cell(
        "many_files",
        "made = 0\ntry:\n    for n in range(10_000):\n        open(f'small{n}', 'w').close()\n        made += 1\nexcept OSError:\n    pass\nprint('MADE', made)",
    ),
    cell("descriptors", "import os\nheld = []\ntry:\n    for _ in range(5000):\n        held.append(os.dup(0))\nexcept OSError:\n    pass\nprint('MADE', len(held))\nfor fd in held:\n    os.close(fd)"),
    # Output.
    cell("flood_of_prints", "while True:\n    print('x' * 100)"),
    cell("one_big_print", "print('x' * 60_000_000)"),
    cell("many_displays", "from IPython.display import display\nfor n in range(20_000):\n    display(n)"),
    cell("unbounded_outputs", "shown = get_ipython().outputs\nshown.most = 1 << 40\nprint('x' * 30_000_000)"),
    cell("false_outputs", "shown = get_ipython().outputs\nshown.items = [1, 'x', None, {}, {'output_type': 'evil'}, {'output_type': 'display_data', 'data': 5, 'metadata': 'x'}, {'output_type': 'stream', 'name': 7, 'text': {'a': 1}}, {'output_type': 'execute_result', 'data': {'text/html': ['<b>', 3], 'image/png': 'AAAA'}, 'execution_count': 'x', 'metadata': []}, {'output_type': 'error', 'ename': 1, 'evalue': [], 'traceback': 'text'}]"),
    cell("deep_outputs", "deep = 'x'\nfor _ in range(400):\n    deep = [deep]\nget_ipython().outputs.items = [{'output_type': 'display_data', 'data': {'application/json': deep}, 'metadata': {}}]"),
    answer("flood_in_answer", "while True:\n    print('x' * 1000)"),
    # What comes back.
    answer("deep_recursion", "import sys\nsys.setrecursionlimit(10**9)\ndef f(n):\n    return f(n + 1)\nreturn f(0)"),
    answer("deep_answer", "deep = 1.0\nfor _ in range(100_000):\n    deep = [deep]\nreturn deep"),
    answer("wide_answer", "return list(range(5_000_000))"),
    answer("huge_tensor", "return torch.zeros(60_000_000)"),
    answer("expanded_tensor", "return torch.zeros(1).expand(10**12)"),
    answer("huge_text", "return 'x' * 60_000_000"),
    answer("huge_number", "return 10 ** 200_000"),
    answer("huge_exception", "raise ValueError('x' * 50_000_000)"),
    answer("evil_exception", "class Evil(Exception):\n    def __str__(self):\n        while True:\n            pass\nraise Evil()"),
    answer("long_named_exception", "raise type('E' * 1_000_000, (Exception,), {})('x')"),
    answer("exception_chain", "error = None\nfor n in range(3000):\n    new = ValueError(str(n)); new.__cause__ = error; error = new\nraise error"),
    answer("group_of_exceptions", "group = ValueError('x')\nfor _ in range(500):\n    group = ExceptionGroup('g', [group])\nraise group"),
    answer("endless_generator", "def forever():\n    while True:\n        yield 1\nreturn forever()"),
    answer("endless_equality", "class Slow(float):\n    def __float__(self):\n        time.sleep(100)\n    __eq__ = __lt__ = __gt__ = __float__\nreturn Slow(1)"),
]  # fmt: skip
MOST = {
    "fork_bomb": 48, "thread_storm": 48, "memory_of_many": 0, "memory_without_owner": 0, "disk": 64 + 16,
    "sparse_file": 0, "many_files": 4096, "descriptors": 256,
}  # fmt: skip


def slow_cells(notebook) -> None:
    """Thirty cells that stay just below the limit of one."""
    from .conftest import code, solution_cell

    at = notebook["cells"].index(solution_cell(notebook, AT))
    notebook["cells"][at:at] = [code(f"import time\ntime.sleep(3.5)  # {n}") for n in range(30)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    began = time.monotonic()
    done = graded(LESSON, CASES, tmp_path_factory, LIMITS)
    done.seconds = time.monotonic() - began
    return done


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_costs_only_the_question_at_fault(run, case):
    assert run.marks(case) == case.expected(run.full)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_ends_in_time(run, case):
    """The limit of the notebook, and a little for the last interrupt, restarts and judging."""
    assert run.results[case.name].seconds < LIMITS["notebook"] + 15


@pytest.mark.parametrize("name, most", MOST.items())
def test_gets_no_more_than_its_share(run, name, most):
    texts = [str(output.get("text", "")) for cell in run.results[name].cells for output in cell.outputs]
    made = [int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("MADE")]
    assert all(0 <= one <= most for one in made) and (made or name == "memory_of_many")


def test_what_is_kept_is_small(run):
    """No result is larger than a hundred cells of the largest output that is allowed."""
    sizes = {path.name: path.stat().st_size for path in (run.out / "results").rglob("*.json")}
    assert max(sizes.values()) < 8 << 20
    pages = [path.stat().st_size for path in (run.out / "feedback").rglob("*.html")]
    assert max(pages) < 16 << 20
