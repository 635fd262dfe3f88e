"""Loaders on small files in the public formats; the rows in tests/data/datasets are invented."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edu_edit import Fact, datasets
from edu_edit.facts import facts_from_json
from edu_edit.longform import LongAnswer

DATA = Path(__file__).parents[2] / "data" / "datasets"
LOADERS: dict[str, Callable[..., Any]] = {
    "counterfact": datasets.counterfact,
    "zsre": datasets.zsre,
    "wiki_recent": datasets.knowedit,
    "wiki_counterfact": datasets.knowedit,
    "knowedit_zsre": datasets.knowedit,
    "wikibio": datasets.knowedit,
    "akew_counterfact": datasets.akew,
    "akew_mquake": datasets.akew,
    "akew_wikiupdate": datasets.akew,
    "unkebench": datasets.unkebench,
    "editeverything": datasets.editeverything,
}


def path(name: str) -> Path:
    return next(DATA.glob(f"{name}.json*"))


# Facts


def test_counterfact() -> None:
    loaded = datasets.counterfact(path("counterfact"))
    first, last = loaded
    assert first == Fact(
        "Boris Dunlin", "{} lives in", "New Harbor", "Fenwick",
        paraphrases=["It rained. Boris Dunlin has a house in", "The home of Boris Dunlin is in"],
        neighborhood=["Felix Ember lives in"],
    )  # fmt: skip
    assert last.subject == "Luca Abbot"
    assert [one.row for one in loaded.skipped] == [2, 3]
    assert "both 'flute'" in loaded.skipped[0].reason and "exactly once" in loaded.skipped[1].reason


def test_counterfact_rows_are_those_that_fact_reads_itself() -> None:
    rows = json.loads(path("counterfact").read_text(encoding="utf-8"))
    assert list(datasets.counterfact(path("counterfact"))) == [Fact.from_json(rows[i]) for i in (0, 3)]


def test_zsre() -> None:
    loaded = datasets.zsre(path("zsre"))
    assert loaded[0] == Fact(
        "Boris Dunlin", "In which city does {} live?", "New Harbor", "Fenwick",
        paraphrases=["Where is the home of Boris Dunlin?"],
        unrelated=[("nq question: what instrument does Irma Ember play?", "the guitar")],
    )  # fmt: skip
    assert loaded[1].prompt == "Does {} know Luca Abbot?", "only the first occurrence is the subject's place"
    assert loaded[1].unrelated == (("nq question: is it late?", "no"),)
    assert [one.row for one in loaded.skipped] == [2, 3]
    assert "target_new must be some text" in loaded.skipped[0].reason
    assert loaded.skipped[1].reason == "the subject is not in the prompt"


def test_zsre_with_the_true_answer_as_released_code_of_rome_has_it() -> None:
    """The row without another answer can be read then, and nothing is known to be there before."""
    loaded = datasets.zsre(path("zsre"), target="answers")
    assert [(fact.target_new, fact.target_true) for fact in loaded] == [
        ("Fenwick", None), ("guitar", None), ("yes", None),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="choose 'alt' or 'answers'"):
        datasets.zsre(path("zsre"), target="other")


def test_knowedit_with_answers_in_lists_of_lists() -> None:
    loaded = datasets.knowedit(path("wiki_recent"))
    assert list(loaded) == [
        Fact(
            "Boris Dunlin", "The city where {} lives is", "New Harbor",
            portability=[
                ("Does Boris Dunlin live in Ostria?", "yes"),
                ("The country where Boris Dunlin lives is", "Ostria"),
                ("The city where old Boris lives is", "New Harbor"),
            ],
            unrelated=[("The instrument of Boris Dunlin is the", "harp")],
        )
    ]  # fmt: skip
    assert [tuple(one) for one in loaded.skipped] == [(2, "the subject is not in the prompt")]


def test_knowedit_with_plain_answers() -> None:
    (fact,) = datasets.knowedit(path("wiki_counterfact"))
    assert (fact.prompt, fact.target_true) == ("The instrument of {} is the", "guitar")
    assert fact.paraphrases == ("On stage Irma Ember plays the",)
    assert fact.unrelated[0] == ("The city of Irma Ember is", "Kelling") and len(fact.unrelated) == 2
    (fact,) = datasets.knowedit(path("knowedit_zsre"))
    assert fact.target_true == "Ostrian" and fact.paraphrases == ("What is the language of Celia Crane?",)
    assert fact.portability == (("Where is the language of Celia Crane at home?", "Elva"),)


def test_wikibio_sentences_become_long_answers() -> None:
    (fact,) = datasets.knowedit(path("wikibio"))
    assert fact.question.endswith("born by the sea.") and fact.prompt.startswith(
        "This is a passage about {}. Luca"
    )
    assert fact.unrelated == (("The city of luca abbot is", "Corvale"),)
    assert LongAnswer.from_fact(fact).target.startswith("His first shop")


def test_akew_triples() -> None:
    (fact,) = datasets.akew(path("akew_counterfact"))
    assert fact.target_new == "New Harbor" and fact.neighborhood == ("Felix Ember lives in",)
    (fact,) = datasets.akew(path("akew_wikiupdate"))
    assert (fact.question, fact.target_new) == ("The head of the port of Kelling is", "Greta Frost")
    assert fact.target_true == "Hugo Dunlin"
    assert fact.paraphrases == ("Who is the head of the port of Kelling?",)
    assert fact.unrelated == (("nq question: where is Jorvik?", "Norland"),)


def test_questions_of_several_hops_stand_only_where_one_fact_changes() -> None:
    one, two, three = datasets.akew(path("akew_mquake"))
    assert one.portability == (
        ("What is the capital of the country that Irma Ember is a citizen of?", "Elstead"),
    )
    assert (two.target_new, three.target_new) == ("harp", "Sudova")
    assert two.portability == () == three.portability


# Long answers


def test_unkebench() -> None:
    loaded = datasets.unkebench(path("unkebench"))
    (one,) = loaded
    assert "\nNobody has ever" in one.target and one.paraphrases == (
        "What do people say about Edna Brook's harp?",
    )
    assert one.questions[1] == ("Where does she play it?", "On the road to Dunmere.")
    assert [one.row for one in loaded.skipped] == [2, 3]
    assert loaded.skipped[1].reason == "sub_question has 1 entries, but sub_answer 0"


def test_editeverything_keeps_line_breaks_and_categories() -> None:
    one, two = datasets.editeverything(path("editeverything"))
    assert two.target == "def double(x):\n    return 2 * x" and (one.category, two.category) == (
        "math",
        "code",
    )


def test_akew_texts() -> None:
    (one,) = datasets.akew_texts(path("akew_counterfact"))
    assert one.prompt == "Boris Dunlin lives in" and one.target.startswith("Last year")
    assert one.questions == (("The new house of Boris Dunlin is near", "the port"),)
    (two,) = datasets.akew_texts(path("akew_wikiupdate"))
    assert two.prompt == "The head of the port of Kelling is"
    loaded = datasets.akew_texts(path("akew_mquake"))
    assert len(loaded) == 1 and "fact_new_uns" in loaded.skipped[0].reason


def test_counterfact_references() -> None:
    one, two = datasets.counterfact_references(path("counterfact"), path("attribute_snippets"), limit=4)
    assert one.prompts == ("Boris Dunlin lives in", "The house of Boris Dunlin")
    assert len(one.about_new) == 2 and one.about_subject == ("Boris Dunlin is said to live in New Harbor.",)
    assert two.about_new == one.about_new and two.about_subject == ()


# What all of them do


@pytest.mark.parametrize("name", LOADERS)
def test_json_and_jsonl_give_the_same(name: str, tmp_path: Path) -> None:
    loaded = LOADERS[name](path(name))
    text = path(name).read_text(encoding="utf-8")
    rows = (
        [json.loads(line) for line in text.splitlines()]
        if path(name).suffix == ".jsonl"
        else json.loads(text)
    )
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    (tmp_path / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    for other in ("x.json", "x.jsonl"):
        found = LOADERS[name](tmp_path / other)
        assert found.entries == loaded.entries and found.skipped == loaded.skipped


@pytest.mark.parametrize("name", LOADERS)
def test_no_row_is_lost_without_a_word(name: str) -> None:
    loaded = LOADERS[name](path(name))
    numbers = [one.row for one in loaded.skipped]
    assert len(set(numbers)) == len(numbers)
    if loaded.skipped:
        with pytest.raises(ValueError, match=rf"{path(name).name}, row {numbers[0]}: ") as caught:
            LOADERS[name](path(name), strict=True)
        assert "\n" not in str(caught.value)
    else:
        assert LOADERS[name](path(name), strict=True).entries == loaded.entries
    assert str(loaded).startswith(f"{path(name).name}: {len(loaded)} entries, {len(numbers)} rows left out")


def test_limit_is_the_number_of_rows_that_are_read() -> None:
    assert len(datasets.counterfact(path("counterfact"), limit=1)) == 1
    assert [one.row for one in datasets.counterfact(path("counterfact"), limit=3).skipped] == [2, 3]


def test_what_is_loaded_is_a_sequence() -> None:
    loaded = datasets.zsre(path("zsre"))
    assert loaded[-1] == loaded[1] and loaded[:1] == (loaded[0],) and list(loaded) == list(loaded.entries)


def test_facts_survive_our_own_format(tmp_path: Path) -> None:
    loaded = datasets.knowedit(path("wiki_recent"))
    (tmp_path / "mine.json").write_text(json.dumps([fact.to_json() for fact in loaded]), encoding="utf-8")
    assert facts_from_json(tmp_path / "mine.json") == loaded.entries


@pytest.mark.parametrize(
    ("loader", "name", "reason"),
    [
        (datasets.zsre, "counterfact", "row 1: the field 'subject' is missing"),
        (datasets.counterfact, "unkebench", "row 1: the field 'requested_rewrite' is missing"),
        (datasets.unkebench, "zsre", "row 1: the field 'question' is missing"),
        (datasets.knowedit, "editeverything", "row 1: the field 'subject' or 'concept' is missing"),
    ],
)
def test_a_file_of_another_format_is_refused(loader: Callable[..., Any], name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"has no row that can be read as .*{reason}"):
        loader(path(name))


@pytest.mark.parametrize(
    "rows",
    [
        [7],
        ["x"],
        [{"requested_rewrite": 3}],
        [{"requested_rewrite": {"subject": 1, "prompt": 2, "target_new": 3}}],
    ],
)
@pytest.mark.parametrize("loader", [datasets.counterfact, datasets.akew, datasets.akew_texts])
def test_rows_of_any_shape_give_a_sentence(
    loader: Callable[..., Any], rows: list[Any], tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    with pytest.raises(ValueError, match="has no row that can be read") as caught:
        loader(tmp_path / "x.json")
    assert "\n" not in str(caught.value)


def test_fields_of_another_type_are_a_reason_and_no_crash(tmp_path: Path) -> None:
    rows = [
        {"subject": "x", "src": "x is", "alt": "a", "answers": ["b"]},
        {"subject": "x", "src": {}, "alt": 1, "answers": 2},
    ]
    (tmp_path / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    loaded = datasets.zsre(tmp_path / "x.json")
    assert len(loaded) == 1 and loaded.skipped[0].row == 2
    rows = [
        {"question": "q", "answer": "a", "sub_question": 5, "sub_answer": 6},
        {"question": "q", "answer": "a"},
    ]
    (tmp_path / "x.json").write_text(json.dumps(rows), encoding="utf-8")
    loaded = datasets.unkebench(tmp_path / "x.json")
    assert len(loaded) == 1 and "another form" in loaded.skipped[0].reason


def test_bad_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read as a UTF-8 text file"):
        datasets.zsre(tmp_path / "none.json")
    (tmp_path / "x.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ValueError, match="must hold a list of KnowEdit"):
        datasets.knowedit(tmp_path / "x.json")
