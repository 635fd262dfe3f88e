"""zsRE's protocol: the tokens of an answer, each asked with the right ones before it.

Mitchell et al. 2021 (MEND, arXiv 2110.11309) and Meng et al. 2022 (ROME, arXiv 2202.05262) judge zsRE's
questions by the tokens of the answer that are the most probable ones, when all before them are given: the
edited question, its paraphrase, and an unrelated question whose own true answer is wanted. MEND counts an
answer only when all of its tokens are right; its drawdown is what the unrelated ones lost.

Two things to know when reading such figures: an answer of several tokens scores above 0 before any edit, and
the unrelated questions are compared with the truth, not with the model before the edit as in (5.4).
"""

from collections.abc import Sequence

import torch

from edu_edit.before_after import Values, compared
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.reading import Reading, batches, score
from edu_edit.scores import Scores


def evaluate_zsre(
    lm: LM, edit: Edit | Sequence[Edit] | None, facts: Fact | Sequence[Fact], seed: int = 0
) -> Scores:
    """zsRE's three token accuracies and their harmonic mean, and MEND's exact match and drawdown.

    edit and the intervals are as for `evaluate`. The unrelated questions and their true answers are
    `fact.unrelated`; facts without them, or without paraphrases, lack those rows. Raises ValueError as
    `evaluate` does.
    """
    protocol = (
        "evaluate_zsre: most probable token after each prefix of the answer; unrelated questions "
        "against their true answers"
    )
    fields = ("paraphrases", "unrelated")
    return compared(lm, edit, facts, Fact, lambda chunk: read(lm, chunk), judged, fields, protocol, seed)


@torch.no_grad()
def read(lm: LM, facts: Sequence[Fact]) -> Reading:
    """The share of right tokens of every answer that the protocol asks for."""
    wanted: dict[str, dict[str, None]] = {}
    for fact in facts:
        for prompt in (fact.question, *fact.paraphrases):
            wanted.setdefault(prompt, {})[fact.target_new] = None
        for prompt, answer in fact.unrelated:
            wanted.setdefault(prompt, {})[answer] = None
    reading = Reading()
    for batch in batches(lm, list(wanted)):
        score(lm, {prompt: list(wanted[prompt]) for prompt in batch}, frozenset(), reading)
    return reading


def judged(fact: Fact, m: Reading, m_star: Reading) -> Values:
    """One value per prompt and metric for one fact."""
    new = fact.target_new
    shares = {
        "edit": [m_star.tokens[fact.question, new]],
        "paraphrase": [m_star.tokens[p, new] for p in fact.paraphrases],
        "unrelated": [m_star.tokens[asked] for asked in fact.unrelated],
    }
    before = [m.tokens[asked] for asked in fact.unrelated]
    values = {f"{name}_tokens": found for name, found in shares.items()}
    values |= {f"{name}_exact": [float(share == 1) for share in found] for name, found in shares.items()}
    lost = zip(before, shares["unrelated"], strict=True)
    return values | {"drawdown": [drawdown(float(old == 1), float(now == 1)) for old, now in lost]}


def drawdown(before: float, after: float) -> float:
    """MEND's drawdown: the accuracy on unrelated questions that an edit cost; below 0 where it rose."""
    return before - after
