"""Every file under the given paths, looked at without following or unpacking anything.

Folders and zip archives look alike from here on: a `Found` is a file with the names of what it lies in. It
is read only when somebody asks, never more than a cap, and an archive's content stays in memory. What must
not be read at all (a link, a device, a name that climbs out of its archive, an encrypted file) is found with
a fault.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

FILE_BYTES = 16 * 2**20  # one notebook or one file beside it
ARCHIVE_BYTES = 64 * 2**20  # a student's archive inside a folder or inside another archive
DIRECTORY_BYTES = 8 * 2**20  # an archive's table of contents, some 100,000 names
NAME_LENGTH = 400
LEVELS = 20  # folders in folders
IGNORED = re.compile(r"\.ipynb_checkpoints|__pycache__|__MACOSX|\..*|Thumbs\.db|desktop\.ini")


class Unreadable(Exception):
    """A file that can't be read; the message is one sentence about it."""


@dataclass(frozen=True)
class Found:
    """A file: the names from outside in, of which `parts[root]` is the path that was given.

    zips: the places of archives in `parts`; fault: why it must not be read, "" where it may.
    """

    parts: tuple[str, ...]
    root: int
    read: Callable[[int], bytes]
    zips: tuple[int, ...] = ()
    fault: str = ""

    @property
    def shown(self) -> str:
        """The names from the given path on, for people."""
        return "/".join(self.parts[self.root :])


def clean(text: str) -> str:
    """Text that can be written as UTF-8: a lone surrogate becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def found_under(path: Path, open_files: ExitStack, without: Path | None = None) -> Iterator[Found]:
    """All files under one given path, in the order of their names; `open_files` keeps archives open.

    without: a folder to leave out, such as the results' where it lies among the submissions.
    """
    path = Path(os.path.abspath(path))
    context = tuple(map(clean, path.parts[1:]))
    parts = context[-3:] or ("",)
    yield from _on_disk(path, parts, len(parts) - 1, open_files, without and Path(os.path.abspath(without)))


def _on_disk(
    path: Path, parts: tuple[str, ...], root: int, open_files: ExitStack, without: Path | None
) -> Iterator[Found]:
    def faulty(fault: str) -> Found:
        return Found(parts, root, _nothing, fault=fault)

    try:
        state = path.lstat()
        if stat.S_ISLNK(state.st_mode) or (stat.S_ISREG(state.st_mode) and state.st_nlink > 1):
            yield faulty("It is a link to another file or folder; links are not followed.")
        elif stat.S_ISDIR(state.st_mode):
            if len(parts) - root > LEVELS:
                yield faulty(f"It lies in more than {LEVELS} folders inside each other.")
                return
            for name in sorted(os.listdir(path)):
                if not IGNORED.fullmatch(name) and path / name != without:
                    yield from _on_disk(path / name, (*parts, clean(name)), root, open_files, without)
        elif not stat.S_ISREG(state.st_mode):
            yield faulty("It is a device or a pipe, not an ordinary file.")
        elif path.suffix.lower() == ".zip":
            if len(parts) - 1 > root and state.st_size > ARCHIVE_BYTES:
                yield faulty(f"The archive is larger than {ARCHIVE_BYTES // 2**20} MB.")
                return
            yield from _in_zip(open_files.enter_context(_opened(path)), parts, root, (), open_files)
        else:
            yield Found(parts, root, lambda most: _read(path, most))
    except FileNotFoundError:
        yield faulty("There is no such file or folder.")
    except OSError as error:
        yield faulty(f"It can't be read ({(error.strerror or type(error).__name__).lower()}).")


def _in_zip(
    file: BinaryIO, parts: tuple[str, ...], root: int, zips: tuple[int, ...], open_files: ExitStack
) -> Iterator[Found]:
    zips = (*zips, len(parts) - 1)
    try:
        if _directory_bytes(file) > DIRECTORY_BYTES:
            raise Unreadable("The archive has too many files.")
        archive = open_files.enter_context(zipfile.ZipFile(file))
    except Unreadable as error:
        yield Found(parts, root, _nothing, zips[:-1], str(error))
        return
    except Exception as error:  # zipfile raises many kinds for one reason: this is no readable archive
        fault = f"The archive can't be opened ({type(error).__name__})."
        yield Found(parts, root, _nothing, zips[:-1], fault)
        return
    seen: set[str] = set()
    for entry in sorted(archive.infolist(), key=lambda entry: entry.filename):
        if entry.is_dir() or entry.filename.endswith("\\"):
            continue
        inner = parts_of(entry.filename)
        if inner is not None and any(IGNORED.fullmatch(name) for name in inner):
            continue
        shown = (clean(entry.filename)[:NAME_LENGTH],)
        found = Found((*parts, *(inner or shown)), root, _entry_reader(archive, entry), zips)
        fault = _fault_of(entry, inner)
        if inner is not None and not fault:
            if "/".join(inner).casefold() in seen:
                fault = "The archive has a file of this name already; only the first counts."
            seen.add("/".join(inner).casefold())
        if fault:
            yield Found(found.parts, root, _nothing, zips, fault)
        elif found.parts[-1].lower().endswith(".zip"):
            yield from _nested(found, open_files)
        else:
            yield found


def _nested(found: Found, open_files: ExitStack) -> Iterator[Found]:
    """An archive in an archive is opened once more, deeper ones are not."""
    if len(found.zips) > 1:
        yield Found(
            found.parts, found.root, _nothing, found.zips, "It is an archive in an archive's archive."
        )
        return
    try:
        content = BytesIO(found.read(ARCHIVE_BYTES))
    except Unreadable as error:
        yield Found(found.parts, found.root, _nothing, found.zips, str(error))
        return
    yield from _in_zip(content, found.parts, found.root, found.zips, open_files)


def parts_of(name: str) -> tuple[str, ...] | None:
    """A relative path's names; None where it is absolute, climbs, or can't be a path everywhere."""
    name = clean(name).replace("\\", "/")
    parts = tuple(part for part in name.split("/") if part != ".")
    bad = name.startswith("/") or re.match("[A-Za-z]:", name) or any(ord(sign) < 32 for sign in name)
    if bad or not parts or len(name) > NAME_LENGTH or len(parts) > LEVELS or {"", ".."} & set(parts):
        return None
    return parts


def _fault_of(entry: zipfile.ZipInfo, inner: tuple[str, ...] | None) -> str:
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if inner is None:
        return "Its name leads out of the archive or is no file name; it was not unpacked."
    if kind == stat.S_IFLNK:
        return "It is a link to another file or folder; links are not followed."
    if kind not in (0, stat.S_IFREG):
        return "It is a device or a pipe, not an ordinary file."
    if entry.flag_bits & 1:
        return "It is encrypted; hand it in without a password."
    return ""


def _directory_bytes(file: BinaryIO) -> int:
    """The size of an archive's table of contents, read before anything is built from it."""
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - 2**16 - 98))
    tail = file.read()
    last = tail.rfind(b"PK\5\6")
    if last < 0 or len(tail) < last + 22:
        raise Unreadable("It is not a zip archive, or it is cut off.")
    (size,) = struct.unpack("<L", tail[last + 12 : last + 16])
    if last >= 76 and tail[last - 20 : last - 16] == b"PK\6\7":  # the larger format overrides it
        size = max(size % 0xFFFFFFFF, struct.unpack("<Q", tail[last - 36 : last - 28])[0])
    file.seek(0)
    return int(size)


def _entry_reader(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(most: int) -> bytes:
        if entry.file_size > most:
            raise Unreadable(_too_large(most))
        try:
            with archive.open(entry) as file:
                content = file.read(most + 1)
        except Exception as error:  # a damaged archive raises many kinds
            raise Unreadable(f"It can't be unpacked ({type(error).__name__}).") from error
        if len(content) > most:
            raise Unreadable(_too_large(most))
        return content

    return read


def _opened(path: Path) -> BinaryIO:
    """A regular file opened for reading, never through a link that took its place meanwhile."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    handle = os.open(path, flags)
    state = os.fstat(handle)
    if not stat.S_ISREG(state.st_mode) or state.st_nlink > 1:
        os.close(handle)
        raise OSError("no ordinary file")
    return os.fdopen(handle, "rb")


def _read(path: Path, most: int) -> bytes:
    try:
        with _opened(path) as file:
            content = file.read(most + 1)
    except OSError as error:
        raise Unreadable(f"It can't be read ({(error.strerror or str(error)).lower()}).") from error
    if len(content) > most:
        raise Unreadable(_too_large(most))
    return content


def _too_large(most: int) -> str:
    return (
        f"It is larger than {most // 2**20} MB."
        if most >= 2**20
        else "There is too much beside the notebook."
    )


def _nothing(most: int) -> bytes:
    raise Unreadable("It can't be read.")
