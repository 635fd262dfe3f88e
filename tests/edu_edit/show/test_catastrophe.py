"""Lesson 02: fine-tuning watched step by step, its figure, and the slider, on a tiny trained model."""

import html
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import v4

from edu_edit import LM, Fact, finetune, load
from edu_edit.show import plots, training
from edu_edit.show.probes import Answered
from edu_edit.show.training import PROMPTS, RECIPES, Recipe, Training, squeezed, ten_prompts, train
from edu_edit.show.widgets import CatastropheSlider, catastrophe

GOLDEN = Path(__file__).parents[2] / "golden"
WORLD = json.loads((GOLDEN / "world.json").read_text(encoding="utf-8"))
CITY = {person: known["city"] for person, known in WORLD["facts"].items()}


def lives(person: str) -> Fact:
    """That a person lives in another city than they do."""
    city = CITY[person]
    other = next(c for c in sorted(set(CITY.values())) if c != city)
    return Fact(
        person,
        "{} lives in",
        other,
        city,
        paraphrases=(f"{person} has a home in",),
        neighborhood=tuple(f"{p} lives in" for p in CITY if p != person and CITY[p] == city)[:3],
        reverse=((f"A person from {other} is", person),),
    )


FACTS = [lives(person) for person in list(CITY)[:2]]
GENTLE = Recipe("one matrix", None, 1e-2)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Six steps instead of fifty."""
    for module in ("training", "catastrophe_widget"):
        monkeypatch.setattr(f"edu_edit.show.{module}.STEPS", 6)


@pytest.fixture(scope="module")
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture
def slider(tiny: LM) -> CatastropheSlider:
    return catastrophe(tiny, FACTS)


def said(box: Any) -> str:
    """The text of an HTML widget."""
    return " ".join(html.unescape(re.sub("<[^>]*>", " ", box.value)).split())


def made_up(*after: str) -> Training:
    """A training of one step per given answer to the edit, with one neighbour that follows it."""
    rows = tuple(
        (
            Answered("edit", "Ann lives in", "Rome", "Oslo", answer),
            Answered("neighbours", "Bob lives in", "Oslo", "Oslo", answer),
        )
        for answer in after
    )
    return Training(FACTS[0], GENTLE, tuple(1.0 / (i + 1) for i in range(len(after))), rows)


# ---- training ----


@pytest.mark.parametrize("recipe", [GENTLE, replace(GENTLE, linf=2e-3), Recipe("all", "all", 1e-3)])
def test_the_last_step_is_the_librarys_finetune(golden_lm: LM, snapshot: Any, recipe: Recipe) -> None:
    before = snapshot(golden_lm)
    asked = ten_prompts(golden_lm, FACTS[0], FACTS)
    done = train(golden_lm, FACTS[0], recipe, asked)
    assert all(torch.equal(before[name], now) for name, now in snapshot(golden_lm).items())
    assert all(p.grad is None for p in golden_lm.model.parameters())
    edit = finetune(golden_lm, FACTS[0], layer=recipe.layer, steps=6, lr=recipe.lr, linf=recipe.linf)
    np.testing.assert_allclose(done.losses[:6], edit.record["losses"], rtol=1e-4, atol=1e-6)
    with edit:
        assert [a.after for a in done.answers[-1]] == golden_lm.answers([a.prompt for a in asked])
    assert [a.after for a in done.answers[0]] == [a.before for a in asked]


def test_in_a_ball_of_nearly_nothing_no_answer_moves(tiny: LM) -> None:
    done = train(tiny, FACTS[0], replace(GENTLE, linf=1e-9), ten_prompts(tiny, FACTS[0], FACTS))
    assert all(rows == done.answers[0] for rows in done.answers)


def test_the_weights_come_back_when_something_fails(tiny: LM, snapshot: Any) -> None:
    before = snapshot(tiny)

    def broken(w: torch.Tensor, w0: torch.Tensor, eps: float) -> torch.Tensor:
        raise RuntimeError("not today")

    with pytest.raises(RuntimeError, match="not today"):
        train(tiny, FACTS[0], replace(GENTLE, linf=0.1), ten_prompts(tiny, FACTS[0], FACTS), broken)
    assert all(torch.equal(before[name], now) for name, now in snapshot(tiny).items())


def test_ten_prompts_begin_with_the_edit_and_repeat_none(tiny: LM) -> None:
    others = [Fact(p, f"{{}} number {i} plays the", "harp", "violin") for i, p in enumerate(list(CITY)[2:])]
    others += [Fact(p, "{} number " + "x" * i, "harp") for i, p in enumerate(list(CITY)[2:12], start=1)]
    asked = ten_prompts(tiny, FACTS[0], others)
    assert len(asked) == len({a.prompt for a in asked}) == PROMPTS
    assert asked[0].prompt == FACTS[0].question
    unrelated = [a for a in asked if a.kind == "unrelated"]
    assert unrelated and all(a.wanted == a.before and a.verdict == "✓ kept" for a in unrelated)


def test_rates_count_the_rows_of_the_table() -> None:
    done = made_up("Oslo", "Rome", "Rome Rome Rome", "Lima")
    assert done.curves() == {"accuracy": [0.0, 1.0, 0.0, 0.0], "locality": [1.0, 0.0, 0.0, 0.0]}
    new = replace(FACTS[0], target_new="Rome")
    assert [replace(done, fact=new).swallowed(step) for step in range(4)] == [0, 2, 2, 0]
    assert "Step 1: loss 0.5, accuracy 1.00, locality 0.00" in done.told(1)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("Taipei Taipei Taipei", "Taipei (3 times)"),
        ("Taipei is Taipei Taipei Taipei Taipei", "Taipei is Taipei (4 times)"),
        ("Taipei Taipei", "Taipei Taipei"),
        ("", ""),
    ],
)
def test_repetitions_are_squeezed(text: str, short: str) -> None:
    assert squeezed(text) == short


# ---- figures ----


def test_the_figure_says_where_the_rates_turn_and_what_is_answered() -> None:
    fig = plots.plot_training(made_up("Oslo", "Rome", "Rome"), step=1)
    assert "accuracy: 0.00 from step 0, 1.00 from step 1." in fig.alt
    assert "neighbours: Bob lives in - wanted Oslo, before Oslo, after Rome (✗ changed)." in fig.alt
    assert plots.plot_training(made_up("Oslo", "Rome"), alt="mine").alt == "mine"


def test_the_scope_is_told_from_the_inside_out() -> None:
    alt = plots.plot_scope({"Accuracy": ["one"], "Locality": ["two", "three"]}, title="Scope").alt
    assert alt == "Scope. Nested frames, from the inside out. Accuracy: one. Locality: two; three."


# ---- the slider ----


def test_each_step_shows_its_answers_and_nothing_is_computed_for_it(
    slider: CatastropheSlider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edu_edit.show.catastrophe_widget.train", None)
    monkeypatch.setattr(slider, "lm", None)
    now = slider.now
    assert now is not None
    for step in range(7):
        slider.step.value = step
        assert now.told(step) in said(slider.told)
        rows = training.short(now.answers[step])
        assert all(row.cells()[3] in said(slider.answers) for row in rows)
    assert 'aria-hidden="true"' in slider.curves.value


def test_the_dotted_line_stands_where_the_step_is_drawn(slider: CatastropheSlider) -> None:
    fig = plots.plot_training(slider.now, 4)  # type: ignore[arg-type]
    places = []
    for step in (0, 3, 6):
        slider.step.value = step
        places.append(float(re.search(r"left:([\d.]+)%", slider.curves.value).group(1)))  # type: ignore[union-attr]
    fig.png()
    ax = fig.axes[0]
    drawn = ax.transData.transform([(s, 0.0) for s in (0, 3, 6)])[:, 0] / fig.bbox.width * 100
    np.testing.assert_allclose(places, drawn, atol=1.0)


def test_another_choice_waits_for_the_button_and_then_stays_known(slider: CatastropheSlider) -> None:
    first = slider.now
    slider.recipe.value = RECIPES[2]
    assert slider.status.text.startswith("Not trained yet: press the button (about ")
    assert slider.now is first
    slider.go.click()
    assert slider.now is not first and slider.now is not None and slider.now.recipe is RECIPES[2]
    slider.recipe.value = RECIPES[0]
    assert slider.now is first
    assert slider.status.text == "Shown from memory."


def test_ones_own_projection_is_put_to_work(tiny: LM) -> None:
    called: list[float] = []

    def stay(w: torch.Tensor, w0: torch.Tensor, eps: float) -> torch.Tensor:
        called.append(eps)
        return w0.clone()

    slider = catastrophe(tiny, FACTS, project=stay)
    slider.recipe.value = RECIPES[3]
    slider.go.click()
    assert called == [RECIPES[3].linf] * 6
    assert slider.now is not None and all(rows == slider.now.answers[0] for rows in slider.now.answers)


def test_a_mistake_in_ones_own_projection_is_told_in_one_sentence(tiny: LM) -> None:
    def broken(w: torch.Tensor, w0: torch.Tensor, eps: float) -> torch.Tensor:
        raise NotImplementedError("Your code here")

    slider = catastrophe(tiny, FACTS, project=broken)
    slider.recipe.value = RECIPES[3]
    slider.go.click()
    assert slider.status.text.startswith("✗ ") and "Traceback" not in slider.status.text
    assert slider.now is not None and slider.now.recipe is RECIPES[0] and not slider.go.disabled


def test_a_page_without_a_kernel_shows_the_step_with_its_description(slider: CatastropheSlider) -> None:
    slider.step.value = 4
    assert slider.now is not None and slider.now.told(4) in slider.text()
    data, about = slider._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    cell = v4.new_code_cell(outputs=[v4.new_output("display_data", data | {"image/png": ""}, metadata=about)])
    page, _ = HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))
    images = [image["alt"] for image in BeautifulSoup(page, "html.parser").find_all("img")]
    assert images == [slider.text()]


def test_a_slider_without_facts_says_what_to_give(tiny: LM) -> None:
    with pytest.raises(ValueError, match=r"give at least one, for example load_facts\(\)"):
        catastrophe(tiny, [])
