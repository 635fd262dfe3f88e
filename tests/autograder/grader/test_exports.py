"""Exports, each against its documentation: csv re-read, JSON schema from the documentation, XML parsed."""

import csv
import json
import re
import shutil
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbgrader.plugins import CsvExportPlugin

from autograder.exercises import EXERCISES
from autograder.grader import gradebook
from autograder.grader.exports import write_exports
from autograder.grader.exports.entries import number, safe
from autograder.grader.exports.junit import legal
from autograder.grader.names import folder_name
from autograder.grader.records import Mark, Rejection, Result
from autograder.grader.roster import Person, Roster, read_roster
from autograder.judgement import Finding, Judgement, Verdict

pytestmark = pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")

LESSON = "05_rome"
ROWS = [row for row in EXERCISES if row.lesson == LESSON]
EVIL = '=HYPERLINK("http://x")\x00\x1b\ufffe\ud800]]><script>&'
# From gradescope-autograders.readthedocs.io/en/latest/specs, "Output format"
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
VISIBILITY = {"enum": ["hidden", "after_due_date", "after_published", "visible"]}
TEST = {
    "score": {"type": "number"},
    "max_score": {"type": "number"},
    "status": {"enum": ["passed", "failed"]},
    "name": {"type": "string"},
    "name_format": FORMAT,
    "number": {"type": "string"},
    "output": {"type": "string"},
    "output_format": FORMAT,
    "tags": {"type": "array"},
    "visibility": VISIBILITY,
    "extra_data": {"type": "object"},
}
GRADESCOPE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["score"],
    "properties": {
        "score": {"type": "number"},
        "execution_time": {"type": "number"},
        "output": {"type": "string"},
        "output_format": FORMAT,
        "test_output_format": FORMAT,
        "test_name_format": FORMAT,
        "visibility": VISIBILITY,
        "stdout_visibility": VISIBILITY,
        "extra_data": {"type": "object"},
        "tests": {
            "type": "array",
            "items": {"type": "object", "additionalProperties": False, "properties": TEST},
        },
        "leaderboard": {"type": "array"},
    },
}
# From Moodle's mod/assign/gradingtable.php; Username and ID number are there if an administrator wants them
WORKSHEET = [
    *("Identifier", "Full name", "Username", "ID number", "Email address", "Status"),
    *("Grade", "Maximum Grade", "Grade can be changed", "Last modified (submission)"),
    *("Last modified (grade)", "Feedback comments"),
]
# From Jenkins' junit-10.xsd: element -> (required attributes, optional ones, children)
JUNIT = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {
            "group",
            "time",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
            "file",
            "log",
            "url",
            "version",
        },
        {"testsuite", "properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": ({"name"}, {"time", "classname", "group"}, {"skipped", "error", "failure", "system-out"}),
    "failure": (set(), {"type", "message"}, set()),
    "error": (set(), {"type", "message"}, set()),
    "skipped": (set(), {"type", "message"}, set()),
}


def result(student, share):
    verdict = Verdict(share == 1, EVIL, "1.0", float("nan"))
    finding = Finding("law", EVIL, True, verdict, EVIL)
    marks = [
        Mark(
            row.id,
            share * row.points,
            row.points,
            Judgement(row.id, "T", "E", row.points, share * row.points, EVIL, (finding,), printed=EVIL),
            0.5,
        )
        for row in ROWS
    ]
    return Result(student, LESSON, "k", tuple(marks), notes=(EVIL,), received=EVIL, seconds=3.25)


ROSTER = Roster(
    [
        Person(
            "ada", "Ada", "Lovelace", "ada@uni.example", {"id": "1001", "sis login id": "ada", "section": "S"}
        ),
        Person("ben", "=cmd|' /C calc'!A0", "+Bit", "ben@uni.example", {"id": "1002", "sis user id": "U2"}),
        Person("cleo", "Cleo", "Silent", "", {"identifier": "Participant 7"}),
        Person("dan", "Dan", "Broken", "", {"id": "1004"}),
    ]
)
RESULTS = [result("ada", 1.0), result("ben", 0.0), result(EVIL, 0.5)]
REJECTED = [
    Rejection("dan", "dan.ipynb", f"-1 is not a notebook: {EVIL}"),
    Rejection("", "@x.zip", "An escape."),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    gradebook.fill(out, LESSON, RESULTS, roster=ROSTER)
    files = write_exports(out, LESSON, RESULTS, REJECTED, ROSTER)
    assert {path.resolve() for path in files} == {
        path.resolve() for path in (out / "exports").rglob("*") if path.is_file()
    }
    return out / "exports" / LESSON


def table(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_canvas_import_has_its_columns_points_line_and_only_people_whom_canvas_knows(folder):
    rows = table(folder / "canvas.csv")
    assert list(rows[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", LESSON]
    assert rows[0]["Student"].strip() == "Points Possible" and rows[0][LESSON] == "22"
    assert [row[LESSON] for row in rows[1:]] == ["22", "0", "", ""]  # a zero, then missing and rejected
    assert rows[1] | {LESSON: ""} == {
        "Student": "Lovelace, Ada",
        "ID": "1001",
        "SIS User ID": "",
        "SIS Login ID": "ada",
        "Section": "S",
        LESSON: "",
    }


def test_moodle_worksheet_has_its_columns_and_tells_zero_missing_and_rejected_apart(folder):
    rows = table(folder / "moodle.csv")
    assert list(rows[0]) == WORKSHEET
    told = {row["Full name"]: (row["Status"], row["Grade"]) for row in rows[2:4]}
    assert (rows[0]["Grade"], rows[1]["Grade"], rows[0]["Maximum Grade"]) == ("22", "0", "22")
    assert told == {"Cleo Silent": ("No submission", ""), "Dan Broken": ("Rejected", "")}
    assert rows[2]["Identifier"] == "Participant 7" and "not a notebook" in rows[3]["Feedback comments"]


def test_moodle_lines_are_people_whom_its_gradebook_import_can_find(folder):
    rows = table(folder / "moodle.csv")
    names = {row["Full name"] for row in rows}
    assert len(rows) == 4 and {"Ada Lovelace", "Cleo Silent", "Dan Broken"} < names
    # an empty cell would give the grade to the student of the line before, an invented one to a stranger
    assert [row["Email address"] for row in rows] == ["ada@uni.example", "ben@uni.example", "?", "?"]
    assert [row["ID number"] for row in rows] == ["ada", "ben", "?", "dan"]
    assert {row["Username"] for row in rows} == {""}


def test_a_moodle_worksheet_comes_back_with_its_own_ids_and_times(tmp_path):
    roster, time = tmp_path / "roster.csv", "Monday, 2 March 2026, 9:15 AM"
    roster.write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Grade can be changed,"
        "Last modified (submission),Last modified (grade),Feedback comments\n"
        f'Participant 501,Ada Lovelace,ada@uni.example,Submitted,1,22,Yes,"{time}","{time}",\n'
        "Participant 502,Charles Babbage,charles@uni.example,No submission,,22,Yes,-,-,\n",
        encoding="utf-8",
    )
    write_exports(tmp_path, LESSON, RESULTS[:1], [], read_roster(roster))
    ada, charles = table(tmp_path / "exports" / LESSON / "moodle.csv")
    assert (ada["Identifier"], ada["Grade"], ada["Last modified (grade)"]) == ("Participant 501", "22", time)
    assert (charles["Identifier"], charles["Grade"], charles["Last modified (grade)"]) == (
        "Participant 502",
        "",
        "",
    )
    assert ada["ID number"] == charles["ID number"] == ""  # 501 is somebody else's, if anybody's


def test_every_question_is_in_the_table(folder):
    rows = {row["student"]: row for row in table(folder / "questions.csv")}
    assert [rows[name]["status"] for name in ("ada", "ben", "cleo", "dan")] == [
        "graded",
        "graded",
        "missing",
        "rejected",
    ]
    for row in ROWS:
        cells = [rows[name][row.id] for name in ("ada", "ben", "cleo", "dan")]
        assert cells == [str(row.points), "0", "", ""]
    assert rows["cleo"]["score"] == rows["dan"]["score"] == "" != rows["ben"]["score"]
    assert "An escape." in {row["reason"] for row in rows.values()}


def test_grades_as_json_hold_the_same_and_no_nan(folder):
    def refuse(word):
        raise AssertionError(word)

    data = json.loads((folder / "grades.json").read_text(encoding="utf-8"), parse_constant=refuse)
    told = {one["student"]: (one["status"], one["score"]) for one in data["students"]}
    assert told == {
        "ada": ("graded", 22),
        "ben": ("graded", 0),
        "cleo": ("missing", None),
        "dan": ("rejected", None),
        EVIL: ("graded", 11),
        "@x.zip": ("rejected", None),
    }
    assert data["points"] == {row.id: row.points for row in ROWS}


def test_gradescope_files_follow_the_documented_form_one_per_submission(folder):
    files = {path.parent.name: json.loads(path.read_text()) for path in folder.rglob("results.json")}
    assert set(files) == {"ada", "ben", "dan", folder_name(EVIL), folder_name("@x.zip")}  # no cleo
    for data in files.values():
        jsonschema.validate(data, GRADESCOPE)
    assert files["ada"]["score"] == sum(test["max_score"] for test in files["ada"]["tests"]) == 22
    assert {test["status"] for test in files["ada"]["tests"]} == {"passed"}
    assert {test["status"] for test in files["ben"]["tests"]} == {"failed"}
    assert files["dan"]["extra_data"]["status"] == "rejected" and "not a notebook" in files["dan"]["output"]


def test_junit_follows_the_schema_and_counts_rightly(folder):
    root = ElementTree.parse(folder / "junit.xml").getroot()

    def check(element):
        required, optional, children = JUNIT[element.tag]
        assert required <= set(element.attrib) <= required | optional
        assert {child.tag for child in element} <= children
        for child in element:
            check(child)

    check(root)
    kinds = {
        suite.get("name"): [len(suite.findall(f"testcase/{k}")) for k in ("failure", "error", "skipped")]
        for suite in root
    }
    assert [kinds[name] for name in ("ada", "ben", "cleo", "dan")] == [
        [0, 0, 0],
        [6, 0, 0],
        [0, 0, 1],
        [0, 1, 0],
    ]
    for suite in root:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert int(suite.get("failures")) == kinds[suite.get("name")][0]
        assert re.fullmatch(r"[0-9]+\.[0-9]{3}", suite.get("time"))
    assert int(root.get("tests")) == len(root.findall("testsuite/testcase"))


def test_nbgraders_csv_is_its_exporters_but_for_those_who_handed_in_nothing(folder, tmp_path):
    with gradebook.open_gradebook(folder.parents[1]) as api, api.gradebook as book:
        CsvExportPlugin(to=str(tmp_path / "own.csv")).export(book)
    ours = {row["student_id"]: row for row in table(folder / "nbgrader.csv")}
    own = {row["student_id"]: row for row in table(tmp_path / "own.csv")}
    assert list(ours) == list(own) and set(ours) >= {"ada", "ben", "cleo", "dan"}
    for id in ("ada", "ben", folder_name(EVIL)):
        assert ours[id] == own[id]
    assert ours["cleo"]["score"] == ours["dan"]["score"] == "" and ours["ben"]["score"] == "0.0"


def test_no_cell_of_any_table_begins_like_a_formula(folder):
    seen = 0
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            for cell in (cell for row in csv.reader(file) for cell in row):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")), (path.name, cell)
                seen += 1
    assert seen > 100


def test_without_a_roster_everyone_who_handed_in_is_there(tmp_path):
    write_exports(tmp_path, LESSON, RESULTS, REJECTED)
    assert len(table(tmp_path / "exports" / LESSON / "canvas.csv")) == 1 + len(RESULTS) + len(REJECTED)
    assert not (tmp_path / "exports" / LESSON / "nbgrader.csv").exists()  # there is no gradebook
    write_exports(tmp_path, LESSON, [], [])
    assert table(tmp_path / "exports" / LESSON / "canvas.csv")[0][LESSON] == ""  # no points known, not 0


def test_a_manual_grade_goes_into_all_exports(folder, tmp_path):
    out = shutil.copytree(folder.parents[1], tmp_path / "out")
    with gradebook.open_gradebook(out) as api, api.gradebook as book:
        book.find_grade("rome-rome-test", LESSON, LESSON, "ben").manual_score = 3.5
        book.db.commit()
    write_exports(out, LESSON, RESULTS[1:2], [])
    folder = out / "exports" / LESSON
    assert table(folder / "canvas.csv")[1][LESSON] == "3.5" == table(folder / "questions.csv")[0]["score"]


@given(st.text(st.characters(codec=None)))
def test_strings_become_harmless_cells_and_legal_xml(text):
    assert not safe(text).startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    safe(text).encode("utf-8")
    ElementTree.fromstring(ElementTree.tostring(made(legal(text)), encoding="unicode"))


def made(text):
    element = ElementTree.Element("a", b=text)
    element.text = text
    return element


@pytest.mark.parametrize(
    ("points", "cell"),
    [(2.0, "2"), (0.0, "0"), (2.5, "2.5"), (1 / 3, "0.3333"), (None, ""), (float("nan"), ""), (100.0, "100")],
)
def test_points_have_no_more_digits_than_needed(points, cell):
    assert number(points) == cell
