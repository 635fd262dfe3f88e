"""Lesson 12's scenario cards: what a task needs, and how each method that was recorded meets it."""

from collections.abc import Callable
from typing import NamedTuple

from edu_edit.compare.recorded import Recorded, recorded_rates
from edu_edit.compare.sequences import Course

TRAINED = ("MEND", "KE", "ENN")  # an editor has to be trained first
TEXT = ("IKE", "prompt alone")  # needs the prompt only
LONG = ("AnyEdit", "UnKE")  # made for answers of any length (lesson 11)
Judge = Callable[[Recorded, Course | None], tuple[bool | None, str]]


class Need(NamedTuple):
    """What a task asks of a method: (True, False or None for not tested, what was measured)."""

    text: str
    judge: Judge


class Scenario(NamedTuple):
    """A task in a sentence, and its needs."""

    name: str
    story: str
    needs: tuple[Need, ...]


def _at_least(metric: str, bar: float) -> Judge:
    def judge(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
        rate = recorded_rates(row).get(metric)
        if rate is None:
            return None, "not tested"
        return rate.lo >= bar, f"{rate.value:.2f}, at the lower end {rate.lo:.2f}; asked {bar:g}"

    return judge


def _no_training(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    trained = row.method in (*TRAINED, "SERAC")
    return not trained, "its editor or gate has to be trained first" if trained else "nothing to train"


def _batch(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    if not row.batch:
        return None, "not tested: it takes one fact at a time here"
    return row.batch["ES"] >= 0.9, f"of 60 at once, {row.batch['ES']:.2f} were written; asked 0.9"


def _batch_keeps(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    if not row.batch:
        return None, "not tested"
    return row.batch["NS"] >= 0.85, f"neighbours kept after 60: {row.batch['NS']:.2f}; asked 0.85"


def _sequence(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    if course is None:
        return None, "not tested"
    end = len(course.locality)
    left = course.locality[-1]
    return left >= 0.8, f"other prompts kept after {end} edits in sequence: {left:.2f}; asked 0.8"


def _long(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    if row.method in LONG:
        return True, "made for it, piece by piece or a whole layer (lesson 11)"
    return None, "not tested on long answers here"


def _no_weights(row: Recorded, course: Course | None) -> tuple[bool | None, str]:
    text = row.method in TEXT
    return text, "text alone" if text else "needs the model's weights, states or output"


SCENARIOS = (
    Scenario(
        "one fix tonight",
        "One answer is wrong and embarrassing. It must be right by tomorrow, and nothing else may move.",
        (
            Need("the new answer, surely", _at_least("accuracy", 0.9)),
            Need("neighbours unchanged", _at_least("locality", 0.85)),
            Need("other wordings too", _at_least("generality", 0.8)),
            Need("no editor to train tonight", _no_training),
        ),
    ),
    Scenario(
        "10 000 facts a month",
        "A catalogue changes every month. Edits come in batches, and one batch follows the other.",
        (
            Need("many facts at once", _batch),
            Need("neighbours survive the batch", _batch_keeps),
            Need("the model survives the sequence", _sequence),
        ),
    ),
    Scenario(
        "a long procedure",
        "A maintenance procedure of 60 tokens has changed. The answer is a text, not a word.",
        (
            Need("answers of many tokens", _long),
            Need("neighbours unchanged", _at_least("locality", 0.7)),
        ),
    ),
    Scenario(
        "no access to weights",
        "The model runs at somebody else's. You can send text, and read the answer.",
        (
            Need("works without weights", _no_weights),
            Need("the model follows it", _at_least("accuracy", 0.8)),
            Need("neighbours unchanged", _at_least("locality", 0.85)),
        ),
    ),
)


def verdicts(scenario: Scenario, row: Recorded, course: Course | None) -> list[tuple[str, bool | None, str]]:
    """(need, whether it is met, what was measured) for each need of the task."""
    return [(need.text, *need.judge(row, course)) for need in scenario.needs]


def fitting(
    scenario: Scenario, rows: dict[str, Recorded], courses: dict[str, Course]
) -> tuple[list[str], int]:
    """The methods that meet every need, and how many more fail none but were not tested on all."""
    marks = {
        name: [holds for _, holds, _ in verdicts(scenario, row, courses.get(name))]
        for name, row in rows.items()
    }
    open_ones = [name for name, met in marks.items() if None in met and False not in met]
    return [name for name, met in marks.items() if all(met)], len(open_ones)
