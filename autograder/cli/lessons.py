"""Where the lessons are, and what a learner may call them.

The thirteen lessons of the syllabus are listed here with title and minutes. Which of them can be opened is
read from the disk: `lessons/en/NN_slug/` in a clone, `autograder/lessons_en/NN_slug/` in an installed
wheel.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from autograder.cli.errors import BadInput

PACKAGE = Path(__file__).resolve().parents[1]
ROOT = PACKAGE.parent


@dataclass(frozen=True)
class Lesson:
    """One lesson of the syllabus: its number, the slug in its folder's name, its title, its minutes."""

    number: int
    slug: str
    title: str
    minutes: int

    @property
    def name(self) -> str:
        return f"{self.number:02d}_{self.slug}"


SYLLABUS = (
    Lesson(1, "model", "Meet the model", 75),
    Lesson(2, "metrics", "What is a good edit? The fine-tuning catastrophe", 90),
    Lesson(3, "memory", "The FFN is a key-value memory; knowledge neurons", 100),
    Lesson(4, "tracing", "Where does a fact live? Causal tracing and severing", 110),
    Lesson(5, "rome", "ROME: one rank-one operation", 130),
    Lesson(6, "memit", "Thousands of facts: MEMIT and AlphaEdit", 100),
    Lesson(7, "mend", "Learning to edit: ENN, KE, MEND", 130),
    Lesson(8, "patches", "Patches: T-Patcher and CaliNET", 100),
    Lesson(9, "caches", "Edit caches: SERAC, language patches, regular expressions, GRACE", 100),
    Lesson(10, "ike", "No surgery: in-context knowledge editing", 75),
    Lesson(11, "anyedit", "Any knowledge: AnyEdit and UnKE", 100),
    Lesson(12, "compare", "Side by side: table 5.2, rebuilt", 90),
    Lesson(13, "uses", "In the world: updating, forgetting, detoxifying, debiasing", 110),
)


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
    for lesson in SYLLABUS:
        if asked in (str(lesson.number), f"{lesson.number:02d}", lesson.slug, lesson.name):
            if lesson.number not in there:
                raise BadInput(
                    f"lesson {lesson.number:02d} ({lesson.title}) is not written yet in language {lang!r}; "
                    f"you can open: {choices}"
                )
    raise BadInput(f"there is no lesson {text!r}; you can open: {choices}")
