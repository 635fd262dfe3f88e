"""Whose notebook it is, by the names of the file and of what it lies in.

    class/ada.ipynb                                            ada
    class/ada/05_rome.ipynb, class/ada/05_rome (1).ipynb       ada
    class/ada/homework.ipynb, alone in its folder              ada
    class/ada.zip, whatever is in it                           ada
    submitted/ada/05_rome/05_rome.ipynb                        ada
    Ada Lovelace_1815_assignsubmission_file_/05_rome.ipynb     Ada_Lovelace_1815 (Moodle)
    lovelaceada_1815_1852_05_rome-1.ipynb                      lovelaceada_1815 (Canvas)

The learning platforms' numbers stay in the name: they tell people of one name apart, and lead back to the row
of the platform's own list. Their patterns count only where the platform wrote the name, outermost.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from autograder.grader.finding import Found

MOODLE = re.compile(
    r"(?P<name>[^/]{1,200}?)_(?P<id>\d{1,15})_assignsubmission_(?:file|onlinetext)_?(?P<file>.*)"
)
CANVAS = re.compile(r"(?P<name>[^_/]{1,200})(?:_LATE|_late)?_(?P<id>\d{1,15})_\d{1,15}_(?P<file>.+)")
ENDING = re.compile(r"\.(ipynb|zip)$", re.IGNORECASE)
LONGEST = 100


@dataclass(frozen=True)
class Owner:
    """A student's name, and whether the notebook lies in a folder or archive of theirs alone."""

    student: str
    own: bool


def safe(name: str) -> str:
    """A name that can be a folder's, a row's and an address' part: letters, digits and . _ @ - only."""
    name = re.sub(r"[^\w.@-]", "_", unicodedata.normalize("NFC", name).strip())
    return name.lstrip(".-@")[:LONGEST].rstrip(".") or "unnamed"


def stem(name: str) -> str:
    """A name without .ipynb or .zip."""
    return ENDING.sub("", name)


def called_like(name: str, lesson: str) -> bool:
    """Whether a name is the lesson's, as it is or as browsers and people copy it: "05_rome (1)"."""
    return _letters(stem(name)).startswith(_letters(lesson))


def is_notebook(name: str) -> bool:
    return name.lower().endswith(".ipynb")


def item_of(found: Found) -> int:
    """The place of what was handed in as one thing: an archive below the given path, or the file itself."""
    return next((place for place in found.zips if place > found.root), len(found.parts) - 1)


class Naming:
    """Knows the whole class, since "alone in its folder" is a question about the others."""

    def __init__(self, everything: Iterable[Found], lesson: str) -> None:
        self.lesson = lesson
        items = {
            found.parts[: item_of(found) + 1]
            for found in everything
            if is_notebook(found.parts[-1]) or found.zips[-1:] > (found.root,)
        }
        self._in = Counter(item[:-1] for item in items)
        self._under = Counter(item[:length] for item in items for length in range(len(item)))
        self._lesson_in = {item[:-1] for item in items if called_like(item[-1], lesson)}

    def owner(self, found: Found) -> Owner:
        """The student of a notebook or of anything else that was found."""
        parts, root = found.parts, found.root
        for place in (root, root + 1):
            if place < len(parts) and (match := _platform(parts[place], place == len(parts) - 1)):
                return Owner(safe(f"{match['name']}_{match['id']}"), place < len(parts) - 1)
        item = place = item_of(found)
        if called_like(parts[place], self.lesson) or self._belongs_to_folder(found, item):
            place -= 1
            while place > 0 and called_like(parts[place], self.lesson):
                place -= 1
        return Owner(safe(stem(parts[max(place, 0)])), place < len(parts) - 1)

    def folder(self, found: Found) -> str:
        """The student of a folder or archive without a notebook: the outermost below the given path."""
        flat = found.root in found.zips and len(found.parts) - found.root < 3
        return safe(stem(found.parts[found.root + (not flat)]))

    def _belongs_to_folder(self, found: Found, item: int) -> bool:
        folder = found.parts[:item]
        whole_archive = item - 1 == found.root and found.root in found.zips and self._under[folder] == 1
        below = item - 1 > found.root or whole_archive
        return below and (self._in[folder] <= 1 or folder in self._lesson_in)


def _platform(name: str, is_file: bool) -> re.Match[str] | None:
    moodle = MOODLE.fullmatch(stem(name))
    return moodle or (CANVAS.fullmatch(stem(name)) if is_file or ENDING.search(name) else None)


def file_name(found: Found) -> str:
    """The notebook's own name without what a platform put before it."""
    name = found.parts[-1]
    match = _platform(name, True) if len(found.parts) - 1 <= found.root + 1 else None
    return (match["file"] if match else stem(name)) or stem(name)


def _letters(text: str) -> str:
    return re.sub(r"[\W_]", "", text.casefold())
