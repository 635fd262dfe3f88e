"""A model before and after an edit: each question asked of both, and the values pooled into rates.

M is the model without the edit, M* with it. Every protocol (`evaluate` and its siblings) gives two functions:
one reads a state of the model, one judges a case by the readings of M and M*. What is the same for all of
them stands here: switching edits on and off, pooling, intervals, and the cost. "Before" is always measured
with the edit off, whatever was on when the measurement began.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch

from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.metrics import bootstrap_ci, harmonic, interval, resampled_means
from edu_edit.scores import METRICS, Efficiency, Rate, Rates, Scores

Case = TypeVar("Case")
State = TypeVar("State")
Values = dict[str, list[float]]  # one value per prompt and metric, for one case

CASES_AT_ONCE = 64  # bounds the memory that next-token distributions take
DRAWS = 1000
LEVEL = 0.95
HARMONIC = {  # metrics that are the harmonic mean of others
    "S": ("ES", "PS", "NS"),
    "tokens_S": ("edit_tokens", "paraphrase_tokens", "unrelated_tokens"),
}


def compared(
    lm: LM,
    edit: Edit | Sequence[Edit] | None,
    cases: Case | Sequence[Case],
    kind: type[Case],
    read: Callable[[Sequence[Case]], State],
    judged: Callable[[Case, State, State], Values],
    fields: Sequence[str],
    protocol: str,
    seed: int,
) -> Scores:
    """The scores of one protocol, before and after an edit.

    edit: one edit, judged on all cases; a list with an edit per case, each judged alone on its case; None,
    the model as it is. kind: what a case is, for the error. read: what the metrics need to know of the model
    as it is now. judged(case, m, m_star): the values of one case. fields: those of a case that it may lack.

    Raises ValueError when there is no case, when the lists differ in length, or for an edit of another LM.
    """
    listed: list[Case] = [cases] if isinstance(cases, kind) else list(cases)  # type: ignore[arg-type]
    edits = [] if edit is None else [edit] if isinstance(edit, Edit) else list(edit)
    each_alone = edit is not None and not isinstance(edit, Edit)
    _check(lm, edits, listed, kind, each_alone)
    before: list[Values] = []
    after: list[Values] = []
    with edits_restored(lm):
        for one in [one for one in lm.edits if one in edits]:
            one.off()
        for start in range(0, len(listed), CASES_AT_ONCE):
            chunk = listed[start : start + CASES_AT_ONCE]
            m = read(chunk)
            before += [judged(case, m, m) for case in chunk]
            if isinstance(edit, Edit):
                with edit:
                    m_star = read(chunk)
                after += [judged(case, m, m_star) for case in chunk]
            for one, case in zip(edits[start:] if each_alone else [], chunk, strict=False):
                with one:
                    after.append(judged(case, m, read([case])))
    lacking = frozenset(name for name in fields if not any(getattr(case, name) for case in listed))
    alone = f"each {_noun(kind)} under its own edit alone; " if each_alone else ""
    return Scores(
        model=lm.name,
        before=pooled(before, lacking, seed),
        after=pooled(after, lacking, seed) if after else Rates({}, no_edit=True),
        efficiency=cost(edits),
        protocol=f"{protocol}; {alone}mean over {_noun(kind)}s of each {_noun(kind)}'s mean; "
        f"{LEVEL:.0%} bootstrap intervals over {_noun(kind)}s ({DRAWS} draws, seed {seed})",
        facts=len(listed),
    )


def _noun(kind: type) -> str:
    return "fact" if kind.__name__ == "Fact" else "case"


def _check(lm: LM, edits: Sequence[Edit], cases: Sequence[object], kind: type, each_alone: bool) -> None:
    if not cases or not all(isinstance(case, kind) for case in cases):
        raise ValueError(f"evaluate needs one {kind.__name__} or a list of them, but got {cases!r:.60}.")
    if not all(isinstance(one, Edit) and one.lm is lm for one in edits):
        raise ValueError(f"evaluate needs edits that were made for this {lm.name}, but got {edits!r:.60}.")
    if each_alone and len(edits) != len(cases):
        raise ValueError(
            f"There are {len(edits)} edits but {len(cases)} {_noun(kind)}s: "
            f"give one edit, or a list of one per {_noun(kind)}."
        )


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
    for name, parts in HARMONIC.items():
        if set(parts) <= set(rates):
            draws = torch.stack([means[part] for part in parts])
            lo, hi = interval(len(parts) / draws.reciprocal().sum(0), LEVEL)  # harmonic means; 1/inf = 0
            n = sum(rates[part].n for part in parts)
            rates[name] = Rate(harmonic(*(rates[part].value for part in parts)), lo, hi, n)
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
        changed_parameters=sum(
            int(change.count_nonzero()) for one in edits for change in one.changes.values()
        ),
    )
