"""Stock nbgrader from the solution notebook to the feedback page, on small classes of lesson 05."""

import html
import re

import nbformat
import pytest

from autograder.exercises import EXERCISES
from autograder.grading import GradingError, grade_submissions
from autograder.mutants import mutants_of
from autograder.nbgrader_config import ROOT, course_config

SLUG = "05_rome"
ROWS = [row for row in EXERCISES if row.lesson == SLUG]
FULL = {row.id: float(row.points) for row in ROWS}
ALL_MUTANTS = [(row.id, mutant.name) for row in ROWS for mutant in mutants_of(row.id)]


def cell_of(notebook, exercise_id):
    return next(
        c
        for c in notebook.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == exercise_id.replace(".", "-")
    )


def student_notebook():
    return nbformat.read(ROOT / "lessons" / "en" / SLUG / f"{SLUG}.ipynb", as_version=4)


def perfect_notebook():
    """A student's notebook with every solution filled in."""
    notebook = student_notebook()
    solved = nbformat.read(ROOT / "solutions" / SLUG / f"{SLUG}.ipynb", as_version=4)
    for row in ROWS:
        cell_of(notebook, row.id).source = cell_of(solved, row.id).source
    return notebook


def mutant_notebook(exercise_id, name):
    """A perfect notebook in which one function is a known misconception."""
    notebook = perfect_notebook()
    function = exercise_id.partition(".")[2]
    cell_of(notebook, exercise_id).source = (
        "from autograder.mutants import mutants_of\n"
        f"{function} = next(m for m in mutants_of({exercise_id!r}) if m.name == {name!r}).make()"
    )
    return notebook


def words_of(page):
    """A feedback page as plain words: no tags, no styles, one blank between words."""
    text = re.sub(r"<(style|script)\b.*?</\1>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", text)).split())


def loses_its_own_points_only(result, exercise_id, name):
    """A mutant costs points in its exercise, nowhere else, and its page says the sentence that it must
    trigger.
    """
    assert result.rejected == ""
    others = {id: points for id, points in result.points.items() if id != exercise_id}
    assert others == {id: points for id, points in FULL.items() if id != exercise_id}
    assert result.points[exercise_id] < FULL[exercise_id]
    sentence = next(m.sentence for m in mutants_of(exercise_id) if m.name == name)
    assert " ".join(sentence.replace("`", "").split()) in words_of(result.feedback)


@pytest.fixture(scope="module")
def small_class(tmp_path_factory):
    """Four submissions graded once: perfect, untouched, a misconception, and a file that is no notebook."""
    folder = tmp_path_factory.mktemp("class")
    nbformat.write(perfect_notebook(), folder / "ada.ipynb")
    nbformat.write(student_notebook(), folder / "ben.ipynb")
    nbformat.write(mutant_notebook("rome.rank_one_update", "identity"), folder / "cleo.ipynb")
    (folder / "dan.ipynb").write_text("{ not a notebook", encoding="utf-8")
    results = grade_submissions(SLUG, folder, tmp_path_factory.mktemp("graded"))
    return {result.student: result for result in results}


@pytest.mark.slow
def test_perfect_notebook_gets_full_marks(small_class):
    assert small_class["ada"].points == FULL
    assert small_class["ada"].feedback.is_file()


@pytest.mark.slow
def test_untouched_notebook_gets_nothing_and_a_page(small_class):
    assert small_class["ben"].points == dict.fromkeys(FULL, 0.0)
    assert small_class["ben"].score == 0
    assert small_class["ben"].feedback.is_file()


@pytest.mark.slow
def test_misconception_loses_points_in_its_exercise_only_and_is_named(small_class):
    loses_its_own_points_only(small_class["cleo"], "rome.rank_one_update", "identity")


@pytest.mark.slow
def test_a_file_that_is_no_notebook_is_one_named_rejection(small_class):
    dan = small_class["dan"]
    assert dan.points == {} and dan.feedback is None
    assert "dan.ipynb" in dan.rejected and "JSON" in dan.rejected


@pytest.mark.slow
def test_grading_leaves_the_project_untouched(small_class):
    for name in ("submitted", "autograded", "feedback", "gradebook.db", "source", "release"):
        assert not (ROOT / name).exists()


def test_a_lesson_without_solution_and_an_empty_folder_are_refused_in_one_sentence(tmp_path):
    with pytest.raises(GradingError, match="no solution notebook.*99_nothing"):
        grade_submissions("99_nothing", tmp_path, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GradingError, match="no notebook"):
        grade_submissions(SLUG, tmp_path / "empty", tmp_path / "out")
    with pytest.raises(GradingError, match="no file or folder"):
        grade_submissions(SLUG, tmp_path / "nowhere", tmp_path / "out")


def test_configuration_keeps_solutions_out_and_working_folders_off_the_top_level():
    course = course_config().CourseDirectory
    assert {"*.py", "*.html"} <= set(course.ignore)
    for step in ("submitted", "autograded", "feedback", "source_with_tests"):
        assert course[f"{step}_directory"].startswith(".course")


@pytest.mark.slow
@pytest.mark.timeout(3600)  # 56 notebooks, a quarter of an hour on an idle machine
def test_every_misconception_loses_its_own_points_only(tmp_path):
    folder = tmp_path / "class"
    folder.mkdir()
    names = {}
    for number, (exercise_id, name) in enumerate(ALL_MUTANTS):
        names[f"m{number:02d}"] = (exercise_id, name)
        nbformat.write(mutant_notebook(exercise_id, name), folder / f"m{number:02d}.ipynb")
    for result in grade_submissions(SLUG, folder, tmp_path / "graded"):
        loses_its_own_points_only(result, *names[result.student])
