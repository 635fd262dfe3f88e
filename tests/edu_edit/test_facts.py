"""A Fact says what is wrong with it; the shipped real-world facts are what their fields promise."""

import dataclasses
import itertools
import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edu_edit import Fact, load_facts
from edu_edit.facts import facts_from_json

GOLDEN = Path(__file__).parents[1] / "golden"
WORLD = load_facts("world")
NEEDLE = {
    "subject": "Space Needle",
    "prompt": "The {} is located in the city of",
    "target_new": "Taipei",
    "target_true": "Seattle",
    "paraphrases": ["Visitors of the Space Needle travel to"],
    "neighborhood": ["Pike Place Market is located in the city of"],
    "portability": [("The Space Needle stands on the continent of", "Asia")],
    "reverse": [("A famous tower in Taipei is called the", "Space Needle")],
}


# What a Fact accepts


def test_a_fact_keeps_its_fields_as_tuples_and_is_hashable() -> None:
    fact = Fact(**NEEDLE)  # type: ignore[arg-type]
    assert fact.paraphrases == ("Visitors of the Space Needle travel to",)
    assert fact.reverse == (("A famous tower in Taipei is called the", "Space Needle"),)
    assert fact in {fact}
    with pytest.raises(dataclasses.FrozenInstanceError):
        fact.subject = "Big Ben"  # type: ignore[misc]


def test_the_question_fills_the_subject_in_and_leaves_other_braces_alone() -> None:
    fact = Fact("parse", "def {}(x): return {x} # {0}", "list")
    assert fact.question == "def parse(x): return {x} # {0}"


def test_a_fact_needs_neither_truth_nor_probes() -> None:
    fact = Fact("Space Needle", "The {} is in", "Taipei")
    assert fact.target_true is None and fact.paraphrases == () and fact.portability == ()


def test_a_chinese_fact_is_a_fact() -> None:
    assert Fact("斑马", "{}的皮肤是", "黑色", "肉色").question == "斑马的皮肤是"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"prompt": "The Space Needle is in"}, "exactly once.*holds it 0 times"),
        ({"prompt": "{} and {} are in"}, "exactly once.*holds it 2 times"),
        ({"prompt": ""}, "prompt must be some text"),
        ({"subject": "  "}, "subject must be some text"),
        ({"target_new": ""}, "target_new must be some text"),
        ({"target_true": ""}, "target_true must be some text"),
        ({"target_new": " Taipei"}, "target_new begins or ends with a blank.*Write 'Taipei'"),
        ({"prompt": "The {} is in "}, "prompt begins or ends with a blank"),
        ({"target_new": "Seattle"}, "both 'Seattle'"),
        ({"paraphrases": "The Space Needle is in"}, "paraphrases must be a list"),
        ({"paraphrases": ["Visitors of the {} travel to"]}, "paraphrases holds filled prompts"),
        ({"reverse": [("Taipei is home of the", "")]}, "An answer in reverse must be some text"),
    ],
)
def test_a_bad_field_is_named_in_one_sentence(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        Fact(**(NEEDLE | change))
    assert "\n" not in str(caught.value)


def test_wrong_types_are_named_too() -> None:
    """In a process of its own: here, the type checker of the tests would be faster than Fact."""
    code = """
from edu_edit import Fact
cases = [
    ({"target_new": None}, "target_new must be some text"),
    ({"target_new": 7}, "target_new must be some text"),
    ({"neighborhood": None}, "neighborhood must be a list"),
    ({"neighborhood": [7]}, "A prompt in neighborhood must be some text"),
    ({"portability": ["The Space Needle stands in"]}, "portability holds pairs (prompt, answer)"),
    ({"reverse": [("Taipei is home of the", "Space Needle", "x")]}, "reverse holds pairs"),
]
for change, sentence in cases:
    try:
        Fact(**({"subject": "Space Needle", "prompt": "{} is in", "target_new": "Taipei"} | change))
    except ValueError as error:
        assert sentence in str(error), error
    else:
        raise AssertionError(change)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# Facts in files


def test_a_fact_survives_json() -> None:
    for fact in WORLD:
        assert Fact.from_json(json.loads(json.dumps(fact.to_json()))) == fact


def test_counterfact_rows_are_read() -> None:
    golden = json.loads((GOLDEN / "metrics.json").read_text(encoding="utf-8"))
    fact = Fact.from_json(golden["records"][0])
    assert (fact.subject, fact.target_new, fact.target_true) == ("Boris Dunlin", "New Harbor", "Fenwick")
    assert (
        fact.question == "Boris Dunlin lives in"
        and len(fact.paraphrases) == 2
        and len(fact.neighborhood) == 3
    )


def test_a_file_of_facts_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "facts.json"
    path.write_text(json.dumps([NEEDLE, NEEDLE | {"subject": "斑马"}], ensure_ascii=False), encoding="utf-8")
    assert [fact.subject for fact in facts_from_json(path)] == ["Space Needle", "斑马"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (json.dumps([NEEDLE, NEEDLE | {"prompt": "x"}]), r"facts\.json, row 2: The prompt must hold"),
        (json.dumps([{"subject": "a", "prompt": "{} b"}]), "row 1: the field 'target_new' is missing"),
        (json.dumps([NEEDLE | {"target": "x"}]), "row 1: there is no field 'target'"),
        (json.dumps(["Space Needle"]), "row 1: a fact is an object"),
        (json.dumps([{"requested_rewrite": {"subject": "a"}}]), "row 1: the CounterFact row lacks 'prompt'"),
        (json.dumps(NEEDLE), "must hold a list of facts"),
        ("[]", "must hold a list of facts"),
        ("[{", "not valid JSON at line 1"),
    ],
)
def test_bad_files_are_refused_with_the_row(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "facts.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=sentence) as caught:
        facts_from_json(path)
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read as a UTF-8 text file"):
        facts_from_json(tmp_path / "missing.json")
    (tmp_path / "latin.json").write_bytes('["Málaga"]'.encode("latin-1"))
    with pytest.raises(ValueError, match="can't be read as a UTF-8 text file"):
        facts_from_json(tmp_path / "latin.json")


def test_unknown_splits_and_languages_are_refused() -> None:
    with pytest.raises(ValueError, match="no facts called 'moon'"):
        load_facts("moon")
    with pytest.raises(ValueError, match="in English only, not in 'zh'"):
        load_facts("world", lang="zh")


# The shipped real-world facts


def test_there_are_eighty_or_more_world_facts_and_none_twice() -> None:
    assert len(WORLD) >= 80
    assert max(Counter(fact.question for fact in WORLD).values()) == 1


def test_the_running_examples_are_among_them() -> None:
    found = {(fact.subject, fact.target_true, fact.target_new) for fact in WORLD}
    assert ("Space Needle", "Seattle", "Taipei") in found
    assert {"Eiffel Tower", "zebra"} <= {subject for subject, _, _ in found}


def test_no_object_is_asked_for_too_often() -> None:
    assert max(Counter(fact.target_true for fact in WORLD).values()) <= 5
    assert len({fact.target_new for fact in WORLD}) >= 50


def test_every_world_fact_has_every_kind_of_probe() -> None:
    for fact in WORLD:
        assert fact.target_true and fact.target_true.casefold() != fact.target_new.casefold(), fact
        assert (
            len(fact.paraphrases) >= 3 and len(fact.neighborhood) >= 3 and fact.portability and fact.reverse
        ), fact


def test_no_world_fact_asks_anything_twice() -> None:
    for fact in WORLD:
        asked = prompts(fact)
        assert len(set(asked)) == len(asked), fact


def test_every_prompt_ends_where_the_object_comes_next() -> None:
    """No blank, no full stop, no question mark; and no brace is left from a template."""
    for prompt in itertools.chain.from_iterable(map(prompts, WORLD)):
        assert prompt[-1].isalnum() and prompt[0] == prompt[0].upper(), prompt
        assert not re.search(r"  |[{}]", prompt), prompt


def test_the_subject_is_named_where_it_is_asked_about_and_nowhere_else() -> None:
    for fact in WORLD:
        for prompt in (*fact.paraphrases, *(prompt for prompt, _ in fact.portability)):
            assert fact.subject in prompt, prompt
        for prompt in (*fact.neighborhood, *(prompt for prompt, _ in fact.reverse)):
            assert fact.subject.casefold() not in prompt.casefold(), prompt


def test_no_prompt_gives_its_answer_away() -> None:
    for fact in WORLD:
        asked = [
            (p, t) for p in (*fact.paraphrases, *fact.neighborhood, fact.question) for t in targets(fact)
        ]
        for prompt, answer in (*asked, *fact.portability, *fact.reverse):
            assert not re.search(rf"\b{re.escape(answer)}\b", prompt, re.IGNORECASE), (prompt, answer)


def test_reverse_prompts_turn_the_new_fact_round() -> None:
    for fact in WORLD:
        for prompt, answer in fact.reverse:
            assert answer == fact.subject and fact.target_new in prompt, prompt


def test_what_follows_from_a_fact_is_not_its_object() -> None:
    for fact in WORLD:
        assert all(answer not in targets(fact) for _, answer in fact.portability), fact


def targets(fact: Fact) -> tuple[str, str]:
    return fact.target_new, str(fact.target_true)


def prompts(fact: Fact) -> list[str]:
    pairs = (*fact.portability, *fact.reverse)
    return [fact.question, *fact.paraphrases, *fact.neighborhood, *(prompt for prompt, _ in pairs)]


def test_no_two_world_facts_contradict_each_other() -> None:
    """Whoever asks the same prompt, as the fact or as a neighbour, has the same true object in mind."""
    truth = {fact.question: fact.target_true for fact in WORLD}
    for fact in WORLD:
        for prompt in fact.neighborhood:
            assert truth.setdefault(prompt, fact.target_true) == fact.target_true, prompt
