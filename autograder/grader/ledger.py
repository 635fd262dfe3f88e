"""The ledger: what grading found, written by one writer, each result whole or not at all.

`results/LESSON/STUDENT.json` is one result, `results/LESSON/rejections.json` what could not be graded. A
file is written beside its place, flushed to the disk and renamed, so that a killed run leaves whole results
only, and the next one finds them by their key and goes on. Gradebook, pages and exports are made from here
and can be made anew.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from autograder.files import write_whole
from autograder.grader.names import file_name, folder_name
from autograder.grader.records import Rejection, Result, as_json, from_json

REJECTIONS = "rejections.json"


class LedgerBusy(RuntimeError):
    """Another run writes into the same folder."""


class Ledger:
    """The results under one folder. Reading is free; the first writing call, or `with`, takes the lock.

    The lock belongs to the process: it ends with it, however it ends, and leaves nothing to clean up.
    """

    def __init__(self, out: Path) -> None:
        self.out = out.resolve()
        self._lock = FileLock(self.out / "results" / ".lock", timeout=0, thread_local=False)

    def __enter__(self) -> Ledger:
        self._write()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let another run write."""
        self._lock.release(force=True)

    def add(self, result: Result) -> None:
        """Write one result, in place of an earlier one of the same student and lesson."""
        self._write()
        _write(self._file(result.lesson, result.student), as_json(result))

    def find(self, student: str, lesson: str, key: str) -> Result | None:
        """The result of exactly that key; None where there is none, or only a torn or foreign file."""
        result = _read(self._file(lesson, student))
        wanted = (student, lesson, key)
        return result if result and (result.student, result.lesson, result.key) == wanted else None

    def results(self, lesson: str) -> Results:
        """All results of a lesson, sorted by the names of their files."""
        return Results(self, lesson)

    def reject(self, lesson: str, rejections: Iterable[Rejection]) -> None:
        """Write down what a run could not grade, in place of what an earlier run said."""
        self._write()
        rows = [dataclasses.asdict(rejection) for rejection in rejections]
        _write(self._folder(lesson) / REJECTIONS, json.dumps(rows, indent=1))

    def rejections(self, lesson: str) -> list[Rejection]:
        """What the last run could not grade; nothing where the file is missing or torn."""
        try:
            rows = json.loads((self._folder(lesson) / REJECTIONS).read_text(encoding="utf-8"))
            return [Rejection(**row) for row in rows]
        except (OSError, ValueError, TypeError, RecursionError):
            return []

    def forget(self, student: str) -> list[Path]:
        """Remove all that is kept of one student, in every lesson; what was removed or changed, sorted.

        Results, submitted and graded copies, feedback, rejections and the gradebook's rows. The exports hold
        rows of everyone, so they are removed whole: the next `edu-edit grade` writes them again without this
        student.
        """
        from autograder.grader import gradebook  # half a second of database that grading never needs

        self._write()
        changed = [self.out / part / folder_name(student) for part in ("submitted", "autograded", "feedback")]
        for folder in (self.out / "results").iterdir():
            changed.append(folder / f"{_stem(student)}.json")
            kept = [row for row in self.rejections(folder.name) if row.student != student]
            if len(kept) < len(self.rejections(folder.name)):
                self.reject(folder.name, kept)
        gone = [path for path in changed if _remove(path)] + gradebook.forget(self.out, student)
        if gone and _remove(self.out / "exports"):
            gone.append(self.out / "exports")
        return sorted(gone)

    def _folder(self, lesson: str) -> Path:
        return self.out / "results" / folder_name(lesson)

    def _file(self, lesson: str, student: str) -> Path:
        return self._folder(lesson) / f"{_stem(student)}.json"

    def _write(self) -> None:
        """Become the writer, unless another process is; clear what a killed one left half-written."""
        if self._lock.is_locked:
            return
        (self.out / "results").mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout as error:
            raise LedgerBusy(
                f"Another run is grading into {self.out}; wait until it has ended, or choose another folder."
            ) from error
        for path in (self.out / "results").glob("*/.*.json"):
            path.unlink(missing_ok=True)


class Results:
    """The results of a lesson, read from their files one by one, as often as they are asked for.

    A class of a thousand never has to be in memory whole.
    """

    def __init__(self, ledger: Ledger, lesson: str) -> None:
        self.ledger, self.lesson = ledger, lesson

    def __iter__(self) -> Iterator[Result]:
        for path in sorted(self.ledger._folder(self.lesson).glob("*.json")):
            result = _read(path) if _ours(path) else None
            if result and result.lesson == self.lesson:
                if path == self.ledger._file(self.lesson, result.student):
                    yield result


def _stem(student: str) -> str:
    """The file's name without `.json`; a student called like the list of rejections gets another one."""
    name = file_name(student)
    return f"{name}~" if f"{name}.json" == REJECTIONS else name


def _ours(path: Path) -> bool:
    return path.name != REJECTIONS and not path.name.startswith(".")


def _read(path: Path) -> Result | None:
    """A result that is exactly what `as_json` writes; None for anything else."""
    try:
        text = path.read_text(encoding="utf-8")
        result = from_json(text)
        whole = as_json(result) == text and float(result.earned) <= float("inf")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return result if whole else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, partial(_flushed, text))
    if os.name == "posix":  # the new name, too, must be on the disk; Windows has no such call
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _flushed(text: str, path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _remove(path: Path) -> bool:
    """Remove a file or a folder with all in it, never what a link points to; whether there was one."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        return False
    return True
