"""Call nbgrader's steps from Python: its own API, with a reason in one sentence where a step fails."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from traitlets.config import Config


class StepFailed(RuntimeError):
    """A step of nbgrader failed; the message says which and why."""


@contextmanager
def nbgrader(config: Config) -> Iterator[Any]:
    """nbgrader's API under a configuration.

    nbgrader calls `alembic` by its bare name, which is only found where the virtual environment is
    activated; so the folder of this Python's scripts is put on the path for the time being. Warnings about
    how nbgrader handles its own database say nothing to a lecturer and are left out.
    """
    from nbgrader.apps import NbGraderAPI
    from sqlalchemy.exc import SAWarning

    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)
            yield NbGraderAPI(config=config)
    finally:
        os.environ["PATH"] = path


def must(result: dict[str, Any], step: str) -> None:
    """Raise StepFailed with nbgrader's own reason unless the step succeeded."""
    if result["success"]:
        return
    lines = [line.strip() for line in (result.get("log") or result.get("error") or "").splitlines()]
    reasons = [
        line
        for line in lines
        if line and not line.startswith(("[ERROR] Please see", "[ERROR] There was an error"))
    ]
    raise StepFailed(
        f"{step}: {reasons[-1].removeprefix('[ERROR] ') if reasons else 'nbgrader gave no reason'}"
    )
