"""Lesson 11: its list, edits of nothing, its oracles against brute force, and the figures of its prose."""

import pytest
import torch

from autograder import EXERCISES, grade
from autograder.lessons.anyedit.anyedit_problems import SEARCH, cut, drawn, said_right
from autograder.lessons.anyedit.chunk_by_window import walked
from autograder.lessons.anyedit.edit_positions import by_reach
from autograder.lessons.metrics.rouge_l import score
from edu_edit import LM, Edit
from edu_edit.loading import BUNDLED
from edu_edit.methods.anyedit import anyedit, edit_positions
from edu_edit.methods.memit import memit_update
from edu_edit.metrics import rouge_l
from edu_edit.world.measure.reach import measured_reach

bundled = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "moments.safetensors").is_file(), reason="the bundled model is not there"
)


def test_the_list_of_lesson_11_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "11_anyedit"}
    assert points == {
        "anyedit.chunk_by_window": 3,
        "anyedit.chunk_by_sentence": 2,
        "anyedit.edit_positions": 3,
        "anyedit.chunk_logprobs": 2,
        "anyedit.anyedit": 5,
        "unke.unke_loss": 2,
        "metrics.rouge_l": 2,
    }


def test_the_oracles_give_the_lessons_own_examples() -> None:
    assert walked(10, 5, 2) == [(0, 5), (3, 8), (6, 10)]
    assert by_reach(6, walked(10, 5, 2)) == [5, 8, 11] == edit_positions(6, walked(10, 5, 2))
    assert score("a b c d".split(), "a c x d b".split()) == pytest.approx(2 / 3)
    assert rouge_l("a b c d", "a c x d b") == pytest.approx(2 / 3)


@bundled
def test_drawn_texts_fit_their_chunks() -> None:
    for seed in range(6):
        long = drawn(torch.Generator().manual_seed(seed), 4, overlap=bool(seed % 2))
        assert long.chunks[0][0] == 0 and long.chunks[-1][1] == len(long.answer)
        assert all(a < b for a, b in long.chunks) and len(set(long.anchors)) == 4


@pytest.mark.slow
@bundled
def test_an_edit_of_nothing_or_of_another_text_earns_nothing() -> None:
    def nothing(lm: LM, *_: object) -> Edit:
        return Edit(lm, {lm.default_layer: torch.zeros(lm.D, lm.F)})

    def no_layer(lm: LM, *_: object) -> Edit:
        return Edit(lm, {})

    def weights(lm: LM, *_: object) -> torch.Tensor:
        return torch.zeros(lm.D, lm.F)

    for wrong in (nothing, no_layer, weights, lambda *args: args[1]):
        score_of = grade("anyedit.anyedit", wrong)
        assert score_of == 0, score_of.text


@pytest.mark.slow
@bundled
def test_the_quick_search_reaches_well_beyond_what_its_claim_asks() -> None:
    from autograder.lessons.rome.rome_problems import model

    reached = []
    for seed in range(3):
        long = cut(torch.Generator().manual_seed(seed), [(0, 6), (6, 12), (12, 18)])
        before = said_right(long)
        with anyedit(model(), long.prompt, long.target, long.chunks, SEARCH, memit_update):
            reached.append(float(said_right(long)[~before].double().mean()))
    assert min(reached) > 0.7


@bundled
def test_the_prose_about_chunk_sizes_is_what_was_measured() -> None:
    known = measured_reach("atlas-gpt2")
    assert list(known) == ["song", "recipe", "program", "proof", "chronicle"]

    def mean(chunks: int | str, what: str) -> float:
        rows = [kind[chunks] for kind in known.values()]
        values = {
            "P": [sum(r.probs) / len(r.probs) for r in rows],
            "own": [sum(r.own) / len(r.own) for r in rows],
            "others": [r.others for r in rows],
            "size": [r.size for r in rows],
        }[what]
        return sum(values) / len(values)

    told = {
        (12, "P"): 0.80, (3, "P"): 0.88, (12, "own"): 0.72, (3, "own"): 0.63, (12, "others"): 0.97,
        (5, "others"): 0.90, (12, "size"): 1.7, (3, "size"): 2.6, ("unedited", "P"): 0.37,
        ("unedited", "own"): 0.34, ("whole", "P"): 0.44, ("whole", "own"): 0.27,
    }  # fmt: skip
    for (chunks, what), value in told.items():
        digits = 1 if what == "size" else 2
        assert round(mean(chunks, what), digits) == value, (chunks, what)
    assert all(known["program"][12].own) and sum(known["program"]["whole"].own) == 24
