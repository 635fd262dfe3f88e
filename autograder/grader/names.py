"""Student names as names of files and folders: readable where that is safe, and never the same for two
students.

A name made of letters, digits and `._@-` stays as it is (nbgrader, too, names folders by student). Any
other name, such as `../ada`, `con` or one of ten thousand letters, becomes what is readable of it, a tilde,
and a digest of the whole; no safe name has a tilde.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

SAFE = re.compile(r"\w[\w.@-]{0,99}", re.ASCII)
SAFE_ANYWHERE = re.compile(r"\w[\w.@-]{0,39}")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # devices under Windows


def folder_name(student: str) -> str:
    """The folder under `submitted`, `autograded` and `feedback`, and the id in nbgrader's gradebook."""
    if _is_safe(student):
        return student
    readable = re.sub(r"[^A-Za-z0-9]+", "_", student[:200]).strip("_")[:40]
    return f"{readable}~{_digest(student)}"


def file_name(student: str) -> str:
    """As `folder_name`, but different, too, where a file system takes `Ada` and `ada` for one name."""
    name = folder_name(student)
    return name if "~" in name or student == student.casefold() else f"{name}~{_digest(student)}"


def printable(text: str) -> str:
    """Text that every file and database can hold: what UTF-8 can't say becomes a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_safe(name: str) -> bool:
    if name.endswith(".") or RESERVED.fullmatch(name):
        return False
    if SAFE.fullmatch(name):
        return True
    return bool(SAFE_ANYWHERE.fullmatch(name)) and unicodedata.normalize("NFKC", name) == name


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:24]
