"""The ledger: atomic, resumable, one writer, and able to forget. Oracles: the file system and json."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.grader.ledger import Ledger, LedgerBusy
from autograder.grader.names import file_name, folder_name
from autograder.grader.records import Cell, Mark, Rejection, Result
from autograder.judgement import Finding, Judgement, Picture, Verdict

LESSON = "05_rome"
VERDICT = Verdict(False, "2.0", "nan", 1.5, Picture(((1.0, 2.0),), ((3.0,),)), "too big")
JUDGEMENT = Judgement(
    "rome.rome",
    "ROME",
    "(5.21)",
    5,
    2.5,
    "half",
    (Finding("law", "W k = v", True, VERDICT, "no"),),
    cause="x",
)


def result(student, key="k1", lesson=LESSON, **more):
    marks = (Mark("rome.rome", 2.5, 5, JUDGEMENT, 0.25), Mark("rome.subject_key", 2, 2))
    cells = (Cell("test", "grade()", ({"output_type": "stream", "name": "stdout", "text": "\ud800"},)),)
    return Result(student, lesson, key, marks, cells, ("A cell ran too long.",), **more)


def test_a_result_comes_back_as_it_was_from_another_ledger(tmp_path):
    Ledger(tmp_path).add(result("ada", received="2026-01-02T03:04:05+02:00"))
    assert list(Ledger(tmp_path).results(LESSON)) == [result("ada", received="2026-01-02T03:04:05+02:00")]


def test_only_the_very_key_is_found(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add(result("ada"))
    assert ledger.find("ada", LESSON, "k1") == result("ada")
    assert ledger.find("ada", LESSON, "k2") is None
    assert ledger.find("ben", LESSON, "k1") is None
    assert ledger.find("ada", "06_memit", "k1") is None


def test_a_regrade_replaces_the_result(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add(result("ada", "old"))
    ledger.add(result("ada", "new"))
    assert [one.key for one in ledger.results(LESSON)] == ["new"]


def test_results_are_sorted_by_student_and_kept_apart_by_lesson(tmp_path):
    ledger = Ledger(tmp_path)
    for name in ("cleo", "ada", "Ben"):
        ledger.add(result(name))
    ledger.add(result("dan", lesson="06_memit"))
    assert [one.student for one in ledger.results(LESSON)] == ["Ben", "ada", "cleo"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: "[]",
        lambda text: "null",
        lambda text: "[" * 100_000,
        lambda text: json.dumps(json.loads(text) | {"surprise": 1}),
        lambda text: text.replace('"earned": 2.5', '"earned": "lots"'),
        lambda text: text.replace('"marks": [', '"marks": [7, '),
        lambda text: text.replace('"student": "ada"', '"student": "eve"'),
    ],
)
def test_a_torn_or_foreign_file_is_ignored_and_later_overwritten(tmp_path, damage):
    ledger = Ledger(tmp_path)
    ledger.add(result("ada"))
    path = tmp_path / "results" / LESSON / "ada.json"
    damaged = damage(path.read_text())
    assert damaged != path.read_text()
    path.write_text(damaged)
    assert ledger.find("ada", LESSON, "k1") is None and list(ledger.results(LESSON)) == []
    ledger.add(result("ada"))
    assert ledger.find("ada", LESSON, "k1") == result("ada")


def test_bytes_that_are_no_text_are_ignored(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.add(result("ada"))
    (tmp_path / "results" / LESSON / "ada.json").write_bytes(b"\xff\xfe\x00")
    assert list(ledger.results(LESSON)) == []


HOSTILE = [
    "../../etc/passwd",
    "rejections",
    "",
    ".",
    "..",
    "con",
    "a/b",
    "a\\b",
    "a\0b",
    "\ud800",
    "x" * 9000,
]
HOSTILE += [
    "ada",
    "Ada",
    "ADA",
    "a b",
    "a_b",
    "a.json",
    ".ada",
    "~",
    "-rf",
    "ada~",
    "ａｄａ",
    "<b>",
    "Zoë",
    "Zoe\u0308",
]


def test_hostile_names_stay_in_the_folder_and_apart(tmp_path):
    out = tmp_path / "out"
    ledger = Ledger(out)
    for name in HOSTILE:
        ledger.add(result(name))
    ledger.reject(LESSON, [Rejection("x", "x.ipynb", "No.")])
    assert sorted(one.student for one in ledger.results(LESSON)) == sorted(HOSTILE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert {path.parent for path in out.rglob("*.json")} == {out / "results" / LESSON}


@given(st.text(st.characters(codec=None)), st.text(st.characters(codec=None)))
def test_names_are_injective_even_where_case_does_not_count(one, other):
    assert (file_name(one).casefold() == file_name(other).casefold()) == (one == other)
    assert (folder_name(one) == folder_name(other)) == (one == other)
    name = file_name(one)
    assert len(name.encode()) < 200 and not set(name) & set('/\\:*?"<>|\0') and name[0] not in ".-= +"


def test_names_that_differ_in_case_only_are_apart_where_case_does_not_count():
    names = ["ada", "Ada", "ADA", "straße", "strasse", "STRASSE"]
    assert len({file_name(name).casefold() for name in names}) == len(names)


def test_ordinary_names_stay_readable():
    for name in ("ada", "Ada.Lovelace", "s1234567", "ada@uni.example", "Zoë", "李明"):
        assert folder_name(name) == name


def test_rejections_come_back_and_are_replaced_as_a_whole(tmp_path):
    ledger = Ledger(tmp_path)
    rows = [Rejection("dan", "dan.ipynb", "Not JSON."), Rejection("\udcff", "<script>", "A link.")]
    assert ledger.rejections(LESSON) == []
    ledger.reject(LESSON, rows)
    assert Ledger(tmp_path).rejections(LESSON) == rows
    ledger.reject(LESSON, rows[:1])
    assert ledger.rejections(LESSON) == rows[:1]
    (tmp_path / "results" / LESSON / "rejections.json").write_text('[{"student": ')
    assert ledger.rejections(LESSON) == []


WRITER = """
import sys, time
from pathlib import Path
from autograder.grader.ledger import Ledger
ledger = Ledger(Path(sys.argv[1])).__enter__()
print("ready", flush=True)
time.sleep(120)
"""


@pytest.fixture
def other_run(tmp_path):
    """A second process that holds the folder's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_run_is_refused_in_one_sentence_while_the_first_lives_and_not_after_it_was_killed(
    tmp_path, other_run
):
    ledger = Ledger(tmp_path)
    with pytest.raises(LedgerBusy, match="^Another run is grading into .*folder[.]$"):
        ledger.add(result("ada"))
    assert list(ledger.results(LESSON)) == []  # reading is free
    os.kill(other_run.pid, signal.SIGKILL)
    other_run.wait()
    ledger.add(result("ada"))
    assert len(list(ledger.results(LESSON))) == 1


def test_a_closed_ledger_lets_the_next_one_write(tmp_path):
    with Ledger(tmp_path) as first:
        with pytest.raises(LedgerBusy):
            Ledger(tmp_path).add(result("ben"))
        first.add(result("ada"))
    Ledger(tmp_path).add(result("ben"))
    assert len(list(Ledger(tmp_path).results(LESSON))) == 2


def test_what_a_killed_run_left_half_written_is_never_read_and_cleared_by_the_next(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.add(result("ada"))
    folder = tmp_path / "results" / LESSON
    half = folder / ".abc123.json"
    half.write_text((folder / "ada.json").read_text()[:100])
    assert len(list(Ledger(tmp_path).results(LESSON))) == 1
    with Ledger(tmp_path):
        assert [path.name for path in folder.iterdir()] == ["ada.json"]


def test_a_result_that_cannot_be_written_leaves_the_earlier_one(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)
    ledger.add(result("ada", "old"))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        ledger.add(result("ada", "new"))
    assert [one.key for one in ledger.results(LESSON)] == ["old"]
    assert [path.name for path in (tmp_path / "results" / LESSON).iterdir()] == ["ada.json"]


def test_forgetting_removes_all_of_one_student_and_nothing_of_others(tmp_path):
    ledger = Ledger(tmp_path)
    for name in ("ada", "../ben"):
        for lesson in (LESSON, "06_memit"):
            ledger.add(result(name, lesson=lesson))
        for part in ("submitted", "autograded", "feedback"):
            folder = tmp_path / part / folder_name(name) / LESSON
            folder.mkdir(parents=True)
            (folder / "page.html").write_text(name)
    ledger.reject(
        LESSON, [Rejection("../ben", "second.ipynb", "A second one."), Rejection("ada", "x", "No.")]
    )
    (tmp_path / "exports" / LESSON).mkdir(parents=True)
    (tmp_path / "exports" / LESSON / "questions.csv").write_text("../ben,1")
    ledger.forget("../ben")
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert left and not [path for path in left if "ben" in path.name or "ben" in path.read_text()]
    assert len([path for path in left if path.parent.parent.name == "ada"]) == 3
    assert [one.student for one in ledger.results("06_memit")] == ["ada"]
    assert ledger.forget("../ben") == []


@pytest.mark.skipif(os.name != "posix", reason="links need no rights on POSIX only")
def test_forgetting_does_not_follow_a_link(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    out = tmp_path / "out"
    (out / "submitted").mkdir(parents=True)
    (out / "submitted" / "ada").symlink_to(outside)
    Ledger(out).forget("ada")
    assert Path(outside / "precious").read_text() == "x" and not (out / "submitted" / "ada").exists()
