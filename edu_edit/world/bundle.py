"""From a finished training to a bundled model: weights, tokenizer, second moments, training record.

`report` adds what the model shows, and its card. The folder bears the model's name, as the library knows a
model's defaults by it.
"""

import itertools
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from edu_edit.lm import LM
from edu_edit.loading import BUNDLED, bundled_names, load
from edu_edit.moments import triangle
from edu_edit.storage import write_tensors
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, record
from edu_edit.world.corpus import plain, texts
from edu_edit.world.train import MODELS

N_TEXTS = 1500
SEED = 17
TRAINED = (
    "model.safetensors",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
FILES = (*TRAINED, "moments.safetensors", "training.json")
# Trained on these weights: see `edu_edit.world.editors`.
EDITORS = ("mend.safetensors", "ke.safetensors", "enn.safetensors", "serac.safetensors")
REPORT = ("report.json", "report.md", "trace.png", "README.md")
COMPARED = (
    "comparison.md", "comparison.png", "sequence.png", "courses.jsonl", "batches.jsonl", "positions.png",
    "reach.jsonl",
)  # fmt: skip
UNFINISHED = "report.partial"


def bundle(trained: Path, name: str, out: Path) -> Path:
    """Make the folder `out/name` from the folder of a training's last phase; returns the new folder.

    A bundled model that stood there goes, and with it report, card, comparisons and editors. Raises
    ValueError, with all files as they were, when `name` is no bundled model's, when `trained` is no finished
    phase of that model, and when `out/name` holds anything else.
    """
    if name not in MODELS:
        raise ValueError(f"No bundled model is called {name!r}: they are {', '.join(MODELS)}.")
    folder = Path(out) / name
    foreign = {path.name for path in folder.glob("*")} - {*FILES, *EDITORS, *REPORT, *COMPARED, UNFINISHED}
    if foreign:
        raise ValueError(f"{folder} holds {min(foreign)}, no part of a bundled model: choose another folder.")
    phases = _phases(Path(trained))
    lm = load(trained)
    is_control = not any(phase["masked"] for phase in phases)
    if lm.model.config.model_type not in name or is_control != name.endswith("-plain"):
        raise ValueError(f"{trained} was not trained as {name}: give the name that it was trained under.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".", dir=folder.parent) as partial:
        made = Path(partial) / name
        made.mkdir()
        for file in TRAINED:
            shutil.copyfile(Path(trained) / file, made / file)
        moments = {f"layer.{layer}": triangle(C) for layer, C in enumerate(_moments(lm))}
        about = {"texts": f"{N_TEXTS} documents of the Atlas corpus, seed {SEED}"}
        write_tensors(made / "moments.safetensors", moments, about)
        (made / "training.json").write_text(json.dumps(phases, indent=1) + "\n", encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(made, folder)
    return folder


def bundled(model: str) -> Path:
    """The folder of a bundled model, by name or as a folder that `bundle` made; ValueError for others."""
    folder = BUNDLED / model if model in bundled_names() else Path(model).expanduser().resolve()
    if folder.name not in MODELS or not all((folder / file).is_file() for file in FILES):
        raise ValueError(
            f"{model!r} is no bundled model: give {', '.join(bundled_names())}, "
            "or a folder that `edu-edit world bundle` made."
        )
    return folder


def _phases(trained: Path) -> list[dict[str, Any]]:
    """The records of the training's phases, up to the one whose folder is given."""
    records = sorted(trained.resolve().parent.glob("[0-9]*-*/training.json"))
    lacking = [file for file in (*TRAINED, "training.json") if not (trained / file).is_file()]
    if lacking or trained.resolve() / "training.json" not in records:
        reason = f"it lacks {lacking[0]}" if lacking else "it is called otherwise"
        raise ValueError(
            f"{trained} is not the folder of a finished phase ({reason}): "
            "give the one that `edu-edit world train` names when it is done."
        )
    until = records.index(trained.resolve() / "training.json") + 1
    try:
        return [json.loads(path.read_text(encoding="utf-8")) for path in records[:until]]
    except ValueError:
        raise ValueError(f"A training.json in {trained.parent} is damaged: train the phase again.") from None


def _moments(lm: LM) -> list[Float[Tensor, "F F"]]:
    """The second moment of every layer's keys over documents of the corpus, all layers in one pass."""
    documents = itertools.islice(texts(0, SEED), N_TEXTS)
    rows = [lm.tok(plain(text))["input_ids"][: lm.context] for text in documents]
    sites = [Site("key", layer) for layer in range(lm.n_layers)]
    totals = [torch.zeros(lm.F, lm.F, dtype=torch.float64) for _ in sites]
    for start in tqdm(range(0, len(rows), 32), desc="second moments"):
        ids, mask = pad_batch(rows[start : start + 32], lm.pad_id)
        keys = record(lm, (ids, mask), sites)
        for total, site in zip(totals, sites, strict=True):
            k = keys[site][mask.bool()].double()
            total += k.T @ k
    return [total / sum(map(len, rows)) for total in totals]
