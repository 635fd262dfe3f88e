"""One ROME edit under chosen settings, and all that lesson 05's surgery room shows of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.rome import rome
from edu_edit.show.answer_figures import answers_height, describe_answers, draw_answers
from edu_edit.show.figure import AltFigure, styled
from edu_edit.show.probes import Answered, ask_again, probes, rates
from edu_edit.show.rank_one_figures import RANK_ONE_HEIGHT, describe_rank_one, draw_rank_one
from edu_edit.show.score_figures import describe_rates, draw_rates, rates_height
from edu_edit.tokens import target_ids

DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
KEPT = {"essence": "what the subject is", "questions": "its other facts"}  # `keep`, in words


@dataclass(frozen=True)
class Settings:
    """What can be turned in the surgery room: the arguments of `rome` of the same names."""

    layer: int
    C: Literal["model", "identity"] = "model"
    prefixes: int = 10
    kl: float = 0.0625
    keep: Literal["essence", "questions"] = "essence"


@dataclass(frozen=True)
class Operation:
    """A finished edit: the answers before and after, and what a part of the change alone would do."""

    fact: Fact
    settings: Settings
    edit: Edit
    answers: list[Answered]
    depths: list[tuple[float, float]]  # P(new answer), P(the answer before) at each of DEPTHS

    @property
    def change(self) -> Tensor:
        """The change of the edited weight, (D, F)."""
        return self.edit.delta[self.settings.layer]

    @property
    def weight(self) -> Tensor:
        """The weight without the edit, (D, F)."""
        return self.edit.lm.ffn(self.settings.layer).W_out.detach()

    @property
    def title(self) -> str:
        s = self.settings
        return (
            f"{self.fact.subject}: {self.answers[0].cells()[2]} → {self.fact.target_new}   "
            f"(ROME, layer {s.layer}, C = {'I' if s.C == 'identity' else 'E[kkᵀ]'}, {s.prefixes} prefixes, "
            f"KL {s.kl:g} on {KEPT[s.keep]}; "
            f"{self.edit.seconds:.1f} s)"
        )

    @styled
    def figure(self) -> AltFigure:
        """Everything in one picture: bars, answers, scalpel."""
        bars, few = rates(self.answers), self._few()
        heights = [rates_height(bars) + 0.1, answers_height(few, "answers"), RANK_ONE_HEIGHT]
        fig = AltFigure(9.0, sum(heights))
        top, middle, bottom = fig.subfigures(3, 1, squeeze=False, height_ratios=heights)[:, 0]
        draw_rates(top, bars, self.title)
        draw_answers(middle, few, "The answers")
        draw_rank_one(bottom, self.weight, self.change)
        cut = describe_rank_one(self.weight, self.change)
        fig.alt = f"{describe_rates(bars, self.title)} {describe_answers(few)} {cut}"
        return fig

    def _few(self) -> list[Answered]:
        kinds = dict.fromkeys(a.kind for a in self.answers)
        return [a for kind in kinds for a in [b for b in self.answers if b.kind == kind][:3]]


def operate(
    lm: LM,
    fact: Fact,
    settings: Settings,
    facts: Sequence[Fact],
    update: Callable[..., Tensor] | None = None,
    seed: int = 0,
) -> Operation:
    """Edit `fact` with ROME and ask the model its questions before and after; the model is left as it was.

    `facts` holds the subject's other facts. `update` is a rank-one update of your own (None: the library's).
    """
    own: dict[str, Any] = {} if update is None else {"update": update}
    before = probes(lm, fact, facts)
    edit = rome(
        lm, fact, settings.layer, C=None if settings.C == "model" else "identity", prefixes=settings.prefixes,
        kl=settings.kl, keep=settings.keep, generator=torch.Generator().manual_seed(seed), **own,
    )  # fmt: skip
    with edit:
        answers = ask_again(lm, before)
    new, old = (target_ids(lm, text, fact.question)[0] for text in (fact.target_new, before[0].before))
    depths = []
    for depth in DEPTHS:
        with Edit(lm, {layer: depth * change for layer, change in edit.delta.items()}):
            p = lm.next_probs([fact.question])[0]
        depths.append((float(p[new]), float(p[old])))
    return Operation(fact, settings, edit, answers, depths)
