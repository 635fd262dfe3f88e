"""`edu-edit doctor` tells what it sees, and fails only where something needed is missing."""

import importlib.metadata
import json
import subprocess

import pytest

from autograder.cli import doctor, machine
from autograder.cli.machine import Row


@pytest.fixture
def findings(monkeypatch):
    """Replace what doctor looks at."""

    def use(*rows: Row):
        monkeypatch.setattr(doctor, "LOOKS", (lambda: list(rows),))

    return use


def test_optional_parts_may_be_missing(run, findings):
    findings(Row("torch", "2.13"), Row("isolation", "none", "optional", "install bubblewrap"))
    result = run("doctor")
    assert result.exit_code == 0 and "install bubblewrap" in result.stdout and "Ready" in result.stdout


def test_needed_parts_may_not(run, findings):
    findings(Row("torch", "not installed", "missing", "pip install torch"))
    result = run("doctor")
    assert result.exit_code == 1 and "1 needed part(s) missing: torch" in result.stdout


def test_json_says_the_same(run, findings):
    findings(Row("torch", "not installed", "missing", "pip install torch"))
    result = run("doctor", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {
        "ready": False,
        "rows": [
            {"what": "torch", "found": "not installed", "state": "missing", "advice": "pip install torch"}
        ],
    }


def test_a_look_that_breaks_is_a_row_and_not_a_traceback(run, monkeypatch):
    def models():
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(doctor, "LOOKS", (models,))
    result = run("doctor")
    assert (
        result.exit_code == 1 and "Input/output error" in result.stdout and "Traceback" not in result.output
    )


def test_versions_are_compared_with_the_distribution_s_own_ranges(monkeypatch):
    asked = ["torch>=2.9,<2.14", "not-there>=1", "nbgrader>=99", 'pytest; extra == "test"']
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: asked)
    rows = {row.what: row for row in machine.versions()}
    assert rows["Python"].state == "ok" and rows["torch"].state == "ok"
    assert rows["not-there"].state == "missing" and "pip install" in rows["not-there"].advice
    assert rows["nbgrader"].state == "optional" and "tested: >=99" in rows["nbgrader"].found
    assert "pytest" not in rows


def test_every_library_of_this_installation_fits():
    assert [row for row in machine.versions() if row.state == "missing"] == []


def test_isolation_is_tried_and_not_believed(monkeypatch):
    monkeypatch.setattr(machine.shutil, "which", lambda name: f"/usr/bin/{name}" if name == "bwrap" else None)
    for code, found in ((0, "bubblewrap works here"), (1, "none")):
        done = subprocess.CompletedProcess([], code)
        monkeypatch.setattr(machine.subprocess, "run", lambda *a, done=done, **k: done)
        assert machine.isolation()[0].found == found


def test_write_access_is_tried(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [row.state for row in machine.write_access()] == ["ok", "ok"]
    assert [path.name for path in tmp_path.iterdir()] == ["state"], "nothing is left behind"
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("EDU_EDIT_HOME", str(tmp_path / "file" / "x"))
    assert [row.state for row in machine.write_access()] == ["ok", "optional"]


def test_this_machine_is_ready(process):
    result = process("doctor", "--json")
    assert result.returncode == 0, result.stdout
    answer = next(row for row in json.loads(result.stdout)["rows"] if row["what"] == "a forward pass")
    assert "answered" in answer["found"]
