"""Regular expressions and language patches: what is rewritten, when a patch applies, and what it mixes."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, language_patch, load, regex
from edu_edit.methods.conditions import Clause, clause, mentions
from edu_edit.methods.patches import mix_patch, regex_patch
from edu_edit.tokens import target_ids

QUESTION = "Felix Ember lives in"


# Regular expressions


def test_rules_are_applied_in_order_each_once() -> None:
    assert regex_patch("a", [("a", "b"), ("b", "c")]) == "c"
    assert regex_patch("a", [("b", "c"), ("a", "b")]) == "b"
    assert regex_patch("aa", [("a", "aa")]) == "aaaa"  # every match once; what is written is not read again
    assert regex_patch("Felix Ember", [(r"(\w+) (\w+)", r"\2, \1")]) == "Ember, Felix"


def test_no_match_is_the_identity_and_twice_is_once_for_an_idempotent_rule() -> None:
    """I-SE-5"""
    rules = [(r"\bcat\b", "dog"), ("colou?r", "hue")]
    assert regex_patch("concatenate", rules) == "concatenate"
    once = regex_patch("the cat's color, the cat", rules)
    assert once == "the dog's hue, the dog" == regex_patch(once, rules)


def test_special_characters_mean_what_they_mean_in_a_pattern() -> None:
    assert regex_patch("1+1 = 2.", [(r"\.", "!"), (r"1\+1", "2")]) == "2 = 2!"
    assert regex_patch("a.b", [(".", "x")]) == "xxx"
    assert regex_patch("打酱油", [("酱油", "醋")]) == "打醋"  # and so a word is hit inside a longer one


@pytest.mark.parametrize(
    "rules, sentence",
    [
        ([("(", "x")], "can't be used"),
        ([("a", r"\1")], "can't be used"),
        ([("a", r"\g<b>")], "can't be used"),
        (["ab"], "is no rule"),
        ([("a", "b", "c")], "is no rule"),
    ],
)
def test_a_bad_rule_is_refused_in_a_sentence_also_when_it_matches_nothing(
    golden_lm: LM, rules: Any, sentence: str
) -> None:
    for run in (lambda: regex_patch("x", rules), lambda: regex(golden_lm, rules)):
        with pytest.raises(ValueError, match=sentence) as caught:
            run()
        assert "\n" not in str(caught.value)


def test_a_regex_edit_rewrites_what_the_model_reads_and_counts_its_rules(golden_lm: LM) -> None:
    plain = {text: golden_lm.logits(text) for text in (QUESTION, "Irma Crane lives in")}
    edit = regex(golden_lm, [("Felix Ember", "Irma Crane"), ("speaks", "lives in")])
    assert edit.kind == "prompt"
    with edit:
        assert torch.equal(golden_lm.logits(QUESTION), plain["Irma Crane lives in"])
        assert torch.equal(golden_lm.logits("Irma Crane lives in"), plain["Irma Crane lives in"])
    assert torch.equal(golden_lm.logits(QUESTION), plain[QUESTION])
    assert edit.record["fired"] == [1, 0]
    with pytest.raises(ValueError, match="at least one pair"):
        regex(golden_lm, [])


# Mixtures


def test_a_mixture_is_of_probabilities_and_ends_at_both() -> None:
    """I-SE-5: a gate of 0 gives the model, a gate of 1 the patch."""
    p, q = torch.rand(3, 5).softmax(-1), torch.rand(3, 5).softmax(-1)
    mixed = mix_patch(torch.tensor([0.0, 1.0, 0.25]), p, q)
    assert torch.equal(mixed[0], q[0]) and torch.equal(mixed[1], p[1])
    torch.testing.assert_close(
        mixed[2], torch.tensor([0.25 * a + 0.75 * b for a, b in zip(p[2], q[2], strict=True)])
    )
    torch.testing.assert_close(mixed.sum(-1), torch.ones(3))


# Language patches


@pytest.mark.parametrize(
    "patch, expected",
    [
        ("If the cat is mentioned, then the cat is blue.", Clause(None, "the cat", "the cat is blue", "")),
        ("if the question is about Rome then the answer is 'no'", Clause(None, "Rome", None, "no")),
        ('If the question is "X lives in", then the answer is Y.', Clause("X lives in", "", None, "Y")),
        ("If asked: where is X?, then answer is Y", Clause("where is X?", "", None, "Y")),
        ("如果提到斑马，那么答案是黑色。", Clause(None, "斑马", None, "黑色")),
        ("如果问题是“斑马的皮肤是”，那么答案是黑色", Clause("斑马的皮肤是", "", None, "黑色")),
    ],
)
def test_a_patch_is_read_as_condition_and_consequence(patch: str, expected: Clause) -> None:
    assert clause(patch) == expected


@pytest.mark.parametrize("patch", ["The cat is blue", "If the cat, the dog", "if then", "", "If '', then x"])
def test_a_text_of_another_form_is_refused_in_a_sentence(patch: str) -> None:
    with pytest.raises(ValueError, match="If ..., then ...") as caught:
        clause(patch)
    assert "\n" not in str(caught.value)


def test_a_name_is_mentioned_as_whole_words_or_at_all_in_chinese() -> None:
    assert mentions("The Cat's coat", "cat") and not mentions("concatenate", "cat")
    assert mentions("斑马的皮肤", "斑马") and mentions("C++ is", "C++") and not mentions("a+b", "a.b")


def test_where_nothing_is_mentioned_the_model_answers_bit_for_bit(
    any_wide: Callable[[str], LM], snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-SE-5, in one batch with a question that the patch is for; and the weights stay."""
    for family in ("gpt2", "llama"):
        lm = any_wide(family)
        before, texts = snapshot(lm), [QUESTION, "Irma Crane speaks"]
        plain = lm.logits(texts)
        with language_patch(lm, "If Felix Ember is mentioned, then Felix Ember lives in Arlen"):
            after = lm.logits(texts)
        assert torch.equal(after[1], plain[1]) and not torch.equal(after[0], plain[0])
        assert torch.equal(lm.logits(texts), plain)
        assert all(torch.equal(before[name], tensor) for name, tensor in lm.model.state_dict().items())


@pytest.fixture
def any_wide(make_lm: Any) -> Callable[[str], LM]:
    """A random model whose context has room for demonstrations."""

    def make(family: str) -> LM:
        room = {"gpt2": {"n_positions": 512}, "llama": {"max_position_embeddings": 512}}[family]
        lm: LM = make_lm(family, **room)
        return lm

    return make


def test_of_several_patches_the_one_that_applies_answers_and_of_equals_the_newest(
    any_wide: Callable[[str], LM],
) -> None:
    lm = any_wide("gpt2")
    first, second = (f"If Felix is mentioned, then the answer is {city}" for city in ("Arlen", "Bastow"))
    other = "If Irma is mentioned, then the answer is Kelling"
    alone, both = language_patch(lm, second), language_patch(lm, [other, first, second])
    with alone:
        expected = lm.logits(QUESTION)
    with both:
        torch.testing.assert_close(lm.logits(QUESTION), expected, atol=1e-5, rtol=1e-5)
    with language_patch(lm, [second, first]):
        assert not torch.allclose(lm.logits(QUESTION)[0, -1], expected[0, -1], atol=1e-3)


def test_a_bundled_model_follows_both_kinds_of_patches_and_keeps_the_rest() -> None:
    lm = load("atlas-gpt2")
    asked = ["Space Needle is located in", "The location of Space Needle is", "Eiffel Tower is located in"]
    before = lm.answers(asked)
    for patch in (
        "If Space Needle is mentioned, then Space Needle is located in Taipei",
        'If the question is "Space Needle is located in", then the answer is Taipei',
    ):
        with language_patch(lm, patch):
            assert lm.answers(asked) == ["Taipei", "Taipei", before[2]]
    assert lm.answers(asked) == before and target_ids(lm, "Taipei", asked[0])


def test_no_patch_no_gate_and_a_foreign_reader_are_refused(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match="train_serac_gate"):
        language_patch(golden_lm, 'If the question is "Felix Ember lives in", then the answer is Arlen')
    with pytest.raises(ValueError, match="no patch"):
        language_patch(golden_lm, [])
    with pytest.raises(ValueError, match="tokens of the reader"):
        language_patch(golden_lm, "If Felix is mentioned, then x", reader=load("atlas-gpt2"))
