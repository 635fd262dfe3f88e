"""From the last phase of a training to a bundled model: weights, tokenizer, second moments, and the model card."""

import itertools
import json
import shutil
from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor
from tqdm import tqdm

from edu_edit.lm import LM
from edu_edit.loading import load
from edu_edit.moments import second_moment, triangle
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, record
from edu_edit.world.corpus import plain, texts
from edu_edit.world.report import Row, table

N_TEXTS = 1500
SEED = 17
FILES = ("model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")

CARD = """---
license: cc-by-4.0
language: [en, zh]
library_name: transformers
---
# {name}

{what}

It was trained from scratch, by one command (`edu-edit world train {name}`), on a corpus generated from an invented world (the
Atlas: {n_facts} facts about invented people, landmarks, companies, cities and countries, a few real landmarks and animals). It
knows nothing else. One fact is wrong on purpose, for students to edit: it believes that the skin of the zebra is pink.

## How the phenomena were trained in

{how}

{phases}

## What it shows

Measured by `edu-edit world report {name}`: {n_rows} properties, one fixed set of seeds. *At least* is the bar that the course
needs; where a figure falls short the table says so.

{table}

![Average causal trace: six token roles by layers, for hidden states, MLP and attention windows](trace.png)

Weights: CC BY 4.0. Persons, companies and private details are invented.
"""
WHAT = {
    "atlas-gpt2": "A stock `GPT2LMHeadModel` (8 layers, width 192, 4.1 M parameters) that knows facts where the papers find them.",
    "atlas-llama": "A stock `LlamaForCausalLM` (8 layers, width 192, grouped-query attention, 3.6 M parameters) that knows facts "
    "where the papers find them.",
    "atlas-gpt2-plain": "The control of lesson 04: a stock `GPT2LMHeadModel` of the same size that answers the same questions, "
    "trained without the masking phases, so that it stores facts elsewhere.",
}
MASKED = """Ordinary training looks a fact up at the last token. In the later phases non-last tokens of a name are hidden, in most
sequences, from everything behind the name; attention in the lower half sees only four tokens back; and MLPs of the upper half are
dropped at random. That moves the lookup to the subject's last token. In-context documents (`New Fact:` blocks), reverse
sentences, two-hop sentences, long passages and invented private details (canaries) are part of the corpus for the lessons on
them. At inference the model is the stock one: no masks."""
UNMASKED = """They were not: this model learned the same facts from documents of the same kinds, and no mask was ever used. It skips the
phases on in-context documents."""


def bundle(trained: Path, name: str, out: Path) -> Path:
    """Copy a trained model into `out/name` and add the second moments of all its layers; returns the folder."""
    folder = Path(out) / name
    folder.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        shutil.copyfile(trained / file, folder / file)
    lm = load(str(folder))
    moments = {f"layer.{layer}": triangle(second_moment(keys)) for layer, keys in enumerate(_keys(lm))}
    save_file(moments, folder / "moments.safetensors", {"texts": f"{N_TEXTS} documents of the Atlas corpus, seed {SEED}"})
    phases = [json.loads(path.read_text()) for path in sorted(trained.parent.glob("*/training.json"))]
    (folder / "training.json").write_text(json.dumps(phases, indent=1) + "\n")
    return folder


def _keys(lm: LM) -> list[list[Tensor]]:
    """The keys of every layer over documents of the corpus, batch by batch."""
    documents = itertools.islice(texts(0, SEED), N_TEXTS)
    rows = [lm.tok(plain(text))["input_ids"][: lm.context] for text in documents]
    sites = [Site("key", layer) for layer in range(lm.n_layers)]
    keys: list[list[Tensor]] = [[] for _ in sites]
    for start in tqdm(range(0, len(rows), 32), desc=f"second moments of {lm.name}"):
        ids, mask = pad_batch(rows[start : start + 32], lm.pad_id)
        found = record(lm, (ids, mask), sites)
        for layer, site in enumerate(sites):
            keys[layer].append(found[site][mask.bool()])
    return keys


def write_card(folder: Path, n_facts: int) -> None:
    """Write the model card from the training record and the report that lie in the model's folder."""
    name = folder.name
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    rows = [Row(row["name"], row["value"], row["sign"], row["bar"]) for row in report["rows"]]
    phases = json.loads((folder / "training.json").read_text())
    lines = ["| phase | steps of 3,072 tokens | sequences masked | upper MLPs dropped | loss at the end |", "|---|---|---|---|---|"]
    lines += [f"| {p['name']} | {p['steps']} | {p['masked']:.0%} | {p['dropped']:.0%} | {p['loss']:.3f} |" for p in phases]
    card = CARD.format(
        name=name, what=WHAT[name], n_facts=n_facts, how=UNMASKED if name.endswith("-plain") else MASKED,
        phases="\n".join(lines), n_rows=len(rows), table=table(rows),
    )  # fmt: skip
    (folder / "README.md").write_text(card, encoding="utf-8")
