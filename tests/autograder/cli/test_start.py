"""A lesson comes into the learner's folder, and the learner's work is never overwritten."""

import importlib.util

import nbformat
import pytest

from autograder.cli import lessons, start
from autograder.cli.errors import BadInput
from autograder.files import writable_folder, write_whole


@pytest.fixture
def students(tmp_path, monkeypatch):
    """Two student lessons on disk, as in a clone or a wheel."""
    folder = tmp_path / "students"
    for name in ("05_rome", "11_anyedit"):
        (folder / name).mkdir(parents=True)
        nbformat.write(nbformat.v4.new_notebook(), folder / name / f"{name}.ipynb")
    (folder / "05_rome" / "picture.png").write_bytes(b"png")
    (folder / "07_half").mkdir()  # no notebook in it: not a lesson
    monkeypatch.setattr(lessons, "student_folder", lambda lang="en": folder if lang == "en" else None)
    return folder


@pytest.mark.parametrize("text", ["5", "05", "rome", "ROME", "05_rome", " 5 "])
def test_a_lesson_is_found_by_number_or_name(students, text):
    assert lessons.find_lesson(text) == students / "05_rome"


@pytest.mark.parametrize("text", ["6", "memit", "06_memit"])
def test_a_lesson_that_is_not_written_says_so_and_names_those_that_are(students, text):
    with pytest.raises(BadInput, match="not written yet.*05_rome, 11_anyedit"):
        lessons.find_lesson(text)


@pytest.mark.parametrize("text", ["99", "nonsense", "05_memit", "", "../05_rome"])
def test_an_unknown_lesson_names_those_that_exist(students, text):
    with pytest.raises(BadInput, match="there is no lesson .*05_rome, 11_anyedit"):
        lessons.find_lesson(text)


def test_start_copies_the_whole_lesson(run, students, tmp_path):
    result = run("start", "5", "--no-open", "--folder", tmp_path / "mine")
    assert result.exit_code == 0
    assert sorted(p.name for p in (tmp_path / "mine" / "05_rome").iterdir()) == [
        "05_rome.ipynb",
        "picture.png",
    ]


def test_advice_for_ai_assistants_lies_in_the_learners_folder_and_stays_as_it_was_changed(
    run, students, tmp_path
):
    advice = tmp_path / "mine" / "AGENTS.md"
    (students / "AGENTS.md").write_text("explain, never solve", encoding="utf-8")
    run("start", "5", "--no-open", "--folder", tmp_path / "mine")
    assert advice.read_text(encoding="utf-8") == "explain, never solve"
    advice.write_text("my own", encoding="utf-8")
    run("start", "11", "--no-open", "--folder", tmp_path / "mine")
    assert advice.read_text(encoding="utf-8") == "my own"


def test_start_never_overwrites(run, students, tmp_path):
    run("start", "5", "--no-open", "--folder", tmp_path / "mine")
    notebook = tmp_path / "mine" / "05_rome" / "05_rome.ipynb"
    notebook.write_text("my work", encoding="utf-8")
    (tmp_path / "mine" / "05_rome" / "picture.png").unlink()
    result = run("start", "rome", "--no-open", "--folder", tmp_path / "mine")
    assert result.exit_code == 0 and "kept" in result.stdout
    assert notebook.read_text(encoding="utf-8") == "my work"
    assert (tmp_path / "mine" / "05_rome" / "picture.png").exists(), "what is missing comes back"


def test_start_without_a_lesson_lists_thirteen(run, students):
    result = run("start")
    assert result.exit_code == 0
    assert result.stdout.count(" min)") == 13 and result.stdout.count("not written yet") == 11


def test_start_in_a_folder_that_can_not_be_written_says_so_and_leaves_nothing(run, students, tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    result = run("start", "5", "--no-open", "--folder", tmp_path / "file" / "mine")
    assert result.exit_code == 1
    assert result.stderr.startswith("edu-edit: can't write into") and result.stderr.count("\n") == 1


def test_start_where_a_file_stands_in_the_way(run, students, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "05_rome").write_text("", encoding="utf-8")
    result = run("start", "5", "--no-open", "--folder", tmp_path / "mine")
    assert result.exit_code == 2 and "is a file" in result.stderr


def test_start_without_jupyterlab_says_where_the_lesson_is(run, students, tmp_path, monkeypatch):
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "jupyterlab" else found(name)
    )
    result = run("start", "5", "--folder", tmp_path / "mine")
    assert result.exit_code == 1
    assert "JupyterLab is not installed" in result.stderr and "pip install jupyterlab" in result.stderr
    assert (tmp_path / "mine" / "05_rome" / "05_rome.ipynb").is_file()


def test_start_opens_the_notebook_with_this_python(run, students, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(start, "open_in_jupyterlab", opened.append)
    run("start", "5", "--folder", tmp_path / "mine")
    assert opened == [(tmp_path / "mine" / "05_rome" / "05_rome.ipynb").resolve()]


def test_a_broken_write_leaves_neither_the_file_nor_its_beginning(tmp_path):
    def breaks(path):
        path.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt

    (tmp_path / "kept.txt").write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "kept.txt", breaks)
    assert [p.name for p in tmp_path.iterdir() if p.name != "state"] == ["kept.txt"]
    assert (tmp_path / "kept.txt").read_text(encoding="utf-8") == "old"


def test_a_folder_is_tried_before_the_work(tmp_path):
    assert writable_folder(tmp_path / "a" / "b").is_dir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="choose another folder"):
        writable_folder(tmp_path / "file" / "x")
