"""Where the lessons are, and what a learner may call them.

`autograder.exercises` lists the thirteen lessons of the syllabus. Which of them can be opened is read from
the disk: `lessons/en/NN_slug/` in a clone, `autograder/lessons_en/NN_slug/` in an installed wheel.
"""

import re
from pathlib import Path

from autograder.cli.errors import BadInput
from autograder.exercises import LESSONS

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent


def student_folder(lang: str = "en") -> Path | None:
    """The folder of student lessons in this language: the clone's, else the wheel's, else None."""
    for folder in (ROOT / "lessons" / lang, PACKAGE / f"lessons_{lang}"):
        if folder.is_dir():
            return folder
    return None


def solutions_folder() -> Path | None:
    """`solutions/` of the clone; None in an installed wheel, which never carries it."""
    folder = ROOT / "solutions"
    return folder if folder.is_dir() else None


def written(lang: str = "en") -> dict[int, Path]:
    """The lessons that exist on this machine: {number: folder of the student version}."""
    folder = student_folder(lang)
    if folder is None:
        return {}
    found = {}
    for path in sorted(folder.glob("[0-9][0-9]_*")):
        if (path / f"{path.name}.ipynb").is_file():
            found[int(path.name[:2])] = path
    return found


def find_lesson(text: str, lang: str = "en") -> Path:
    """The student folder that a learner means by `5`, `05`, `rome` or `05_rome`.

    Raises BadInput with the names that would have worked.
    """
    there = written(lang)
    asked = text.strip().lower()
    choices = ", ".join(path.name for path in there.values()) or f"none in language {lang!r}"
    if match := re.fullmatch(r"0*(\d{1,2})(?:_(\w+))?", asked):
        number, slug = int(match[1]), match[2]
        path = there.get(number)
        if path is not None and slug in (None, path.name[3:]):
            return path
    else:
        for path in there.values():
            if asked == path.name[3:]:
                return path
    for lesson in LESSONS:
        if asked in (str(lesson.number), f"{lesson.number:02d}", lesson.slug, lesson.name):
            if lesson.number not in there:
                raise BadInput(
                    f"lesson {lesson.number:02d} ({lesson.title}) is not written yet in language {lang!r}; "
                    f"you can open: {choices}"
                )
    raise BadInput(f"there is no lesson {text!r}; you can open: {choices}")
