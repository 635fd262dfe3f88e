"""nbgrader's gradebook, filled with results. Oracles: nbgrader's own API, exporter and grading rule."""

import base64
import csv
import datetime
import importlib.util
import io
import shutil
from dataclasses import replace

import nbformat
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nbconvert.exporters import HTMLExporter
from nbgrader.api import Gradebook
from nbgrader.plugins import BasePlugin, CsvExportPlugin
from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    DeduplicateIds,
    OverwriteCells,
    SaveAutoGrades,
)
from nbgrader.utils import determine_grade
from PIL import Image

from autograder.exercises import EXERCISES
from autograder.grader import gradebook
from autograder.grader.graded_copy import graded_copy
from autograder.grader.late import late_penalty, late_plugin
from autograder.grader.names import folder_name
from autograder.grader.records import Cell, Mark, Result, Submission
from autograder.grader.roster import Person, Roster
from autograder.grading import GradingError, grade_submissions
from autograder.judgement import Judgement
from autograder.nbgrader_config import ROOT
from autograder.nbgrader_steps import must

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

LESSON = "05_rome"
ROWS = [row for row in EXERCISES if row.lesson == LESSON]
FULL = {row.id: float(row.points) for row in ROWS}
DUE = datetime.datetime(2026, 1, 10, 12, tzinfo=datetime.UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\ud800\x00"


def cells_of(notebook):
    """A notebook's cells as a result has them."""
    for cell in notebook.cells:
        meta = cell.metadata.get("nbgrader", {})
        kind = "test" if meta.get("grade") else "solution" if meta.get("solution") else cell.cell_type
        yield Cell(kind, cell.source, tuple(cell.get("outputs", ())), "", meta.get("grade_id", ""))


@pytest.fixture(scope="module")
def handed_out():
    return nbformat.read(ROOT / "lessons" / "en" / LESSON / f"{LESSON}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def make(handed_out):
    """make(student, share): a result with that share of all points, of the notebook as it was handed out."""

    def result(student, share=1.0, received="2026-01-10T13:00:00+01:00", points=None):
        earned = points or {id: share * full for id, full in FULL.items()}
        marks = tuple(
            Mark(id, earned[id], full, Judgement(id, "T", "E", full, earned[id], HOSTILE))
            for id, full in FULL.items()
        )
        return Result(student, LESSON, "key", marks, tuple(cells_of(handed_out)), received=received)

    return result


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A gradebook with the lesson's cells and nobody in it: nbgrader takes seconds to make it."""
    out = tmp_path_factory.mktemp("prepared")
    gradebook.fill(out, LESSON, [])
    return out


@pytest.fixture
def out(prepared, tmp_path):
    return shutil.copytree(prepared, tmp_path / "out")


@pytest.fixture(scope="module")
def filled(tmp_path_factory, prepared, make):
    """One gradebook for tests that only read."""
    out = shutil.copytree(prepared, tmp_path_factory.mktemp("filled") / "out")
    roster = Roster([Person("ada", "Ada", "Lovelace", "ada@uni.example", {"id": "1001"}), Person("zed")])
    gradebook.fill(out, LESSON, [make("ada"), make("ben", 0.25), make("../eve", 0.5)], roster=roster)
    return out


def opened(out):
    return Gradebook(f"sqlite:///{out / 'gradebook.db'}", course_id="edu-edit")


def exported(out):
    """What nbgrader's own exporter says, row by row."""
    with opened(out) as book:
        CsvExportPlugin(to=str(out / "all.csv")).export(book)
    with (out / "all.csv").open(newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def contents(out):
    """Every file with its text and, of the gradebook, every row of every table."""
    files = {path: path.read_bytes() for path in out.rglob("*.ipynb")}
    with opened(out) as book:
        tables = {
            name: sorted(map(repr, book.db.connection().exec_driver_sql(f'select * from "{name}"')))
            for (name,) in book.db.connection().exec_driver_sql(
                "select name from sqlite_master where type = 'table'"
            )
        }
    return files, tables


def test_nbgraders_exporter_says_our_points(filled):
    rows = exported(filled)
    assert {id: float(row["score"]) for id, row in rows.items()} == {
        "ada": 22.0,
        "ben": 5.5,
        folder_name("../eve"): 11.0,
        "zed": 0.0,
    }
    assert {row["max_score"] for row in rows.values()} == {"22.0"}
    assert rows["ada"]["timestamp"] == "2026-01-10 12:00:00" and rows["zed"]["timestamp"] == ""
    assert (rows["ada"]["last_name"], rows["ada"]["email"]) == ("Lovelace", "ada@uni.example")


def test_every_test_cell_has_its_points_and_nothing_waits_for_a_person(filled):
    with opened(filled) as book:
        for student, share in (("ada", 1.0), ("ben", 0.25)):
            copy = book.find_submission_notebook(LESSON, LESSON, student)
            points = {grade.name: (grade.auto_score, grade.max_score) for grade in copy.grades}
            assert points == {
                f"{row.id.replace('.', '-')}-test": (share * row.points, row.points) for row in ROWS
            }
            assert not copy.needs_manual_grade and copy.score == share * 22
        assert book.find_student("ada").lms_user_id == "1001"


def test_untouched_solution_cells_get_nbgraders_remark(filled):
    with opened(filled) as book:
        comments = book.find_submission_notebook(LESSON, LESSON, "ada").comments
        assert {comment.auto_comment for comment in comments} == {"No response."}
        assert len(comments) == len(ROWS)


def test_the_graded_copy_is_valid_and_nbgrader_reads_our_points_from_its_outputs(filled):
    path = filled / "autograded" / "ben" / LESSON / f"{LESSON}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    graded = [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert [determine_grade(cell) for cell in graded] == [(0.25 * row.points, row.points) for row in ROWS]
    with opened(filled) as book:
        sums = {cell.name: cell.checksum for cell in book.find_notebook(LESSON, LESSON).source_cells}
    marked = [cell.metadata.nbgrader for cell in notebook.cells if "nbgrader" in cell.metadata]
    assert {meta.grade_id: meta.checksum for meta in marked} == sums


def test_a_page_made_from_the_graded_copy_holds_the_card_and_no_script(filled):
    path = filled / "autograded" / "ben" / LESSON / f"{LESSON}.ipynb"
    page, _ = HTMLExporter(template_name="basic").from_filename(str(path))
    assert "aria-label=" in page
    assert "<script>alert" not in page and "<img src=x" not in page


def test_filling_twice_changes_nothing(out, make):
    class_ = [make("ada"), make("ben", 0.5)]
    gradebook.fill(out, LESSON, class_, due=DUE, late="zero")
    before = contents(out)
    gradebook.fill(out, LESSON, class_, due=DUE, late="zero")
    assert contents(out) == before


def test_a_regrade_replaces_points_but_keeps_what_a_person_did(out, make):
    gradebook.fill(out, LESSON, [make("ada"), make("ben", 0.5)])
    with opened(out) as book:
        grade = book.find_grade("rome-rome-test", LESSON, LESSON, "ben")
        grade.manual_score, grade.needs_manual_grade = 4.5, False
        book.find_comment("rome-rome", LESSON, LESSON, "ben").manual_comment = "See me."
        book.db.commit()
    gradebook.fill(out, LESSON, [make("ben", 0.5)])  # the same again: the person's word stands
    with opened(out) as book:
        assert not book.find_grade("rome-rome-test", LESSON, LESSON, "ben").needs_manual_grade
    gradebook.fill(out, LESSON, [make("ada", 0.5), make("ben", 1.0)])
    with opened(out) as book:
        grade = book.find_grade("rome-rome-test", LESSON, LESSON, "ben")
        assert (grade.auto_score, grade.manual_score, grade.needs_manual_grade) == (5, 4.5, True)
        assert book.find_comment("rome-rome", LESSON, LESSON, "ben").comment == "See me."
        assert book.find_submission(LESSON, "ada").score == 11
    assert gradebook.scores(out, LESSON) == {"ada": (11.0, 0.0), "ben": (21.5, 0.0)}


@pytest.mark.parametrize(("late", "penalty"), [("none", 0.0), ("zero", 11.0), ("subtract", 2.2)])
def test_late_work_is_penalised_by_nbgraders_plug_in_and_punctual_work_is_not(out, make, late, penalty):
    hours = [make("late", 0.5, "2026-01-12T11:00:00+00:00"), make("punctual", 0.5, "2026-01-10T11:59:59Z")]
    gradebook.fill(out, LESSON, [*hours, make("timeless", 0.5, "")], due=DUE, late=late)
    rows = exported(out)
    assert float(rows["late"]["late_submission_penalty"]) == pytest.approx(penalty)
    assert float(rows["late"]["score"]) == pytest.approx(11 - penalty)
    assert float(rows["punctual"]["score"]) == float(rows["timeless"]["score"]) == 11
    assert gradebook.scores(out, LESSON)["late"] == pytest.approx((11 - penalty, penalty))


def test_an_extension_given_in_formgrader_counts(out, make):
    late = make("ada", 0.5, "2026-01-12T11:00:00+00:00")
    gradebook.fill(out, LESSON, [late], due=DUE, late="zero")
    with opened(out) as book:
        book.grant_extension(LESSON, "ada", days=2)
    gradebook.fill(out, LESSON, [late], late="zero")
    assert gradebook.scores(out, LESSON) == {"ada": (11.0, 0.0)}


def test_a_plug_ins_answer_is_kept_between_nothing_and_the_score():
    class Odd(BasePlugin):
        def late_submission_penalty(self, student_id, score, total_seconds_late):
            return {"nan": float("nan"), "much": 99.0, "less": -3.0, "none": None}[student_id]

    asked = {
        name: late_penalty(late_plugin(Odd()), name, 10.0, 5.0) for name in ("nan", "much", "less", "none")
    }
    assert asked == {"nan": None, "much": 10.0, "less": 0.0, "none": None}
    with pytest.raises(ValueError, match="no late penalty 'harsh'"):
        late_plugin("harsh")


def test_a_lesson_without_solution_is_refused_in_one_sentence(out):
    with pytest.raises(GradingError, match="no solution notebook of lesson '99_nothing'"):
        gradebook.fill(out, "99_nothing", [])


def test_forgetting_leaves_no_trace_of_the_student_in_the_file(out, make):
    gradebook.fill(out, LESSON, [make("unmistakable"), make("ben", 0.5)])
    assert b"unmistakable" in (out / "gradebook.db").read_bytes()
    assert gradebook.forget(out, "unmistakable") == [out / "gradebook.db"]
    assert b"unmistakable" not in (out / "gradebook.db").read_bytes()
    assert gradebook.forget(out, "unmistakable") == []
    assert gradebook.scores(out, LESSON) == {"ben": (11.0, 0.0)}


def test_the_submitted_copy_is_the_notebook_that_came_with_its_time(out, handed_out):
    notebook = dict(handed_out) | {"metadata": {"title": "\ud800"}}
    path = gradebook.keep_submission(
        out, Submission("../x", LESSON, notebook, received="2026-01-10T13:00+01:00")
    )
    assert path == out / "submitted" / folder_name("../x") / LESSON / f"{LESSON}.ipynb"
    assert nbformat.read(path, as_version=4).metadata.title == "\ud800"
    assert (path.parent / "timestamp.txt").read_text().startswith("2026-01-10 12:00:00")


def dot():
    """The smallest picture, as base64."""
    file = io.BytesIO()
    Image.new("L", (1, 1)).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def test_hostile_outputs_lose_their_scripts_and_formats_and_keep_their_text(make):
    outputs = (
        {
            "output_type": "display_data",
            "data": {"text/html": HOSTILE, "text/plain": "kept"},
            "metadata": {"a": 1},
        },
        {"output_type": "display_data", "data": {"application/javascript": "alert(1)"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/svg+xml": "<svg onload=alert(1)>"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": '" onerror="alert(1)'}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo=\n"}, "metadata": {}},
        {"output_type": "display_data", "data": {"image/png": f"{dot()}\n"}, "metadata": {}},
    )
    cells = (Cell("code", "x", outputs), Cell("markdown", "[x](http://x) <script>alert(1)</script>"))
    text = graded_copy(replace(make("x"), cells=cells), {"cells": [], "metadata": {}}, {})
    notebook = nbformat.reads(text, as_version=4)
    first, second = notebook.cells[0].outputs
    assert (
        first.data["text/plain"] == "kept" and "alert" not in first.data["text/html"] and not first.metadata
    )
    assert second.data == {"image/png": dot()}
    assert "<script>" not in notebook.cells[1].source and "alert(1)" in notebook.cells[1].source


junk = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
named = st.sampled_from(["stream", "error", "execute_result", "display_data", "other"])
output = st.fixed_dictionaries(
    {"output_type": named | junk},
    optional={
        "data": st.dictionaries(st.sampled_from(["text/plain", "text/html", "image/png"]), junk) | junk,
        "text": junk,
        "name": junk,
        "traceback": junk,
        "ename": junk,
        "metadata": junk,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60, deadline=None)
@given(
    st.lists(output, max_size=4),
    st.text(st.characters(codec=None)),
    st.sampled_from(["test", "markdown", "?"]),
)
def test_the_graded_copy_is_valid_whatever_a_student_printed(outputs, source, kind):
    cell = Cell(kind, source, tuple(outputs), grade_id="rome-rome-test")
    result = Result("x", LESSON, "k", (Mark("rome.rome", 1.5, 5),), (cell, cell))
    text = graded_copy(result, {"cells": [], "metadata": {}}, {})
    nbformat.validate(nbformat.reads(text.encode("utf-8").decode("utf-8"), as_version=4))


def test_nbgraders_own_grading_of_our_copies_leaves_the_same_gradebook(prepared, tmp_path, make):
    """nbgrader's autograde, all of it but the execution, on notebooks with our outputs."""
    ours, stock = (shutil.copytree(prepared, tmp_path / name) for name in ("ours", "stock"))
    results = [make("ada"), make("ben", 0.25, "2026-01-12T11:00:00+00:00"), make("cleo", 0.0, "")]
    gradebook.fill(ours, LESSON, results)
    with gradebook.open_gradebook(stock) as api:
        api.config.Autograde.sanitize_preprocessors = [DeduplicateIds, OverwriteCells, CheckCellMetadata]
        api.config.Autograde.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties]
        for one in results:
            shutil.copytree(ours / "autograded" / one.student, stock / "submitted" / one.student)
            must(api.autograde(LESSON, one.student), "nbgrader could not grade it")
    assert exported(ours) == exported(stock)
    assert told(ours) == told(stock)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_stock_nbgrader_leaves_the_same_gradebook(tmp_path, make):
    """The oracle itself: a perfect, an untouched and a partial notebook, graded by nbgrader."""
    spec = importlib.util.spec_from_file_location("stock", ROOT / "tests" / "autograder" / "test_nbgrader.py")
    stock = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stock)
    notebooks = {
        "ada": stock.perfect_notebook(),
        "ben": stock.student_notebook(),
        "cleo": stock.mutant_notebook("rome.rank_one_update", "identity"),
    }
    folder = tmp_path / "class"
    folder.mkdir()
    for name, notebook in notebooks.items():
        nbformat.write(notebook, folder / f"{name}.ipynb")
    graded = grade_submissions(LESSON, folder, tmp_path / "stock")
    results = [
        replace(
            make(one.student, points=one.points, received=""), cells=tuple(cells_of(notebooks[one.student]))
        )
        for one in graded
    ]
    assert 0 < results[2].earned < 22  # one is partial
    gradebook.fill(tmp_path / "ours", LESSON, results)
    assert exported(tmp_path / "ours") == exported(tmp_path / "stock")
    assert told(tmp_path / "ours") == told(tmp_path / "stock")


def told(out):
    """All that nbgrader's API says of grades, comments and source cells, without its random ids."""
    with opened(out) as book:
        rows = [row.to_dict() for row in book.find_notebook(LESSON, LESSON).source_cells]
        rows += [row.to_dict() for row in book.find_notebook(LESSON, LESSON).grade_cells]
        for copy in book.notebook_submissions(LESSON, LESSON):
            rows += [copy.to_dict() | {"penalty": copy.late_submission_penalty}]
            rows += [row.to_dict() for row in (*copy.grades, *copy.comments)]
    return sorted(repr({key: value for key, value in row.items() if key != "id"}) for row in rows)
