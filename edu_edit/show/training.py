"""Fine-tuning on one fact, watched step by step: its loss, and the answers to ten prompts (lesson 02).

Textbook section 5.1 on why fine-tuning on one example over-fits and forgets. The updates are those of
`finetune`; here the model is asked before each of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import torch
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.forcing import forced
from edu_edit.lm import LM
from edu_edit.methods.finetune import project_linf
from edu_edit.metrics import answer_logprob
from edu_edit.rebuilding import down_parameter
from edu_edit.show.probes import Answered, ask_again, probes

STEPS = 50
PROMPTS = 10
MOST = {"edit": 1, "paraphrases": 2, "consequences": 2, "same subject": 1, "neighbours": 2}
PROPERTIES = {
    "accuracy": ("edit",),
    "generality": ("paraphrases",),
    "portability": ("consequences",),
    "locality": ("same subject", "neighbours", "unrelated"),
}
Project = Callable[[Tensor, Tensor, float], Tensor]


@dataclass(frozen=True)
class Recipe:
    """How to fine-tune: which weights ("all"; None = the default layer's W_out), Adam's rate, FT-L's ball."""

    name: str
    layer: Literal["all"] | None
    lr: float
    linf: float | None = None


RECIPES = (
    Recipe("every weight, rate 4e-4", "all", 4e-4),
    Recipe("every weight, rate 1e-4", "all", 1e-4),
    Recipe("one matrix, rate 1e-2", None, 1e-2),
    Recipe("one matrix, rate 1e-2, FT-L's ball of 0.016", None, 1e-2, 0.016),
)


@dataclass(frozen=True)
class Training:
    """The losses before the first step and after each, and the answers at these moments."""

    fact: Fact
    recipe: Recipe
    losses: tuple[float, ...]
    answers: tuple[tuple[Answered, ...], ...]

    def rate(self, name: str, step: int) -> float:
        """The share of right answers after `step` steps, among the prompts of one property of (5.1)-(5.4)."""
        right = [a.right for a in self.answers[step] if a.kind in PROPERTIES[name]]
        return sum(right) / len(right)

    def curves(self) -> dict[str, list[float]]:
        """Each property at each step; one that no prompt asks for is left out."""
        asked = {a.kind for a in self.answers[0]}
        return {
            name: [self.rate(name, step) for step in range(len(self.losses))]
            for name, kinds in PROPERTIES.items()
            if asked.intersection(kinds)
        }

    def swallowed(self, step: int) -> int:
        """How many answers begin with the new one."""
        return sum(a.after.casefold().startswith(self.fact.target_new.casefold()) for a in self.answers[step])

    def told(self, step: int) -> str:
        """Where the training stands after so many steps, in words."""
        rates = ", ".join(f"{name} {curve[step]:.2f}" for name, curve in self.curves().items())
        return (
            f"Step {step}: loss {self.losses[step]:.2g}, {rates}. {self.swallowed(step)} of "
            f"{len(self.answers[step])} answers begin with {self.fact.target_new!r}."
        )


def ten_prompts(lm: LM, fact: Fact, facts: Sequence[Fact]) -> list[Answered]:
    """Ten prompts of all kinds with the answers now; unrelated facts, each worded differently, fill up."""
    asked = [
        a for kind, n in MOST.items() for a in [b for b in probes(lm, fact, facts) if b.kind == kind][:n]
    ]
    ends = {a.prompt.split()[-1] for a in asked} | {fact.prompt.split()[-1]}
    for other in facts:
        end = other.prompt.split()[-1]
        if len(asked) < PROMPTS and other.subject != fact.subject and end not in ends:
            ends.add(end)
            now = lm.answer(other.question)
            asked.append(Answered("unrelated", other.question, now, now, now))
    return asked


def train(
    lm: LM, fact: Fact, recipe: Recipe, asked: Sequence[Answered], project: Project = project_linf
) -> Training:
    """Fine-tune for `STEPS` steps and ask before the first and after each; the model is left as it was."""
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new)])
    parameters = dict(lm.model.named_parameters())
    names = list(parameters) if recipe.layer == "all" else [down_parameter(lm, lm.default_layer)[0]]
    before = {name: parameters[name].detach().clone() for name in names}
    asks = {name: parameter.requires_grad for name, parameter in parameters.items()}
    losses, answers = [], []
    try:
        for name, parameter in parameters.items():
            parameter.requires_grad_(name in before)
        adam = torch.optim.Adam([parameters[name] for name in names], lr=recipe.lr)
        for step in range(STEPS + 1):
            answers.append(tuple(ask_again(lm, asked)))
            with torch.enable_grad():
                loss = -answer_logprob(lm.forward(ids, mask), ids, wanted).sum() / wanted.sum()
            losses.append(loss.item())
            if step == STEPS:
                break
            adam.zero_grad()
            loss.backward()
            adam.step()
            if recipe.linf is not None:
                with torch.no_grad():
                    for name in names:
                        parameters[name].copy_(project(parameters[name], before[name], recipe.linf))
    finally:
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.grad = None
                parameter.requires_grad_(asks[name])
                if name in before:
                    parameter.copy_(before[name])
    return Training(fact, recipe, tuple(losses), tuple(answers))


def squeezed(text: str) -> str:
    """`text` with a word that is repeated on the spot written once, and how often: 'Taipei (8 times)'."""
    runs = [(word, len(list(run))) for word, run in groupby(text.split())]
    return " ".join(f"{word} ({n} times)" if n > 2 else " ".join([word] * n) for word, n in runs)


def short(answers: Sequence[Answered]) -> list[Answered]:
    """The same rows with repetitions squeezed, for a table."""
    texts = ("wanted", "before", "after")
    return [replace(a, **{name: squeezed(getattr(a, name)) for name in texts}) for a in answers]
