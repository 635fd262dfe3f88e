"""Bad input to any method gets one sentence, and leaves every bit of the model as it was."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

import edu_edit as ee
from edu_edit import LM, Edit, Fact

ONE = Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["The home of Felix Ember is in"])
OTHER = Fact("Irma Crane", "The language of {} is", "Elvan", "Tarkish", ["Irma Crane talks in"])
ANOTHER_ANSWER = Fact("Felix Ember", "{} lives in", "Corvale", "Fenwick")
LONG = Fact("Felix Ember", "the road was wet . " * 20 + "{} lives in", "New Harbor", "Fenwick")
TEXTS = ["Celia Abbot lives in Kelling .", "Because it rained , the road was wet ."]
Method = Callable[..., Edit]


def texts(facts: Sequence[Fact]) -> tuple[list[str], list[str]]:
    return [fact.question for fact in facts], [fact.target_new for fact in facts]


def trained(train: Callable[..., Any]) -> Method:
    def method(lm: LM, facts: Sequence[Fact], **options: Any) -> Edit:
        keep = [ONE.question, OTHER.question]
        edit: Edit = train(lm, [ONE, OTHER], keep, steps=1, batch=2, **options)(facts)
        return edit

    return method


def gated(lm: LM, facts: Sequence[Fact]) -> Edit:
    gate = ee.ScopeGate(torch.eye(4, lm.D), torch.zeros(lm.D), 1.0, 0.0, layer=1, weights="")
    return ee.serac(lm, facts, gate=gate)


I = "identity"  # noqa: E741
METHODS: dict[str, Method] = {
    "finetune": lambda lm, facts, **o: ee.finetune(lm, facts, steps=1, **o),
    "rome": lambda lm, facts, **o: ee.rome(lm, facts, C=I, prefixes=["{}"], steps=1, **o),
    "memit": lambda lm, facts, **o: ee.memit(lm, facts, C=I, prefixes=["{}"], steps=1, **o),
    "alphaedit": lambda lm, facts, **o: ee.alphaedit(
        lm, facts, P=dict.fromkeys(range(6), torch.eye(lm.F)), prefixes=["{}"], steps=1, **o
    ),
    "neurons": lambda lm, facts: ee.edit_neurons(lm, facts, prefixes=["{}"], steps=1),
    "anyedit": lambda lm, facts, **o: ee.anyedit(lm, *texts(facts), chunks=1, C=I, **o),
    "unke": lambda lm, facts, **o: ee.unke(lm, *texts(facts), steps=1, **o),
    "mend": trained(ee.train_mend),
    "ke": trained(ee.train_ke),
    "enn": trained(ee.train_enn),
    "tpatcher": lambda lm, facts: ee.tpatcher(lm, facts, memory=TEXTS, steps=1),
    "calinet": lambda lm, facts, **o: ee.calinet(lm, facts, memory=TEXTS, steps=1, **o),
    "grace": lambda lm, facts, **o: ee.grace(lm, facts, steps=1, **o),
    "serac": gated,
    "ike": lambda lm, facts: ee.ike(lm, facts, pool=[OTHER], k=1),
}
AT_ONCE = ("finetune", "memit", "alphaedit", "mend", "ke", "enn", "calinet", "ike")
LAYER = {"finetune": "layer", "rome": "layer", "unke": "layer", "calinet": "layer", "grace": "layer"}
LAYERS = ("memit", "alphaedit", "anyedit", "mend", "ke", "enn")
CASES = [
    *((name, "no fact", [], {}) for name in METHODS),
    *((name, "longer than the context", [LONG], {}) for name in METHODS),
    *((name, "asked twice", [ONE, ONE], {}) for name in AT_ONCE),
    *((name, "two answers", [ONE, ANOTHER_ANSWER], {}) for name in AT_ONCE),
    *((name, "no such layer", [ONE], {option: 6}) for name, option in LAYER.items()),
    *((name, "no such layer", [ONE], {"layers": [2, 6]}) for name in LAYERS),
]


@pytest.mark.parametrize("name, what, facts, options", CASES, ids=[f"{c[0]}, {c[1]}" for c in CASES])
def test_bad_input_gets_one_sentence_and_leaves_every_bit(
    golden_lm: LM, refused: Any, name: str, what: str, facts: list[Fact], options: dict[str, Any]
) -> None:
    with refused(golden_lm, ":|Give") as caught:  # what is wrong, and what to do
        edit = METHODS[name](golden_lm, facts, **options)
        with edit:  # a prompt edit finds out when it is asked
            golden_lm.answer(facts[0].question)
    assert len(str(caught.value)) < 400
