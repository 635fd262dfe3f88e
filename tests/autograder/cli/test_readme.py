"""The README tells the truth: its commands exist, its map agrees with the disk, its example runs."""

import re
import tomllib
from pathlib import Path

import pytest

from autograder.cli.lessons import ROOT, written
from autograder.exercises import LESSONS

README = ROOT / "README.md"
pytestmark = pytest.mark.skipif(not README.is_file(), reason="an installed wheel carries no README")


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def test_the_test_command_stands_where_ci_looks_for_it(text):
    lines = text.split("<!-- test command -->\n")[1].splitlines()
    assert lines[0] == "```bash" and lines[1].endswith('pip install -e ".[test]" && python -m pytest -n auto')
    prefix = "python3 -m venv .venv && . .venv/bin/activate && "
    assert lines[1].startswith(prefix) and prefix in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_the_map_of_lessons_agrees_with_the_syllabus_and_the_disk(text):
    rows = re.findall(r"^\| (\d\d) \| (.+?) \| .+? \| (\d+) \|$", text, re.MULTILINE)
    assert [(int(n), title, int(minutes)) for n, title, minutes in rows] == [
        (lesson.number, lesson.title, lesson.minutes) for lesson in LESSONS
    ]
    assert {int(n) for n, _, _ in rows} == set(written())


def test_every_command_in_it_exists(text, run):
    from autograder.cli import app

    known = {command.callback.__name__ for command in app.registered_commands} | {"world"}
    assert set(re.findall(r"(?:^|`|&& )edu-edit ([a-z]+)\b", text, re.MULTILINE)) <= known


def test_its_picture_and_its_links_are_there(text):
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        if not target.startswith("http"):
            assert (ROOT / target).is_file(), target


def test_its_example_runs(text, capsys):
    (example,) = re.findall(r"```python\n(.+?)```", text, re.DOTALL)
    exec(compile(example, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_its_ranges_are_the_project_s(text):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    torch = next(line for line in project["dependencies"] if line.startswith("torch"))
    assert torch in text and project["requires-python"] == ">=3.11" and "Python 3.11 or newer" in text
    assert f'version = "{project["version"]}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_its_numbers_of_parameters_are_those_of_the_weights(text):
    from safetensors.torch import load_file

    told = dict(re.findall(r"`(atlas-[a-z0-9-]+)` \(([\d,]+) parameters\)", text))
    folders = [path.parent for path in (ROOT / "edu_edit" / "models").glob("*/model.safetensors")]
    assert told == {
        folder.name: f"{sum(t.numel() for t in load_file(folder / 'model.safetensors').values()):,}"
        for folder in folders
    }


def test_nothing_else_lies_on_the_top_level():
    allowed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "lessons",
        "solutions",
        "edu_edit",
        "autograder",
        "tests",
    }
    made = {
        "edu-edit-demo",
        "edu-edit-lessons",
        "edu-edit-graded",
        "atlas-training",
        "atlas-models",
        "dist",
        "site",
    }  # what commands make here, git-ignored
    found = {path.name for path in Path(ROOT).iterdir() if not path.name.startswith((".", "__"))}
    assert found - made - {p for p in found if p.endswith(".egg-info")} == allowed
