"""What came in: one `Submission` per student, and one `Rejection` with a sentence for everything else.

Folders, archives, downloads of Moodle and Canvas and nbgrader's `submitted/` tree are all taken. Nothing is
unpacked onto the disk, no link is followed, and no content, however broken, stops the others.
"""

from __future__ import annotations

import re
import zoneinfo
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.exercises import EXERCISES, LESSONS
from autograder.grader.finding import FILE_BYTES, Found, Unreadable, found_under, parts_of
from autograder.grader.owners import Naming, Owner, file_name, is_notebook, item_of
from autograder.grader.records import Rejection, Submission
from autograder.grader.repair import NoNotebook, notebook_of

BESIDE_FILES, BESIDE_BYTES = 100, 32 * 2**20  # what one student's notebook may bring along
TRIED = 5  # notebooks of one student that are looked into
STAMP = re.compile(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,6})?) ?"
    r"(?:(Z|UTC|[+-]\d\d:?\d\d)|([A-Za-z_]+(?:/[A-Za-z_+-]+)*))?"
)


def lessons_of_cells() -> dict[str, str]:
    """Which lesson each graded cell's id belongs to, for solution and test cells."""
    return {row.id.replace(".", "-") + ending: row.lesson for row in EXERCISES for ending in ("", "-test")}


def take_in(
    paths: Iterable[Path],
    lesson: str,
    take: Callable[[Submission], None],
    known: Mapping[str, str] | None = None,
    without: Path | None = None,
) -> list[Rejection]:
    """What was rejected under the given paths and why. `take` gets the submissions of `lesson`, one by one by
    student, so that a class need not be in memory at once. What lies in the folder `without` is left out.

    `known` says which lesson a grade_id belongs to; by default those of the course.
    """
    known = lessons_of_cells() if known is None else known
    with ExitStack() as open_files:
        everything = [
            found
            for path in paths
            for found in found_under(path, open_files, without)
            if not _of_another_lesson(found, lesson)
        ]
        return _sorted_out(everything, lesson, take, known)


def _sorted_out(
    everything: list[Found], lesson: str, take: Callable[[Submission], None], known: Mapping[str, str]
) -> list[Rejection]:
    naming = Naming(everything, lesson)
    rejected: list[Rejection] = []
    candidates: defaultdict[str, list[tuple[Found, Owner]]] = defaultdict(list)
    beside: list[Found] = []
    for found in everything:
        owner = naming.owner(found)
        if found.fault:
            rejected.append(Rejection(owner.student, found.shown, found.fault))
        elif is_notebook(found.parts[-1]):
            candidates[owner.student].append((found, owner))
        elif len(found.parts) - 1 == found.root:
            rejected.append(Rejection("", found.shown, "It is neither a notebook nor a zip archive."))
        else:
            beside.append(found)
    folders = {found.parts[:-1] for several in candidates.values() for found, owner in several if owner.own}
    worked = {
        found.parts[: found.root + length]
        for several in candidates.values()
        for found, _ in several
        for length in (1, 2)
    }
    by_folder: defaultdict[tuple[str, ...], list[Found]] = defaultdict(list)
    for found in beside:
        home = next(
            (found.parts[:n] for n in range(len(found.parts) - 1, 0, -1) if found.parts[:n] in folders), ()
        )
        by_folder[home].append(found)
    for student, several in sorted(candidates.items()):
        several.sort(key=lambda one: _rank(one[0], lesson))
        one, refused = _best(student, lesson, several, by_folder, known)
        rejected += refused
        if one is not None:
            take(one)
    alone = [found for found in by_folder[()] if _outermost(found) not in worked]
    rejected += _without_notebook(alone, naming, set(candidates) | {row.student for row in rejected})
    return sorted(_shortened(rejected), key=lambda row: (row.student, row.file))


def _best(
    student: str,
    lesson: str,
    several: list[tuple[Found, Owner]],
    by_folder: Mapping[tuple[str, ...], list[Found]],
    known: Mapping[str, str],
) -> tuple[Submission | None, list[Rejection]]:
    """The first candidate that is a notebook of this lesson; the others are rejected by name."""
    taken: Submission | None = None
    rejected = []
    for number, (found, owner) in enumerate(several):
        reason = ""
        if taken is not None or number >= TRIED:
            counts = f"only {taken.file} counts" if taken else "nothing of theirs so far could be graded"
            reason = f"It is one more notebook of the same student; {counts}."
        else:
            try:
                notebook = notebook_of(found.read(FILE_BYTES))
                reason = _wrong_lesson(notebook, lesson, known)
            except (NoNotebook, Unreadable) as error:
                reason = str(error)
            except Exception as error:  # no content may stop the others, whatever was forgotten above
                reason = f"It can't be read as a notebook ({type(error).__name__})."
        if reason:
            rejected.append(Rejection(student, found.shown, reason))
            continue
        near = by_folder.get(found.parts[:-1], []) if owner.own else []
        files, refused = _carried(student, found, near)
        taken = Submission(student, lesson, notebook, files, _received(found, near, lesson), found.shown)
        rejected += refused
    return taken, rejected


def _rank(found: Found, lesson: str) -> tuple[bool, bool, int, int, str]:
    """Best name first: called exactly like the lesson, then nearly so, then what lies less deep."""
    name = file_name(found)
    depth = len(found.parts) - found.root
    return (name != lesson, not name.startswith(lesson), depth, len(name), name)


def _wrong_lesson(notebook: dict[str, Any], lesson: str, known: Mapping[str, str]) -> str:
    ids = set()
    for cell in notebook["cells"]:
        nbgrader = cell["metadata"].get("nbgrader")
        named = nbgrader.get("grade_id") if isinstance(nbgrader, Mapping) else None
        ids |= {name for name in (named, cell["id"]) if isinstance(name, str)}
    lessons = Counter(known[id] for id in ids if id in known)
    if not lessons or lesson in lessons:
        return ""
    return f"It is a notebook of lesson {lessons.most_common(1)[0][0]}, not of {lesson}."


def _of_another_lesson(found: Found, lesson: str) -> bool:
    """A course's `submitted/` tree has all lessons side by side; the others' are none of our business."""
    others = {row.name for row in LESSONS} - {lesson}
    return any(name in others for name in found.parts[found.root + 1 : -1])


def _carried(student: str, notebook: Found, near: list[Found]) -> tuple[dict[str, bytes], list[Rejection]]:
    """The files beside a notebook, by relative path, within the caps."""
    files: dict[str, bytes] = {}
    rejected = []
    left = BESIDE_BYTES
    folder = len(notebook.parts) - 1
    for found in near:
        name = "/".join(found.parts[folder:])
        if name == "timestamp.txt" or found.zips != notebook.zips:
            continue
        try:
            if parts_of(name) is None or "\\" in name:
                raise Unreadable("Its name is no file name everywhere, so it was left out.")
            if len(files) == BESIDE_FILES:
                raise Unreadable(f"It is one of more than {BESIDE_FILES} files beside the notebook.")
            if name.casefold() in {other.casefold() for other in files}:
                raise Unreadable("There is a file of this name already; only the first counts.")
            files[name] = found.read(min(left, FILE_BYTES))
            left -= len(files[name])
        except Unreadable as error:
            rejected.append(Rejection(student, found.shown, str(error)))
    return files, rejected


def _received(notebook: Found, near: list[Found], lesson: str) -> str:
    """nbgrader's note of the time, ISO 8601; "" without one, or where the student could have written it."""
    parts, root = notebook.parts, notebook.root
    theirs = item_of(notebook) < len(parts) - 1 or (root in notebook.zips and len(parts) - root < 4)
    stamp = next((found for found in near if found.parts == (*parts[:-1], "timestamp.txt")), None)
    if stamp is None or theirs or parts[-2:-1] != (lesson,):
        return ""
    try:
        match = STAMP.fullmatch(stamp.read(1000).decode("utf-8").strip())
        if match is None:
            return ""
        day, time, offset, zone = match.groups()
        moment = datetime.fromisoformat(f"{day} {time.ljust(15, '0') if '.' in time else time}")
        if offset and offset not in ("Z", "UTC"):
            return datetime.fromisoformat(f"{moment.isoformat()}{offset}").isoformat()
        return moment.replace(tzinfo=zoneinfo.ZoneInfo(zone or "UTC")).isoformat()
    except Exception:  # a time that can't be read is no reason to refuse the work
        return ""


def _outermost(found: Found) -> tuple[str, ...]:
    """The folder or archive that lies outermost around a file: the given path's own, or one in it."""
    flat = len(found.parts) - found.root <= 2
    return found.parts[: found.root + (1 if flat else 2)]


def _without_notebook(files: list[Found], naming: Naming, named: set[str]) -> list[Rejection]:
    """Students of whom something lies there, but no notebook."""
    rejected: dict[str, Rejection] = {}
    for found in files:
        owner = naming.owner(found)
        whose = owner.student if owner.own else naming.folder(found)
        reason = "There is no notebook here, so there is nothing to grade."
        if whose not in named:
            rejected.setdefault(whose, Rejection(whose, found.shown, reason))
    return list(rejected.values())


def _shortened(rejected: list[Rejection]) -> list[Rejection]:
    """At most a dozen sentences about one student, and how many more there were."""
    short: list[Rejection] = []
    count: Counter[str] = Counter()
    for row in rejected:
        count[row.student] += 1
        if not row.student or count[row.student] <= 12:
            short.append(row)
    return short + [
        Rejection(student, "", f"{number - 12} more files of this student were left out.")
        for student, number in count.items()
        if student and number > 12
    ]
