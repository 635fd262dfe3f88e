"""`edu-edit demo`, the main job: everything once; wrong input is one sentence, said before the work."""

import json
import shutil
from pathlib import Path

import pytest

from autograder.cli import demo_class
from autograder.cli.lessons import solutions_folder

TINY = Path(__file__).parents[2] / "golden" / "models" / "gpt2-tiny"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--model", "atlas-gpt9"], 2, "no model 'atlas-gpt9'"),
        (
            ["--subject", "Eiffel Tower", "--prompt", "The Eiffel Tower is in", "--target", "Rome"],
            2,
            "'The {} is in'",
        ),
        (
            ["--subject", "Big Ben", "--prompt", "The Eiffel Tower is in", "--target", "Rome"],
            2,
            "not in the prompt",
        ),
        (["--subject", "Big Ben", "--prompt", "{} and {}", "--target", "Rome"], 2, "{}"),
        (["--subject", "Big Ben", "--prompt", "{} is in", "--target", ""], 2, "target"),
        (["--subject", "", "--prompt", "{} is in", "--target", "Rome"], 2, "subject"),
        (["--subject", "Big Ben"], 2, "needs all three"),
    ],
)
def test_bad_input_is_one_sentence(run, tmp_path, arguments, code, said):
    result = run("demo", "--no-grade", "--out", tmp_path / "out", *arguments)
    assert result.exit_code == code
    assert said in result.stderr and result.stderr.startswith("edu-edit: ")
    assert result.stderr.count("\n") == 1 and "Traceback" not in result.stderr
    assert not list(tmp_path.rglob("*.png"))


def test_a_corrupt_model_folder_is_one_sentence(process, tmp_path):
    folder = tmp_path / "broken"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"})[:-3], encoding="utf-8")
    result = process("demo", "--no-grade", "--model", str(folder))
    assert result.returncode == 1
    assert str(folder) in result.stderr and result.stderr.count("\n") == 1


def test_a_folder_that_can_not_be_written_stops_before_the_work(run, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run("demo", "--out", tmp_path / "file" / "out")
    assert result.exit_code == 1
    assert "can't write into" in result.stderr and "Load" not in result.stdout


def test_the_misconception_is_the_known_one():
    """With C = I the old pairs move more than they must, and everything else is right."""
    import torch

    names: dict = {}
    exec(demo_class.MISCONCEPTION, names)
    W, k, v = torch.randn(4, 6), torch.randn(6), torch.randn(4)
    delta = names["rank_one_update"](W, torch.eye(6), k, v)
    torch.testing.assert_close((W + delta) @ k, v)
    assert torch.linalg.matrix_rank(delta) == 1


def test_without_solutions_grading_is_left_out_in_one_sentence(capsys, tmp_path, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(demo_class, "solutions_folder", lambda: None)
    demo_class.grade_class(Console(), tmp_path)
    out = " ".join(capsys.readouterr().out.split())
    assert "needs a clone" in out and out.count(".") == 1
    assert not (tmp_path / "submitted").exists()


@pytest.mark.slow
def test_demo_edits_the_space_needle_and_takes_it_back(process, tmp_path):
    result = process("demo", "--no-grade")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert all(f"\n{n} " in result.stdout for n in range(1, 7))
    assert "every bit of every parameter is as before" in result.stdout
    assert all(
        word in result.stdout for word in ("accuracy", "generality", "portability", "locality", "efficiency")
    )
    made = sorted(path.name for path in (tmp_path / "edu-edit-demo").iterdir())
    assert made == ["five_properties.png", "five_properties.txt", "trace.png", "trace.txt"]


@pytest.mark.slow
def test_the_whole_demo_grades_its_class(process, tmp_path):
    result = process("demo")
    assert result.returncode == 0, result.stderr
    lines = {line.split()[1]: line for line in result.stdout.splitlines() if "_" in line and "/22" in line}
    assert "22/22" in lines["ada_perfect"]
    assert "0/22" in lines["ben_untouched"]
    assert "22/22" not in lines["cleo_identity"]
    page = next((tmp_path / "edu-edit-demo" / "class" / "feedback" / "cleo_identity").rglob("*.html"))
    assert "C" in page.read_text(encoding="utf-8")


@pytest.mark.skipif(solutions_folder() is None, reason="an installed wheel carries no solutions")
def test_each_notebook_of_the_class_is_handed_in_whole(tmp_path):
    notebook = solutions_folder() / "05_rome" / "05_rome.ipynb"
    if not notebook.is_file():
        pytest.skip("lesson 05 is not built")
    wrong = demo_class.with_misconception(notebook)
    assert demo_class.MISCONCEPTION.splitlines()[1].strip() in json.loads(wrong).__str__()
    assert wrong != notebook.read_text(encoding="utf-8")
    path = demo_class.hand_in(tmp_path, "zoe", wrong)
    assert path.read_text(encoding="utf-8") == wrong
    shutil.rmtree(tmp_path / "handed_in")
