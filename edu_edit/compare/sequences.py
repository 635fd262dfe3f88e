"""Edit after edit on one model: do the first edits survive, does the rest stay, how far do the weights go?

Textbook sections 5.1.3 and 5.2.3 ask for methods that can edit again and again. ROME with the released mix of
keys is known to break a model after enough edits (Gupta et al. 2024, arXiv 2403.07175). After every edit the
model is asked, by greedy next tokens with the answer fed in:

    now         is the fact just written answered?
    first       share of the first 20 facts that are still answered
    locality    share of prompts about other things whose next token is as before all edits (5.4)
    drift       |Delta| / |W| over the output matrices that are edited

and, at a few counts, how many of all facts so far are answered, and one paraphrase of each.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

import torch
from tqdm import tqdm

from edu_edit.compare.lineup import SEQUENCES
from edu_edit.compare.log import Log, about
from edu_edit.compare.workers import worked
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.requests import requested
from edu_edit.world.measure.continuation import exact

FIRST = 20
COUNTS = (1, 3, 10, 30, 100, 200, 300)


@dataclass
class Course:
    """What one method did to a model, edit by edit. Lists have one entry per edit; `counts` holds (edits,
    share of all facts so far that are answered, the same for a paraphrase of each).
    """

    method: str
    now: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    locality: list[float] = field(default_factory=list)
    drift: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    extra_bytes: list[int] = field(default_factory=list)
    counts: list[list[float]] = field(default_factory=list)


@torch.no_grad()
def drift(lm: LM, edit: Edit) -> float:
    """|Delta| / |W|, the Frobenius norms over all output matrices that the edit changes; 0 for hook edits."""
    if not edit.delta:
        return 0.0
    moved = torch.stack([change.double().norm() for change in edit.delta.values()]).norm()
    return float(moved / torch.stack([lm.ffn(layer).W_out.double().norm() for layer in edit.delta]).norm())


def in_sequence(
    lm: LM,
    facts: Sequence[Fact],
    probes: Sequence[str],
    methods: Sequence[str] | None = None,
    folder: str | Path | None = None,
    workers: int = 2,
) -> dict[str, Course]:
    """The course of every method of `methods` (None = all of `SEQUENCES`), {method: Course}.

    probes: prompts that no edit is about. folder: where courses are written as they end; the same call goes
    on with the methods that are missing. workers: as for `compare`. Raises ValueError for an unknown method,
    no fact, no probe, edits that are on, and a folder of another comparison.
    """
    facts = requested(facts)
    names = list(SEQUENCES) if methods is None else list(methods)
    if unknown := [name for name in names if name not in SEQUENCES]:
        raise ValueError(f"There is no sequence of {unknown[0]!r}: choose from {', '.join(SEQUENCES)}.")
    if lm.edits or not probes:
        raise ValueError("A sequence starts from the unedited model and needs prompts to keep: give both.")
    log = Log(folder, "courses.jsonl", about(lm, facts) | {"probes": len(probes)})
    courses = {row["method"]: Course(**row) for row in log.rows}
    left = [name for name in names if name not in courses]
    tasks = [partial(follow, method=name, facts=facts, probes=probes) for name in left]
    title = f"{len(left)} methods in sequence on {lm.name}"
    with tqdm(total=len(left) * len(facts), desc=title, unit="edit") as bar:
        for course in worked(lm, tasks, workers, step=bar.update):
            log.add([asdict(course)])
            courses[course.method] = course
    return {name: courses[name] for name in names}


def follow(
    lm: LM, step: Callable[[], object], method: str, facts: Sequence[Fact], probes: Sequence[str]
) -> Course:
    """Write the facts one after the other by a method of `SEQUENCES`, and read the model after each.

    step: called after each edit.
    """
    before = lm.next_probs(probes).argmax(-1)
    course = Course(method)
    asked = [(fact.question, fact.target_new) for fact in facts]
    reworded = [(fact.paraphrases[0], fact.target_new) if fact.paraphrases else None for fact in facts]
    for i, edit in enumerate(SEQUENCES[method](lm, facts)):
        n = i + 1
        with edit:
            right = answered(lm, [*asked[: min(n, FIRST)], asked[i]])
            course.now.append(right[-1])
            course.first.append(mean(right[:-1]))
            course.locality.append(float((lm.next_probs(probes).argmax(-1) == before).double().mean()))
            if n in COUNTS:
                other = [pair for pair in reworded[:n] if pair is not None]
                course.counts.append([float(n), *(mean(answered(lm, p)) for p in (asked[:n], other))])
        course.drift.append(drift(lm, edit))  # with the edit off: W is the unedited matrix
        course.seconds.append(edit.seconds)
        course.extra_bytes.append(edit.extra_bytes)
        step()
    return course


def answered(lm: LM, pairs: Sequence[tuple[str, str]]) -> list[float]:
    right: list[float] = exact(lm, [prompt for prompt, _ in pairs], [answer for _, answer in pairs]).tolist()
    return right


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
