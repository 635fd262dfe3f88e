"""What lesson 01 shows: the lens read off a model, one run of it, and the explorer, driven from Python."""

import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter
from nbformat import v4

from edu_edit import LM, Site, load, record
from edu_edit.show import lens
from edu_edit.show.forward_figures import shares
from edu_edit.show.lens_widget import MOST
from edu_edit.show.widgets import LensExplorer, lens_explorer

GOLDEN = Path(__file__).parents[2] / "golden"
PROMPTS = ["Anna Kovac lives in", "Anna Kovac plays the"]


@pytest.fixture(scope="module")
def tiny() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


@pytest.fixture
def explorer(tiny: LM) -> LensExplorer:
    return lens_explorer(tiny, PROMPTS)


def said(box: Any) -> str:
    """The text of an HTML widget."""
    return html.unescape(re.sub("<[^>]*>", " ", box.value))


def test_the_lens_after_the_last_layer_is_what_the_model_says(golden_lm: LM) -> None:
    grid = lens.lens_grid(golden_lm, PROMPTS[0])
    final = golden_lm.logits(PROMPTS[0])[0].softmax(-1)
    assert len(grid.tokens) == len(final) and len(grid.words[0]) == golden_lm.n_layers + 1
    for words, p in zip(grid.words, final, strict=True):
        word, most = words[-1][0]
        assert most == pytest.approx(float(p.max()), rel=1e-4)
        assert word == golden_lm.tok.decode([int(p.argmax())])


def test_every_depth_is_the_norm_and_the_unembedding_of_its_state(golden_lm: LM) -> None:
    grid = lens.lens_grid(golden_lm, PROMPTS[0], top=1)
    for depth, site in ((0, Site("embed")), (2, Site("resid", 1))):
        h = record(golden_lm, PROMPTS[0], [site])[site][0, -1]
        with torch.no_grad():
            logits = [float(golden_lm.norm(h) @ row) for row in golden_lm.W_U]
        assert grid.words[-1][depth][0][0] == golden_lm.tok.decode([int(np.argmax(logits))])


def test_one_run_holds_the_lengths_of_stream_and_writes(golden_lm: LM) -> None:
    run = lens.forward_pass(golden_lm, PROMPTS[0])
    site = Site("mlp", 1)
    written = record(golden_lm, PROMPTS[0], [site])[site][0]
    torch.testing.assert_close(run.mlp[1], written.square().sum(-1).sqrt())
    assert run.stream.shape == (golden_lm.n_layers + 1, len(run.tokens))
    assert all(0 <= share <= 1 for kind in shares(run).values() for share in kind.flatten())


def test_ones_own_lens_is_put_to_work(tiny: LM) -> None:
    def sure_of_word_3(resid: torch.Tensor, norm: Any, W_U: torch.Tensor) -> torch.Tensor:
        return torch.eye(len(W_U))[[3] * len(resid)]

    now = lens_explorer(tiny, PROMPTS, sure_of_word_3).now
    assert now is not None
    assert {words[0] for row in now.words for words in row} == {(tiny.tok.decode([3]), 1.0)}


def test_an_example_or_a_prompt_of_ones_own_is_read(explorer: LensExplorer, tiny: LM) -> None:
    explorer.pick.value = PROMPTS[1]
    assert explorer.prompt.value == PROMPTS[1]
    explorer.prompt.value = "Anna Kovac"
    assert explorer.now is not None and explorer.now.tokens == lens.tokens_of(tiny, "Anna Kovac")
    explorer.prompt.value = PROMPTS[1]
    assert explorer.status.text == "Shown from memory."


def test_a_click_or_the_sliders_read_a_cell(explorer: LensExplorer) -> None:
    explorer.grid.cells[1][2].click()
    assert (explorer.token.value, explorer.depth.value) == (1, 2)
    assert explorer.now is not None
    for word, p in explorer.now.words[1][2]:
        assert f"{lens.shown(word)} {p:.2f}" in said(explorer.reading)
    explorer.depth.value = 0
    assert "in the embedding" in said(explorer.reading)


def test_hovering_tells_the_five_best_words(explorer: LensExplorer) -> None:
    cell = explorer.grid.cells[-1][-1]
    assert explorer.now is not None
    words = explorer.now.words[-1][-1]
    assert cell.description == lens.shown(words[0][0])[:9]
    assert len(words) == 5 and all(lens.shown(word) in cell.tooltip for word, _ in words)


def test_an_empty_prompt_is_told_in_a_sentence_and_the_grid_stays(explorer: LensExplorer) -> None:
    before = explorer.now
    explorer.prompt.value = "  "
    assert explorer.status.text.startswith("✗ The prompt is empty")
    assert explorer.now is before


def test_of_a_long_prompt_the_last_tokens_are_shown(explorer: LensExplorer, tiny: LM) -> None:
    explorer.prompt.value = " ".join(["Anna"] * (MOST + 5))
    assert explorer.now is not None
    assert explorer.now.tokens == lens.tokens_of(tiny, explorer.prompt.value)[-MOST:]


def test_a_page_without_a_kernel_shows_the_twin_with_its_description(explorer: LensExplorer) -> None:
    data, about = explorer._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    cell = v4.new_code_cell(outputs=[v4.new_output("display_data", data | {"image/png": ""}, metadata=about)])
    page, _ = HTMLExporter().from_notebook_node(v4.new_notebook(cells=[cell]))
    assert [image["alt"] for image in BeautifulSoup(page, "html.parser").find_all("img")] == [explorer.text()]
    assert "Framed: At token" in explorer.text()


def test_an_explorer_without_prompts_says_what_to_give(tiny: LM) -> None:
    with pytest.raises(ValueError, match="give at least one"):
        lens_explorer(tiny, [])


def test_a_prompt_s_work_is_timed(explorer: LensExplorer) -> None:
    explorer.prompt.value = PROMPTS[1]
    assert explorer.status.seconds["the lens"] > 0
