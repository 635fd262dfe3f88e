"""Rosters as spreadsheets, Canvas and Moodle write them."""

import pytest

from autograder.grader.roster import RosterError, read_roster

CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Essay (77)
    Points Possible,,,,,10
"Lovelace, Ada",1001,U1,alove,Sec 1,9
"Babbage, Charles",1002,U2,cbabb,Sec 1,
"Student, Test",1003,,abc123,Sec 1,
"""
MOODLE = """Identifier,Full name,Email address,Status,Grade,Maximum Grade
Participant 501,Ada Lovelace,ada@uni.example,No submission,,100
Participant 502,Charles Babbage,charles@uni.example,No submission,,100
"""
BLIND = """Identifier,Status,Grade,Maximum Grade
Participant 501,Submitted for grading,,100
"""
NAMES = """LastName,FirstName,ID,SIS Login ID,Section,Essay (77)
    Points Possible,,,,,10
Lovelace,Ada,1001,alove,Sec 1,9
Student,Test,1003,abc123,Sec 1,
"""
NBGRADER = "id,last_name,first_name,email\nbitdiddle,Bitdiddle,Ben,\nhacker,Hacker,Alyssa,\n"
PARTICIPANTS = """First name;Last name;ID number;Email address
Ada;Lovelace;m-1;ada@uni.example
Charles;Babbage;m-2;charles@uni.example
"""
PLAIN = "student_id,first_name,last_name,email\nada,Ada,Lovelace,ada@uni.example\nben,Ben,Bit,\n"


@pytest.fixture
def roster(tmp_path):
    def read(text, encoding="utf-8"):
        path = tmp_path / "roster.csv"
        path.write_bytes(text.encode(encoding))
        return read_roster(path)

    return read


def test_canvas_export_is_read_without_its_points_line_and_test_student(roster):
    people = roster(CANVAS).people
    assert [(p.student, p.first, p.last, p.number) for p in people] == [
        ("alove", "Ada", "Lovelace", "1001"),
        ("cbabb", "Charles", "Babbage", "1002"),
    ]
    assert people[0].lms["section"] == "Sec 1" and people[0].lms["sis user id"] == "U1"


def test_canvas_export_with_two_columns_of_names_is_read_likewise(roster):
    assert [(p.student, p.first, p.last) for p in roster(NAMES).people] == [("alove", "Ada", "Lovelace")]


def test_nbgraders_list_of_students_is_read(roster):
    people = roster(NBGRADER).people
    assert [(p.student, p.first) for p in people] == [("bitdiddle", "Ben"), ("hacker", "Alyssa")]


def test_moodle_worksheet_is_read(roster):
    person = roster(MOODLE).people[0]
    assert (person.first, person.last, person.email) == ("Ada", "Lovelace", "ada@uni.example")
    assert person.number == "501" and person.lms["identifier"] == "Participant 501"


def test_moodle_participants_with_semicolons_are_read(roster):
    assert [p.student for p in roster(PARTICIPANTS).people] == ["m-1", "m-2"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_plain_list_is_read_with_and_without_byte_order_mark(roster, encoding):
    assert [p.student for p in roster(PLAIN, encoding).people] == ["ada", "ben"]
    assert [p.student for p in roster("Student\nada\nben\n", encoding).people] == ["ada", "ben"]


@pytest.mark.parametrize(
    "name", ["alove", "ALOVE", "1001", "U1", "Ada_Lovelace", "lovelaceada_1001_889_05_rome"]
)
def test_a_submission_finds_its_person_by_any_of_the_names(roster, name):
    assert roster(CANVAS).person(name).last == "Lovelace"


def test_moodle_downloads_find_their_person(roster):
    assert roster(MOODLE).person("Ada Lovelace_501_assignsubmission_file").student == "501"
    assert roster(MOODLE).person("ada").last == "Lovelace"  # the address without its domain
    blind = roster(BLIND)
    assert blind.person("Participant_501_assignsubmission_file").lms["identifier"] == "Participant 501"


def test_unknown_submissions_and_missing_students_are_told_apart(roster):
    known = roster(PLAIN)
    assert known.unknown(["ada", "mallory"]) == ["mallory"]
    assert [p.student for p in known.missing(["ada", "mallory"])] == ["ben"]


def test_a_name_that_two_share_belongs_to_neither_unless_it_is_an_id(roster):
    twins = roster("username,first name,last name\nkim1,Kim,Lee\nkim2,Kim,Lee\nkim lee,Ann,Other\n")
    assert twins.person("kim1").student == "kim1"
    assert twins.person("Lee Kim") is None
    assert twins.person("Kim Lee").student == "kim lee"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"colour,size\nred,3\n", "names nobody"),
        (b"username\n", "names nobody"),
        ("username,name\nm,M\u00fcller".encode("latin-1"), "not UTF-8"),
        (b"username\nada\nada\n", "two lines for the student 'ada'"),
        (b"username\n" + b"a" * 200_000, "not a CSV file"),
    ],
)
def test_what_is_no_roster_is_refused_in_one_sentence(tmp_path, content, reason):
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    with pytest.raises(RosterError, match=reason) as caught:
        read_roster(path)
    assert "\n" not in str(caught.value)


def test_a_roster_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(RosterError, match="can't be read"):
        read_roster(tmp_path / "none.csv")


def test_details_for_the_gradebook_hold_no_comma_and_no_formula(roster):
    person = roster('username,first name,last name\nx,"=cmd|\' /C calc\'!A0","Lee, Jr\nII"\n').people[0]
    details = person.details()
    assert details["last_name"] == "Lee Jr II" and not details["first_name"].startswith("=")
