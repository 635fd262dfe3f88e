"""The kinds of prompt that judge one edit, and the answers before and after it (lessons 02 and 05)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edu_edit.evaluation import Rate
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import bootstrap_ci, same_answer

KINDS = {
    "edit": "the edit prompt\nshould give the new answer",
    "paraphrases": "paraphrases\nshould give the new answer",
    "consequences": "reverse and consequences\nshould follow the edit",
    "same subject": "other facts of the subject\nshould stay as they were",
    "neighbours": "neighbours\nshould stay as they were",
    "unrelated": "unrelated facts\nshould stay as they were",
}
KEPT = ("same subject", "neighbours", "unrelated")


@dataclass(frozen=True)
class Answered:
    """One prompt of a kind in `KINDS`, the answer that is wanted after the edit, and the model's answers.

    For the kinds in `KEPT` the wanted answer is the one given before the edit, right or wrong (5.4).
    """

    kind: str
    prompt: str
    wanted: str
    before: str
    after: str

    @property
    def right(self) -> bool:
        return same_answer(self.after, self.wanted)

    @property
    def verdict(self) -> str:
        if self.kind in KEPT:
            return "✓ kept" if self.right else "✗ changed"
        return "✓ yes" if self.right else "✗ no"

    def cells(self) -> tuple[str, str, str, str]:
        """Prompt and answers as a table shows them, without the full stop that some answers end in."""
        wanted, before, after = (text.rstrip(".。") for text in (self.wanted, self.before, self.after))
        return self.prompt, wanted, before, after


def probes(lm: LM, fact: Fact, facts: Sequence[Fact], most: int = 5) -> list[Answered]:
    """At most `most` prompts of each kind, answered by the model as it is now (`after` equals `before`).

    The other facts of the subject are looked up among `facts`.
    """
    same = dict.fromkeys(f.question for f in facts if f.subject == fact.subject and f.prompt != fact.prompt)
    follows = (*fact.reverse, *fact.portability)
    asked: list[tuple[str, str, str | None]] = [("edit", fact.question, fact.target_new)]
    asked += [("paraphrases", prompt, fact.target_new) for prompt in fact.paraphrases[:most]]
    asked += [("consequences", prompt, answer) for prompt, answer in follows[:most]]
    asked += [("same subject", prompt, None) for prompt in list(same)[:most]]
    asked += [("neighbours", prompt, None) for prompt in fact.neighborhood[:most]]
    answers = lm.answers([prompt for _, prompt, _ in asked])
    return [
        Answered(kind, prompt, wanted or now, now, now)
        for (kind, prompt, wanted), now in zip(asked, answers, strict=True)
    ]


def ask_again(lm: LM, answers: Sequence[Answered]) -> list[Answered]:
    """The same prompts with the answers that the model gives now as `after`: call it inside `with edit:`."""
    after = lm.answers([a.prompt for a in answers])
    return [replace(a, after=now) for a, now in zip(answers, after, strict=True)]


def rates(answers: Sequence[Answered]) -> dict[str, dict[str, Rate]]:
    """The share of right answers of each kind, {"before": {kind: Rate}, "after": ...}, with intervals."""
    found: dict[str, dict[str, Rate]] = {"before": {}, "after": {}}
    for kind in dict.fromkeys(a.kind for a in answers):
        group = [a for a in answers if a.kind == kind]
        for time, said in (("before", [a.before for a in group]), ("after", [a.after for a in group])):
            right = [float(same_answer(one, a.wanted)) for one, a in zip(said, group, strict=True)]
            found[time][kind] = Rate(sum(right) / len(right), *bootstrap_ci(right), len(right))
    return found
