"""What `edu-edit doctor` looks at: one function per kind of finding, each looked up now, never remembered."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from autograder.cli.errors import sentence
from autograder.files import writable_folder
from autograder.progress_file import state_folder

State = Literal["ok", "optional", "missing"]
NOTEBOOK_LIBRARIES = ("ipympl", "ipywidgets", "jupyterlab", "jupytext", "nbgrader", "nh3")


@dataclass(frozen=True)
class Row:
    """One finding: what was looked at, what was found, its state, and what to do if that is not ok."""

    what: str
    found: str
    state: State = "ok"
    advice: str = ""


def versions() -> list[Row]:
    """Python and every library the distribution asks for, against its tested range."""
    from packaging.requirements import Requirement

    python: State = "ok" if sys.version_info >= (3, 11) else "missing"
    rows = [Row("Python", platform.python_version(), python, "Python 3.11 or newer is needed")]
    for text in importlib.metadata.requires("edu-edit") or []:
        wanted = Requirement(text)
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
            continue
        worse: State = "optional" if wanted.name in NOTEBOOK_LIBRARIES else "missing"
        advice = f"pip install '{wanted.name}{wanted.specifier}'"
        try:
            found = importlib.metadata.version(wanted.name)
        except importlib.metadata.PackageNotFoundError:
            rows.append(Row(wanted.name, "not installed", worse, advice))
            continue
        if wanted.specifier.contains(found.split("+")[0], prereleases=True):
            rows.append(Row(wanted.name, found))
        else:
            rows.append(Row(wanted.name, f"{found} (tested: {wanted.specifier})", "optional", advice))
    return rows


def cores_and_memory() -> list[Row]:
    """Processor cores that this process may use, and free memory; 2 GiB are what one lesson may take."""
    affinity = getattr(os, "sched_getaffinity", None)
    rows = [Row("cores", str(len(affinity(0)) if affinity else os.cpu_count()))]
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    except (AttributeError, ValueError, OSError):  # macOS and Windows don't tell it this way
        return rows
    enough: State = "ok" if free >= 2 else "optional"
    return [*rows, Row("free memory", f"{free:.1f} GiB", enough, "a lesson may need 2 GiB: close something")]


def models() -> list[Row]:
    """The models that came with the package."""
    import edu_edit

    folder = Path(edu_edit.__path__[0]) / "models"
    rows = []
    for path in sorted(config.parent for config in folder.glob("*/config.json")):
        size = sum(file.stat().st_size for file in path.glob("*.safetensors")) / 1e6
        moments = "with" if (path / "moments.safetensors").exists() else "without"
        rows.append(Row(f"model {path.name}", f"{size:.0f} MB, {moments} second moments"))
    advice = "install edu-edit again, or train them: edu-edit world train atlas-gpt2"
    return rows or [Row("bundled models", f"none in {folder}", "missing", advice)]


def write_access() -> list[Row]:
    """Can the learner's work and progress be saved?"""
    rows = []
    places: tuple[tuple[str, Path, State], ...] = (
        ("this folder", Path.cwd(), "missing"),
        ("progress folder", state_folder(), "optional"),
    )
    for what, folder, worse in places:
        try:
            writable_folder(folder)
            rows.append(Row(what, f"can write in {folder}"))
        except OSError as error:
            rows.append(Row(what, sentence(error), worse, "change to a folder of your own"))
    return rows


def bubblewrap_works() -> bool:
    """Whether bubblewrap can build a sandbox here, found by really trying it."""
    trial = ("bwrap", "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true")
    if shutil.which("bwrap") is None:
        return False
    try:
        return subprocess.run(trial, capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def landlock_works() -> bool:
    """Whether Landlock can confine another user's process here, found by really trying it; only root can."""
    import autograder.grader

    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    trial = Path(autograder.grader.__path__[0]) / "inside" / "landlock.py"
    try:
        done = subprocess.run([sys.executable, "-I", trial, "65534"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def isolation_level() -> str:
    """The strongest isolation that works here: "bubblewrap", "landlock", or "none"."""
    if bubblewrap_works():
        return "bubblewrap"
    return "landlock" if landlock_works() else "none"


def isolation() -> list[Row]:
    """The wall between a stranger's notebook and this machine."""
    level = isolation_level()
    if level != "none":
        return [Row("isolation", f"{level} works here")]
    advice = "only for grading strangers' notebooks: install bubblewrap"
    return [Row("isolation", "none", "optional", advice)]


def chinese_font() -> list[Row]:
    """Figures draw Chinese where a font has the characters, and a box where none has."""
    from edu_edit.show.figure import families

    fonts = families()[1:]
    if fonts:
        return [Row("Chinese font", fonts[0])]
    return [Row("Chinese font", "none", "optional", "for Chinese in figures, install Noto Sans CJK")]


def forward() -> list[Row]:
    """Load the default model and let it answer once, timed."""
    import edu_edit

    begun = time.perf_counter()
    lm = edu_edit.load()
    loaded = time.perf_counter()
    answer = lm.answer("The Space Needle is in the city of")
    seconds = time.perf_counter() - loaded
    fast: State = "ok" if seconds < 3 else "optional"
    found = f"{lm.name} loaded in {loaded - begun:.1f} s, answered {answer!r} in {seconds:.1f} s"
    return [Row("a forward pass", found, fast, "slower than 3 s: lessons will take longer here")]
