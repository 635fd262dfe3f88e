"""The learner's progress: a check in JupyterLab is remembered, one that a program runs is not."""

import pytest
import torch

from autograder import check, progress, progress_file
from autograder.exercises import EXERCISES

LESSON = "05_rome"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setenv("EDU_EDIT_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("JPY_SESSION_NAME", "05_rome.ipynb")


def second_moment(batches):
    keys = torch.cat(list(batches)).double()
    return (keys.T @ keys / len(keys)).float()


def test_a_check_in_jupyterlab_moves_the_bar() -> None:
    before = progress(LESSON)
    check("rome.second_moment", second_moment)
    after = progress(LESSON)
    row = next(row for row in EXERCISES if row.id == "rome.second_moment")
    assert (before.done, after.done) == (0, 1)
    assert before.minutes_left - after.minutes_left == row.minutes
    assert 'value="1"' in after._repr_html_() and "1 of 6 exercises" in str(after)


def test_a_notebook_that_a_program_runs_neither_reads_nor_changes_it(monkeypatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME")
    assert check("rome.second_moment", second_moment) > 0
    assert progress(LESSON) is None and progress_file.load() == {}


def test_a_finished_lesson_says_so() -> None:
    progress_file.remember({row.id: (row.points, row.points) for row in EXERCISES if row.lesson == LESSON})
    done = progress(LESSON)
    assert done.next is None and done.minutes_left == 0 and "all done" in str(done)


def test_a_check_works_where_progress_cannot_be_written(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("EDU_EDIT_HOME", str(tmp_path / "file" / "state"))
    assert check("rome.second_moment", second_moment) > 0


def test_an_unknown_lesson_is_named() -> None:
    with pytest.raises(KeyError, match=LESSON):
        progress("99_nothing")
