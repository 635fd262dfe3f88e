"""What the hostile suite shares: a case, and one run that grades many of them, each between two honest notebooks.

A module calls `graded(LESSON, CASES, tmp_path_factory)` once (in a module-scoped fixture) and asserts per case. What
holds for the whole run (`Run.harm`) is looked at once: both neighbours' marks, what is left running, what was changed.
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autograder.cli.machine import isolation_level

ROOT = Path(__file__).resolve().parents[2]
LEVEL = os.environ.get("EDU_EDIT_LEVEL") or isolation_level()
isolated = pytest.mark.skipif(LEVEL == "none", reason="no isolation works here")
PORT = "@PORT@"  # in a source: a port of this machine where nothing may ever arrive
OUT = b"@OUT@"  # in a source: the folder of the results
BASE = (
    b"@BASE@"  # in a source: the folder of this run, with the results in `out` and the notebooks in `class`
)
QUICK = {"cell": 3.0, "notebook": 20.0}


@dataclass(frozen=True)
class Case:
    """A notebook with some cells changed.

    cells: exercise id -> its solution cell; first: a cell before everything; before, after: exercise id -> an extra
    cell around its solution; edit: a change of the whole notebook; files: what lies beside it; raw: the file itself.
    earns: points by exercise id where it is not the rule "0 for those in `cells`, full marks for the others";
    lost: ids that earn 0 besides; rejected: the notebook is refused. seconds: no more than this for the submission.
    """

    name: str
    cells: Mapping[str, str] = field(default_factory=dict)
    first: str = ""
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    edit: Callable[[dict[str, Any]], Any] | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    raw: bytes | None = None
    earns: Mapping[str, float] = field(default_factory=dict)
    lost: Sequence[str] = ()
    rejected: bool = False
    seconds: float = 40.0

    def expected(self, full: Mapping[str, float]) -> dict[str, float]:
        """Points by id, from those of an honest notebook."""
        gone = {*self.cells, *self.lost}
        return {id: self.earns.get(id, 0.0 if id in gone else points) for id, points in full.items()}


@dataclass
class Run:
    """One class of honest and hostile notebooks, graded. `harm`: sentences about what went wrong for others."""

    results: dict[str, Any]  # by student
    rejections: dict[str, str]
    full: dict[str, float]  # what an honest notebook earns, by id
    harm: list[str]
    arrived: int  # connections that got out of the sandbox
    out: Path

    def marks(self, case: Case) -> dict[str, float]:
        result = self.results[case.name]
        return {mark.id: mark.earned for mark in result.marks if mark.id in self.full}

    def page(self, case: Case) -> str:
        """All pages of a submission as text."""
        found = sorted((self.out / "feedback").glob(f"*-then-{case.name}/**/*.html"))
        return "\n".join(page.read_text(encoding="utf-8") for page in found)


@functools.cache
def _solution(lesson: str) -> str:
    return (ROOT / "solutions" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8")


def honest(lesson: str) -> dict[str, Any]:
    """The lesson as a student hands it in who has solved everything."""
    notebook = json.loads(_solution(lesson))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if "### BEGIN HIDDEN TESTS" in source:
            source = source.split("### BEGIN HIDDEN TESTS")[0].rstrip("\n")
        cell["source"] = source.replace("    ### BEGIN SOLUTION\n", "").replace("    ### END SOLUTION\n", "")
        if cell["cell_type"] == "code":
            cell["outputs"] = []
    return notebook


def solution_cell(notebook: dict[str, Any], id: str) -> dict[str, Any]:
    """The solution cell of an exercise."""
    wanted = id.replace(".", "-")
    return next(
        cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade_id") == wanted
    )


def code(source: str, id: str = "") -> dict[str, Any]:
    """A code cell."""
    name = id or hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return {
        "cell_type": "code", "id": name, "metadata": {}, "source": source, "outputs": [], "execution_count": None,
    }  # fmt: skip


def attacked(lesson: str, case: Case, port: int = 0) -> bytes:
    """The notebook file of a case."""
    if case.raw is not None:
        return case.raw
    notebook = copy.deepcopy(honest(lesson))
    cells = notebook["cells"]
    for id, source in case.cells.items():
        solution_cell(notebook, id)["source"] = source
    for sources, behind in ((case.before, 0), (case.after, 1)):
        for id, source in sources.items():
            cells.insert(cells.index(solution_cell(notebook, id)) + behind, code(source))
    if case.first:
        cells.insert(0, code(case.first))
    if case.edit is not None:
        case.edit(notebook)
    return json.dumps(notebook).replace(PORT, str(port)).encode()


def graded(
    lesson: str, cases: Sequence[Case], factory: pytest.TempPathFactory, limits: Mapping[str, Any] = QUICK
) -> Run:
    """Grade all cases in one run with one worker, an honest notebook before the first and after each."""
    from autograder.grader.grading import Settings, grade_class
    from autograder.grader.ledger import Ledger
    from autograder.grader.session import Limits

    assert len({case.name for case in cases}) == len(cases), "two cases have one name"
    base = factory.mktemp("hostile")
    class_, out, canary = base / "class", base / "out", base / "canary"
    canary.write_text("unharmed")
    order = []  # which is that of the names: submissions are graded by student
    known = {}
    with Trap() as trap, Watch() as watch:
        for place, case in enumerate(cases):
            order += [f"s{place:03}-honest", f"s{place:03}-then-{case.name}"]
            known[order[-1]] = case
        order.append(f"s{len(cases):03}-honest")
        for student in order:
            folder = class_ / student
            folder.mkdir(parents=True)
            case = known.get(student, Case(student))
            content = (
                attacked(lesson, case, trap.port)
                .replace(BASE, str(base).encode())
                .replace(OUT, str(out).encode())
            )
            (folder / f"{lesson}.ipynb").write_bytes(content)
            for name, content in case.files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        before = (digest(class_), course())
        settings = Settings(level=LEVEL, workers=1, limits=Limits(**limits), seed=SEED)
        done = grade_class(lesson, [class_ / student for student in order], out, settings)
    whole = Ledger(out).results(lesson)  # with the outputs of their cells, which `done.results` leave out
    results = {result.student: result for result in whole}
    rejections = {one.student: one.reason for one in done.rejections if one.file.endswith(".ipynb")}
    honest_ones = [student for student in order if student not in known]
    full = {mark.id: mark.points for mark in results[honest_ones[0]].marks if mark.points}
    harm = [f"left running: {one}" for one in watch.left()]
    harm += [f"harmed: {one} got {_earned(results.get(one), full)} of {full}"
             for one in honest_ones if _earned(results.get(one), full) != full]  # fmt: skip
    harm += [f"lost: {one}" for one in order if one not in results and one not in rejections]
    if before != (digest(class_), course()):
        harm.append("the submissions or the course were changed")
    if canary.read_text() != "unharmed" or {path.name for path in base.iterdir()} != {
        "class",
        "out",
        "canary",
    }:
        harm.append("something was written beside the results")
    harm += in_gradebook(out, lesson, results)
    short = {student: known[student].name if student in known else student for student in order}
    results, rejections = (
        {short.get(student, student): one for student, one in found.items()}
        for found in (results, rejections)
    )
    return Run(results, rejections, full, harm, trap.arrived, out)


SEED = 20_261


def _earned(result: Any, full: Mapping[str, float]) -> dict[str, float]:
    return {mark.id: mark.earned for mark in result.marks if mark.id in full} if result else {}


def in_gradebook(out: Path, lesson: str, results: Mapping[str, Any]) -> list[str]:
    """Where nbgrader's own reading of its gradebook differs from the results."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{out / 'gradebook.db'}") as book:
        scores = {one.student.id: one.score for one in book.assignment_submissions(lesson)}
    return [
        f"the gradebook has {scores.get(student)} for {student}, not {result.earned}"
        for student, result in results.items()
        if abs((scores.get(student) or 0.0) - result.earned) > 1e-6
    ]


def digest(folder: Path) -> str:
    """A digest of every file's path and content under a folder; what Python compiled does not count."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            found.update(str(path).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()


def course() -> str:
    """A digest of the whole course."""
    return "".join(digest(ROOT / part) for part in ("autograder", "edu_edit", "solutions", "lessons"))


class Trap:
    """A port of this machine: whatever connects to it got out of the sandbox."""

    def __enter__(self) -> Trap:
        self.arrived = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()
        return self

    def _listen(self) -> None:
        while True:
            try:
                self.server.accept()[0].close()
            except OSError:
                return
            self.arrived += 1

    def __exit__(self, *_: Any) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


class Watch:
    """Every process that comes from this one, and the process namespaces they live in.

    The kernel gives a namespace's number again, so two runs at a time would blame each other: run one.
    """

    def __enter__(self) -> Watch:
        self.seen: set[tuple[int, str]] = set()
        self.spaces: set[str] = set()
        self.mine = os.readlink("/proc/self/ns/pid")
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()
        return self

    def _watch(self) -> None:
        while not self.stop.wait(0.2):
            self._look()

    def _look(self) -> None:
        parents = {pid: (parent, born) for pid, parent, born in _processes()}
        me = os.getpid()
        for pid, (parent, born) in parents.items():
            above, steps = parent, 0
            while above not in (0, 1, me) and above in parents and steps < 50:
                above, steps = parents[above][0], steps + 1
            if above == me:
                self.seen.add((pid, born))
                space = _space(pid)
                if space and space != self.mine:
                    self.spaces.add(space)

    def __exit__(self, *_: Any) -> None:
        self._look()
        self.stop.set()
        self.thread.join(5)

    def left(self, patience: float = 15.0) -> list[str]:
        """What of it is still there after a moment."""
        ends = time.monotonic() + patience
        while True:
            found = [
                f"{pid} {_name(pid)}"
                for pid, _, born in _processes()
                if ((pid, born) in self.seen or _space(pid) in self.spaces)
                and "resource_tracker" not in _name(pid)
            ]
            if not found or time.monotonic() > ends:
                return found
            time.sleep(0.1)


def _processes() -> Iterator[tuple[int, int, str]]:
    """(pid, parent, start time) of every process that is no zombie."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = Path(f"/proc/{name}/stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            if stat[0] != "Z":
                yield int(name), int(stat[1]), stat[19]


def _space(pid: int) -> str:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return ""


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")[:120]
    except OSError:
        return ""
