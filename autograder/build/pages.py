"""Slides and HTML pages of a lesson that open with a double click, without a network.

nbconvert makes both from the executed solution notebook. The pages for learners show the figures, not the
solutions: bodies, hidden tests and the lecturer's cell are taken out, and the three hints of every exercise
are put in, folded. reveal.js and MathJax come from `assets/` and are copied beside the pages.
"""

from __future__ import annotations

import copy
import html
import shutil
from importlib import import_module
from pathlib import Path

import nbformat
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.slides import SlidesExporter
from nbformat import NotebookNode, v4

from autograder.build.source import ROOT, LessonError, exercises_of, lesson_slugs, read_lesson

HERE = Path(__file__).resolve().parent
TODO = "    ...  # yours to write: open the notebook"


def build_pages(slug: str, out: Path, lang: str = "en", root: Path = ROOT) -> list[Path]:
    """Write `SLUG.html` and `SLUG.slides.html` into `out`, with the scripts they need; return both paths."""
    source = root / "solutions" / slug / f"{slug}.ipynb"
    if not source.is_file():
        raise LessonError(f"{source.relative_to(root)} is missing; run `edu-edit build {slug}` first.")
    notebook = nbformat.read(source, as_version=4)
    notebook.metadata.title = read_lesson(slug, lang, root).metadata.title
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(HERE / "assets", out / "assets", dirs_exist_ok=True)
    page, slides = out / f"{slug}.html", out / f"{slug}.slides.html"
    resources = {"lesson": slug, "language_code": lang, "metadata": {"name": slug}}
    folder = HERE / "templates"
    templates = {"extra_template_basedirs": [str(folder)], "extra_template_paths": [str(folder / "shared")]}
    exporter = HTMLExporter(template_name="course_page", **templates)
    page.write_text(
        exporter.from_notebook_node(_for_learners(slug, notebook), resources)[0], encoding="utf-8"
    )
    exporter = SlidesExporter(template_name="course_slides", **templates)
    slides.write_text(exporter.from_notebook_node(_for_the_screen(notebook), resources)[0], encoding="utf-8")
    return [page, slides]


def write_index(out: Path, lang: str = "en", root: Path = ROOT) -> Path:
    """Write `index.html`: every lesson that has a page in `out`, with its minutes, points and slides."""
    rows = []
    for slug in lesson_slugs(root):
        if not (out / f"{slug}.html").is_file():
            continue
        exercises = exercises_of(slug)
        title = html.escape(str(read_lesson(slug, lang, root).metadata.title))
        rows.append(
            f'<tr><td><a href="{slug}.html">{title}</a></td><td><a href="{slug}.slides.html">slides</a></td>'
            f"<td>{len(exercises)} exercises</td><td>{sum(e.points for e in exercises):g} points</td></tr>"
        )
    text = (HERE / "templates" / "index.html").read_text(encoding="utf-8")
    path = out / "index.html"
    path.write_text(
        text.replace("<!-- lessons -->", "\n".join(rows)).replace("<!-- lang -->", lang), encoding="utf-8"
    )
    return path


def _for_learners(slug: str, notebook: NotebookNode) -> NotebookNode:
    """A copy without solutions, hidden tests and lecturer's cells, with the hints folded under each check."""
    hints = {f'check("{exercise.id}"': exercise.id for exercise in exercises_of(slug)}
    page = copy.deepcopy(notebook)
    page.cells = []
    for cell in copy.deepcopy(notebook.cells):
        role = cell.metadata.get("nbgrader", {})
        if "lecturer" in cell.metadata.get("tags", []) or cell.source.startswith("# hint("):
            continue
        if role.get("solution") or role.get("grade"):
            cell.source, cell.outputs = _without("HIDDEN TESTS", _without("SOLUTION", cell.source, TODO)), []
        page.cells.append(cell)
        for call, exercise_id in hints.items():
            if cell.cell_type == "code" and call in cell.source:
                page.cells.append(v4.new_markdown_cell(_folded_hints(exercise_id), id=f"{cell.id}-hints"))
    return page


def _without(region: str, source: str, instead: str = "") -> str:
    """The source without what stands between the lines BEGIN `region` and END `region`."""
    lines, inside = [], False
    for line in source.splitlines():
        if f"BEGIN {region}" in line:
            inside = True
            lines += [instead] if instead else []
        elif f"END {region}" in line:
            inside = False
        elif not inside:
            lines.append(line)
    return "\n".join(lines)


def _folded_hints(exercise_id: str) -> str:
    hints: tuple[str, ...] = import_module(f"autograder.lessons.{exercise_id}").HINTS
    return "\n\n".join(
        f"<details><summary>Hint {rung} for {exercise_id.partition('.')[2]}</summary>\n\n"
        f"<pre>{html.escape(text)}</pre>\n\n</details>"
        for rung, text in enumerate(hints, start=1)
    )


def _for_the_screen(notebook: NotebookNode) -> NotebookNode:
    """A copy for slides: cells without a slide type are left out, code shows its result, not itself."""
    slides = copy.deepcopy(notebook)
    for cell in slides.cells:
        cell.metadata.setdefault("slideshow", NotebookNode(slide_type="skip"))
        if cell.cell_type == "code":
            cell.metadata["transient"] = {"remove_source": True}
    return slides
