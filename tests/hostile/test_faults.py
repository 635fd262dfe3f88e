"""Innocent faults: a slip costs its own question and nothing else, and much of it costs nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import Case, code, graded, honest, isolated, solution_cell

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
AT = "metrics.accuracy"
RIGHT = """
def accuracy(answers, target):
    {before}
    if not answers:
        raise ValueError("no answers")
    return sum(same_answer(answer, target) for answer in answers) / len(answers)
"""
Notebook = dict[str, Any]


def accuracy(before: str) -> str:
    """A right answer that does something else first."""
    return RIGHT.format(before=before)


def own(name: str, source: str, **more: Any) -> Case:
    """A cell of the student's own, in the middle of honest work."""
    return Case(name, before={AT: source}, **more)


def right(name: str, source: str, **more: Any) -> Case:
    """An exercise solved in another cell text; it counts."""
    return Case(name, cells={AT: source}, earns={AT: 2.0}, **more)


def without(id: str):
    def edit(notebook: Notebook) -> None:
        notebook["cells"] = [
            cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") != id
        ]

    return edit


def twice(notebook: Notebook) -> None:
    cell = solution_cell(notebook, AT)
    notebook["cells"].insert(notebook["cells"].index(cell), json.loads(json.dumps(cell)))


def copied_tests(notebook: Notebook) -> None:
    cell = solution_cell(notebook, "metrics.accuracy-test")
    notebook["cells"].insert(0, json.loads(json.dumps(cell)))
    notebook["cells"].append(json.loads(json.dumps(cell)))


def renamed(notebook: Notebook) -> None:
    cell = solution_cell(notebook, AT)
    cell["metadata"]["nbgrader"]["grade_id"] = "my-accuracy"


def stripped(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["metadata"] = {}
        cell.pop("id", None)


def swapped(notebook: Notebook) -> None:
    cells = notebook["cells"]
    one, other = (cells.index(solution_cell(notebook, id)) for id in (AT, "metrics.locality"))
    cells[one], cells[other] = cells[other], cells[one]


def no_set_up(notebook: Notebook) -> None:
    first = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    notebook["cells"].remove(first)


def as_markdown(notebook: Notebook) -> None:
    cell = solution_cell(notebook, AT)
    cell["cell_type"] = "markdown"
    cell.pop("outputs", None)


def kernel(notebook: Notebook) -> None:
    notebook["metadata"]["kernelspec"] = {"name": "julia-1.9", "language": "julia", "display_name": "Julia"}
    notebook["metadata"]["language_info"] = {"name": "R"}


def surrogate(notebook: Notebook) -> None:
    notebook["cells"].insert(3, code("# \ud800 a lone half\nword = 'ok'"))


def minor(notebook: Notebook) -> None:
    notebook["nbformat_minor"] = 99


def file_with(**top: Any) -> bytes:
    notebook = honest(LESSON)
    return json.dumps({**notebook, **top}).encode()


def as_format_3() -> bytes:
    """As an editor of many years ago saves it: cells in a worksheet, without ids."""
    cells = []
    for cell in honest(LESSON)["cells"]:
        text = {"input" if cell["cell_type"] == "code" else "source": cell["source"]}
        old = {"language": "python", "collapsed": False, "prompt_number": 1, "outputs": []}
        more = old if cell["cell_type"] == "code" else {}
        cells.append({"cell_type": cell["cell_type"], "metadata": cell["metadata"], **text, **more})
    sheets = [{"cells": cells, "metadata": {}}]
    return json.dumps(
        {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}, "worksheets": sheets}
    ).encode()


def no_cells() -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}).encode()


ALL = {
    "metrics.answer_logprob", "metrics.accuracy", "metrics.portability", "metrics.locality", "metrics.efficacy",
    "metrics.token_accuracy", "finetune.project_linf",
}  # fmt: skip

CASES = [
    # Cells and the file.
    Case("deleted_test", edit=without("metrics-accuracy-test")),
    Case("deleted_solution", edit=without("metrics-accuracy"), lost=[AT]),
    Case("solution_twice", edit=twice),
    Case("test_twice", edit=copied_tests),
    Case("renamed_id", edit=renamed),
    Case("all_metadata_gone", edit=stripped),
    Case("swapped_solutions", edit=swapped),
    Case("set_up_deleted", edit=no_set_up),
    Case("solution_as_markdown", edit=as_markdown),
    Case("invalid_json", raw=b'{"cells": [', rejected=True),
    Case("no_json_at_all", raw=b"\x89PNG\r\n\x1a\n\0\0", rejected=True),
    Case("empty_file", raw=b"", rejected=True),
    Case("format_3_by_name", raw=file_with(nbformat=3)),
    Case("format_3", raw=as_format_3()),
    Case("format_text", raw=file_with(nbformat="four")),
    Case("a_list", raw=b"[1, 2, 3]", rejected=True),
    Case("no_cells", raw=no_cells(), lost=sorted(ALL)),
    Case("newer_minor", edit=minor),
    Case("surrogate_in_source", edit=surrogate),
    own("surrogate_printed", "print('\\ud800 \\udfff', '\\x00\\x1b[31m')\n'\\ud834'"),
    Case("other_kernel", edit=kernel),
    # What runs.
    own("await_at_top", "import asyncio\nawait asyncio.sleep(0.01)\nprint(await asyncio.sleep(0, 'slept'))"),
    Case("async_answer", cells={AT: accuracy("pass").replace("def ", "async def ")}),
    own("asks_for_input", "name = input('your name? ')"),
    own("asks_for_password", "import getpass\ngetpass.getpass()"),
    own(
        "changed_folder",
        "import os\nos.makedirs('deep/er')\nos.chdir('deep/er')\nopen('x', 'w').write('x')\nos.chdir('/')",
    ),
    own(
        "threads_left",
        "import threading, time\nfor _ in range(5):\n    threading.Thread(target=time.sleep, args=(1000,)).start()",
    ),
    own(
        "thread_that_prints",
        "import threading, time\ndef talk():\n    while True:\n        print('still here')\n        time.sleep(0.01)\nthreading.Thread(target=talk, daemon=True).start()",
    ),
    right(
        "warnings_on_stderr",
        accuracy("import sys, warnings; warnings.warn('old'); print('oh', file=sys.stderr)"),
    ),
    right("prints_inside", accuracy("print('x' * 100_000)")),
    Case("not_a_number", {AT: "def accuracy(answers, target):\n    return float('nan')"}),
    Case("infinite", {AT: "def accuracy(answers, target):\n    return float('inf')"}),
    own("segfault_in_cell", "import ctypes\nctypes.string_at(0)"),
    Case("segfault_in_answer", {AT: accuracy("import ctypes; ctypes.string_at(0)")}),
    own("abort_in_cell", "import os\nos.abort()"),
    own("exit_in_cell", "import sys\nsys.exit()"),
    own("exit_by_name", "exit()"),
    own("quit_by_name", "quit"),
    Case("exit_in_answer", {AT: accuracy("raise SystemExit(0)")}),
    own("hard_exit_in_cell", "import os\nos._exit(0)"),
    Case("hard_exit_in_answer", {AT: accuracy("import os; os._exit(0)")}),
    own("interrupt_in_cell", "raise KeyboardInterrupt"),
    Case("interrupt_in_answer", {AT: accuracy("raise KeyboardInterrupt")}),
    own("huge_traceback", "def f(n):\n    return f(n + 1)\nf(0)"),
    own("error_in_own_cell", "1 / 0"),
    own("syntax_error_in_own_cell", "print 'python 2'"),
    Case("syntax_error_in_answer", {AT: "def accuracy(answers, target)\n    return 1"}),
    Case(
        "stub_left",
        {AT: "def accuracy(answers, target):\n    ### YOUR CODE HERE\n    raise NotImplementedError"},
    ),
    Case("answer_is_a_number", {AT: "accuracy = 0.5"}),
    own("prints_megabytes", "print('a line of output\\n' * 300_000)"),
    own(
        "plots_left_open",
        "import matplotlib.pyplot as plt\nfor _ in range(25):\n    plt.figure(); plt.plot([1, 2])",
    ),
    own("plot_shown", "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()"),
    own("inline_plots", "%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"),
    own("widget_plots", "%matplotlib widget\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])"),
    own("timed_cell", "%%time\nx = sum(range(1000))"),
    own("timed_line", "%timeit -n 3 -r 1 sum(range(1000))\n%time y = 3"),
    right("timed_answer", "%%time\n" + accuracy("pass").lstrip("\n")),
    own("shell_lines", "!echo hello from the shell\nfiles = !ls\nprint(files)"),
    own("bash_cell", "%%bash\necho hello\nls /"),
    own("installs_something", "%pip install left-pad"),
    own("other_magics", "%load_ext autoreload\n%autoreload 2\n%pwd\n%who\n%env X=1\n%cd /"),
    own(
        "written_module",
        "%%writefile mine.py\ndef twice(x):\n    return 2 * x",
        after={AT: "import mine\nassert mine.twice(2) == 4"},
    ),
    right(
        "reference_of_another",
        "import edu_edit.metrics\ndef accuracy(answers, target):\n"
        "    return edu_edit.metrics.portability(answers, [target] * len(answers))",
    ),
    Case(
        "reference_of_itself",
        {
            AT: "import edu_edit.metrics\ndef accuracy(answers, target):\n    return edu_edit.metrics.accuracy(answers, target)"
        },
    ),
    Case(
        "seeds_at_the_top",
        first="import random, numpy, torch\nrandom.seed(0); numpy.random.seed(0); torch.manual_seed(0)",
    ),
    Case("no_gradients", first="import torch\ntorch.set_grad_enabled(False)"),
    Case("double_by_default", first="import torch\ntorch.set_default_dtype(torch.float64)"),
    Case("threads_of_torch", first="import torch\ntorch.set_num_threads(4)"),
    Case(
        "own_helper_cell",
        {
            AT: "def accuracy(answers, target):\n    if not answers:\n        raise ValueError('none')\n    return share([same(a, target) for a in answers])"
        },
        before={AT: "same = same_answer\ndef share(rights):\n    return sum(rights) / len(rights)"},
        earns={AT: 2.0},
    ),
    own(
        "data_beside",
        "words = open('data/words.txt').read()\nassert words == 'ä b c'",
        files={"data/words.txt": "ä b c".encode()},
    ),
    own("own_module_beside", "import helpers\nassert helpers.x == 1", files={"helpers.py": b"x = 1"}),
    Case(
        "modules_shadowed",
        files={
            "torch.py": b"1/0",
            "json.py": b"1/0",
            "edu_edit/__init__.py": b"1/0",
            "sitecustomize.py": b"1/0",
        },
    ),
    Case("file_called_tmp", files={"tmp": b"x"}),
    Case(
        "big_file_beside",
        files={"a.bin": b"\0" * (15 << 20), "b.bin": b"\1" * (15 << 20), "c.bin": b"\2" * (15 << 20)},
    ),
    Case("long_names_beside", files={("n" * 200 + ".txt"): b"x", "a" + "/a" * 40: b"x"}),
    own("names_reused", "torch_ = torch\nlist_ = [1]\nsum_of = sum\ncheck = 5\nquiz = None\nhint = 'x'"),
    own(
        "builtin_overwritten",
        "list = [1, 2]\nstr = 'x'\nlen = 3",
        lost=["metrics.portability", "metrics.locality", "metrics.efficacy", "metrics.token_accuracy", AT],
    ),
    own(
        "shows_many_things",
        "from IPython.display import HTML, Image, Markdown, display\ndisplay(HTML('<b>x</b>'), Markdown('*x*'))\nimport ipywidgets\nipywidgets.IntSlider()",
    ),
    own(
        "shows_what_json_has_not",
        "from IPython.display import display\ndisplay({'application/x': {1: {2}}, 'text/plain': b'\\xff'}, raw=True)",
    ),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded(LESSON, CASES, tmp_path_factory)


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_costs_only_the_question_at_fault(run, case):
    if case.rejected:
        assert case.name not in run.results and run.rejections[case.name].endswith(".")
    else:
        assert run.marks(case) == case.expected(run.full)


ENDED = {"segfault_in_cell", "abort_in_cell", "hard_exit_in_cell"}


@pytest.mark.parametrize("case", [case for case in CASES if not case.rejected], ids=lambda case: case.name)
def test_only_what_ended_was_stopped(run, case):
    """A slip that Python survives is shown as Python shows it, and in time (but for pip, which starts slowly)."""
    stopped = [note for note in run.results[case.name].notes if "was stopped" in note or "no output" in note]
    assert len(stopped) == (case.name in ENDED) or case.name == "installs_something"
