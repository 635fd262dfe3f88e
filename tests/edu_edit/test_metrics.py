"""The rates against definitions worked by hand, brute force, and the figures of CounterFact's own code."""

import itertools
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edu_edit.metrics import (
    accuracy,
    answer_logprob,
    bootstrap_ci,
    efficacy,
    harmonic,
    kl_divergence,
    locality,
    magnitude,
    portability,
    rouge_l,
    same_answer,
    token_accuracy,
)

RATES = st.lists(st.floats(0.001, 1), min_size=1, max_size=6)


# Answers as text: (5.1)-(5.4)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Paris", " paris."),
        ("PARIS", "paris"),
        ("New York", "new york !"),
        ("黑色", "黑色。"),
        ("Straße", "STRASSE"),
    ],
)
def test_answers_are_equal_but_for_blanks_case_and_final_punctuation(a: str, b: str) -> None:
    assert same_answer(a, b) and same_answer(b, a)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Paris", "Paris, France"),
        ("Paris", "Pari"),
        ("New York", "NewYork"),
        ("St. Ives", "St Ives"),
        ("", "Rome"),
    ],
)
def test_other_differences_count(a: str, b: str) -> None:
    assert not same_answer(a, b)


def test_accuracy_is_the_share_of_answers_that_are_the_target() -> None:
    assert accuracy(["Taipei", "Seattle", " taipei.", "Taipei City"], "Taipei") == 0.5


def test_portability_gives_each_question_its_own_answer() -> None:
    assert portability(["Asia", "Asia"], ["Asia", "Europe"]) == 0.5


def test_locality_compares_with_the_model_before_and_not_with_the_truth() -> None:
    before, after = (
        ["Rome", "Oslo"],
        ["Paris", "Oslo"],
    )  # the Louvre: M was wrong, M* is right, and that is a change
    assert locality(after, before) == 0.5


@pytest.mark.parametrize(
    "empty",
    [
        lambda: accuracy([], "x"),
        lambda: portability([], []),
        lambda: locality([], []),
        lambda: efficacy(torch.zeros(0), torch.zeros(0)),
        lambda: token_accuracy(torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long)),
    ],
)
def test_a_rate_over_nothing_is_refused(empty: Any) -> None:
    with pytest.raises(ValueError, match="over no prompts"):
        empty()


def test_answers_without_partners_are_refused() -> None:
    with pytest.raises(ValueError, match="2 entries but 1"):
        locality(["a", "b"], ["a"])


# Probabilities


def test_efficacy_is_strict_and_counts_what_is_not_a_number_as_failure() -> None:
    new = torch.tensor([-1.0, -2.0, -3.0, float("nan")])
    true = torch.tensor([-2.0, -2.0, -1.0, -1.0])
    assert efficacy(new, true) == 0.25


def test_exchanging_the_targets_turns_ES_and_EM_round(generator: torch.Generator) -> None:
    new, true = -torch.rand(2, 20, generator=generator)
    assert efficacy(true, new) == pytest.approx(1 - efficacy(new, true))
    assert magnitude(true, new) == pytest.approx(-magnitude(new, true))


def test_token_accuracy_gives_half_a_point_for_half_an_answer() -> None:
    """'New York' for 'New Delhi': EasyEdit's figure is above zero before any edit."""
    assert token_accuracy(torch.tensor([5, 8]), torch.tensor([5, 9])) == 0.5


def test_answer_logprob_is_the_product_of_the_steps(generator: torch.Generator) -> None:
    B, T, V = 4, 7, 5
    logits = torch.randn(B, T, V, generator=generator, dtype=torch.float64)
    ids = torch.randint(V, (B, T), generator=generator)
    is_answer = torch.rand(B, T, generator=generator) < 0.5
    is_answer[:, 0] = False
    is_answer[3] = False  # an answer of no tokens has probability 1
    for b in range(B):
        p = 1.0
        for t in range(1, T):
            if is_answer[b, t]:
                p *= float(torch.softmax(logits[b, t - 1], -1)[ids[b, t]])
        assert float(answer_logprob(logits, ids, is_answer)[b]) == pytest.approx(math.log(p), abs=1e-12)


def test_answers_of_all_lengths_share_one_unit_of_probability(generator: torch.Generator) -> None:
    """Over all answers of two tokens the probabilities add up to 1: nothing is lost or counted twice."""
    V = 4
    first = torch.randn(3, V, generator=generator, dtype=torch.float64)
    answers = torch.tensor(list(itertools.product(range(V), repeat=2)))
    ids = torch.cat([torch.zeros(len(answers), 1, dtype=torch.long), answers], 1)
    logits = first.repeat(len(answers), 1, 1)
    is_answer = torch.tensor([False, True, True]).repeat(len(answers), 1)
    assert float(answer_logprob(logits, ids, is_answer).exp().sum()) == pytest.approx(1, abs=1e-12)


def test_answer_logprob_reads_bfloat16_in_float32_and_passes_gradients() -> None:
    logits = torch.zeros(1, 3, 4, dtype=torch.bfloat16, requires_grad=True)
    total = answer_logprob(logits, torch.zeros(1, 3, dtype=torch.long), torch.tensor([[False, False, True]]))
    assert total.dtype == torch.float32 and float(total.detach()) == pytest.approx(-math.log(4))
    total.sum().backward()
    assert (
        logits.grad is not None
        and bool((logits.grad[0, [0, 2]] == 0).all())
        and bool((logits.grad[0, 1] != 0).all())
    )


def test_the_first_token_cannot_be_an_answer() -> None:
    with pytest.raises(ValueError, match="begin at the second"):
        answer_logprob(
            torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.long), torch.tensor([[True, True]])
        )


def test_kl_is_zero_for_equals_positive_else_and_knows_impossible_tokens() -> None:
    p, q = torch.tensor([0.5, 0.5, 0.0]).log(), torch.tensor([0.25, 0.5, 0.25]).log()
    assert float(kl_divergence(p, p)) == 0
    assert float(kl_divergence(p, q)) == pytest.approx(0.5 * math.log(2), abs=1e-7)
    assert math.isinf(float(kl_divergence(q, p)))


# Summaries


@given(RATES)
def test_harmonic_lies_between_the_least_rate_and_the_arithmetic_mean(rates: list[float]) -> None:
    s = harmonic(*rates)
    assert min(rates) - 1e-9 <= s <= sum(rates) / len(rates) + 1e-9
    assert harmonic(*rates, 0.0) == 0
    assert harmonic(rates[0], rates[0], rates[0]) == pytest.approx(rates[0])


def test_harmonic_of_nothing_or_of_negative_rates_is_refused() -> None:
    for rates in ((), (0.5, -0.1)):
        with pytest.raises(ValueError, match="one or more rates"):
            harmonic(*rates)


def test_bootstrap_interval_of_a_coin_is_the_binomial_one() -> None:
    """The mean of n resampled coins is binomial: 95 % lie within 1.96 standard deviations."""
    x = torch.tensor([0.0, 1.0] * 200)
    lo, hi = bootstrap_ci(x, draws=20_000, seed=1)
    half = 1.96 * 0.5 / math.sqrt(400)
    assert lo == pytest.approx(0.5 - half, abs=0.004) and hi == pytest.approx(0.5 + half, abs=0.004)


def test_bootstrap_holds_its_promise() -> None:
    """Of 200 samples whose true mean is .3, about 90 % of the 90 % intervals hold it."""
    generator = torch.Generator().manual_seed(0)
    held = 0
    for seed in range(200):
        sample = (torch.rand(80, generator=generator) < 0.3).double()
        lo, hi = bootstrap_ci(sample, draws=400, seed=seed, level=0.9)
        held += lo <= 0.3 <= hi
    assert 165 <= held <= 195


def test_bootstrap_depends_on_the_seed_alone_and_widens_with_the_level() -> None:
    x = [0.13, 0.97, 0.41, 0.83, 0.32, 0.26, 0.57, 0.02]
    state = torch.get_rng_state()
    assert bootstrap_ci(x, seed=3) == bootstrap_ci(torch.tensor(x, dtype=torch.float64), seed=3)
    assert bootstrap_ci(x, seed=3) != bootstrap_ci(x, seed=4)
    assert torch.equal(state, torch.get_rng_state())
    (lo50, hi50), (lo99, hi99) = bootstrap_ci(x, level=0.5), bootstrap_ci(x, level=0.99)
    assert lo99 < lo50 < sum(x) / len(x) < hi50 < hi99
    assert bootstrap_ci([0.7]) == (0.7, 0.7)


def test_bootstrap_of_nothing_is_refused() -> None:
    cases: list[tuple[list[float], float]] = [([], 0.95), ([1.0], 1.0)]
    for x, level in cases:
        with pytest.raises(ValueError, match="An interval needs values"):
            bootstrap_ci(x, level=level)


# ROUGE-L


@pytest.mark.parametrize(
    ("prediction", "reference", "score"),
    [
        ("the cat sat", "the cat sat", 1.0),
        ("", "the cat", 0.0),
        ("dog", "cat", 0.0),
        ("the cat", "the black cat", 0.8),  # recall 2/3, precision 1
        ("police killed the gunman", "police kill the gunman", 0.75),  # Lin's own example
        ("the gunman kill police", "police kill the gunman", 0.5),
        ("斑马的皮肤", "斑马皮肤是黑的", 2 * 4 / 12),
        ("Zebra 斑马", "斑马 Zebra", 2 * 2 / 6),
    ],
)
def test_rouge_l_by_hand(prediction: str, reference: str, score: float) -> None:
    assert rouge_l(prediction, reference) == pytest.approx(score)


@given(st.lists(st.sampled_from("abc"), max_size=6), st.lists(st.sampled_from("abc"), min_size=1, max_size=6))
def test_rouge_l_finds_the_longest_common_subsequence(a: list[str], b: list[str]) -> None:
    def subsequences(words: list[str]) -> set[tuple[str, ...]]:
        return {c for n in range(len(words) + 1) for c in itertools.combinations(words, n)}

    longest = max(len(c) for c in subsequences(a) & subsequences(b))
    assert rouge_l(" ".join(a), " ".join(b)) == pytest.approx(2 * longest / (len(a) + len(b)))


def test_rouge_l_needs_a_reference() -> None:
    with pytest.raises(ValueError, match="reference text is empty"):
        rouge_l("cat", "  ")
