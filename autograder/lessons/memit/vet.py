"""Groups of facts for memit.memit that our own MEMIT edits cleanly: `python -m autograder.lessons.memit.vet`.

Facts that are written at once disturb each other now and then, and honest work must not lose points on those.
Run it again after the bundled model is trained anew, when `autograder.lessons.rome.vet` has run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch
from tqdm import tqdm

from autograder.lessons.memit.memit_problems import LESSON, THREE, TWO, VETTED, drawn
from autograder.lessons.rome.rome_problems import MODEL, knows, model
from edu_edit import LM, Edit, Fact, evaluate, memit

WANTED = 16


def clean(lm: LM, group: list[Fact], edit: Edit) -> bool:
    """Whether the edit inserts all facts with nearly every paraphrase and neighbour right."""
    rates = evaluate(lm, edit, group).after
    least = {"accuracy": 1.0, "ES": 1.0, "PS": 0.75, "NS": 0.8}
    return all(rates[name].value >= bound for name, bound in least.items())


def edits(lm: LM, group: list[Fact]) -> Iterator[Edit]:
    """At two layers and at three, with the lesson's prefixes and with some of the model's own."""
    for layers in (TWO, THREE):
        yield memit(lm, group, layers, prefixes=[text + "{}" for text in LESSON])
        yield memit(lm, group, layers, generator=torch.Generator().manual_seed(layers[0]))


def vet(wanted: int = WANTED) -> list[list[str]]:
    """The questions of the first groups, in a random order, that every one of `edits` inserts cleanly."""
    lm = model()
    found: list[list[str]] = []
    with tqdm(total=wanted, desc=f"vetting groups of facts of {MODEL}") as bar:
        for group in drawn(10 * wanted, seed=6):
            if len(found) == wanted:
                break
            if all(knows(lm, fact) for fact in group) and all(clean(lm, group, e) for e in edits(lm, group)):
                found.append([fact.question for fact in group])
                bar.update()
    return found


if __name__ == "__main__":
    text = json.dumps({"model": MODEL, "groups": vet()}, indent=1, ensure_ascii=False)
    VETTED.write_text(text + "\n", encoding="utf-8")
