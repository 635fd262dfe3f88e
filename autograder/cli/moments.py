"""`edu-edit moments`: the second moment C = E[k k^T] that ROME needs, for a model that is not bundled."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from tqdm import tqdm

from autograder.cli.errors import BadInput


def moments(
    name: Annotated[str, typer.Argument(help="A local model folder or a hub name, for example gpt2.")],
    layer: Annotated[int, typer.Option(help="The layer whose FFN keys are measured.")],
    text: Annotated[
        Path | None,
        typer.Option(help="A UTF-8 text file, one passage per line. Left out: WikiText, or the Atlas."),
    ] = None,
    passages: Annotated[int, typer.Option(min=1, help="At most so many passages.")] = 2000,
) -> None:
    """Measure and cache the second moment of a layer's keys.

    It is asked for once per model and layer; the bundled models bring theirs. The result is cached under a
    hash of the weights and the text, and later edits find it by themselves. Without --text a bundled model
    reads the generated Atlas corpus, any other model WikiText, which needs the extra `edu-edit[hub]` and a
    network; with --text nothing is downloaded but the model you name.
    """
    lines = read_lines(text) if text is not None else None
    import edu_edit
    from edu_edit.moments import collect_moment

    lm = edu_edit.load(name)
    if not 0 <= layer < lm.n_layers:
        raise BadInput(f"{name} has layers 0 to {lm.n_layers - 1}; --layer {layer} is not one of them")
    if lines is None:
        lines = atlas_corpus() if name in edu_edit.bundled_names() else wikitext()
    chosen = list(islice(lines, passages))
    bar = tqdm(total=len(chosen), unit="passage", file=typer.get_text_stream("stdout"))
    with bar:
        C = collect_moment(lm, layer, chosen, progress=lambda done, _: bar.update(done - bar.n))
    Console().print(f"Second moment of layer {layer}: {tuple(C.shape)} from {len(chosen)} passages, cached.")


def read_lines(path: Path) -> Iterator[str]:
    """The passages of a text file, blank lines left out."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except UnicodeDecodeError:
        raise BadInput(f"{path} is not UTF-8 text; convert it first") from None
    except OSError as error:
        raise BadInput(
            f"can't read {path} ({error.strerror}); --text takes a UTF-8 file, one passage per line"
        ) from None
    if not any(lines):
        raise BadInput(f"{path} holds no text; --text takes a UTF-8 file, one passage per line")
    return (line for line in lines if line)


def atlas_corpus() -> Iterator[str]:
    """The text that the bundled models were trained on, generated."""
    from edu_edit.world.corpus import plain, texts

    return (plain(text) for text in texts(0, 0))


def wikitext() -> Iterator[str]:
    """WikiText-103 from the hub, streamed; only when the user asked for a hub corpus."""
    try:
        from datasets import load_dataset
    except ImportError:
        raise BadInput(
            "WikiText needs the hub extra: pip install 'edu-edit[hub]', or give a file with --text"
        ) from None
    rows = load_dataset("Salesforce/wikitext", "wikitext-103-raw-v1", split="train", streaming=True)
    return (row["text"].strip() for row in rows if len(row["text"]) > 200)
