"""Taking in: every layout of a class, every broken or hostile file, and nobody else is ever touched.

Archives are written with `zipfile`, links with `os`; what must come out is said here by hand.
"""

import copy
import json
import os
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import nbformat
import pytest

from autograder.grader import finding, intake, repair

ROOT = Path(__file__).resolve().parents[3]
LESSON = "05_rome"


def take_in(paths, lesson):
    """What is taken and what is rejected, as two lists."""
    taken = []
    rejected = intake.take_in(paths, lesson, taken.append)
    return taken, rejected


def text_of(lesson):
    return (ROOT / "lessons" / "en" / lesson / f"{lesson}.ipynb").read_text(encoding="utf-8")


GOOD = text_of(LESSON)
OTHER = text_of("06_memit")


def small(**changes):
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "source": "x = 1",
        "outputs": [],
        "execution_count": None,
    }
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell | changes]}


def put(path, content=GOOD):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(entries):
    """A zip's bytes; names are strings or ZipInfo."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


def link_entry(name):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry


def names(submissions):
    return [one.student for one in submissions]


@pytest.mark.parametrize(
    ("files", "students"),
    [
        (["class/ada.ipynb", "class/ben.ipynb"], ["ada", "ben"]),
        (["class/ada/05_rome.ipynb", "class/ben/05_rome.ipynb"], ["ada", "ben"]),
        (["class/ada/05_rome (1).ipynb", "class/ben/05_rome-Copy1.ipynb"], ["ada", "ben"]),
        (["class/ada/homework.ipynb", "class/ben/homework.ipynb"], ["ada", "ben"]),
        (["class/ada/05_rome/05_rome.ipynb", "class/ben/05_rome/05_rome.ipynb"], ["ada", "ben"]),
        (["class/group/ada.ipynb", "class/group/ben.ipynb"], ["ada", "ben"]),
        (["class/ada/.ipynb_checkpoints/05_rome-checkpoint.ipynb", "class/ada/05_rome.ipynb"], ["ada"]),
        (["class/Ada L_1815_assignsubmission_file_/x.ipynb"], ["Ada_L_1815"]),
        (["class/Ada L_1815_assignsubmission_file_05_rome.ipynb"], ["Ada_L_1815"]),
        (["class/lovelaceada_1815_1852_05_rome-1.ipynb"], ["lovelaceada_1815"]),
        (["class/lovelaceada_LATE_1815_1852_05_rome.ipynb"], ["lovelaceada_1815"]),
        (["class/王小明/05_rome.ipynb", "class/Zoë.ipynb"], ["Zoë", "王小明"]),
        (["class/..-ada.ipynb"], []),  # hidden files are not looked at
    ],
)
@pytest.mark.parametrize("as_zip", [False, True])
def test_every_layout_names_its_students(tmp_path, files, students, as_zip):
    if as_zip:
        path = put(tmp_path / "class.zip", zipped([(name.removeprefix("class/"), GOOD) for name in files]))
        if len(files) == 1 and students and "1815" not in students[0]:
            pytest.skip("an archive with one notebook is its student's")
    else:
        for name in files:
            put(tmp_path / name)
        path = tmp_path / "class"
    submissions, rejected = take_in([path], LESSON)
    assert names(submissions) == students and rejected == []


@pytest.mark.parametrize(
    "inner", ["05_rome.ipynb", "homework.ipynb", "05_rome/05_rome.ipynb", "my work/rome.ipynb"]
)
def test_an_archive_in_a_folder_is_one_students(tmp_path, inner):
    put(tmp_path / "class/ada.zip", zipped([(inner, GOOD)]))
    put(tmp_path / "class/ben/05_rome.zip", zipped([(inner, GOOD)]))
    assert names(take_in([tmp_path / "class"], LESSON)[0]) == ["ada", "ben"]


def test_results_among_the_submissions_are_none(tmp_path):
    for place in ("ada.ipynb", "graded/submitted/ada/05_rome/05_rome.ipynb", "graded.ipynb"):
        put(tmp_path / "class" / place)
    taken = []
    rejected = intake.take_in(
        [tmp_path / "class"], LESSON, taken.append, without=tmp_path / "class" / "graded"
    )
    assert names(taken) == ["ada", "graded"] and rejected == []


def test_a_class_download_may_hold_students_archives(tmp_path):
    inner = zipped([("05_rome.ipynb", GOOD), ("data/own.csv", "1,2")])
    path = put(tmp_path / "moodle.zip", zipped([("Ada L_7_assignsubmission_file_/mine.zip", inner)]))
    (one,), rejected = take_in([path], LESSON)
    assert (one.student, one.files, rejected) == ("Ada_L_7", {"data/own.csv": b"1,2"}, [])


def test_a_students_archive_cannot_speak_for_another(tmp_path):
    put(
        tmp_path / "class/eve.zip",
        zipped([("Ada_7_assignsubmission_file_/05_rome.ipynb", OTHER), ("x.txt", "")]),
    )
    put(tmp_path / "class/Ada_7_assignsubmission_file_/05_rome.ipynb")
    submissions, rejected = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["Ada_7"]
    assert [(row.student, "06_memit" in row.reason) for row in rejected] == [("eve", True)]


def test_a_notebook_given_by_itself_is_named_as_before(tmp_path):
    given = [
        put(tmp_path / "ada.ipynb"),
        put(tmp_path / "ben/05_rome.ipynb"),
        put(tmp_path / "cy/05_rome/05_rome.ipynb"),
    ]
    assert names(take_in(given, LESSON)[0]) == ["ada", "ben", "cy"]


@pytest.mark.parametrize(
    "name", ["...ipynb", "-rf.ipynb", "@cmd.ipynb", "a b;c.ipynb", "a\nb.ipynb", "x" * 200 + ".ipynb"]
)
def test_a_students_name_is_safe_as_a_folder(tmp_path, name):
    for one in take_in([put(tmp_path / name)], LESSON)[0]:
        assert one.student not in ("", ".", "..") and len(one.student) <= 100
        assert one.student[0] not in ".-@" and not set(one.student) & set("/\\\n ;")


def test_the_best_named_of_two_counts_and_the_other_is_named(tmp_path):
    put(tmp_path / "class/ada/05_rome.ipynb")
    put(tmp_path / "class/ada/05_rome (1).ipynb", json.dumps(small()))
    put(tmp_path / "class/ada/scratch.ipynb", json.dumps(small()))
    (one,), rejected = take_in([tmp_path / "class"], LESSON)
    assert one.file.endswith("ada/05_rome.ipynb")
    assert [row.file for row in rejected] == ["class/ada/05_rome (1).ipynb", "class/ada/scratch.ipynb"]
    assert {row.student for row in rejected} == {"ada"}


def test_a_broken_best_named_one_does_not_cost_the_good_copy(tmp_path):
    put(tmp_path / "class/ada/05_rome.ipynb", "{")
    put(tmp_path / "class/ada/05_rome (1).ipynb")
    (one,), (row,) = take_in([tmp_path / "class"], LESSON)
    assert one.file.endswith("(1).ipynb") and "not JSON" in row.reason


def test_another_lessons_notebook_is_told_by_its_cells(tmp_path):
    put(tmp_path / "class/ada/05_rome.ipynb", OTHER)
    submissions, (row,) = take_in([tmp_path / "class"], LESSON)
    assert submissions == [] and row.student == "ada" and "lesson 06_memit, not of 05_rome" in row.reason


def test_a_course_tree_leaves_the_other_lessons_alone(tmp_path):
    put(tmp_path / "submitted/ada/05_rome/05_rome.ipynb")
    put(tmp_path / "submitted/ada/06_memit/06_memit.ipynb", OTHER)
    submissions, rejected = take_in([tmp_path / "submitted"], LESSON)
    assert names(submissions) == ["ada"] and rejected == []


@pytest.mark.parametrize(
    ("stamp", "received"),
    [
        ("2026-10-01 12:30:00.5 UTC", "2026-10-01T12:30:00.500000+00:00"),
        ("2026-10-01 12:30:00 Europe/Berlin", "2026-10-01T12:30:00+02:00"),
        ("2026-10-01 12:30:00 +0530", "2026-10-01T12:30:00+05:30"),
        ("2026-10-01 12:30:00", "2026-10-01T12:30:00+00:00"),
        ("2026-13-01 12:30:00 UTC", ""),
        ("2026-10-01 12:30:00 ../../etc/passwd", ""),
        ("yesterday", ""),
        (b"\xff\xfe", ""),
        ("9" * 5000, ""),
    ],
)
def test_nbgraders_timestamp_is_read_and_not_handed_on(tmp_path, stamp, received):
    put(tmp_path / "submitted/ada/05_rome/05_rome.ipynb")
    put(tmp_path / "submitted/ada/05_rome/timestamp.txt", stamp)
    (one,), _ = take_in([tmp_path / "submitted"], LESSON)
    assert (one.received, one.files) == (received, {})


def test_a_student_cannot_date_their_own_archive(tmp_path):
    entries = [("05_rome/05_rome.ipynb", GOOD), ("05_rome/timestamp.txt", "2000-01-01 00:00:00 UTC")]
    put(tmp_path / "class/ada.zip", zipped(entries))
    given = [tmp_path / "class", put(tmp_path / "ben.zip", zipped(entries))]
    assert [one.received for one in take_in(given, LESSON)[0]] == ["", ""]


def test_files_beside_a_notebook_come_along_and_only_its_own(tmp_path):
    put(tmp_path / "class/ada/05_rome.ipynb")
    put(tmp_path / "class/ada/sub/data.bin", b"\0\xff")
    put(tmp_path / "class/ben/05_rome.ipynb")
    put(tmp_path / "class/ben/numpy.py", "print()")
    put(tmp_path / "class/readme.txt", "for all")
    ada, ben = take_in([tmp_path / "class"], LESSON)[0]
    assert (ada.files, ben.files) == ({"sub/data.bin": b"\0\xff"}, {"numpy.py": b"print()"})


def test_too_many_or_too_large_files_are_left_out_and_the_work_is_graded(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "BESIDE_FILES", 2)
    monkeypatch.setattr(intake, "BESIDE_BYTES", 10)
    put(tmp_path / "class/ada/05_rome.ipynb")
    for name, content in (("a", b"1" * 20), ("b", b"22"), ("c", b"3"), ("d", b"4")):
        put(tmp_path / f"class/ada/{name}", content)
    (one,), rejected = take_in([tmp_path / "class"], LESSON)
    assert list(one.files) == ["b", "c"] and [row.file[-1] for row in rejected] == ["a", "d"]


def test_a_folder_without_a_notebook_is_said(tmp_path):
    put(tmp_path / "class/ada/report.pdf", b"%PDF")
    submissions, (row,) = take_in([tmp_path / "class"], LESSON)
    assert submissions == [] and row.student == "ada" and "no notebook" in row.reason


@pytest.mark.parametrize("given", ["nothing", "work.py"])
def test_what_is_missing_or_no_notebook_is_one_sentence(tmp_path, given):
    put(tmp_path / "work.py", "1")
    submissions, (row,) = take_in([tmp_path / given], LESSON)
    assert submissions == [] and row.file == given and row.reason.endswith(".")


# Broken content, each between two honest students


def deep(n):
    return '{"nbformat": 4, "nbformat_minor": 5, "metadata": {"x": ' + "[" * n + "]" * n + '}, "cells": []}'


BROKEN = {
    "empty": b"",
    "not JSON": b"{ no",
    "not UTF-8": GOOD.encode("utf-16"),
    "latin-1": '{"ü": 1}'.encode("latin-1"),
    "a list": b"[]",
    "a number": b"1",
    "no cells": b'{"nbformat": 4, "metadata": {}}',
    "cells no list": b'{"nbformat": 4, "metadata": {}, "cells": {"a": 1}}',
    "format 5": json.dumps(small() | {"nbformat": 5}).encode(),
    "nested a little too deep": deep(100).encode(),
    "nested beyond any stack": deep(200_000).encode(),
    "brackets without end": b"[" * 1_000_000,
    "a bomb of small lists": b"[" + b"[]," * 600_000 + b"[]]",
    "a number of many digits": b'{"cells": [], "nbformat": ' + b"9" * 6000 + b"}",
    "too many cells": json.dumps({"nbformat": 4, "metadata": {}, "cells": [{}] * 2001}).encode(),
    "a cell without end": json.dumps(small(source="x" * (2**20 + 1))).encode(),
    "worksheets of nothing": b'{"nbformat": 3, "worksheets": [null]}',
    "a folder": None,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_one_named_rejection_and_harms_nobody(tmp_path, kind):
    put(tmp_path / "class/ada.ipynb")
    put(tmp_path / "class/zoe.ipynb")
    if BROKEN[kind] is None:
        put(tmp_path / "class/mid.ipynb/inner.txt", "x")
    else:
        put(tmp_path / "class/mid.ipynb", BROKEN[kind])
    submissions, rejected = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["ada", "zoe"]
    assert [row.student for row in rejected] == ["mid"]
    assert rejected[0].reason.endswith(".") and "\n" not in rejected[0].reason
    assert all(one.notebook["cells"] == submissions[0].notebook["cells"] for one in submissions)


def test_a_file_over_the_cap_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "FILE_BYTES", 2**20)
    put(tmp_path / "class/ada.ipynb")
    put(tmp_path / "class/big.ipynb", b" " * (2**20 + 1))
    submissions, (row,) = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["ada"] and row.reason == "It is larger than 1 MB."


# What is harmless is put right


def v3():
    cell = {
        "cell_type": "code",
        "language": "python",
        "metadata": {},
        "input": "x = 1",
        "outputs": [],
        "collapsed": False,
    }
    return {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [cell], "metadata": {}}],
    }


def without(key):
    notebook = small()
    del notebook["cells"][0][key]
    return notebook


TWICE = small()
TWICE["cells"] = [TWICE["cells"][0], copy.deepcopy(TWICE["cells"][0])]


@pytest.mark.parametrize(
    ("notebook", "source"),
    [
        (small(source=["x =", " 1"]), "x = 1"),
        (small(source=None), ""),
        (small(source=[None, "x", 3]), "x"),
        (small(source={"a": 1}), ""),
        (without("id"), "x = 1"),
        (small(id="not an id!"), "x = 1"),
        (small(id=7), "x = 1"),
        (TWICE, "x = 1"),
        (small() | {"nbformat_minor": 99}, "x = 1"),
        (small() | {"nbformat_minor": "new"}, "x = 1"),
        (small() | {"nbformat": "4"}, "x = 1"),
        (small() | {"metadata": []}, "x = 1"),
        (small() | {"metadata": {"kernelspec": 3}}, "x = 1"),
        (small(metadata=None), "x = 1"),
        (small(metadata={"tags": 5, "nbgrader": [1]}), "x = 1"),
        (small(outputs=[{"output_type": "nonsense"}]), "x = 1"),
        (small(outputs=None), "x = 1"),
        (without("outputs"), "x = 1"),
        (small(cell_type="heading"), "x = 1"),
        (small(source="a\ud800b"), "a\ufffdb"),
        (v3(), "x = 1"),
    ],
)
def test_harmless_faults_are_put_right(tmp_path, notebook, source):
    put(tmp_path / "class/ada.ipynb", json.dumps(notebook))
    put(tmp_path / "class/ben.ipynb")
    (one, _), rejected = take_in([tmp_path / "class"], LESSON)
    assert rejected == [] and one.notebook["cells"][0]["source"] == source
    nbformat.validate(one.notebook)
    json.dumps(one.notebook, ensure_ascii=False).encode("utf-8")
    assert take_in([tmp_path / "class"], LESSON)[0][0] == one  # ids are not drawn by chance


def test_a_byte_order_mark_is_no_fault(tmp_path):
    put(tmp_path / "ada.ipynb", GOOD.encode("utf-8-sig"))
    assert names(take_in([tmp_path / "ada.ipynb"], LESSON)[0]) == ["ada"]


def test_an_honest_notebook_comes_through_unchanged(tmp_path):
    (one,), _ = take_in([put(tmp_path / "ada.ipynb")], LESSON)
    asked = nbformat.reads(GOOD, as_version=4)
    got = [
        (cell["id"], cell["cell_type"], cell["source"], cell["metadata"]) for cell in one.notebook["cells"]
    ]
    assert got == [(cell.id, cell.cell_type, cell.source, cell.metadata) for cell in asked.cells]


# Links and archives


def link_to_file(folder, secret):
    (folder / "mid.ipynb").symlink_to(secret)


def link_to_folder(folder, secret):
    (folder / "mid").symlink_to(secret.parent)


def hard_link(folder, secret):
    os.link(secret, folder / "mid.ipynb")


def dangling(folder, secret):
    (folder / "mid.ipynb").symlink_to(folder / "nowhere")


def loop(folder, secret):
    (folder / "mid").symlink_to(folder)


def pipe(folder, secret):
    os.mkfifo(folder / "mid.ipynb")


@pytest.mark.parametrize("make", [link_to_file, link_to_folder, hard_link, dangling, loop, pipe])
def test_links_and_pipes_are_named_and_never_followed(tmp_path, make):
    secret = put(tmp_path / "outside/05_rome.ipynb", json.dumps(small(source="secret")))
    put(tmp_path / "class/ada.ipynb")
    make(tmp_path / "class", secret)
    submissions, rejected = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["ada"]
    assert [row.student for row in rejected] == ["mid"]
    assert "link" in rejected[0].reason or "pipe" in rejected[0].reason


def test_a_link_beside_a_notebook_is_not_carried(tmp_path):
    secret = put(tmp_path / "outside.txt", "secret")
    put(tmp_path / "class/ada/05_rome.ipynb")
    (tmp_path / "class/ada/data.txt").symlink_to(secret)
    (one,), (row,) = take_in([tmp_path / "class"], LESSON)
    assert one.files == {} and row.student == "ada"


@pytest.mark.parametrize(
    "name",
    [
        "../05_rome.ipynb",
        "a/../../b.ipynb",
        "/etc/05_rome.ipynb",
        "C:\\x\\y.ipynb",
        "c:y.ipynb",
        "..\\up.ipynb",
        "\\\\host\\share.ipynb",
        "a//b.ipynb",
        "x/" * 300 + "y.ipynb",
    ],  # fmt: skip
)
def test_a_name_that_leads_out_of_an_archive_is_refused(tmp_path, name):
    path = put(
        tmp_path / "class.zip",
        zipped([("ada/05_rome.ipynb", GOOD), (name, GOOD), ("zoe/05_rome.ipynb", GOOD)]),
    )
    submissions, (row,) = take_in([path], LESSON)
    assert names(submissions) == ["ada", "zoe"] and "out of the archive" in row.reason
    assert sorted(path.name for path in tmp_path.iterdir()) == ["class.zip"]


def test_windows_separators_are_separators(tmp_path):
    path = put(tmp_path / "class.zip", zipped([("ada\\05_rome.ipynb", GOOD), ("ben\\05_rome.ipynb", GOOD)]))
    assert names(take_in([path], LESSON)[0]) == ["ada", "ben"]


def test_a_link_in_an_archive_is_refused(tmp_path):
    entries = [("ada/05_rome.ipynb", GOOD), (link_entry("mid/05_rome.ipynb"), "../ada/05_rome.ipynb")]
    submissions, (row,) = take_in([put(tmp_path / "class.zip", zipped(entries))], LESSON)
    assert names(submissions) == ["ada"] and row.student == "mid" and "link" in row.reason


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twin", ["ada/data.txt", "ada/DATA.txt"])
def test_of_two_files_of_one_name_the_first_counts(tmp_path, twin):
    entries = [("ada/05_rome.ipynb", GOOD), ("ada/data.txt", "1"), (twin, "2"), ("ben/05_rome.ipynb", GOOD)]
    (ada, _), (row,) = take_in([put(tmp_path / "class.zip", zipped(entries))], LESSON)
    assert len(ada.files) == 1 and row.student == "ada" and "this name already" in row.reason


def damaged(content):
    """The first file's compressed bytes overwritten."""
    start = 30 + struct.unpack("<H", content[26:28])[0]
    return content[: start + 20] + b"\xff" * 200 + content[start + 220 :]


def declared(content, size):
    """The size that the table of contents declares for the first file, replaced."""
    place = content.index(b"PK\1\2")
    return content[: place + 24] + struct.pack("<L", size) + content[place + 28 :]


def encrypted(content):
    place = content.index(b"PK\1\2")
    return content[: place + 8] + b"\1\0" + content[place + 10 :]


ONE = zipped([("05_rome.ipynb", GOOD)])
BAD_ZIPS = {
    "no zip": b"nothing",
    "empty": b"",
    "cut off": ONE[: len(ONE) // 2],
    "damaged": damaged(ONE),
    "declares gigabytes": declared(ONE, 2**31),
    "declares too little": declared(ONE, 10),
    "encrypted": encrypted(ONE),
    "unknown compression": ONE.replace(b"PK\1\2\x14\x03\x14\0\0\0\x08\0", b"PK\1\2\x14\x03\x14\0\0\0\x63\0"),
    "table of contents too large": ONE[:-22] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 2**31, 0, 0),
    "zeros unpacked": zipped([("05_rome.ipynb", b"\0" * (finding.FILE_BYTES + 1))]),
    "an archive's archive's archive": zipped([("a.zip", zipped([("b.zip", ONE)]))]),
}


@pytest.mark.parametrize("kind", BAD_ZIPS)
def test_a_bad_archive_is_one_named_rejection_and_harms_nobody(tmp_path, kind):
    put(tmp_path / "class/ada.ipynb")
    put(tmp_path / "class/mid.zip", BAD_ZIPS[kind])
    put(tmp_path / "class/zoe.zip", ONE)
    submissions, rejected = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["ada", "zoe"]
    assert [row.student for row in rejected] == ["mid"] and rejected[0].reason.endswith(".")


def test_a_table_of_contents_of_the_larger_format_is_measured_too():
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 2**40, 0)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, 46, 0, 0)
    assert finding._directory_bytes(BytesIO(record + locator + end)) == 2**40


def test_many_bad_files_of_one_student_are_summed_up(tmp_path):
    for number in range(40):
        put(tmp_path / f"class/ada/05_rome {number}.ipynb", "{")
    put(tmp_path / "class/ben/05_rome.ipynb")
    submissions, rejected = take_in([tmp_path / "class"], LESSON)
    assert names(submissions) == ["ben"] and len(rejected) == 13
    assert any("28 more files" in row.reason for row in rejected)


def test_file_names_that_are_no_text_are_shown_as_text(tmp_path):
    folder = os.fsencode(tmp_path / "class")
    os.mkdir(folder)
    with open(folder + b"/a\xffb.ipynb", "w", encoding="utf-8") as file:
        file.write(GOOD)
    (one,), _ = take_in([tmp_path / "class"], LESSON)
    (one.student + one.file).encode("utf-8")


def test_the_caps_leave_room_for_honest_work():
    assert len(GOOD) * 4 < finding.FILE_BYTES and len(json.loads(GOOD)["cells"]) * 4 < repair.CELLS
