"""Lesson 10: the blocks of a prompt as a figure, and the widget that turns its parts, on a tiny model."""

import json
from pathlib import Path
from typing import Any

import pytest

from edu_edit import LM, Fact, ike, load
from edu_edit.evaluation import Rate
from edu_edit.methods.demonstrations import ike_prompt, told
from edu_edit.show import plots
from edu_edit.show.prompt_widget import COUNTS, PARTS
from edu_edit.show.widgets import PromptAnatomy, prompt_anatomy

GOLDEN = Path(__file__).parents[2] / "golden"
POOL = [Fact.from_json(row) for row in json.loads((GOLDEN / "ike.json").read_text())["demos"]]
FACT = Fact(
    "Felix Ember", "{} lives in", "New Harbor", "Fenwick", ["Felix Ember's home is"], ["Nora Vale lives in"]
)


@pytest.fixture(scope="module")
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture(scope="module")
def widget(tiny: LM) -> PromptAnatomy:
    return prompt_anatomy(tiny, FACT, [FACT], POOL)


@pytest.fixture
def anatomy(widget: PromptAnatomy) -> PromptAnatomy:
    widget.kinds.value, widget.order.value, widget.k.value = "all three kinds", False, 8
    return widget


def text(anatomy: PromptAnatomy) -> str:
    return "".join(part for _, part in anatomy.parts())


@pytest.mark.parametrize("k", COUNTS)
def test_the_blocks_are_the_prompt_of_the_library(anatomy: PromptAnatomy, tiny: LM, k: int) -> None:
    anatomy.k.value = k
    edit = ike(tiny, FACT, POOL, k=k)
    assert edit.rewrite is not None and text(anatomy) == edit.rewrite(FACT.question)
    assert all(
        part.split("\n")[0].removeprefix("New Fact: ") in anatomy.text() for _, part in anatomy.parts()
    )


def test_order_and_kinds_turn_the_blocks_at_once_and_the_bars_wait(
    anatomy: PromptAnatomy, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = anatomy.parts()
    chart = anatomy.chart.value
    anatomy.order.value = True
    assert anatomy.parts() == [*first[:-1][::-1], first[-1]]
    assert anatomy.status.text.startswith("Not asked yet") and anatomy.chart.value == chart
    anatomy.go.click()
    assert anatomy.recipe in anatomy.bars
    monkeypatch.setattr(anatomy, "_measure", lambda: None)
    anatomy.order.value = False
    assert anatomy.status.text == "Shown from memory."
    for name, ratio in PARTS.items():
        anatomy.kinds.value = name
        gone = {kind for kind, part in zip(("copy", "update", "retain"), ratio, strict=True) if part == 0}
        assert not gone & {kind for kind, _ in anatomy.parts()}


def test_what_is_asked_for_and_what_fits_is_told(anatomy: PromptAnatomy) -> None:
    anatomy.k.value = 32
    fit = len(anatomy.parts()) - 1
    assert f"32 demonstrations asked for, {fit} fit" in anatomy.blocks.value
    assert anatomy.blocks.value.count("<li") == fit + 1 and "<b>new fact</b>" in anatomy.blocks.value


def test_a_page_without_a_kernel_shows_blocks_and_bars_in_words(anatomy: PromptAnatomy) -> None:
    data, about = anatomy._repr_mimebundle_()
    assert "image/png" in data and about["image/png"]["alt"] == anatomy.text()
    assert (
        "new fact: New Fact: Felix Ember lives in New Harbor / Prompt: Felix Ember lives in."
        in anatomy.text()
    )
    assert all(f"k = {k}: edit" in anatomy.text() for k in COUNTS)


def test_figures_name_every_block_and_take_ones_own_words() -> None:
    blocks = [("copy", "New Fact: a\nPrompt: b\n\n"), ("new fact", ike_prompt([], told(FACT), FACT.question))]
    fig = plots.plot_prompt(blocks, "Two blocks")
    assert fig.alt.startswith(
        "Two blocks, from top to bottom. copy: New Fact: a / Prompt: b. new fact: New Fact: "
    )
    assert {"copy", "new fact", "accuracy"} <= {t.get_text() for ax in fig.axes for t in ax.texts}
    bars: Any = {"k = 0": {"edit": Rate(0.5, 0.0, 1.0, 2)}}
    assert "k = 0: edit 0.50" in plots.plot_anatomy(blocks, bars).alt
    assert (
        plots.plot_prompt(blocks, alt="mine").alt
        == plots.plot_anatomy(blocks, bars, alt="mine").alt
        == "mine"
    )


def test_a_pool_without_a_usable_fact_is_answered_in_a_sentence(tiny: LM) -> None:
    with pytest.raises(ValueError, match="No fact of the pool may be shown before one about Felix Ember"):
        prompt_anatomy(tiny, FACT, [FACT], [FACT])
