"""The editors that come with the bundled models: MEND, KE, ENN and SERAC's gate, trained on Atlas facts.

    python -m edu_edit.world.editors atlas-gpt2 [OUT]

trains those of one model and writes them into OUT/atlas-gpt2 (left out: among the bundled models, where
`mend(lm, facts)` and its like look for them). They are trained on subjects that are not held out
(`edu_edit.world.splits`), and only fit the weights they were trained on, so run it again after every training
of the model. It takes some five minutes per model on two cores.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from edu_edit.loading import BUNDLED, load
from edu_edit.methods.enn import Enn, train_enn
from edu_edit.methods.gate_training import train_gate
from edu_edit.methods.ke import Ke, train_ke
from edu_edit.methods.mend import Mend, train_mend
from edu_edit.methods.scope_gate import SHIPPED
from edu_edit.world.bundle import bundled
from edu_edit.world.splits import training_facts

SEED = 19
TRAINERS: dict[str, Callable[..., Mend | Ke | Enn]] = {"mend": train_mend, "ke": train_ke, "enn": train_enn}


def train_editors(
    name: str, out: Path = BUNDLED, kinds: Sequence[str] = tuple(TRAINERS), **options: Any
) -> list[Path]:
    """Train the editors of a bundled model and write `out/name/KIND.safetensors`; returns the files.

    options: for the `train_` functions, instead of their defaults. Kept are the questions of all facts that
    are learned from. Raises ValueError for a model that is none of the bundled ones, or a kind that is none
    of "mend", "ke" and "enn".
    """
    if unknown := set(kinds) - set(TRAINERS):
        raise ValueError(f"There is no editor {min(unknown)!r} to train: choose from {', '.join(TRAINERS)}.")
    folder = bundled(name)
    lm = load(folder.name if folder.parent == BUNDLED else folder)
    facts = training_facts()
    keep = [fact.question for fact in facts]
    written = []
    for kind in kinds:
        with tqdm(desc=f"{kind} for {lm.name}", mininterval=5) as bar:

            def progress(step: int, loss: float, logp: float, bar: Any = bar) -> None:
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", logp=f"{logp:.3f}", refresh=False)

            generator = torch.Generator().manual_seed(SEED)
            editor = TRAINERS[kind](lm, facts, keep, generator=generator, progress=progress, **options)
        path = Path(out) / folder.name / f"{kind}.safetensors"
        editor.save(path)
        written.append(path)
    return written


def train_gate_of(name: str, out: Path = BUNDLED) -> Path:
    """Train SERAC's gate of a bundled model and write `out/name/serac.safetensors`; returns the file."""
    folder = bundled(name)
    path = Path(out) / folder.name / SHIPPED
    train_gate(load(folder.name if folder.parent == BUNDLED else folder)).save(path)
    return path


if __name__ == "__main__":
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else BUNDLED
    train_editors(sys.argv[1], where)
    train_gate_of(sys.argv[1], where)
