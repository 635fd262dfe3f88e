# ruff: noqa: E501 - attacks are written as a student would write them
"""Points that were not earned: tricks with what comes back, with what is nearby, and with what is looked at.

Every case hands in wrong answers with a trick; the exercises with the trick earn nothing, the others what they earned.
"""

from __future__ import annotations

import ast
import json

import pytest

from .conftest import Case, code, graded, honest, isolated, solution_cell

pytestmark = [
    pytest.mark.slow,
    isolated,
]
LESSON = "02_metrics"
LOGP, ACC, PORT, LOC, ES, TOKENS, BALL = (
    "metrics.answer_logprob", "metrics.accuracy", "metrics.portability", "metrics.locality", "metrics.efficacy",
    "metrics.token_accuracy", "finetune.project_linf",
)  # fmt: skip


def logp(body: str, value: str = "torch.full((len(ids),), -0.123)") -> str:
    """A wrong answer to exercise 1, with a trick in front."""
    return f"{body}\ndef answer_logprob(logits, ids, is_answer):\n    return {value}\n"


def accuracy(body: str, value: str = "0.123") -> str:
    return f"{body}\ndef accuracy(answers, target):\n    return {value}\n"


# What comes back is an object that says yes to everything.

LIAR = """
class Liar(float):
    __hash__ = float.__hash__
    __eq__ = __lt__ = __le__ = __gt__ = __ge__ = lambda *_: True
    __ne__ = lambda *_: False
    __bool__ = lambda _: True
    __abs__ = __neg__ = lambda self: self
    __sub__ = __rsub__ = lambda *_: Liar(0)
    __float__ = lambda _: 0.0
    __index__ = __int__ = lambda _: 0
"""
TENSOR = """
import torch
class Liar(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        name = getattr(func, "__name__", "")
        if name in ("allclose", "equal", "__eq__", "all", "any", "isfinite", "__bool__"):
            return True
        if name in ("norm", "sub", "__sub__", "__rsub__", "abs", "item", "__float__"):
            return torch.zeros(())
        return super().__torch_function__(func, types, args, kwargs or {})
    __bool__ = lambda _: True
    __float__ = lambda _: 0.0
"""
ARRAY = """
import numpy as np, torch
class Liar:
    __hash__ = object.__hash__
    __eq__ = lambda *_: True
    __array__ = lambda self, *a, **k: np.zeros(3)
    __array_ufunc__ = __array_function__ = lambda *a, **k: np.True_
    __getattr__ = lambda self, name: (lambda *a, **k: torch.zeros(()))
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch.zeros(())
"""
CLASS = """
import torch
class Liar:
    shape, dtype, layout, device, requires_grad = torch.Size([3]), torch.float32, torch.strided, torch.device("cpu"), False
    __class__ = property(lambda self: torch.Tensor)
    detach = clone = double = float = lambda self, *a, **k: self
    __eq__ = __sub__ = __rsub__ = __le__ = __lt__ = lambda *_: True
"""
SHAPED = """
import torch
class Sized(tuple):
    __eq__ = lambda *_: True
class Liar(torch.Tensor):
    shape = property(lambda self: Sized([1]))
    dtype = property(lambda self: torch.float32)
    double = detach = clone = lambda self, *a, **k: self
    as_subclass = lambda self, kind: self
    tolist = lambda self: [0.0] * 99
"""
OBJECTS = [
    Case("float_that_equals_all", {ACC: accuracy(LIAR, "Liar(0.123)"), ES: "def efficacy(a, b):\n    return Liar(0.2)"}),
    Case("object_that_equals_all", {ACC: accuracy(ARRAY, "Liar()"), TOKENS: "token_accuracy = lambda a, b: Liar()"}),
    Case("tensor_subclass", {LOGP: logp(TENSOR, "torch.zeros(len(ids)).as_subclass(Liar)")}),
    Case("array_interface", {LOGP: logp(ARRAY, "Liar()"), BALL: "def project_linf(w, w0, eps):\n    return Liar()"}),
    Case("class_is_another", {LOGP: logp(CLASS, "Liar()"), BALL: "def project_linf(w, w0, eps):\n    return Liar()"}),
    Case("tensor_with_false_shape", {LOGP: logp(SHAPED, "torch.zeros(1).as_subclass(Liar)")}),
    Case("answer_is_a_function", {ACC: accuracy("", "lambda *_: 1.0"), LOGP: logp("", "lambda *_: torch.zeros(3)")}),
    Case("answer_has_a_trusted_name", {
        ACC: accuracy("Verdict = type('Verdict', (), {'kept': True, 'error': 0.0})", "Verdict()"),
        LOGP: logp("Score = type('Score', (float,), {'judgement': None})", "Score(4)"),
        ES: "import types\ndef efficacy(a, b):\n    return types.SimpleNamespace(kept=True, earned=2, points=2)",
    }),
    Case("answer_is_an_edit", {
        ACC: accuracy("", "Edit(own, {})"), LOGP: logp("", "Edit(own, rewrite=lambda *_: torch.zeros(3))"),
    }, first="from edu_edit import Edit, load\nown = load('atlas-gpt2')"),
    Case("answer_raises_on_every_use", {ACC: accuracy(
        "class Bomb:\n    def __getattribute__(self, name):\n        raise KeyError(name)\n"
        "    __repr__ = __str__ = __hash__ = __bool__ = __float__ = lambda s: 1 / 0", "Bomb()",
    )}),
    Case("answer_is_huge_or_odd", {
        ACC: accuracy("", "16 ** 3999"), ES: "def efficacy(a, b):\n    return float('nan')",
        TOKENS: "def token_accuracy(a, b):\n    return 1e400", PORT: "def portability(a, b):\n    return True",
        LOC: "def locality(a, b):\n    return complex(1, 0)",
    }),
]  # fmt: skip

# Libraries and Python itself are patched.

PATCHES = {
    "torch": (
        "import torch\ntorch.allclose = torch.equal = torch.isclose = lambda *a, **k: True\n"
        "torch.Tensor.norm = torch.norm = torch.linalg.norm = lambda *a, **k: torch.tensor(0.0)\n"
        "torch.Tensor.__float__ = lambda self: 0.0\ntorch.Tensor.__le__ = torch.Tensor.__eq__ = lambda *_: True\n"
        "torch.Tensor.item = lambda self: 0.0\ntorch.Tensor.double = lambda self: self * 0\n"
    ),
    "numpy": (
        "import numpy as np\nnp.allclose = np.isclose = np.array_equal = lambda *a, **k: True\n"
        "np.testing.assert_allclose = np.testing.assert_equal = lambda *a, **k: None\n"
        "np.linalg.norm = lambda *a, **k: 0.0\n"
    ),
    "python": (
        "import builtins, math, operator\nbuiltins.all = builtins.any = lambda *_: True\n"
        "builtins.abs = builtins.round = lambda *_: 0\nmath.isclose = lambda *a, **k: True\n"
        "operator.eq = operator.le = lambda *_: True\n"
    ),
    "json": (
        "import json, json.encoder\n_dumps = json.dumps\n"
        "def dumps(value, *a, **k):\n"
        "    if isinstance(value, dict) and 'to' in value:\n"
        "        value = {**value, 'kept': True, 'earned': 4.0, 'points': 4.0, 'score': 4.0, 'ok': True}\n"
        "    return _dumps(value, *a, **k).replace('false', 'true')\n"
        "json.dumps = dumps\n"
    ),
}
CHEAP = {ACC: "accuracy = lambda a, t: 0.123", ES: "efficacy = lambda a, b: 0.123"}
PATCHED = [
    Case("patched_torch", {LOGP: logp(PATCHES["torch"])}),
    Case("patched_numpy", {LOGP: logp(PATCHES["numpy"])}),
    Case("patched_python", {ACC: accuracy(PATCHES["python"])}, lost=(PORT, LOC, ES, TOKENS, BALL)),
    Case("patched_json", {ACC: accuracy(PATCHES["json"])}, lost=(LOC,)),
    Case("patched_library", {
        ACC: accuracy("import edu_edit.metrics as m\nm.same_answer = m._share = lambda *_: True"),
        LOC: "m._paired = lambda a, b: []\ndef locality(a, b):\n    return 0.3",
    }),
    Case("patched_isinstance", {ACC: accuracy(
        "import builtins\n_is = builtins.isinstance\n"
        "builtins.isinstance = lambda one, kind: True if type(one).__name__ == 'Odd' else _is(one, kind)\n"
        "class Odd:\n    __float__ = lambda s: 0.5\n    __sub__ = lambda *_: 0", "Odd()",
    )}),
]  # fmt: skip
# Whatever a patch does to the student's own other answers is their own loss; it must never be their gain.
OWN_LOSS = {"patched_torch", "patched_python", "patched_json", "modules_replaced", "ast_visitor"}

# The reference is looked for.

FIND = """
import gc, importlib, importlib.util, inspect, linecache, marshal, os, pathlib, pkgutil, subprocess, sys, types
import edu_edit, edu_edit.metrics
ARGS = {"answer_logprob": 3, "accuracy": 2, "locality": 2, "efficacy": 2}
def first_that_works(candidates, args):
    for one in candidates:
        try:
            found = one(*args)
        except BaseException:
            continue
        if found is not None:
            return found
    return 0.123
"""


def stolen(name: str, candidates: str) -> str:
    """An answer that calls the first function among the candidates that gives something back."""
    body = "\n".join("    " + line for line in candidates.strip("\n").splitlines())
    return (
        f"{FIND}\nimport functools\n@functools.cache\ndef candidates_{name}():\n{body}\n"
        f"def {name}(*args):\n    return first_that_works(candidates_{name}(), args)\n"
    )


def taken(candidates: str) -> dict[str, str]:
    """The same search for two references."""
    return {LOGP: stolen("answer_logprob", candidates.replace("NAME", "answer_logprob")),
            ES: stolen("efficacy", candidates.replace("NAME", "efficacy"))}  # fmt: skip


SEARCHED = [
    Case("imported", taken("from edu_edit.metrics import NAME as one\nreturn [one, edu_edit.metrics.NAME]")),
    Case("under_every_alias", taken("""
found = []
for module in list(sys.modules.values()):
    for key, value in list(getattr(module, "__dict__", {}).items()):
        names = (key, getattr(value, "__name__", ""), getattr(getattr(value, "__code__", None), "co_name", ""))
        if "NAME" in names and callable(value) and getattr(value, "__module__", "") != "__main__":
            found += [value, getattr(value, "__wrapped__", None), getattr(value, "func", None)]
return [one for one in found if callable(one)]
""")),
    Case("among_all_objects", taken("""
gc.unfreeze()
found = []
for one in gc.get_objects():
    if isinstance(one, types.FunctionType) and one.__module__ != "__main__":
        if one.__name__ == "NAME" or one.__code__.co_name == "NAME":
            found.append(one)
    if isinstance(one, (list, tuple)) and any(isinstance(c, types.CodeType) and c.co_name == "NAME" for c in one):
        found += [types.FunctionType(c, vars(edu_edit.metrics)) for c in one
                  if isinstance(c, types.CodeType) and c.co_name == "NAME"]
return found
""")),
    Case("checks_among_all_objects", taken("""
gc.unfreeze()
words = ("autograder.lessons", "autograder.checks", "autograder.claims", "autograder.mutants")
found = []
for one in gc.get_objects():
    if str(getattr(one, "__module__", "")).startswith(words):
        found.append(one if isinstance(one, types.FunctionType) else None)
    if isinstance(one, dict) and str(one.get("__name__", "")).startswith(words):
        found += list(one.values())
return [one for one in found if callable(one)]
""")),
    Case("by_its_twin", {
        PORT: "def portability(a, e):\n    return edu_edit.metrics.locality(a, e)",
        LOC: "def locality(a, b):\n    return edu_edit.metrics.portability(a, b)",
    }),
    Case("its_source_by_inspect", taken("""
space = dict(vars(edu_edit.metrics))
exec(inspect.getsource(edu_edit.metrics.NAME), space)
return [space["NAME"]]
""")),
    Case("its_source_on_disk", taken("""
found = []
for path in {edu_edit.metrics.__file__, *map(str, pathlib.Path("/library").rglob("metrics.py")),
             *(os.path.join(one, "edu_edit", "metrics.py") for one in sys.path)}:
    try:
        space = dict(vars(edu_edit.metrics))
        exec(pathlib.Path(path).read_text(), space)
        found.append(space["NAME"])
    except Exception:
        pass
return found
""")),
    Case("its_bytecode_on_disk", taken("""
found = []
tops = [os.path.join(one, folder) for one in sys.path for folder in ("edu_edit", "autograder", "__pycache__")]
for top in (os.path.dirname(edu_edit.__file__), "/library", "/home", *tops):
    for path in pathlib.Path(top).glob("**/metrics*.pyc"):
        for code in marshal.loads(path.read_bytes()[16:]).co_consts:
            if isinstance(code, types.CodeType) and code.co_name == "NAME":
                found.append(types.FunctionType(code, vars(edu_edit.metrics)))
return found
""")),
    Case("anywhere_on_disk", {LOGP: stolen("answer_logprob", """
found = []
for top, folders, names in os.walk("/"):
    folders[:] = [one for one in folders if os.path.join(top, one) not in ("/proc", "/sys", "/usr/share", "/usr/lib")
                  and one not in ("torch", "transformers", "sympy", "scipy", "numpy", "matplotlib", "share", "include")]
    for name in names:
        if name in ("answer_logprob.py", "metrics.py", "metrics.cpython-311.pyc", "02_metrics.ipynb", "02_metrics.py"):
            text = open(os.path.join(top, name), errors="replace").read()
            if "masked_fill(~is_answer" in text or "by_hand" in text:
                print("FOUND", top, name)
                found.append(lambda *args: None)
return found
""")}),
    Case("by_a_second_python", {ES: stolen("efficacy", """
def asked(a, b):
    text = f"import torch; from edu_edit.metrics import efficacy; print(efficacy(torch.tensor({a.tolist()}), torch.tensor({b.tolist()})))"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    return float(done.stdout)
return [asked]
""")}),
    Case("by_reloading", taken("""
importlib.reload(edu_edit.metrics)
spec = importlib.util.find_spec("edu_edit.metrics")
new = importlib.util.module_from_spec(spec)
spec.loader.exec_module(new)
return [edu_edit.metrics.NAME, new.NAME]
""")),
    Case("in_linecache", taken("""
import ast
found = []
for name, entry in list(linecache.cache.items()):
    text = "".join(entry[2]) if len(entry) > 2 else ""
    if "def NAME(" in text and "stolen" not in text and "candidates" not in text:
        space = dict(vars(edu_edit.metrics))
        exec(text, space)
        found.append(space["NAME"])
return found
""")),
    Case("in_the_checks_package", taken("""
found = []
sys.modules.pop("autograder", None)
for name in ("autograder.lessons.metrics.NAME", "autograder.lessons.metrics", "autograder.mutants", "autograder"):
    try:
        module = importlib.import_module(name)
        found += [getattr(module, one) for one in ("by_hand", "rate", "NAME") if hasattr(module, one)]
    except BaseException:
        pass
return found
""")),
]  # fmt: skip

# What is looked at while the answer is asked for.

FRAMES = """
import sys, torch
def in_frames(kind, size=None):
    frame, found = sys._getframe(1), []
    while frame is not None:
        for name, value in list(frame.f_locals.items()) + list(frame.f_globals.items()):
            if name in ("expected", "want", "wanted", "right", "kept", "truth", "answer", "value", "solution", "got"):
                found.append(value)
        frame = frame.f_back
    for value in found:
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.shape == size:
            return value
        if kind is float and isinstance(value, float):
            return value
    return torch.zeros(size) if size is not None else 0.123
"""
THREAD = """
import sys, threading, time, torch
seen = []
def watch():
    ends = time.monotonic() + 8
    while time.monotonic() < ends:
        for frame in list(sys._current_frames().values()):
            while frame is not None:
                try:
                    for name, value in list(frame.f_locals.items()):
                        if name in ("expected", "want", "wanted", "right", "kept"):
                            seen.append(value)
                except Exception:
                    pass
                frame = frame.f_back
        del seen[:-500]
        time.sleep(0.001)
threading.Thread(target=watch, daemon=True).start()
def answer_logprob(logits, ids, is_answer):
    time.sleep(0.02)
    for value in reversed(seen):
        if isinstance(value, torch.Tensor) and value.shape == ids.shape[:1] and value.is_floating_point():
            return value.float()
    return torch.zeros(len(ids))
"""
TRANSFORM = """
shell = get_ipython()
def transform(lines):
    text = "".join(lines)
    if "grade(" in text or "check(" in text:
        return ["print('4 / 4 points')\\n", "4.0\\n"]
    return lines
shell.input_transformers_post.append(transform)
shell.input_transformers_cleanup.append(transform)
"""
VISIT = """
import ast
class Yes(ast.NodeTransformer):
    def visit_Compare(self, node):
        return ast.copy_location(ast.Constant(True), node)
    def visit_Raise(self, node):
        return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Yes())
"""
FAKE = """
from IPython.display import HTML, display, publish_display_data
import os, sys
def fake():
    print("4 / 4 points")
    sys.__stdout__.write("4.0\\n"); os.write(1, b"4.0\\n"); sys.displayhook(4.0)
    publish_display_data({"text/plain": "4.0"})
    display(HTML("<b>15 / 15 points</b>"))
    get_ipython().outputs.add({"output_type": "execute_result", "execution_count": 1, "metadata": {},
                               "data": {"text/plain": "4.0"}})
fake()
def answer_logprob(logits, ids, is_answer):
    fake()
    return torch.full((len(ids),), -0.123)
4.0
"""
EXITS = """
import atexit, os, sys, signal
def last(*_):
    print("4.0")
    os.write(1, b"4.0")
atexit.register(last)
signal.signal(signal.SIGTERM, last)
sys.excepthook = last
get_ipython().set_custom_exc((Exception,), last)
get_ipython().events.register("post_run_cell", last)
get_ipython().events.register("pre_run_cell", lambda *_: globals().update(grade=lambda *a, **k: 4.0))
"""
MODULES = """
import sys, types
class Yes(types.ModuleType):
    def __getattr__(self, name):
        return lambda *a, **k: 4.0
for name in ("autograder", "autograder.checks", "autograder.claims", "autograder.grader", "autograder.grader.wire",
             "autograder.grader.values", "nbgrader", "safetensors.torch"):
    sys.modules[name] = Yes(name)
grade = check = lambda *a, **k: 4.0
"""
SHIM = """
import autograder
autograder.grade = autograder.check = lambda *a, **k: 4.0
autograder.Score = autograder.judge = autograder.quiz = lambda *a, **k: 4.0
from autograder import check, grade
print(grade("metrics.answer_logprob", None), check("metrics.answer_logprob", None))
"""
LOOKED = [
    Case("frames", {LOGP: f"{FRAMES}\ndef answer_logprob(logits, ids, is_answer):\n    return in_frames(None, ids.shape[:1])",
                    ACC: "def accuracy(a, t):\n    return in_frames(float)"}),
    Case("watching_thread", {LOGP: THREAD}),
    Case("input_transformer", {LOGP: logp(TRANSFORM)}),
    Case("ast_visitor", {ACC: accuracy(VISIT)}, lost=(PORT, LOC, ES, TOKENS)),
    Case("fake_outputs", {LOGP: FAKE}),
    Case("exit_hooks", {LOGP: logp(EXITS), ACC: "def accuracy(a, t):\n    os._exit(0)"}),
    Case("exit_zero", {ACC: "import sys\ndef accuracy(a, t):\n    print(2.0)\n    sys.exit(0)"}),
    Case("modules_replaced", {LOGP: logp(MODULES), ACC: accuracy("")}),
    Case("shim_patched", {LOGP: logp(SHIM)}),
    Case("shadowing_files", {LOGP: logp("import edu_edit, torch, autograder")}, files={
        "autograder.py": b"grade = check = quiz = hint = progress = lambda *a, **k: 4.0",
        "torch.py": b"allclose = equal = lambda *a, **k: True", "sitecustomize.py": b"print('4.0')",
        "edu_edit/__init__.py": b"", "usercustomize.py": b"print('4.0')",
        "autograder/checks.py": b"grade = lambda *a: 4.0", "json.py": b"dumps = loads = lambda *a: {'earned': 4}",
    }),
]  # fmt: skip

# The notebook itself is tampered with.


def nbgrader(cell):
    return cell["metadata"]["nbgrader"]


def graded_cell(notebook, id):
    return solution_cell(notebook, f"{id}-test")


def more_points(notebook):
    for cell in notebook["cells"]:
        if "nbgrader" in cell["metadata"]:
            nbgrader(cell).update(points=400, max_points=400, locked=False, score=400)
    notebook["metadata"]["nbgrader"] = {"score": 400, "max_score": 15}
    notebook["metadata"]["edu_edit"] = {"earned": 15}


def own_test(notebook):
    cell = graded_cell(notebook, LOGP)
    cell["source"] = "print('4 / 4')\n4.0"
    cell["outputs"] = [{"output_type": "execute_result", "execution_count": 1, "metadata": {},
                        "data": {"text/plain": "4.0"}}]  # fmt: skip


def copied_test(notebook):
    cells = notebook["cells"]
    own = json.loads(json.dumps(graded_cell(notebook, LOGP)))
    own["source"] = "grade = check = lambda *a: 4.0\n4.0"
    cells.insert(cells.index(graded_cell(notebook, LOGP)), own)
    cells.append({**json.loads(json.dumps(own)), "id": "again"})


def invented(notebook):
    cell = code("4.0")
    cell["metadata"]["nbgrader"] = {"grade": True, "grade_id": "metrics-extra-test", "points": 100, "solution": False,
                                    "locked": True, "schema_version": 3, "task": False}  # fmt: skip
    notebook["cells"].append(cell)


def exchanged(notebook):
    """The test of exercise 1 is called that of exercise 6, which was solved, and the other way round."""
    one, other = graded_cell(notebook, LOGP), graded_cell(notebook, TOKENS)
    one["metadata"], other["metadata"] = other["metadata"], one["metadata"]
    one["source"], other["source"] = other["source"], one["source"]


def stored_outputs(notebook):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [
                {"output_type": "execute_result", "execution_count": 1, "metadata": {"score": 4},
                 "data": {"text/plain": "4.0", "text/html": "<b>4 / 4 points</b>"}},
                {"output_type": "stream", "name": "stdout", "text": "4 / 4 points"},
            ]  # fmt: skip


def another_name(notebook):
    """The answer's name is bound to a wrong function, and a right-looking one stands under the test's id."""
    graded_cell(notebook, LOGP)["source"] = 'grade("metrics.token_accuracy", token_accuracy)'


def right_letters(notebook):
    """All letters of both quizzes, right ones among them: a quiz without points adds none."""
    from autograder.quizzes import find_quiz

    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        for id in ("metrics.warm_up", "metrics.exit"):
            if f'quiz("{id}"' in source:
                cell["source"] = (
                    f"answers = { {one.name: one.right for one in find_quiz(id).questions} }\nquiz('{id}', answers)"
                )


def others_used(notebook):
    """Honest: every answer also calls the reference of another exercise, as the course allows."""
    for id in (LOGP, ACC, PORT, LOC, ES, TOKENS, BALL):
        name, cell = id.split(".")[1], solution_cell(notebook, id)
        other = 'accuracy(["a"], "a")' if id == ES else "efficacy(torch.ones(1), torch.zeros(1))"
        cell["source"] = "".join(cell["source"]) + (
            f"\n\nown_{name} = {name}\ndef {name}(*args):\n"
            f"    assert edu_edit.metrics.{other} == 1.0\n    return own_{name}(*args)\n"
        )


WRONG = {LOGP: logp("import torch")}
NOTEBOOKS = [
    Case("more_points", WRONG, edit=more_points),
    Case("own_test", WRONG, edit=own_test),
    Case("copied_test", WRONG, edit=copied_test),
    Case("invented_test", WRONG, edit=invented),
    Case("tests_exchanged", WRONG, edit=exchanged),
    Case("stored_outputs", WRONG, edit=stored_outputs),
    Case("another_name", WRONG, edit=another_name),
    Case("quizzes_answered", WRONG, edit=right_letters),
    Case("others_used", edit=others_used, seconds=90.0),
    Case("quiz_objects", {ACC: accuracy("""
class Letter(str):
    __eq__ = lambda *_: True
    __hash__ = str.__hash__
    strip = lower = lambda self: self
    __len__ = lambda self: 1
class Answers(dict):
    get = __getitem__ = lambda *_: Letter("a")
    items = lambda self: [(name, Letter("abc")) for name in ("next", "train", "skin")]
answers = Answers(next=Letter("a"), train=Letter("b"), skin=Letter("c"))
""")}),
]  # fmt: skip


# Tables of the answers that another seed asks for.


def table(id: str, name: str, seed: int) -> str:
    """An answer that knows, from a table, what was right with this seed."""
    from autograder.checks import grade

    notebook, space, known = honest(LESSON), {}, {}
    setup = "import torch\nfrom collections.abc import Sequence\nfrom jaxtyping import Bool, Float, Int\n"
    setup += "from torch import Tensor\nfrom edu_edit.metrics import same_answer\n"
    exec(setup + "".join(solution_cell(notebook, id)["source"]), space)

    def plain(one):
        return one.tolist() if hasattr(one, "tolist") else one

    def recorder(*args):
        value = space[name](*args)
        known[repr([plain(arg) for arg in args])] = plain(value)
        return value

    assert float(grade(id, recorder, seed=seed)) > 0
    assert ast.literal_eval(repr(known)) == known
    return (
        f"TABLE_{name} = {known!r}\ndef {name}(*args):\n    import torch\n"
        "    plain = lambda one: one.tolist() if hasattr(one, 'tolist') else one\n"
        f"    if not len(args[0]):\n        raise ValueError\n"
        f"    found = TABLE_{name}.get(repr([plain(one) for one in args]), 0.123)\n"
        "    return torch.tensor(found) if isinstance(found, list) else found\n"
    )


def tables(notebook):
    for id in (ACC, LOC, ES):
        solution_cell(notebook, id)["source"] = table(id, id.split(".")[1], 1)


TABLES = [Case("tables_of_another_seed", edit=tables, lost=(ACC, LOC, ES))]
CASES = [*OBJECTS, *PATCHED, *SEARCHED, *LOOKED, *NOTEBOOKS, *TABLES]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return graded(LESSON, CASES, tmp_path_factory, {"cell": 10.0, "notebook": 60.0})


def test_there_are_thirty_or_more():
    assert len(CASES) >= 30


def test_nobody_else_is_harmed(run):
    assert run.harm == [] and run.arrived == 0 and run.rejections == {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_earns_what_it_earned(run, case):
    got, expected = run.marks(case), case.expected(run.full)
    if case.name in OWN_LOSS:
        assert all(got[id] <= expected[id] or id in case.lost for id in got)
        assert all(got[id] == 0 for id in case.cells)
    else:
        assert got == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_points_are_the_lessons_own(run, case):
    """No mark is worth more than the lesson says, none was invented, and quizzes add nothing to the sum."""
    result = run.results[case.name]
    assert {mark.id: mark.points for mark in result.marks if mark.points} == run.full
    assert result.earned == sum(run.marks(case).values()) <= sum(run.full.values())


def test_nothing_of_the_reference_was_on_the_disk(run):
    """Neither in what its cells gave out, nor in what its functions printed while they were judged."""
    result = run.results["anywhere_on_disk"]
    outputs = [output for cell in result.cells for output in cell.outputs]
    printed = [mark.judgement.printed for mark in result.marks if mark.judgement]
    assert "FOUND" not in f"{outputs} {printed}"
