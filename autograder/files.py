"""Writing files so that nothing is ever half-written.

Text and pictures go to a temporary name in the same folder and are renamed when they are complete. A folder
that can't be written is reported before any work is done, not after it.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path


def writable_folder(folder: Path) -> Path:
    """Make the folder if need be and prove that a file can be written there; OSError, a sentence, if not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise OSError(f"can't write into {folder} ({reason}); choose another folder") from error
    return folder


def write_whole(path: Path, write: Callable[[Path], object]) -> Path:
    """Let `write` fill a temporary file beside `path`, then rename it to `path` in one step."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(handle)
    try:
        write(Path(name))
        os.chmod(name, 0o644)  # mkstemp makes private files
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def copy_missing(source: Path, target: Path) -> tuple[list[Path], list[Path]]:
    """Copy what `target` does not have yet; return (copied, kept). A file that is there is never touched."""
    copied, kept = [], []
    for path in sorted(p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        wanted = target / path.relative_to(source)
        if wanted.exists():
            kept.append(wanted)
            continue
        wanted.parent.mkdir(parents=True, exist_ok=True)
        write_whole(wanted, partial(shutil.copyfile, path))
        copied.append(wanted)
    return copied, kept
