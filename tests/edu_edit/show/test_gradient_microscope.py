"""Lesson 07's figure, widget and watch, on a tiny trained model."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Fact, load
from edu_edit.methods.gradient_factors import editor_loss, gradient_factors
from edu_edit.show.editor_watch import EditorWatch, smooth
from edu_edit.show.gradient_figures import gradient_rank, plot_gradient
from edu_edit.show.microscope_widget import gradient_microscope, loss_of_fact

GOLDEN = Path(__file__).parents[2] / "golden"
FACTS = [Fact("Celia Crane", "{} works as a", "pilot"), Fact("Luca Abbot", "{} plays the", "harp")]


@pytest.fixture(scope="module", params=["gpt2-tiny", "llama-tiny"])
def tiny(request: pytest.FixtureRequest) -> LM:
    return load(GOLDEN / "models" / request.param)


def test_the_rank_is_at_most_the_number_of_heard_tokens() -> None:
    generator = torch.Generator().manual_seed(3)
    x, delta = torch.randn(6, 9, generator=generator), torch.randn(6, 8, generator=generator)
    delta[[1, 4]] = 0
    assert gradient_rank(x, delta) == (4, 4)
    x[2] = x[3]  # two tokens with one input share a row
    assert gradient_rank(x, delta) == (3, 4)
    assert gradient_rank(x, 0 * delta) == (0, 0)


def test_the_picture_says_what_it_shows() -> None:
    fig = plot_gradient(torch.eye(3), torch.tensor([[2.0, 0], [0, 1], [0, 0]]), ["a", "b", "c"], "Title")
    assert "At 2 of the tokens delta is not 0, and the rank of the sum is 2" in fig.alt
    assert fig.alt.startswith("Title.") and "a 2, b 1, c 0" in fig.alt
    assert fig.png()[:4] == b"\x89PNG"


def test_the_microscope_shows_every_choice_and_remembers_it(tiny: LM) -> None:
    asked = []

    def own(layer: torch.nn.Module, loss: object) -> tuple[Tensor, Tensor]:
        asked.append(layer)
        return gradient_factors(layer, loss)  # type: ignore[arg-type]

    microscope = gradient_microscope(tiny, FACTS, own)
    tokens = len(loss_of_fact(tiny, FACTS[0])[0])
    assert f"a sum of {tokens} outer products" in microscope.text()
    first = microscope.text()
    microscope.loss.value = "last"  # in the last layer one token is heard
    assert "At 1 of the tokens delta is not 0, and the rank of the sum is 1" in microscope.text()
    microscope.matrix.value, microscope.fact.value = "in", 1
    assert "W_in" in microscope.text() and len(asked) == 4
    microscope.fact.value, microscope.matrix.value, microscope.loss.value = 0, "out", "all"
    assert microscope.text() == first and "memory" in microscope.status.text
    assert all(p.grad is None for p in tiny.model.parameters())
    data, about = microscope._repr_mimebundle_()
    assert data["text/plain"] == first and about["image/png"]["alt"] == first


def test_a_failing_function_becomes_a_sentence(tiny: LM) -> None:
    def broken(layer: object, loss: object) -> tuple[Tensor, Tensor]:
        raise ValueError("no factors today")

    microscope = gradient_microscope(tiny, FACTS, broken)
    assert "no factors today" in microscope.status.text and "no factors today" in microscope.text()
    with pytest.raises(ValueError, match="no facts"):
        gradient_microscope(tiny, [])


def test_the_loss_of_a_fact_reads_all_tokens_or_the_last(tiny: LM) -> None:
    found = {where: float(loss_of_fact(tiny, FACTS[0], where)[1]().detach()) for where in ("all", "last")}
    tokens, _ = loss_of_fact(tiny, FACTS[0])
    ids = tiny.tok(f"{FACTS[0].question} {FACTS[0].target_new}", return_tensors="pt")["input_ids"]
    logp = tiny.forward(ids, torch.ones_like(ids)).log_softmax(-1)[0].detach()
    each = [-float(logp[t, ids[0, t + 1]]) for t in range(ids.shape[1] - 1)]
    assert len(tokens) == ids.shape[1]
    assert found["last"] == pytest.approx(each[-1], rel=1e-4)
    assert found["all"] == pytest.approx(sum(each) / len(each), rel=1e-4)


def test_the_watch_notes_what_the_loss_sees(capsys: pytest.CaptureFixture[str]) -> None:
    watch = EditorWatch(lambda logp, after, before, c: 2 * editor_loss(logp, after, before, c))
    logp, before = torch.log(torch.tensor([0.5, 0.25])), torch.eye(4)
    after = before.clone()
    after[0] = torch.tensor([0.0, 9, 0, 0])
    loss = watch.loss(logp, after, before, 1.0)
    assert loss == pytest.approx(float(2 * editor_loss(logp, after, before, 1.0)))
    watch.progress(0, float(loss), -1.0)
    assert watch.reliability == [pytest.approx(0.375)] and watch.locality == [0.75]
    assert "locality 0.75" in watch.told(0)
    watch.loss(logp, before, before, 1.0)
    watch.progress(1, 0.0, -1.0)
    assert "reliability" in watch.plot().alt and "0.88" in watch.plot().alt
    assert smooth([1.0, 0.0, 0.0, 0.0, 0.0, 0.0])[-2:] == [0.2, 0.0]
