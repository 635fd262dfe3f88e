"""Make notebooks, slides and pages of a lesson from its one hand-written source.

build_lesson("05_rome")                      # solution and student notebook
build_lesson("05_rome", execute=True)        # the same, with fresh figures
build_pages("05_rome", out)                  # slides and an HTML page that work without a network
out_of_step("05_rome")                       # what differs between the source and the notebooks on disk
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from autograder.build.execute import execute as run_notebook
from autograder.build.execute import keep_outputs
from autograder.build.pages import build_pages, write_index
from autograder.build.release import student_notebook, write_release
from autograder.build.source import ROOT, LessonError, lesson_slugs, read_lesson

__all__ = [
    "LessonError",
    "build_all",
    "build_lesson",
    "build_pages",
    "lesson_slugs",
    "out_of_step",
    "write_index",
]


def build_lesson(
    slug: str, lang: str = "en", *, execute: bool = False, root: Path = ROOT
) -> tuple[Path, Path]:
    """Write `solutions/SLUG/SLUG.ipynb` and `lessons/LANG/SLUG/SLUG.ipynb`; return both paths.

    `execute=True` runs the solution notebook (a minute or two) for fresh figures; otherwise cells that did
    not change keep the figures they have. Nothing is written when any step fails.
    """
    solution_path = root / "solutions" / slug / f"{slug}.ipynb"
    solution = read_lesson(slug, lang, root)
    student = student_notebook(slug, solution)
    if execute:
        solution = run_notebook(solution, root)
    elif solution_path.is_file():
        solution = keep_outputs(solution, nbformat.read(solution_path, as_version=4))
    nbformat.write(solution, solution_path)
    return solution_path, write_release(slug, student, root / "lessons" / lang / slug)


def build_all(
    lang: str = "en", *, execute: bool = False, out: Path | None = None, root: Path = ROOT
) -> list[Path]:
    """Build every lesson that has a source; with `out`, slides, pages and an index go there. Returns the
    paths.
    """
    made: list[Path] = []
    for slug in lesson_slugs(root):
        made += build_lesson(slug, lang, execute=execute, root=root)
        if out is not None:
            made += build_pages(slug, out, lang, root=root)
    if out is not None:
        made.append(write_index(out, lang, root=root))
    return made


def out_of_step(slug: str, lang: str = "en", root: Path = ROOT) -> list[str]:
    """One sentence for each generated notebook that differs from what its source gives today; [] when in
    step.
    """
    solution = read_lesson(slug, lang, root)
    student = student_notebook(slug, solution)
    problems = []
    for path, fresh in (
        (root / "solutions" / slug / f"{slug}.ipynb", solution),
        (root / "lessons" / lang / slug / f"{slug}.ipynb", student),
    ):
        where = path.relative_to(root)
        if not path.is_file():
            problems.append(f"{where} is missing; run `edu-edit build {slug}`.")
        elif _content(nbformat.read(path, as_version=4)) != _content(fresh):
            problems.append(f"{where} is out of step with its source; run `edu-edit build {slug}`.")
    return problems


def _content(notebook: NotebookNode) -> list[tuple[str, str, str, dict]]:
    """What must agree: kind, id, source and metadata of every cell; not its outputs."""
    return [(cell.cell_type, cell.id, cell.source, dict(cell.metadata)) for cell in notebook.cells]
