"""The roster: who is in the class, and by which names a submission may call them.

A CSV with a header, as a spreadsheet, Canvas (Grades > Export) or Moodle (participants, or the grading
worksheet of an assignment) writes it; separated by comma, semicolon or tab, in UTF-8. Columns are found by
name, in any order:

    student         student id, student_id, username, user, login, SIS Login ID, SIS User ID, ID number
    first, last     first name, given name; last name, surname, family name
    full name       Full name, name, Canvas' Student ("Lovelace, Ada")
    email           email, Email address, e-mail, mail
    LMS ids         Canvas: ID, SIS User ID, SIS Login ID, Section; Moodle: Username, ID number, and from the
                    worksheet Identifier ("Participant 1234") and the times of its last changes; nbgrader: id

The student's id is the first of the first row that a line fills, else the LMS's id, else the e-mail
address.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from autograder.grader.names import printable

COLUMNS = {
    "student": ("student id", "username", "user", "login", "sis login id", "sis user id", "id number"),
    "first": ("first name", "firstname", "given name"),
    "last": ("last name", "lastname", "surname", "family name"),
    "full": ("full name", "fullname", "name", "student"),
    "email": ("email", "email address", "e mail", "mail"),
}
LMS = (
    *("id", "sis user id", "sis login id", "section", "lms user id"),  # Canvas, nbgrader
    *("identifier", "id number", "username"),  # Moodle
    *("grade can be changed", "last modified (submission)", "last modified (grade)"),  # its worksheet
)
DOWNLOAD = (  # how the LMSs name what they let a lecturer download
    re.compile(
        r".*_(\d+)_assignsubmission_(?:file|onlinetext)_?"
    ),  # Moodle: Ada Lovelace_1234_assignsubmission_file
    re.compile(r"[^_]+_(?:late_)?(\d+)_\d+_.*", re.IGNORECASE),  # Canvas: lovelaceada_1234_5678_05_rome
)


class RosterError(ValueError):
    """The file is no roster; the message says why."""


@dataclass(frozen=True)
class Person:
    """One student; lms: the LMS's own columns, by their names in lower case."""

    student: str
    first: str = ""
    last: str = ""
    email: str = ""
    lms: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The LMS's number: Canvas' ID, or the number in Moodle's "Participant 1234"."""
        return self.lms.get("id") or self.lms.get("identifier", "").removeprefix("Participant ")

    def details(self) -> dict[str, str]:
        """What nbgrader's gradebook keeps. Its exporter quotes nothing, so commas and formulas go."""
        plain = {"first_name": self.first, "last_name": self.last, "email": self.email}
        return {key: _plain(value) for key, value in (plain | {"lms_user_id": self.number}).items()}

    def names(self) -> set[str]:
        """Everything that a submission of this student may be called, in lower case."""
        ids = [self.student, self.email, self.email.partition("@")[0], self.number]
        ids += [self.lms.get(name, "") for name in ("sis login id", "sis user id", "id number", "username")]
        ids += [f"{self.first} {self.last}", f"{self.last} {self.first}", f"{self.last}, {self.first}"]
        return {_key(name) for name in ids} - {""}


class Roster:
    """The people of a class. A name that two of them share belongs to neither, except as a student's id."""

    def __init__(self, people: Iterable[Person]) -> None:
        self.people = tuple(people)
        self._by_name: dict[str, Person | None] = {}
        for person in self.people:
            for name in person.names():
                self._by_name[name] = None if name in self._by_name else person
        for person in self.people:
            self._by_name[_key(person.student)] = person

    def person(self, submission: str) -> Person | None:
        """Whose submission it is, by its name; None where nobody, or more than one, is called that."""
        names = [submission] + [match[1] for rule in DOWNLOAD if (match := rule.fullmatch(submission))]
        return next((found for name in names if (found := self._by_name.get(_key(name)))), None)

    def unknown(self, submissions: Iterable[str]) -> list[str]:
        """Submissions of nobody on the roster."""
        return [name for name in submissions if self.person(name) is None]

    def missing(self, submissions: Iterable[str]) -> list[Person]:
        """People without a submission."""
        seen = {found.student for name in submissions if (found := self.person(name))}
        return [person for person in self.people if person.student not in seen]


def read_roster(path: Path) -> Roster:
    """Read a roster; RosterError, one sentence, where it is none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RosterError(f"The roster {path} can't be read ({error.strerror}).") from error
    except UnicodeError as error:
        raise RosterError(f"The roster {path} is not UTF-8; save it as `CSV UTF-8`.") from error
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text)))
    except csv.Error as error:
        raise RosterError(f"The roster {path} is not a CSV file ({error}).") from error
    if not rows:
        raise RosterError(f"The roster {path} is empty.")
    header = [_key(name) for name in rows[0]]
    lines = [dict(zip(header, map(str.strip, row), strict=False)) for row in rows[1:]]
    people = [person for line in lines if (person := _person(line))]
    if not people:
        raise RosterError(
            f"The roster {path} names nobody: its first line needs a column such as `student_id`, "
            "`username`, `SIS Login ID` or `Email address`."
        )
    seen: set[str] = set()
    for person in people:
        if person.student in seen:
            raise RosterError(f"The roster {path} has two lines for the student {person.student!r}.")
        seen.add(person.student)
    return Roster(people)


def _person(line: dict[str, str]) -> Person | None:
    """The person in one line; None for a line without anyone, such as Canvas' row of possible points."""
    found = {part: next(filter(None, map(line.get, names)), "") for part, names in COLUMNS.items()}
    lms = {name: line[name] for name in LMS if line.get(name)}
    number = lms.get("id") or lms.get("identifier", "").removeprefix("Participant ")
    someone = any(found.values()) or "identifier" in lms  # a worksheet graded blindly names nobody else
    student = found["student"] or (number or found["email"] if someone else "")
    if not student and not lms and "," not in found["full"] and found["full"].isidentifier():
        student = found["full"]  # a plain list with the one column `student`
    first, last = found["first"], found["last"]
    if not first and not last:
        before, comma, after = found["full"].partition(",")
        first, _, last = found["full"].rpartition(" ") if not comma else (after, "", before)
    first, last = first.strip(), last.strip()
    if not student or f"{first} {last}".casefold() == "test student":  # Canvas' own
        return None
    return Person(printable(student), first, last, found["email"], lms)


def _separator(text: str) -> str:
    first = text.partition("\n")[0]
    return max(",;\t", key=first.count)


def _key(name: str) -> str:
    """Names are compared without regard to case or to what stands for a space."""
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()


def _plain(text: str) -> str:
    """At most 128 characters: no commas, quotes or line breaks, nothing that a spreadsheet computes."""
    return (
        re.sub(r"[\s\x00-\x1f\x7f,\"']+", " ", printable(text)).strip().lstrip("=+-@＝＋－＠").strip()[:128]
    )
