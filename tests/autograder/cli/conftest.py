"""The command as a user meets it: in this process (fast) and as a process of its own (exit codes, stderr)."""

import os
import subprocess
import sys

import pytest
from typer.testing import CliRunner


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    """Progress goes into a folder of the test's own; tracebacks stay off."""
    monkeypatch.setenv("EDU_EDIT_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("EDU_EDIT_DEBUG", raising=False)
    monkeypatch.delenv("EDU_EDIT_LESSONS", raising=False)


@pytest.fixture
def run():
    """Call the command in this process; the result has exit_code, stdout, stderr."""
    from autograder.cli import app

    def call(*arguments: object):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return call


@pytest.fixture
def process(tmp_path):
    """Call the command as a process of its own, from a folder of the test's own."""

    def call(*arguments: object, **environment: str):
        return subprocess.run(
            [sys.executable, "-c", "from autograder.cli import app; app()", *map(str, arguments)],
            cwd=tmp_path,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=600,
        )

    return call


@pytest.fixture
def words():
    """Text without the frames that rich draws, on one line."""

    def plain(text: str) -> str:
        return " ".join("".join(" " if c in "╭╮╰╯│─┃━" else c for c in text).split())

    return plain
