"""`edu-edit compare`: every method on the same facts; the textbook's table 5.2, measured."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from autograder.cli.errors import BadInput
from autograder.files import writable_folder


def compare(
    model: Annotated[
        str, typer.Argument(help="A bundled model, a local folder or a hub name.")
    ] = "atlas-gpt2",
    out: Annotated[Path, typer.Option(help="Folder for figures, tables and what was measured.")] = Path(
        "edu-edit-comparison"
    ),
    facts: Annotated[int, typer.Option(min=1, help="How many facts every method edits.")] = 60,
    sequence: Annotated[
        int, typer.Option(min=0, help="Edits in sequence on one model instead; 0 = none.")
    ] = 0,
    from_file: Annotated[
        Path | None, typer.Option(help="A JSON file of your own facts. Left out: Atlas or real-world facts.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes of one thread each.")] = 2,
) -> None:
    """Edit the same facts by every method, one by one and all at once, or hundreds in sequence.

    Writes what it measures as it goes: stop it with Ctrl-C, and the same command goes on from there. At the
    end there are a table (Markdown) and a figure in --out. Rates need facts that the model knows.
    """
    import edu_edit
    from edu_edit.compare import compare as run
    from edu_edit.compare import in_sequence, report
    from edu_edit.facts import facts_from_json
    from edu_edit.show.compare_figures import plot_comparison, plot_courses
    from edu_edit.world.splits import facts_in_sequence, facts_to_edit

    lm = edu_edit.load(model)
    folder = writable_folder(out)
    bundled = model in edu_edit.bundled_names()
    own = facts_from_json(from_file) if from_file is not None else None
    if sequence:
        known = list(own or edu_edit.load_facts("world"))
        if own is None and bundled:
            edited, probes = facts_in_sequence(lm, sequence)
        else:
            edited = known[:sequence]
            asked = {fact.question for fact in edited}
            probes = [prompt for fact in known for prompt in fact.neighborhood if prompt not in asked][:100]
        if len(edited) < sequence:
            raise BadInput(f"there are {len(edited)} facts to edit; ask for at most as many with --sequence")
        courses = in_sequence(lm, edited, probes, folder=folder, workers=workers)
        (folder / "sequence.png").write_bytes(plot_courses(courses).png())
        print(f"The courses and their figure are in {folder}")
        return
    if own is None:
        own = tuple(facts_to_edit(lm, facts)) if bundled else edu_edit.load_facts("world")
    outcomes = run(lm, own[:facts], folder=folder, workers=workers)
    (folder / "comparison.md").write_text(report(outcomes, lm.name), encoding="utf-8")
    (folder / "comparison.png").write_bytes(plot_comparison(outcomes).png())
    Console().print(f"The table and the figure of {len(own[:facts])} facts are in {folder}", soft_wrap=True)
