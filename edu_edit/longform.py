"""Answers of many tokens: texts, code, proofs; and how well a model gives them, before and after an edit.

Deng et al. 2024 (UnKE, arXiv 2405.15349) and Jiang et al. 2025 (AnyEdit, arXiv 2502.05628). An edit that
fixes the first words may lose the thread later, so a long answer is judged at each of its positions, as a
whole, and by what the model writes of its own accord, compared as text by ROUGE-L.
Shapes: n tokens of an answer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edu_edit.answering import continued, text_of
from edu_edit.before_after import Values, compared
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import rouge_l
from edu_edit.reading import batches
from edu_edit.scores import Scores
from edu_edit.tokens import target_ids

Asked = tuple[str, str]  # a prompt and the answer that is expected


@dataclass(frozen=True)
class LongAnswer:
    """A prompt and the long text that is to answer it, with probes. Nothing has to be a subject in it.

    prompt, paraphrases: filled prompts. target: the answer, with its line breaks. questions: (prompt, answer)
    pairs about details of it. category: what sort of text it is, where the data say so. `anyedit` and `unke`
    take prompt and target. Sequences become tuples. Raises ValueError for an empty text.
    """

    prompt: str
    target: str
    paraphrases: Sequence[str] = ()
    questions: Sequence[Asked] = ()
    category: str = ""

    def __post_init__(self) -> None:
        pairs = tuple((q, a) for q, a in self.questions)
        object.__setattr__(self, "paraphrases", tuple(self.paraphrases))
        object.__setattr__(self, "questions", pairs)
        for name, texts in (
            ("The prompt", [self.prompt]),
            ("The target", [self.target]),
            ("A paraphrase", self.paraphrases),
            ("A question or its answer", [text for pair in pairs for text in pair]),
        ):
            if not all(isinstance(text, str) and text.strip() for text in texts):
                raise ValueError(f"{name} of a long answer is empty: give some text, or leave the entry out.")

    @classmethod
    def from_fact(cls, fact: Fact) -> "LongAnswer":
        """A fact whose new object is a text: its question, paraphrases and portability questions."""
        return cls(fact.question, fact.target_new, fact.paraphrases, fact.portability)


def exact_match(pred: Int[Tensor, " n"], target: Int[Tensor, " n"]) -> bool:
    """Whether all tokens are right: MEND's measure of an answer of several tokens.

    With the target's earlier tokens given, this is also when greedy decoding writes the target. Raises
    ValueError when there is no token, or not as many predicted as in the target.
    """
    if len(target) == 0 or len(pred) != len(target):
        raise ValueError(f"There are {len(pred)} predicted tokens for {len(target)}: give one for each.")
    return bool((pred == target).all())


def accuracy_by_position(correct: Sequence[Bool[Tensor, " _"]]) -> tuple[list[float], list[int]]:
    """The share of answers that are right at token 0, 1, 2, ..., and how many answers are that long.

    Raises ValueError when there is no answer.
    """
    if not correct:
        raise ValueError("There is no answer to read positions of: give at least one.")
    columns = [[bool(row[i]) for row in correct if i < len(row)] for i in range(max(map(len, correct)))]
    return [sum(column) / len(column) for column in columns], [len(column) for column in columns]


@torch.no_grad()
def answer_tokens(
    lm: LM, prompt: str, target: str
) -> tuple[Int[Tensor, " n"], Int[Tensor, " n"], Float[Tensor, " n"]]:
    """The most probable token at each place of the target, the target's own, and its log-probability.

    The tokens before it are the target's. Raises ValueError where both don't fit into the model's context.
    """
    question = lm.ids(prompt)[0]
    answer = torch.tensor([target_ids(lm, target, prompt)], device=lm.device)
    ids = torch.cat([question, answer], dim=1)
    if ids.shape[1] > lm.context:
        raise ValueError(
            f"{prompt!r:.40} and its answer have {ids.shape[1]} tokens, but {lm.name} reads {lm.context}: "
            f"give a shorter answer."
        )
    asked = torch.tensor([question.shape[1]], device=lm.device)
    logits = lm.forward(ids, torch.ones_like(ids), asked)[0, question.shape[1] - 1 : -1]
    logp = logits.double().log_softmax(-1).gather(1, answer[0, :, None])[:, 0]
    return logits.argmax(-1), answer[0], logp


@dataclass
class LongReading:
    """What one state of a model says to long questions: right tokens, their log-probabilities, own words."""

    right: dict[Asked, Bool[Tensor, " _"]] = field(default_factory=dict)
    logp: dict[Asked, float] = field(default_factory=dict)
    texts: dict[Asked, str] = field(default_factory=dict)


def read(lm: LM, answers: Sequence[LongAnswer]) -> LongReading:
    """Ask the model, as it is now, all that the answers are judged by, each once.

    It writes as many tokens as the expected text has: a text that is cut short can't be compared.
    """
    reading = LongReading()
    asked: dict[Asked, int] = {}
    for one in answers:
        pred, target, logp = answer_tokens(lm, one.prompt, one.target)
        reading.right[one.prompt, one.target] = pred == target
        reading.logp[one.prompt, one.target] = float(logp.mean())
        pairs = [*((p, one.target) for p in (one.prompt, *one.paraphrases)), *one.questions]
        asked |= {pair: len(target_ids(lm, pair[1], pair[0])) for pair in pairs}
    longest: dict[str, int] = {}
    for (prompt, _), length in asked.items():
        longest[prompt] = max(length, longest.get(prompt, 0))
    for batch in batches(lm, list(longest)):
        rows = continued(lm, batch, max(longest[prompt] for prompt in batch))
        found = dict(zip(batch, rows, strict=True))
        for pair, length in asked.items():
            if pair[0] in found:
                reading.texts[pair] = text_of(lm, found[pair[0]][:length]).strip()
    return reading


def judged(one: LongAnswer, _: LongReading, now: LongReading) -> Values:
    """One value per prompt and metric for one answer."""
    asked = (one.prompt, one.target)
    right = now.right[asked]
    return {
        "exact_match": [float(right.all())],
        "answer_tokens": [float(right.double().mean())],
        "answer_logp": [now.logp[asked]],
        "ROUGE_L": [rouge_l(now.texts[asked], one.target)],
        "ROUGE_L_paraphrases": [rouge_l(now.texts[p, one.target], one.target) for p in one.paraphrases],
        "ROUGE_L_questions": [rouge_l(now.texts[q, a], a) for q, a in one.questions],
    }


def evaluate_long(
    lm: LM, edit: Edit | Sequence[Edit] | None, answers: LongAnswer | Sequence[LongAnswer], seed: int = 0
) -> Scores:
    """Exact match, right tokens, log-probability and ROUGE-L of long answers, before and after an edit.

    edit and the intervals are as for `evaluate`. `answer_tokens` with `accuracy_by_position` shows where in
    the answer a model gets lost; what the edit does to other facts is `evaluate(lm, edit, other_facts)`.
    Raises ValueError for what is no LongAnswer, and for one that the model's context has no room for.
    """
    protocol = (
        "evaluate_long: tokens with those before them given; greedy texts as long as the expected ones, "
        "ROUGE-L F1 on words, single characters in Chinese"
    )
    fields = ("paraphrases", "questions")
    return compared(lm, edit, answers, LongAnswer, lambda c: read(lm, c), judged, fields, protocol, seed)
