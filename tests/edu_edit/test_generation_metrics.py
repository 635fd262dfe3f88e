"""Entropy, tf-idf and perplexity: closed forms, and the figures of the original authors' code."""

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edu_edit.generation_metrics import (
    generation_entropy,
    inverse_document_frequency,
    ngram_entropy,
    perplexity,
    terms,
    tfidf_cosine,
    words,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "metrics.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", GOLDEN["ngram"], ids=lambda case: case["text"][:12])
def test_words_and_entropies_are_the_recorded_ones(case: dict[str, object]) -> None:
    tokens = words(str(case["text"]))
    assert tokens == case["tokens"]
    assert generation_entropy(tokens) == pytest.approx(case["entropy_default"], abs=1e-9)
    assert generation_entropy(tokens, (1, 2), (1.0, 1.0)) == pytest.approx(case["entropy_ns1_2"], abs=1e-9)


def test_the_mean_over_texts_is_the_recorded_one() -> None:
    found = [generation_entropy(case["tokens"]) for case in GOLDEN["ngram"]]
    assert sum(found) / len(found) == pytest.approx(GOLDEN["ngram_mean"], abs=1e-9)


def test_a_text_that_repeats_itself_has_no_entropy_and_one_of_distinct_ngrams_has_log2_of_their_number() -> (
    None
):
    """methods.md section 18, invariants."""
    assert ngram_entropy(["no"] * 50, 2) == 0 == generation_entropy(["no"] * 50)
    assert ngram_entropy([str(i) for i in range(17)], 2) == pytest.approx(4)
    assert ngram_entropy([str(i) for i in range(18)], 3) == pytest.approx(4)
    assert generation_entropy([]) == generation_entropy(["one"]) == 0


def test_babble_scores_below_a_sentence() -> None:
    sentence = "The tower stands near the old harbour and many people come to see it."
    assert generation_entropy(words("the tower " * 7)) < generation_entropy(words(sentence)) / 2


def test_sizes_need_weights() -> None:
    with pytest.raises(ValueError, match="2 sizes but 1 weights"):
        generation_entropy(["a"], (2, 3), (1.0,))


def test_words_of_other_texts() -> None:
    assert words("St. Ives, 3.5 km away.") == ["St.", "Ives", ",", "3.5", "km", "away", "."]
    assert words("斑马的皮肤是黑色。") == [*"斑马的皮肤是黑色。"]
    assert words("") == [] and words(".") == ["."]
    assert words("don't stop") == ["don't", "stop"]  # Treebank's rules would split do n't


def test_inverse_document_frequencies_are_the_recorded_ones() -> None:
    idf = inverse_document_frequency(GOLDEN["tfidf"]["fit_corpus"])
    assert idf == pytest.approx(GOLDEN["tfidf"]["idf"], abs=1e-9)


@pytest.mark.parametrize("pair", GOLDEN["tfidf"]["pairs"], ids=lambda pair: pair["a"][:12])
def test_cosines_are_the_recorded_ones(pair: dict[str, object]) -> None:
    idf = inverse_document_frequency(GOLDEN["tfidf"]["fit_corpus"])
    assert tfidf_cosine(str(pair["a"]), str(pair["b"]), idf) == pytest.approx(pair["similarity"], abs=1e-9)


def test_cosine_by_hand() -> None:
    idf = {"red": 1.0, "house": 2.0}
    assert tfidf_cosine("red red", "house", idf) == 0
    assert tfidf_cosine("Red house", "house RED", idf) == pytest.approx(1)
    assert tfidf_cosine("red", "red house", idf) == pytest.approx(1 / math.sqrt(5))
    assert tfidf_cosine("unknown", "red", idf) == 0 == tfidf_cosine("", "red", idf)


def test_terms_are_words_of_two_characters_and_single_chinese_ones() -> None:
    assert terms("A Zebra, 斑马: x2 is_it") == ["zebra", "斑", "马", "x2", "is_it"]


@given(st.lists(st.sampled_from("red house on the hill".split()), min_size=1, max_size=12))
def test_a_text_is_like_itself_and_likeness_has_no_direction(tokens: list[str]) -> None:
    idf = inverse_document_frequency(["red house", "on the hill", "the house"])
    a, b = " ".join(tokens), "the red hill"
    assert tfidf_cosine(a, a, idf) == pytest.approx(1)
    assert tfidf_cosine(a, b, idf) == pytest.approx(tfidf_cosine(b, a, idf))
    assert -1e-12 <= tfidf_cosine(a, b, idf) <= 1 + 1e-12


def test_documents_are_needed() -> None:
    with pytest.raises(ValueError, match="no document"):
        inverse_document_frequency([])


def test_a_model_that_guesses_among_v_tokens_has_perplexity_v() -> None:
    """Where released code divides by all tokens of the text, it gets v^((N-1)/N) instead (B-27)."""
    logp = torch.full((9,), -math.log(7))
    assert perplexity(logp) == pytest.approx(7, rel=1e-6)
    assert perplexity(logp, per="text") == pytest.approx(7 ** (9 / 10), rel=1e-6)
    with pytest.raises(ValueError, match="choose 'predicted' or 'text'"):
        perplexity(logp, per="word")
    with pytest.raises(ValueError, match="two tokens or more"):
        perplexity(torch.zeros(0))
