"""Rows of files: JSON and JSONL alike, or one sentence."""

import json
from pathlib import Path

import pytest

from edu_edit.facts import facts_from_json
from edu_edit.rows import read_rows

ROWS = [{"a": 1}, {"a": "斑马\u2028"}]


def test_json_and_jsonl_give_the_same_rows(tmp_path: Path) -> None:
    """A separator of lines inside a text is no end of a row, and a byte order mark is no part of it."""
    (tmp_path / "x.json").write_text(json.dumps(ROWS, ensure_ascii=False), encoding="utf-8-sig")
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS) + "\n\n"
    (tmp_path / "x.jsonl").write_text(lines, encoding="utf-8")
    assert read_rows(tmp_path / "x.json", "rows") == ROWS == read_rows(str(tmp_path / "x.jsonl"), "rows")


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("x.json", "[{]", "x.json is not valid JSON at line 1"),
        ("x.json", '[1,\n2,\n"', "at line 3"),
        ("x.jsonl", '{"a": 1}\n\n{"a": }', "x.jsonl is not valid JSON at line 3"),
        ("x.json", "{}", "must hold a list of rows"),
        ("x.json", "[]", "must hold a list of rows"),
        ("x.jsonl", "\n", "must hold a list of rows"),
    ],
)
def test_bad_files_are_refused_in_a_sentence(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence) as caught:
        read_rows(tmp_path / name, "rows")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read as a UTF-8 text file"):
        read_rows(tmp_path / "x.json", "rows")


def test_facts_are_read_from_jsonl_too(tmp_path: Path) -> None:
    row = {
        "subject": "zebra",
        "prompt": "The {} is",
        "target_new": "black",
        "unrelated": [["A horse is", "red"]],
    }
    (tmp_path / "facts.jsonl").write_text(json.dumps(row), encoding="utf-8")
    (fact,) = facts_from_json(tmp_path / "facts.jsonl")
    assert fact.unrelated == (("A horse is", "red"),)
