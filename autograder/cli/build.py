"""`edu-edit build`: notebooks, slides and pages from each lesson's one hand-written source."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.errors import BadInput
from autograder.cli.lessons import ROOT, solutions_folder
from autograder.files import writable_folder


def build(
    lesson: Annotated[
        str | None, typer.Argument(help="Which lesson: 5, 05, rome or 05_rome. Left out: all.")
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute", help="Run the solution notebook for fresh figures (a minute or two).")
    ] = False,
    pages: Annotated[
        Path | None,
        typer.Option(help="Also write slides and HTML pages, readable offline, into this folder."),
    ] = None,
    look: Annotated[
        bool, typer.Option("--check", help="Write nothing; end with 1 when notebooks are out of step.")
    ] = False,
    lang: Annotated[str, typer.Option(help="Language of the lesson.")] = "en",
) -> None:
    """Make the solution and student notebooks of a lesson from solutions/NN_slug/NN_slug.py.

    Needs a clone: an installed wheel carries no sources. Figures of cells that did not change are kept
    unless --execute is given.
    """
    if solutions_folder() is None:
        raise BadInput(
            "building lessons needs a clone of the project: this installation has no solutions/ folder"
        )
    from autograder import build as builder

    slugs = builder.lesson_slugs()
    chosen = slugs if lesson is None else [source_of(lesson, slugs)]
    console = Console(highlight=False)
    if look:
        problems = [problem for slug in chosen for problem in builder.out_of_step(slug, lang)]
        for problem in problems:
            console.print(problem, soft_wrap=True, markup=False)
        if problems:
            raise typer.Exit(1)
        console.print(f"In step with their sources: {', '.join(chosen) or 'no lesson yet'}.")
        return
    if pages is not None:
        writable_folder(pages)
    for slug in chosen:
        made = [*builder.build_lesson(slug, lang, execute=execute)]
        if pages is not None:
            made += builder.build_pages(slug, pages, lang)
        for path in made:
            console.print(
                f"made {path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}", soft_wrap=True
            )
    if pages is not None:
        from autograder.build.pages import write_index

        console.print(f"made {write_index(pages, lang)}", soft_wrap=True)


def source_of(text: str, slugs: list[str]) -> str:
    """The source that is meant by 5, 05, rome or 05_rome."""
    asked = text.strip().lower()
    for slug in slugs:
        if asked in (slug, slug[3:], slug[:2], slug[:2].lstrip("0")):
            return slug
    raise BadInput(f"there is no lesson source {text!r}; there are: {', '.join(slugs) or 'none yet'}")
