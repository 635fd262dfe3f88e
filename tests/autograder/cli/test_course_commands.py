"""`build`, `grade`, `moments`, `cite`: what was typed is checked first, then handed on."""

import json
from pathlib import Path

import pytest

from autograder.cli import build, grade
from autograder.cli.cite import KEYS, entries
from autograder.cli.errors import BadInput


@pytest.mark.parametrize("command", [["build"], ["grade", "5", "."]])
def test_without_a_clone_one_sentence(run, monkeypatch, command):
    for module in (build, grade):
        monkeypatch.setattr(module, "solutions_folder", lambda: None)
    result = run(*command)
    assert result.exit_code == 2
    assert "needs a clone" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("text", ["5", "05", "rome", "05_rome"])
def test_a_source_is_found_by_number_or_name(text):
    assert build.source_of(text, ["05_rome", "06_memit"]) == "05_rome"
    with pytest.raises(BadInput, match="05_rome, 06_memit"):
        build.source_of("nonsense", ["05_rome", "06_memit"])


def test_build_check_says_what_is_out_of_step_and_writes_nothing(run, monkeypatch):
    from autograder import build as builder

    monkeypatch.setattr(builder, "lesson_slugs", lambda: ["05_rome"])
    monkeypatch.setattr(builder, "out_of_step", lambda slug, lang: [f"{slug} is out of step"])
    result = run("build", "--check")
    assert result.exit_code == 1 and "05_rome is out of step" in result.stdout
    monkeypatch.setattr(builder, "out_of_step", lambda slug, lang: [])
    assert run("build", "--check").exit_code == 0


@pytest.fixture
def grading(monkeypatch):
    """A grader that gives everybody the same, and rejects one."""
    from autograder.cli import machine
    from autograder.grader import grading
    from autograder.grader.records import Mark, Rejection, Result
    from autograder.grader.report import class_report

    def pretend(lesson, paths, out, settings, progress=None):
        progress(1, 2, "ada")
        marks = (Mark("rome.subject_key", 2.0, 2.0), Mark("rome.second_moment", 1.5, 3.0))
        results = [Result("ada", lesson, "", marks, level=settings.level)]
        rejections = [Rejection("bob", "bob.ipynb", "bob.ipynb is not JSON, so it is not a notebook.")]
        return grading.Graded(results, rejections, class_report(lesson, results, rejections), 0)

    monkeypatch.setattr(machine, "isolation_level", lambda: "bubblewrap")
    monkeypatch.setattr(grading, "grade_class", pretend)


def test_grade_shows_points_and_rejections_and_ends_with_one(run, grading, tmp_path, words):
    result = run("grade", "5", tmp_path, "--out", tmp_path / "graded")
    assert result.exit_code == 1
    assert "ada 2/2 1.5/3 3.5/5" in words(result.stdout) and "not graded: bob" in result.stdout


def test_without_isolation_nothing_is_graded_unless_asked_for(run, grading, monkeypatch, tmp_path):
    from autograder.cli import machine

    monkeypatch.setattr(machine, "isolation_level", lambda: "none")
    refused = run("grade", "5", tmp_path, "--out", tmp_path / "graded")
    assert (
        refused.exit_code == 2 and "install bubblewrap" in refused.stderr and refused.stderr.count("\n") == 1
    )
    assert run("grade", "5", tmp_path, "--out", tmp_path / "graded", "--unsafe").exit_code == 1


def test_grade_json_tells_a_rejection_from_a_zero(run, grading, tmp_path):
    rows = json.loads(run("grade", "5", tmp_path, "--out", tmp_path / "graded", "--json").stdout)
    assert [row["score"] for row in rows] == [3.5, None]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nonsense", "."], 2, "no lesson source"),
        (["5", "not/there"], 2, "no file or folder"),
        (["5"], 2, "Missing argument"),
    ],
)
def test_grade_with_bad_input(run, words, arguments, code, said):
    result = run("grade", *arguments)
    assert result.exit_code == code and said in words(result.stderr)


@pytest.mark.parametrize(
    ("content", "said"), [(None, "can't read"), (b"\xff\xfe\x00", "not UTF-8"), (b"\n \n", "holds no text")]
)
def test_moments_of_an_unusable_text_file(run, tmp_path, content, said):
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    result = run("moments", "gpt2", "--layer", 3, "--text", path)
    assert result.exit_code == 2 and said in result.stderr


def test_moments_of_a_layer_that_the_model_lacks(run, tmp_path):
    (tmp_path / "text.txt").write_text("some text\n", encoding="utf-8")
    tiny = Path(__file__).parents[2] / "golden" / "models" / "gpt2-tiny"
    result = run("moments", tiny, "--layer", 99, "--text", tmp_path / "text.txt")
    assert result.exit_code == 2 and "layers 0 to 5" in result.stderr


def test_moments_are_cached_for_later_edits(run, tmp_path, monkeypatch):
    import edu_edit

    monkeypatch.setenv("EDU_EDIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text("Ada lives in Rome\nBob works in Oslo\n" * 20, encoding="utf-8")
    tiny = Path(__file__).parents[2] / "golden" / "models" / "gpt2-tiny"
    result = run("moments", tiny, "--layer", 2, "--text", tmp_path / "text.txt")
    assert result.exit_code == 0, result.output
    lm = edu_edit.load(tiny)
    assert edu_edit.moment(lm, 2).shape == (lm.F, lm.F)


@pytest.mark.parametrize("method", ["edu-edit", "ROME", *KEYS])
def test_cite_prints_bibtex(run, method):
    result = run("cite", method)
    assert result.exit_code == 0 and result.stdout.startswith("@") and result.stdout.strip().endswith("}")


def test_cite_of_an_unknown_method_lists_the_known(run):
    result = run("cite", "magic")
    assert result.exit_code == 2 and "rome" in result.stderr


def test_every_paper_in_the_list_belongs_to_a_method():
    assert set(entries()) == set(KEYS.values())


def test_compare_writes_table_figure_and_what_it_measured(run, tmp_path, monkeypatch):
    """Two facts of a file and one method on a tiny model; asked again, nothing is measured twice."""
    import edu_edit
    import edu_edit.compare.running as running
    from edu_edit.compare import Contestant

    tiny = Path(__file__).parents[2] / "golden" / "models" / "gpt2-tiny"
    facts = [
        {
            "subject": "Felix Ember",
            "prompt": "{} lives in",
            "target_new": "New Harbor",
            "target_true": "Fenwick",
        },
        {"subject": "Irma Crane", "prompt": "The language of {} is", "target_new": "Elvan"},
    ]
    (tmp_path / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
    quick = Contestant("FT", "", lambda lm, f: edu_edit.finetune(lm, f, layer=2, steps=3))
    for where in ("lineup", "running", "summary"):  # replaced whole: other tests read the order of LINEUP
        monkeypatch.setattr(f"edu_edit.compare.{where}.LINEUP", {"FT": quick})
    asked = (
        "compare",
        tiny,
        "--out",
        tmp_path / "out",
        "--from-file",
        tmp_path / "facts.json",
        "--workers",
        1,
    )
    result = run(*asked)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8").count("| FT |") == 1
    assert (tmp_path / "out" / "comparison.png").stat().st_size > 1000
    monkeypatch.setattr(running, "judged_piece", lambda *_: pytest.fail("measured twice"))
    assert run(*asked).exit_code == 0
    too_many = run(*asked, "--sequence", 9)
    assert too_many.exit_code == 2 and "there are 2 facts" in too_many.stderr
