"""`edu-edit world`: train the bundled models again, and measure what they show."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.errors import BadInput, PoliteGroup
from autograder.files import writable_folder

app = typer.Typer(cls=PoliteGroup, no_args_is_help=True)


def known(model: str) -> str:
    """The name, if it is one of a bundled model."""
    from edu_edit.world.train import MODELS

    if model not in MODELS:
        raise BadInput(f"no bundled model is called {model!r}; they are {', '.join(MODELS)}")
    return model


@app.command()
def train(
    model: Annotated[str, typer.Argument(help="atlas-gpt2, atlas-llama or atlas-gpt2-plain.")],
    out: Annotated[Path, typer.Option(help="Folder for checkpoints and the finished model.")] = Path(
        "atlas-training"
    ),
    resume: Annotated[
        bool, typer.Option("--resume/--afresh", help="Go on from the last checkpoint in --out.")
    ] = True,
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use.")] = 2,
) -> None:
    """Train a bundled model from scratch on the invented Atlas world.

    At most 75 minutes on 2 cores, in phases, each leaving a checkpoint: stop it with Ctrl-C and run the same
    command again to go on. Nothing is downloaded; the corpus is generated from a fixed seed.
    """
    from edu_edit.world.train import train as run

    trained = run(model=known(model), out=writable_folder(out), resume=resume, threads=threads)
    print(f"The trained model is in {trained}")
    print(f"Next: {shlex.join(['edu-edit', 'world', 'bundle', str(trained), model])}")


@app.command()
def bundle(
    folder: Annotated[Path, typer.Argument(help="The folder that `edu-edit world train` named at its end.")],
    model: Annotated[str, typer.Argument(help="The name it was trained under, for example atlas-gpt2.")],
    out: Annotated[Path, typer.Option(help="Where the folder of the bundled model is made.")] = Path(
        "atlas-models"
    ),
) -> None:
    """Make a bundled model of a finished training: weights, tokenizer, second moments of all layers.

    An older bundled model of this name in --out is replaced, its report and card included. In a clone,
    `--out edu_edit/models` makes it the one that comes with the library.
    """
    from edu_edit.world.bundle import bundle as run

    made = run(trained=folder, name=known(model), out=out)
    print(f"The bundled model is in {made}; it has no card yet")
    print(f"Next: {shlex.join(['edu-edit', 'world', 'report', str(made)])}")


@app.command()
def report(
    model: Annotated[
        str, typer.Argument(help="A bundled model, or a folder that `edu-edit world bundle` made.")
    ] = "atlas-gpt2",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report and card. Left out: the model's own folder.")
    ] = None,
) -> None:
    """Measure what a bundled model shows: recall, tracing, ROME, in-context editing, reversal, passages.

    Writes a table with one row per property (report.md and report.json), the averaged causal trace as a
    picture (trace.png), and the model's card (README.md) with both. They replace older ones at the end.
    """
    from edu_edit.world.bundle import bundled
    from edu_edit.world.report import report as run

    folder = bundled(model)
    where = run(model=model, out=writable_folder(folder if out is None else out))
    print(f"The report and the card are in {where}")
