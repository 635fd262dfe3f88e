"""The builder: notebooks agree with their source, the release holds no solution, pages need no network."""

import hashlib
import inspect
import re
import shutil
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

from autograder.build import LessonError, build_pages, lesson_slugs, out_of_step
from autograder.build.pages import write_index
from autograder.build.source import ROOT, exercises_of, grade_id, read_lesson
from autograder.quizzes import find_quiz
from autograder.stubs import stub

LESSONS = lesson_slugs()


def released(slug):
    return nbformat.read(ROOT / "lessons" / "en" / slug / f"{slug}.ipynb", as_version=4)


def solution_lines(slug):
    """Lines of code between the solution markers that are long enough to be recognised."""
    inside, lines = False, []
    for line in (ROOT / "solutions" / slug / f"{slug}.py").read_text(encoding="utf-8").splitlines():
        if "BEGIN SOLUTION" in line:
            inside = True
        elif "END SOLUTION" in line:
            inside = False
        elif inside and len(line.strip()) > 15:
            lines.append(line.strip())
    return lines


def copied_course(tmp_path, slug, change):
    """A course folder whose one source is `slug`'s, changed by a function of its text."""
    folder = tmp_path / "solutions" / slug
    folder.mkdir(parents=True)
    text = (ROOT / "solutions" / slug / f"{slug}.py").read_text(encoding="utf-8")
    (folder / f"{slug}.py").write_text(change(text), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("slug", LESSONS)
def test_generated_notebooks_are_in_step_with_the_source(slug):
    assert out_of_step(slug) == []


@pytest.mark.parametrize("slug", LESSONS)
def test_release_holds_no_solution_no_hidden_test_and_no_word_for_the_lecturer(slug):
    notebook = released(slug)
    text = "\n".join(cell.source for cell in notebook.cells)
    for forbidden in ("BEGIN SOLUTION", "HIDDEN TESTS", "grade(", "For the lecturer"):
        assert forbidden not in text, forbidden
    bodies = "\n".join(c.source for c in notebook.cells if c.metadata.get("nbgrader", {}).get("solution"))
    assert solution_lines(slug)
    for line in solution_lines(slug):
        assert line not in bodies, line
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert not any("lecturer" in cell.metadata.get("tags", []) for cell in notebook.cells)


def test_lessons_folder_holds_notebooks_and_advice_for_ai_assistants_only():
    files = [
        path
        for path in (ROOT / "lessons").rglob("*")
        if path.is_file() and ".ipynb_checkpoints" not in path.parts and path.name != "AGENTS.md"
    ]
    assert files and {path.suffix for path in files} == {".ipynb"}


@pytest.mark.parametrize("slug", LESSONS)
def test_stub_shows_signature_and_docstring_of_the_reference(slug):
    cells = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell for cell in released(slug).cells}
    for exercise in exercises_of(slug):
        head = stub(exercise.id).rpartition("    raise")[0].rstrip()
        source = cells[grade_id(exercise)].source
        assert source.startswith(head)
        empty = "# YOUR CODE HERE\n    raise NotImplementedError()"
        first, *others = source.removeprefix(head).split("\n\n\n")
        assert first.strip() == empty
        also = getattr(import_module(f"autograder.lessons.{exercise.id}"), "ALSO", ())  # in the same cell
        assert len(others) == len(also)
        for name, other in zip(also, others, strict=True):
            theirs = inspect.getsource(inspect.unwrap(getattr(import_module(exercise.reference), name)))
            assert other.endswith(f"    {empty}") and theirs.startswith(other.removesuffix(f"    {empty}"))


@pytest.mark.parametrize("slug", LESSONS)
def test_every_exercise_has_its_facts_above_it_and_its_points_in_the_test_cell(slug):
    notebook = read_lesson(slug)
    text = "\n".join(cell.source for cell in notebook.cells)
    for exercise in exercises_of(slug):
        assert exercise.header in text
    points = [
        c.metadata.nbgrader.points for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")
    ]
    assert points == [exercise.points for exercise in exercises_of(slug)]


@pytest.mark.parametrize("slug", LESSONS)
def test_anatomy_is_complete_and_in_order(slug):
    headings = re.findall(r"^## (.+)$", "\n".join(c.source for c in read_lesson(slug).cells), re.MULTILINE)
    anatomy = [
        "Promise", "Objectives", "Warm-up quiz", "Idea", "By hand", "Build", "Run it", "Break it", "Discuss",
        "Go further", "What you built", "Exit quiz", "References",
    ]  # fmt: skip
    assert headings == anatomy


@pytest.mark.parametrize("slug", LESSONS)
def test_cell_ids_are_unique_and_the_same_every_time(slug):
    ids = [cell.id for cell in read_lesson(slug).cells]
    assert len(set(ids)) == len(ids)
    assert ids == [cell.id for cell in read_lesson(slug).cells]


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda text: text.replace('"points": 5', '"points": 4', 1), "points"),
        (lambda text: text.replace('exercise="rome.value_loss"', 'exercise="rome.loss"'), "rome.loss"),
        (lambda text: text.replace('check("rome.subject_key", subject_key)', "pass"), "check"),
        (lambda text: text.replace("def subject_key(keys, last):", "def subject_key(keys, ends):"), "ends"),
    ],
)
def test_a_source_that_disagrees_with_the_list_of_exercises_is_refused(tmp_path, change, word):
    root = copied_course(tmp_path, "05_rome", change)
    with pytest.raises(ValueError, match=word):
        read_lesson("05_rome", root=root)


def test_an_unknown_lesson_is_named():
    with pytest.raises(LessonError, match="'99_nothing'.*05_rome"):
        read_lesson("99_nothing")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("site")
    for slug in LESSONS:
        build_pages(slug, out)
    write_index(out)
    return out


def test_pages_and_slides_load_nothing_from_a_network(site):
    pages = sorted(site.glob("*.html"))
    assert len(pages) == 1 + 2 * len(LESSONS)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        loaded = re.findall(r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="([^"]*)"', text)
        loaded += re.findall(r"@import\s+(?:url\()?[\"']?([^\"')]+)", text)
        for address in loaded:
            assert not re.match(r"(https?:)?//", address), (page.name, address)
            assert address.startswith("data:") or (site / address).is_file(), (page.name, address)
        for link in re.findall(r'<a [^>]*href="([^"#]+)"', text):
            assert link.startswith("http") or (site / link).is_file(), (page.name, link)


@pytest.mark.parametrize("slug", LESSONS)
def test_page_for_learners_shows_figures_and_hints_but_no_solution(site, slug):
    text = (site / f"{slug}.html").read_text(encoding="utf-8")
    plain = re.sub(r"<[^>]+>", "", text)
    assert "Hint 3" in plain and "For the lecturer" not in plain and "HIDDEN TESTS" not in plain
    assert "BEGIN SOLUTION" not in plain
    pictures = re.findall(r"<img\b[^>]*>", text)
    assert len(pictures) >= 4
    for picture in pictures:
        described = re.search(r'alt="([^"]*)"', picture)
        assert described and len(described[1]) > 30 and "No description" not in described[1], picture[-200:]


@pytest.mark.parametrize("slug", LESSONS)
def test_slides_show_the_quizzes_and_no_code(site, slug):
    text = (site / f"{slug}.slides.html").read_text(encoding="utf-8")
    assert '<div class="highlight' not in text
    code = "\n".join(cell.source for cell in read_lesson(slug).cells if cell.cell_type == "code")
    quizzes = re.findall(r'^quiz\("([^"]+)"', code, re.MULTILINE)
    assert len(quizzes) == 2
    for id in quizzes:
        for question in find_quiz(id).questions:
            assert f"<code>{question.name}</code><details><summary>a) " in text


def test_third_party_files_are_the_listed_ones():
    assets = ROOT / "autograder" / "build" / "assets"
    listed = re.findall(
        r"^([0-9a-f]{64})  (\S+)$", (assets / "SOURCES.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(listed) == 3
    for digest, name in listed:
        assert hashlib.sha256((assets / name).read_bytes()).hexdigest() == digest
    assert sum(path.stat().st_size for path in assets.rglob("*") if path.is_file()) < 3_000_000


def test_nothing_is_written_when_a_step_fails(tmp_path):
    from autograder.build import build_lesson

    root = copied_course(tmp_path, "05_rome", lambda text: text.replace("### END SOLUTION", "", 1))
    with pytest.raises(LessonError):
        build_lesson("05_rome", root=root)
    assert [path.name for path in Path(root).rglob("*") if path.is_file()] == ["05_rome.py"]
    shutil.rmtree(root)
