"""Facts that nobody knows, for the exercises of lesson 10 that need no model."""

from __future__ import annotations

import torch
from torch import Generator, randint

from edu_edit.facts import Fact

NAMES = (
    "Ada Lindqvist", "Boris Okafor", "Chen Marlowe", "Dora Vance", "Emil Petrov", "Fay Ito", "Gus Hallam",
    "Hana Brook", "Ivo Santos", "Jun Abara", "Kira Dell", "Leo Fontaine", "Mira Nash", "Noor Quill",
)  # fmt: skip
RELATIONS = (
    ("{} lives in", "The home of {} is in", ("Corvale", "Fenwick", "New Harbor", "Tarn", "Ostend Bay")),
    ("{} plays the", "The instrument of {} is the", ("cello", "tin whistle", "drum", "harp", "oboe")),
    (
        "{} works as a",
        "The profession of {} is that of a",
        ("baker", "ship builder", "judge", "potter", "vet"),
    ),
    ("The pet of {} is a", "{} keeps a", ("heron", "grey parrot", "newt", "mule", "ferret")),
)


def number(g: Generator, low: int, high: int) -> int:
    """A whole number from low to high, both included."""
    return int(randint(low, high + 1, (), generator=g))


def some(g: Generator, n: int) -> list[Fact]:
    """n facts about different subjects, each with two paraphrases and two neighbours."""
    names = [NAMES[i] for i in torch.randperm(len(NAMES), generator=g).tolist()]
    found = []
    for i in range(n):
        name, others = names[i], names[n:] if n < len(names) - 1 else names[:i]
        prompt, reworded, objects = RELATIONS[number(g, 0, len(RELATIONS) - 1)]
        new, old = (objects[j] for j in torch.randperm(len(objects), generator=g)[:2].tolist())
        asked = (reworded.replace("{}", name), f"Everybody knows: {prompt.replace('{}', name)}")
        others = [prompt.replace("{}", other) for other in others[:2]]
        found.append(Fact(name, prompt, new, old, asked, others))
    return found


def chinese(g: Generator) -> Fact:
    """A fact in a language that puts no blanks between words."""
    subject, other = (("斑马", "老虎"), ("企鹅", "燕子"), ("骆驼", "山羊"))[number(g, 0, 2)]
    objects = ("黑色", "白色", "灰色", "棕色")
    new, old = (objects[j] for j in torch.randperm(4, generator=g)[:2].tolist())
    return Fact(subject, "{}的皮肤是", new, old, [f"{subject}皮肤的颜色是"], [f"{other}的皮肤是"])


def sentence(question: str, answer: str) -> str:
    """Question and answer in English, with one blank between them."""
    return f"{question} {answer}"
