"""`edu-edit demo`: the whole project in about two minutes.

Load a bundled model, ask it, trace where a fact is recalled, edit the fact with ROME, measure the five
properties before and after, undo the edit bit for bit, then grade a small class of lesson 05 notebooks.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from autograder.cli import demo_class, demo_steps
from autograder.cli.errors import BadInput
from autograder.files import writable_folder

if TYPE_CHECKING:
    from edu_edit import LM, Fact

SUBJECT = "Space Needle"  # the textbook's example, besides its zebra
OTHERS = 12  # facts edited one by one, since one fact proves little


def demo(
    model: Annotated[str, typer.Option(help="A bundled model, a local folder or a hub name.")] = "atlas-gpt2",
    out: Annotated[Path, typer.Option(help="Folder for the figures and the graded class.")] = Path(
        "edu-edit-demo"
    ),
    subject: Annotated[str | None, typer.Option(help="Edit your own fact: its subject, ...")] = None,
    prompt: Annotated[
        str | None, typer.Option(help="... its prompt with {} where the subject stands, ...")
    ] = None,
    target: Annotated[str | None, typer.Option(help="... and the new answer.")] = None,
    grading: Annotated[
        bool, typer.Option("--grade/--no-grade", help="Also grade the small class of lesson 05.")
    ] = True,
) -> None:
    """See everything once: ask a model, trace a fact, edit it with ROME, measure, undo, grade a small class.

    Takes about two minutes on 2 cores and downloads nothing. Example of a fact of your own:

    edu-edit demo --subject "Eiffel Tower" --prompt "The {} is in the city of" --target Rome
    """
    own = own_fact(subject, prompt, target)
    writable_folder(out)
    console = Console(highlight=False)
    begun = time.perf_counter()
    with step(console, "1 Load"):
        lm = load_model(model)
        size = f"{lm.n_layers} layers, width {lm.D}, FFN width {lm.F}, {lm.V} tokens of vocabulary"
        console.print(f"  {escape(lm.name)}: {size}", soft_wrap=True)
        fact, *others = [own] if own else atlas_facts()
    with step(console, "2 Ask"):
        demo_steps.ask(console, lm, fact)
    with step(console, "3 Trace: which hidden states carry the answer?"):
        demo_steps.trace_fact(console, lm, fact, out)
    with step(console, f"4 Edit with ROME: {fact.subject} -> {fact.target_new}"):
        edit = demo_steps.edit_fact(console, lm, fact)
    with step(console, "5 Measure the five properties") as tell:
        demo_steps.measure(console, lm, edit, fact, others, out, tell)
    with step(console, "6 Undo"):
        demo_steps.undo(console, lm, edit, fact)
    if grading:
        with step(console, "7 Grade a small class of lesson 05"):
            demo_class.grade_class(console, out / "class")
    console.print(
        f"\nDone in {time.perf_counter() - begun:.0f} s. Figures and reports are in {out.resolve()}",
        soft_wrap=True,
    )
    console.print("Next: edu-edit start 5   opens the lesson in which you build this yourself.")


@contextmanager
def step(console: Console, title: str) -> Iterator[Callable[[str], None]]:
    """Announce a step, show that it runs, say how long it took. Yields what tells where it is."""
    console.print(f"\n[bold]{escape(title)}[/]")
    begun = time.perf_counter()
    with console.status("working ...") as status:
        yield status.update
    console.print(f"  ({time.perf_counter() - begun:.1f} s)", style="dim")


def own_fact(subject: str | None, prompt: str | None, target: str | None) -> "Fact | None":
    """The fact of the user's own, checked before anything is loaded; None when there is none."""
    if subject is None and prompt is None and target is None:
        return None
    if subject is None or prompt is None or target is None:
        raise BadInput("a fact of your own needs all three: --subject, --prompt and --target")
    if "{}" not in prompt and subject and subject in prompt:
        better = prompt.replace(subject, "{}", 1)
        raise BadInput(f"the prompt {prompt!r} has no {{}} for the subject; write --prompt {better!r}")
    if "{}" not in prompt:
        raise BadInput(
            f"the subject {subject!r} is not in the prompt {prompt!r}, and no {{}} marks its place; "
            "write the prompt with {} where the subject stands"
        )
    from edu_edit import Fact

    try:
        return Fact(subject, prompt, target)
    except ValueError as error:
        raise BadInput(str(error)) from None


def atlas_facts() -> "list[Fact]":
    """The Space Needle's fact first, then a fixed draw of others that have all their probes."""
    from edu_edit import load_facts

    facts = load_facts()
    complete = [f for f in facts if f.paraphrases and f.neighborhood and f.portability]
    first = next(f for f in [*(f for f in facts if f.subject == SUBJECT), *complete])
    others = [f for f in complete if f.subject != first.subject]
    return [first, *random.Random(0).sample(others, min(OTHERS, len(others)))]


def load_model(name: str) -> "LM":
    """Load the model; an unknown name is bad usage, a broken folder is not."""
    import edu_edit

    try:
        return edu_edit.load(name)
    except ValueError as error:
        if name in edu_edit.bundled_names() or Path(name).expanduser().is_dir():
            raise
        raise BadInput(str(error)) from None
