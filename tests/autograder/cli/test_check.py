"""`edu-edit check`, `hint`, `progress`: a notebook is judged in the terminal, and remembered."""

import json
import warnings

import nbformat
import pytest

from autograder import progress_file as progress

RIGHT = """def second_moment(batches):
    total, count = 0, 0
    for keys in batches:
        keys = keys.double()
        total, count = total + keys.T @ keys, count + len(keys)
    if count == 0:
        raise ValueError("no key")
    return total / count
"""
STUB = "def second_moment(batches):\n    raise NotImplementedError\n"
CENTRED = """def second_moment(batches):
    keys = torch.cat(list(batches)).double()
    keys = keys - keys.mean(0)
    return keys.T @ keys / len(keys)
"""


@pytest.fixture
def notebook(tmp_path):
    """A small notebook in a lesson's form: set-up, a long demonstration, a solution, a check, a test."""

    def make(solution: str, setup: str = "import torch\nfrom autograder import check") -> object:
        def marks(id: str, **which: bool) -> dict:
            plain = dict(grade=False, locked=False, solution=False, schema_version=3, task=False)
            return {"nbgrader": plain | {"grade_id": id} | which}

        cell = nbformat.v4.new_code_cell
        cells = [
            cell(setup),
            cell("SIZE = 3\nraise RuntimeError('a demonstration was run')"),
            cell(solution, metadata=marks("rome-second_moment", solution=True)),
            cell('check("rome.second_moment", second_moment)'),
            cell(
                "raise RuntimeError('a test was run')", metadata=marks("rome-second_moment-test", grade=True)
            ),
        ]
        path = tmp_path / "mine" / "05_rome" / "05_rome.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
        return path

    return make


def test_a_right_answer_ends_with_zero_and_is_remembered(run, notebook):
    result = run("check", notebook(RIGHT))
    assert result.exit_code == 0, result.output
    assert "1 of 1 exercises" in result.stdout
    assert progress.load()["rome.second_moment"]["earned"] == 3


def test_a_misconception_ends_with_one_and_is_named(run, notebook):
    result = run("check", notebook(CENTRED))
    assert result.exit_code == 1
    assert "✗" in result.stdout and "Likely cause" in result.stdout


def test_an_untouched_notebook_is_answered_politely(run, notebook):
    result = run("check", notebook(STUB))
    assert result.exit_code == 1
    assert "Not started yet" in result.stdout and "Traceback" not in result.output


def test_a_cell_that_is_not_python_is_named_with_its_line(run, notebook):
    result = run("check", notebook("def second_moment(batches):\n    return ((\n"))
    assert result.exit_code == 1
    assert "is not Python" in result.stdout and "line 2" in result.stdout


def test_a_cell_that_stops_says_why(run, notebook):
    result = run("check", notebook("import not_there\n" + RIGHT))
    assert result.exit_code == 1 and "ModuleNotFoundError" in result.stdout


def test_given_names_and_functions_are_there_for_the_solution(run, notebook):
    given = "DTYPE = torch.float64\n\ndef widen(k):\n    return k.to(DTYPE)\n"
    setup = f"import torch\nfrom autograder import check\n{given}"
    assert run("check", notebook(RIGHT.replace("keys.double()", "widen(keys)"), setup)).exit_code == 0


def test_line_magics_are_passed_over(run, notebook):
    assert run("check", notebook("%matplotlib inline\n" + RIGHT)).exit_code == 0


def test_a_lesson_is_found_in_the_learner_s_folder(run, notebook):
    folder = notebook(RIGHT).parents[1]
    result = run("check", "rome", "--folder", folder)
    # without student lessons on this machine the name can't be known; with them the notebook is checked
    assert result.exit_code == 0 or "can open" in result.stderr


def test_json_is_for_scripts(run, notebook):
    result = run("check", notebook(CENTRED), "--json")
    data = json.loads(result.stdout)
    assert data["of"] == 1 and data["complete"] == 0 and data["exercises"][0]["points"] == 3


def test_only_the_exercise_asked_for(run, notebook):
    assert run("check", notebook(RIGHT), "rome.second_moment").exit_code == 0
    result = run("check", notebook(RIGHT), "rome.rank_one_update")
    assert result.exit_code == 2 and "holds no exercise" in result.stderr
    result = run("check", notebook(RIGHT), "rome.nonsense")
    assert result.exit_code == 2 and "the ids are" in result.stderr


@pytest.mark.parametrize("content", [b"not json", b"\xff\xfe", b"[]", b"{}", b'{"cells": 3}'])
def test_a_file_that_is_no_notebook(run, tmp_path, content):
    path = tmp_path / "broken.ipynb"
    path.write_bytes(content)
    with warnings.catch_warnings():
        result = run("check", path)
    assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_a_notebook_that_is_not_there(run, tmp_path):
    result = run("check", tmp_path / "none.ipynb")
    assert result.exit_code == 2 and "edu-edit start" in result.stderr


def test_unwritable_progress_does_not_lose_the_result(run, notebook, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("EDU_EDIT_HOME", str(tmp_path / "file" / "state"))
    result = run("check", notebook(RIGHT))
    assert result.exit_code == 0 and "progress was not saved" in result.stderr


@pytest.mark.parametrize("rung", [1, 2, 3])
def test_hints_come_one_rung_at_a_time(run, rung):
    result = run("hint", "rome.rank_one_update", "--rung", rung)
    assert result.exit_code == 0 and f"Hint {rung} of 3" in result.stdout
    assert (f"--rung {rung + 1}" in result.stdout) == (rung < 3)


def test_a_hint_for_an_unknown_exercise_lists_the_ids(run):
    result = run("hint", "rome.nonsense")
    assert result.exit_code == 2 and "rome.rank_one_update" in result.stderr


def test_progress_counts_what_is_done_and_what_is_next(run):
    before = json.loads(run("progress", "--json").stdout)
    assert before["next"] == before["exercises"][0]["id"] and not any(
        row["done"] for row in before["exercises"]
    )
    first = before["exercises"][0]
    progress.remember({first["id"]: (first["points"], first["points"])})
    after = json.loads(run("progress", "--json").stdout)
    assert after["exercises"][0]["done"] and after["next"] != first["id"]
    assert before["minutes_left"] - after["minutes_left"] == first["minutes"]
    assert "done" in run("progress").stdout


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"exercises": 3}', '{"exercises": {"rome.second_moment": 1}}']
)
def test_a_damaged_progress_file_counts_as_none(run, content):
    folder = progress.state_folder()
    folder.mkdir(parents=True)
    (folder / "progress.json").write_text(content, encoding="utf-8")
    assert run("progress").exit_code == 0


def test_progress_can_be_forgotten(run):
    progress.remember({"rome.second_moment": (3, 3)})
    assert run("progress", "--reset").exit_code == 0
    assert progress.load() == {}
