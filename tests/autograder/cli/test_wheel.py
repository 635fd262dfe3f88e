"""The wheel carries the models and the student lessons, and never a solution."""

import os
import subprocess
import sys
import zipfile

import pytest

from autograder.cli.lessons import ROOT

builders = pytest.importorskip("hatchling.builders.wheel", reason="building a wheel needs hatchling")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").is_file(), reason="a wheel is built from a clone"),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    return next(builders.WheelBuilder(str(ROOT)).build(directory=str(folder), versions=["standard"]))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel unpacked, as pip would; the environment makes Python find it before the clone."""
    folder = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


def call(installed, folder, *arguments):
    code = "from autograder.cli import app; app()"
    environment = os.environ | {"PYTHONPATH": str(installed), "EDU_EDIT_HOME": str(folder / "state")}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_it_has_models_and_student_lessons_and_no_solutions(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert any(
        name.startswith("edu_edit/models/atlas-gpt2/") and name.endswith(".safetensors") for name in names
    )
    assert "autograder/lessons_en/05_rome/05_rome.ipynb" in names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"edu_edit", "autograder"}
    text = b"".join(zipfile.ZipFile(wheel).read(n) for n in names if n.endswith(".ipynb"))
    assert b"BEGIN SOLUTION" not in text and b"BEGIN HIDDEN TESTS" not in text


def test_an_installed_learner_can_start(installed, tmp_path):
    result = call(installed, tmp_path, "start", "5", "--no-open")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "edu-edit-lessons" / "05_rome" / "05_rome.ipynb").is_file()


def test_an_installed_demo_leaves_grading_out_and_ends_well(installed, tmp_path):
    result = call(installed, tmp_path, "demo")
    assert result.returncode == 0, result.stderr
    assert "needs a clone" in " ".join(result.stdout.split())
