"""Facts for rome.rome that our own ROME edits cleanly: `python -m autograder.lessons.rome.vet`.

ROME fails on a few facts in a hundred, and honest work must not lose points on those. Run it again after the
bundled model is trained anew; without its list all facts are drawn from.
"""

from __future__ import annotations

import json

import torch
from tqdm import tqdm

from autograder.lessons.rome.rome_problems import MODEL, VETTED, knows, model, shifted_bias, suitable
from edu_edit import LM, Fact, evaluate, load_facts, rome
from edu_edit.metrics import same_answer

WANTED = 60


def clean(lm: LM, fact: Fact, layer: int) -> bool:
    """Whether the reference inserts the fact with every paraphrase and nearly every neighbour right."""
    edit = rome(lm, fact, layer=layer, generator=torch.Generator().manual_seed(0))
    rates = evaluate(lm, edit, fact).after
    with edit:
        said = lm.answer(fact.question)
    return same_answer(said, fact.target_new) and rates["PS"].value == 1 and rates["NS"].value >= 0.8


def vet(wanted: int = WANTED) -> list[str]:
    """Questions of the first facts, in a random order, that hold at both layers and with the shifted bias."""
    lm = model()
    fit = [fact for fact in load_facts() if suitable(fact)]
    found: list[str] = []
    order = torch.randperm(len(fit), generator=torch.Generator().manual_seed(5)).tolist()
    with tqdm(total=wanted, desc=f"vetting facts of {MODEL}") as bar:
        for fact in (fit[i] for i in order):
            if len(found) == wanted:
                break
            layer = lm.default_layer
            tries = ((lm, layer), (lm, layer - 1), (shifted_bias(), layer))
            if knows(lm, fact) and all(clean(one, fact, at) for one, at in tries):
                found.append(fact.question)
                bar.update()
    return found


if __name__ == "__main__":
    text = json.dumps({"model": MODEL, "questions": vet()}, indent=1, ensure_ascii=False)
    VETTED.write_text(text + "\n", encoding="utf-8")
