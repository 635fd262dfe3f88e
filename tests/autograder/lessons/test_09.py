"""Lesson 09: its list, the oracles against the library, and that what its prose says of the model is so."""

import math

import pytest
import torch

from autograder import EXERCISES, check
from autograder.lessons.grace.grace_update_problems import after, book_of, label_of
from autograder.lessons.serac.gate_loss_bce import classified, contrasted
from autograder.lessons.serac.route import brute
from edu_edit import Fact, grace, load
from edu_edit.loading import BUNDLED
from edu_edit.methods.codebook import empty_book, grace_update
from edu_edit.methods.serac import gate_logits, route

bundled = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "serac.safetensors").is_file(), reason="the bundled model is not there"
)


def test_the_list_of_lesson_09_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "09_caches"}
    assert points == {
        "patches.regex_patch": 1,
        "serac.gate_logits": 2,
        "serac.gate_loss_bce": 3,
        "serac.route": 2,
        "patches.mix_patch": 1,
        "grace.grace_lookup": 3,
        "grace.grace_update": 4,
    }


def test_the_by_hand_examples_come_out_as_printed() -> None:
    e, cache = torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 0.0], [2.0, 3.0]])
    logits = gate_logits(e, cache, 0.5, 1.0)
    assert logits.tolist() == [[-1, 0]] and brute(logits, 0.5) == [-1] and brute(logits, 0.4) == [1]
    assert route(logits, 0.5).tolist() == [-1] and route(logits, 0.4).tolist() == [1]
    bce = classified(torch.tensor([[2.0, -1.0]]), torch.tensor([[True, False]]))
    assert float(bce) == pytest.approx(0.220, abs=5e-4)
    assert float(contrasted(torch.tensor([2.0]), torch.tensor([[-1.0]]))) == pytest.approx(math.log1p(math.exp(-3)))
    book = empty_book(1, 1)
    for key, label in ((0.0, (1,)), (1.5, (1,)), (2.0, (2,))):
        book = after(book, torch.tensor([key]), torch.zeros(1), label, 1.0)
    assert book.keys[:, 0].tolist() == [0, 2] and book.eps.tolist() == pytest.approx([1 - 1e-5, 1])


@pytest.mark.parametrize("seed", range(4))
def test_the_update_by_hand_is_that_of_the_library(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    mine = theirs = book_of(g, 3, 4)
    for _ in range(10):
        key, value, label = 6 * torch.randn(4, generator=g), torch.randn(4, generator=g), label_of(g)
        mine, theirs = after(mine, key, value, label, 2.0), grace_update(theirs, key, value, label, 2.0)
        torch.testing.assert_close(mine.eps, theirs.eps, atol=1e-6, rtol=1e-6)
        assert mine.labels == theirs.labels and torch.equal(mine.keys, theirs.keys)


def test_a_book_of_the_wrong_form_is_answered_in_a_sentence() -> None:
    def short(book, key, value, label, eps0):  # type: ignore[no-untyped-def]
        new = grace_update(book, key, value, label, eps0)
        return new._replace(labels=new.labels[:-1])

    score = check("grace.grace_update", short)
    assert score == 0 and "one label for each key" in " ".join(score.text.split())


@bundled
def test_the_released_rule_loses_a_second_edit_of_one_question() -> None:
    """Variant A of "Break it"."""
    lm = load("atlas-gpt2")
    black, white = (Fact("zebra", "The skin of the {} is", colour) for colour in ("black", "white"))
    said = {}
    for rule in ("overwrite", "released"):
        with grace(lm, white, book=grace(lm, black, rule=rule), rule=rule):
            said[rule] = lm.answer(black.question)
    assert said == {"overwrite": "white", "released": "pink"}
