"""`edu-edit world`: train the bundled models again, and measure what they show."""

from pathlib import Path
from typing import Annotated

import typer

from autograder.cli.errors import PoliteGroup
from autograder.cli.files import writable_folder

app = typer.Typer(cls=PoliteGroup, no_args_is_help=True)


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
    writable_folder(out)
    from edu_edit.world.train import train as run

    print(f"The trained model is in {run(model=model, out=out, resume=resume, threads=threads)}")


@app.command()
def report(
    model: Annotated[
        str, typer.Argument(help="A bundled model, or the folder of one you trained.")
    ] = "atlas-gpt2",
    out: Annotated[Path, typer.Option(help="Folder for the table and the figures.")] = Path("atlas-report"),
) -> None:
    """Measure what a bundled model shows: recall, tracing, ROME, in-context editing, reversal, passages.

    Writes a table with one row per property (the bar, the figure, how many facts) and the averaged causal
    trace as a picture.
    """
    writable_folder(out)
    from edu_edit.world.report import report as run

    run(model=model, out=out)
    print(f"The report is in {out}")
