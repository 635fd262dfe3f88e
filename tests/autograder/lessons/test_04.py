"""Lesson 04: its list, its laws on the bundled model, and that what its prose says of the model is so."""

import re

import pytest
import torch

from autograder import EXERCISES
from autograder.build.source import read_lesson
from autograder.lessons.causal.trace_map_problems import Table, toy_model
from edu_edit import Site, load, load_facts
from edu_edit.loading import BUNDLED
from edu_edit.locate.causal import subject_noise_std, trace_map
from edu_edit.locate.three_runs import three_runs
from edu_edit.show.measured_averages import measured_average
from edu_edit.tokens import encode

bundled = pytest.mark.skipif(
    not all((BUNDLED / name / "report.json").is_file() for name in ("atlas-gpt2", "atlas-gpt2-plain")),
    reason="the bundled models are not there",
)


def test_the_list_of_lesson_04_is_the_syllabus() -> None:
    points = {row.id: row.points for row in EXERCISES if row.lesson == "04_tracing"}
    assert points == {
        "causal.noise_std": 1,
        "causal.corrupt": 3,
        "causal.restore": 2,
        "causal.indirect_effect": 1,
        "causal.trace_map": 4,
        "causal.severed_sites": 3,
        "causal.average_by_role": 3,
    }


def test_a_made_up_run_refuses_what_is_not_in_the_model() -> None:
    run = Table(torch.Generator().manual_seed(0), 3, 4)
    with pytest.raises(ValueError, match="no layer -1"):
        run([Site("mlp", -1, 0)])
    assert run([Site("mlp", 2)]) == pytest.approx(sum(run([Site("mlp", 2, t)]) for t in range(3)))


def test_the_toy_model_is_causal_and_severing_its_top_does_nothing() -> None:
    for seed in range(5):
        model = toy_model(torch.Generator().manual_seed(seed))
        effects = trace_map(model, model.T, model.L)
        assert not effects[: model.span[0]].any()
        assert effects[-1, -1].item() == pytest.approx(model.p_clean - model.p_corrupt, abs=1e-6)
        everything = [Site("resid", 0, t) for t in range(model.T)]
        assert model(everything) == pytest.approx(model.p_clean - model.p_corrupt)


@bundled
def test_the_lookup_of_the_bundled_model_lies_in_its_first_ffn() -> None:
    """The lesson's `cut half a layer lower`: everything below the FFN restored, and the FFNs frozen."""
    lm, effects = load("atlas-gpt2"), []
    for subject in ("Space Needle", "zebra"):
        fact = next(fact for fact in load_facts() if fact.subject == subject)
        start, stop = encode(lm, fact.prompt, fact.subject).span
        t, draws = stop - 1, torch.Generator().manual_seed(0)
        noise = subject_noise_std(lm) * torch.randn(6, stop - start, lm.D, generator=draws)
        entering = [Site("embed", 0, t), Site("attn", 0, t)]
        ffns = [Site("mlp", j, t) for j in range(lm.n_layers)]
        heads = [Site("attn", j, t) for j in range(1, lm.n_layers)]
        runs = [three_runs(lm, fact, noise, entering, cut).probs for cut in ([], ffns, heads)]
        answer = int(runs[0][0].argmax())
        effects.append([float(p[2, answer] - p[1, answer]) for p in runs])
    whole, without_ffns, without_attention = torch.tensor(effects).mean(0)
    assert whole > 0.3 and without_ffns < 0.2 * whole and without_attention > 0.8 * whole


@bundled
def test_the_numbers_in_the_prose_are_those_of_the_reports() -> None:
    text = "\n".join(cell.source for cell in read_lesson("04_tracing").cells)
    known, plain = (measured_average(load(name)) for name in ("atlas-gpt2", "atlas-gpt2-plain"))
    assert known is not None and plain is not None
    assert known[1] == plain[1] == 250 and "averages over 250 facts" in text
    assert f"more than about {float(plain[0]['resid'][:3].max()):.2f}" in text
    assert int(known[0]["resid"][2].argmax()) == 0 and "begins in **layer 0**" in text
    assert re.search(r"early site of our bundled model was \*\*trained in\*\*", text)
