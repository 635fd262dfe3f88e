"""All methods on the same facts, one by one and all at once: the figures behind table 5.2.

Textbook section 5.2.3. Every fact is read once before any edit, then edited alone by every method, then all
facts are edited at once by the methods that can; each time the same probes are read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from edu_edit.compare.lineup import LINEUP, contestant
from edu_edit.compare.log import Log, about
from edu_edit.compare.workers import worked
from edu_edit.edits import Edit
from edu_edit.evaluation import judged
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.reading import Reading, read
from edu_edit.requests import requested

_before: dict[tuple[int, Fact], Reading] = {}  # what this process has read of the unedited model

PIECE = 5  # facts that a process edits, one by one, before it reports


@dataclass(frozen=True)
class Outcome:
    """One fact judged under one edit.

    mode: "before" (no edit), "alone" (an edit of this fact), "batch" (one edit of all facts).
    values: {metric: one value per prompt}, as `evaluation.judged` gives them. seconds, extra_bytes, passes:
    of the edit, which in a batch is the same for every fact. error: why the method could not edit.
    """

    method: str
    mode: str
    fact: int
    values: dict[str, list[float]] = field(default_factory=dict)
    seconds: float = 0.0
    extra_bytes: int = 0
    forward_passes: float = 0.0
    backward_passes: float = 0.0
    error: str = ""


class Piece(NamedTuple):
    """Facts for one method in one mode."""

    method: str
    mode: str
    facts: tuple[int, ...]


def compare(
    lm: LM,
    facts: Sequence[Fact],
    methods: Sequence[str] | None = None,
    folder: str | Path | None = None,
    workers: int = 2,
) -> list[Outcome]:
    """The outcomes of every method of `methods` (None = all of `LINEUP`) on the facts, alone and in batch.

    folder: where they are written as they come; the same call goes on where an earlier one was stopped.
    workers: processes of one thread each, which load the model anew by its name; 1 = this process, with `lm`
    itself. A method that can't edit leaves its sentence in place of values. Raises ValueError for an unknown
    method, for no fact or a question asked twice, for edits that are on, and for a folder of another
    comparison.
    """
    facts = requested(facts, at_once=True)
    names = list(LINEUP) if methods is None else [contestant(name).name for name in methods]
    if lm.edits:
        raise ValueError("Methods are compared on the unedited model: switch its edits off first.")
    _before.clear()
    log = Log(folder, "outcomes.jsonl", about(lm, facts))
    known = [Outcome(**row) for row in log.rows]
    pieces = list(_missing(known, names, len(facts)))
    total = sum(len(piece.facts) for piece in pieces)
    tasks = [partial(_task, facts=facts, piece=piece) for piece in pieces]
    with tqdm(total=total, desc=f"comparing on {lm.name}", unit="edit") as bar:
        for outcomes in worked(lm, tasks, workers):  # a piece is one step
            log.add(asdict(one) for one in outcomes)
            known += outcomes
            bar.set_postfix_str(outcomes[0].method)
            bar.update(len(outcomes))
    return known


def _missing(known: Sequence[Outcome], names: Sequence[str], n: int) -> Iterator[Piece]:
    """What is not known yet; batches first, which take longest."""
    done = {(one.method, one.mode, one.fact) for one in known}
    for name in names:
        if contestant(name).batch is not None and (name, "batch", n - 1) not in done:
            yield Piece(name, "batch", tuple(range(n)))
    for name, mode in [("", "before"), *((name, "alone") for name in names)]:
        left = [i for i in range(n) if (name, mode, i) not in done]
        yield from (Piece(name, mode, tuple(left[k : k + PIECE])) for k in range(0, len(left), PIECE))


def _task(lm: LM, step: Callable[[], object], facts: Sequence[Fact], piece: Piece) -> list[Outcome]:
    return judged_piece(lm, facts, piece)


def judged_piece(lm: LM, facts: Sequence[Fact], piece: Piece) -> list[Outcome]:
    """The outcomes of one piece of work."""
    mine = {i: facts[i] for i in piece.facts}
    before = {i: _unedited(lm, fact) for i, fact in mine.items()}
    if piece.mode == "before":
        return [Outcome("", "before", i, judged(fact, before[i], before[i])) for i, fact in mine.items()]
    entry = contestant(piece.method)
    if piece.mode == "batch" and entry.batch is not None:
        try:
            edit = entry.batch(lm, list(mine.values()))
        except ValueError as error:
            return [_failed(piece, i, error) for i in mine]
        with edit:
            after = read(lm, list(mine.values()))
        return [_outcome(piece, i, fact, before[i], after, edit) for i, fact in mine.items()]
    outcomes = []
    for i, fact in mine.items():
        try:
            with entry.alone(lm, fact) as edit:
                after = read(lm, [fact])
            outcomes.append(_outcome(piece, i, fact, before[i], after, edit))
        except ValueError as error:
            outcomes.append(_failed(piece, i, error))
    return outcomes


def _unedited(lm: LM, fact: Fact) -> Reading:
    """The reading of a fact before any edit: the same for every method, so it is made once."""
    key = (id(lm), fact)
    if key not in _before:
        _before[key] = read(lm, [fact])
    return _before[key]


def _outcome(piece: Piece, i: int, fact: Fact, before: Reading, after: Reading, edit: Edit) -> Outcome:
    values = judged(fact, before, after)
    forward, backward = (float(edit.record.get(f"{way}_passes", 0.0)) for way in ("forward", "backward"))
    return Outcome(piece.method, piece.mode, i, values, edit.seconds, edit.extra_bytes, forward, backward)


def _failed(piece: Piece, i: int, error: ValueError) -> Outcome:
    return Outcome(piece.method, piece.mode, i, error=str(error))
