"""evaluate: the five properties of textbook section 5.1.3 and CounterFact's figures, before and after an
edit.

M is the model without the edit, M* with it; each is read once for all facts (`reading`), each fact is judged
by the pure functions of `metrics`, and the facts are pooled into rates (`scores`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.metrics import (
    accuracy,
    bootstrap_ci,
    efficacy,
    harmonic,
    interval,
    kl_divergence,
    locality,
    magnitude,
    portability,
    resampled_means,
)
from edu_edit.reading import Reading, read
from edu_edit.scores import METRICS, Efficiency, Rate, Rates, Scores

__all__ = ["Efficiency", "Rate", "Rates", "Scores", "evaluate"]

FACTS_AT_ONCE = 64  # bounds the memory that next-token distributions take
DRAWS = 1000
LEVEL = 0.95


def evaluate(
    lm: LM,
    edit: Edit | Sequence[Edit] | None,
    facts: Fact | Sequence[Fact],
    max_tokens: int | None = 8,
    seed: int = 0,
) -> Scores:
    """Rates of all metrics before and after an edit, with 95 % bootstrap intervals.

    edit: one edit, judged on all facts; a list with an edit per fact, each judged alone on its fact and
    pooled; None, the model as it is, so that only `scores.before` has values. It may be on or off and is left
    as it was found; "before" is measured with it off. Other edits that are on stay on.
    max_tokens: the length of an answer, as for `lm.answer`, or one more than the expected answer's where that
    is longer. None reads exactly as many tokens as the expected answer has: pretrained models go on talking.
    seed: of the bootstrap.

    Raises ValueError when there is no fact, when the lists differ in length, or for an edit of another LM.
    """
    listed = [facts] if isinstance(facts, Fact) else list(facts)
    edits = [] if edit is None else [edit] if isinstance(edit, Edit) else list(edit)
    each_alone = edit is not None and not isinstance(edit, Edit)
    _check(lm, edits, listed, each_alone)
    before: list[dict[str, list[float]]] = []
    after: list[dict[str, list[float]]] = []
    with edits_restored(lm):
        for one in [one for one in lm.edits if one in edits]:
            one.off()
        for start in range(0, len(listed), FACTS_AT_ONCE):
            chunk = listed[start : start + FACTS_AT_ONCE]
            m = read(lm, chunk, max_tokens)
            before += [judged(fact, m, m) for fact in chunk]
            if isinstance(edit, Edit):
                with edit:
                    m_star = read(lm, chunk, max_tokens)
                after += [judged(fact, m, m_star) for fact in chunk]
            for one, fact in zip(edits[start:] if each_alone else [], chunk, strict=False):
                with one:
                    after.append(judged(fact, m, read(lm, [fact], max_tokens)))
    names = ("target_true", "paraphrases", "neighborhood", "portability", "reverse")
    lacking = frozenset(name for name in names if not any(getattr(fact, name) for fact in listed))
    return Scores(
        model=lm.name,
        before=pooled(before, lacking, seed),
        after=pooled(after, lacking, seed) if after else Rates({}, no_edit=True),
        efficiency=cost(edits),
        protocol=protocol(max_tokens, seed, each_alone),
        facts=len(listed),
    )


def _check(lm: LM, edits: Sequence[Edit], facts: Sequence[Fact], each_alone: bool) -> None:
    if not facts or not all(isinstance(fact, Fact) for fact in facts):
        raise ValueError(f"evaluate needs one Fact or a list of them, but got {facts!r:.60}.")
    if not all(isinstance(one, Edit) and one.lm is lm for one in edits):
        raise ValueError(f"evaluate needs edits that were made for this {lm.name}, but got {edits!r:.60}.")
    if each_alone and len(edits) != len(facts):
        raise ValueError(
            f"There are {len(edits)} edits but {len(facts)} facts: give one edit, or a list of one per fact."
        )


def judged(fact: Fact, m: Reading, m_star: Reading) -> dict[str, list[float]]:
    """One value per prompt and metric for one fact; `m` is read without the edit, `m_star` with it."""
    question, new, true = fact.question, fact.target_new, fact.target_true
    said = m_star.answers
    values = {
        "accuracy": [accuracy([said[question, new]], new)],
        "generality": [accuracy([said[p, new]], new) for p in fact.paraphrases],
        "portability": [portability([said[p, answer]], [answer]) for p, answer in fact.portability],
        "locality": [locality([said[p, true]], [m.answers[p, true]]) for p in fact.neighborhood],
        "reverse": [portability([said[p, answer]], [answer]) for p, answer in fact.reverse],
        "token_accuracy": [m_star.tokens[question, new]],
        "KL": [float(kl_divergence(m.next[p], m_star.next[p])) for p in fact.neighborhood],
    }
    if true is not None:
        sides = (
            ("E", (question,), new, true),
            ("P", fact.paraphrases, new, true),
            ("N", fact.neighborhood, true, new),
        )
        for letter, prompts, wanted, other in sides:
            pairs = [(m_star.logp[p, wanted][None], m_star.logp[p, other][None]) for p in prompts]
            values[f"{letter}S"] = [efficacy(*pair) for pair in pairs]
            values[f"{letter}M"] = [magnitude(*pair) for pair in pairs]
    return values


def pooled(values: Sequence[Mapping[str, Sequence[float]]], lacking: frozenset[str], seed: int) -> Rates:
    """Rates from the values of each fact's prompts, {metric: one value per prompt}.

    A rate is the mean over facts of each fact's mean, as CounterFact's; facts without such prompts don't
    count. The interval resamples facts (the prompts of one fact are not independent), or prompts where there
    is only one fact.
    """
    rates, means = {}, {}
    for name in METRICS:
        groups = [fact[name] for fact in values if fact.get(name)]
        if not groups:
            continue
        units = [sum(group) / len(group) for group in groups] if len(groups) > 1 else list(groups[0])
        lo, hi = bootstrap_ci(units, DRAWS, seed, LEVEL)
        rates[name] = Rate(sum(units) / len(units), lo, hi, sum(len(group) for group in groups))
        means[name] = resampled_means(torch.tensor(units, dtype=torch.float64), DRAWS, seed)
    if {"ES", "PS", "NS"} <= set(rates):
        parts = ("ES", "PS", "NS")
        draws = torch.stack([means[part] for part in parts])
        lo, hi = interval(len(parts) / draws.reciprocal().sum(0), LEVEL)  # harmonic means; 1/inf = 0
        n = sum(rates[part].n for part in parts)
        rates["S"] = Rate(harmonic(*(rates[part].value for part in parts)), lo, hi, n)
    return Rates({name: rates[name] for name in METRICS if name in rates}, lacking)


@contextmanager
def edits_restored(lm: LM) -> Iterator[None]:
    """Leave the model's edits as they were found, in the same order, whatever happens inside."""
    found = list(lm.edits)
    try:
        yield
    finally:
        if lm.edits != found:
            for one in list(lm.edits):
                one.off()
            for one in found:
                one.on()


def cost(edits: Sequence[Edit]) -> Efficiency:
    """What the edits cost together; passes through the model where every edit's record counts them."""
    passes: dict[str, float | None] = {}
    for name in ("forward_passes", "backward_passes"):
        known = [one.record[name] for one in edits if name in one.record]
        passes[name] = float(sum(known)) if edits and len(known) == len(edits) else None
    return Efficiency(
        seconds=float(sum(one.seconds for one in edits)),
        extra_bytes=sum(one.extra_bytes for one in edits),
        edits=len(edits),
        forward_passes=passes["forward_passes"],
        backward_passes=passes["backward_passes"],
    )


def protocol(max_tokens: int | None, seed: int, each_alone: bool) -> str:
    """How the figures were measured, in words."""
    length = (
        "as many tokens as the expected answer"
        if max_tokens is None
        else f"up to {max_tokens} tokens or the expected answer's"
    )
    return (
        f"greedy answers of {length}, equal but for case and final punctuation; "
        f"ES, PS, NS by mean log-probability per token, strictly greater; "
        f"locality against the model before the edit; "
        f"{'each fact under its own edit alone; ' if each_alone else ''}mean over facts of each fact's mean; "
        f"{LEVEL:.0%} bootstrap intervals over facts ({DRAWS} draws, seed {seed})"
    )
