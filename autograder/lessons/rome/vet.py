"""Facts for rome.rome that our own ROME edits cleanly: `python -m autograder.lessons.rome.vet`.

ROME fails on a few facts in a hundred, and honest work must not lose points on those. Run it again after the
bundled model is trained anew; without its list all facts are drawn from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch
from tqdm import tqdm

from autograder.lessons.rome.rome_problems import MODEL, VETTED, knows, model, shifted_bias, suitable
from edu_edit import LM, Edit, Fact, evaluate, load_facts, rome
from edu_edit.metrics import same_answer

WANTED = 60
# The lesson's own ROME puts these texts before the prompt, and has no weight decay.
LESSON = ("", "Listen. ", "It was raining. ", "She wrote a long letter. ", "Then he asked me. ")


def clean(lm: LM, fact: Fact, edit: Edit) -> bool:
    """Whether the edit inserts the fact with every paraphrase and nearly every neighbour right."""
    rates = evaluate(lm, edit, fact).after
    with edit:
        said = lm.answer(fact.question)
    return same_answer(said, fact.target_new) and rates["PS"].value == 1 and rates["NS"].value >= 0.8


def edits(fact: Fact) -> Iterator[tuple[LM, Edit]]:
    """At both layers and with the shifted bias, as the lesson does it and with prefixes of the model's own."""
    lm = model()
    layer = lm.default_layer
    for one, at in ((lm, layer), (lm, layer - 1), (shifted_bias(), layer)):
        yield one, rome(one, fact, layer=at, prefixes=[text + "{}" for text in LESSON], wd=0.0)
    for seed, at in ((0, layer), (1, layer), (0, layer - 1)):
        yield lm, rome(lm, fact, layer=at, generator=torch.Generator().manual_seed(seed))


def vet(wanted: int = WANTED) -> list[str]:
    """Questions of the first facts, in a random order, that every one of `edits` inserts cleanly."""
    fit = [fact for fact in load_facts() if suitable(fact)]
    found: list[str] = []
    order = torch.randperm(len(fit), generator=torch.Generator().manual_seed(5)).tolist()
    with tqdm(total=wanted, desc=f"vetting facts of {MODEL}") as bar:
        for fact in (fit[i] for i in order):
            if len(found) == wanted:
                break
            if knows(model(), fact) and all(clean(lm, fact, edit) for lm, edit in edits(fact)):
                found.append(fact.question)
                bar.update()
    return found


if __name__ == "__main__":
    text = json.dumps({"model": MODEL, "questions": vet()}, indent=1, ensure_ascii=False)
    VETTED.write_text(text + "\n", encoding="utf-8")
