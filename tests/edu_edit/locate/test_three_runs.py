"""The three runs beside each other: laws of figures 5.12 to 5.14, and agreement with `causal_trace`."""

import json
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Fact, Site, causal_trace
from edu_edit.locate.causal import severed_sites
from edu_edit.locate.three_runs import three_runs
from edu_edit.tokens import encode

WORLD = json.loads((Path(__file__).parents[2] / "golden" / "world.json").read_text(encoding="utf-8"))
FACT = Fact(next(iter(WORLD["facts"])), "{} lives in", "Arlen")


def draws(lm: LM) -> torch.Tensor:
    start, stop = encode(lm, FACT.prompt, FACT.subject).span
    return torch.randn(3, stop - start, lm.D, generator=torch.Generator().manual_seed(1))


def test_without_sites_nothing_is_restored_and_the_clean_run_is_clean(golden_lm: LM) -> None:
    runs = three_runs(golden_lm, FACT, draws(golden_lm))
    torch.testing.assert_close(runs.probs[2], runs.probs[1])
    torch.testing.assert_close(runs.away[2], runs.away[1])
    assert not runs.away[0].any() and not runs.away[1, : runs.span[0]].any()
    assert runs.away[1, runs.span[0] : runs.span[1]].all()


def test_only_what_can_see_the_restored_state_moves(golden_lm: LM) -> None:
    t, layer = encode(golden_lm, FACT.prompt, FACT.subject).span[1] - 1, 1
    runs = three_runs(golden_lm, FACT, draws(golden_lm), [Site("resid", layer, t)])
    assert runs.away[2, t, layer + 1] == pytest.approx(0, abs=1e-6)
    moved = (runs.away[2] - runs.away[1]).abs() > 1e-6
    seen = torch.zeros_like(moved)
    seen[t, layer + 1 :] = seen[t:, layer + 2 :] = True
    assert not moved[~seen].any()


@pytest.mark.parametrize(
    ("kind", "sever"), [("resid", None), ("mlp", None), ("resid", "mlp"), ("mlp", "attn")]
)
def test_the_restored_run_is_the_cell_of_the_trace(golden_lm: LM, kind, sever) -> None:
    noise = draws(golden_lm)
    trace = causal_trace(golden_lm, FACT, kind, 1, sever, noise=noise)
    for t, layer in ((trace.span[1] - 1, 0), (len(trace.tokens) - 1, 2)):
        cut = severed_sites(t, layer, golden_lm.n_layers, sever) if sever else []
        runs = three_runs(golden_lm, FACT, noise, [Site(kind, layer, t)], cut)
        words = dict(runs.words(golden_lm, most=5))
        clean, corrupted, restored = words[trace.answer]
        assert (clean, corrupted) == pytest.approx((trace.p_clean, trace.p_corrupt), abs=1e-5)
        assert restored - corrupted == pytest.approx(float(trace.map[t, layer]), abs=1e-5)


def test_the_only_corrupted_embedding_restored_is_the_clean_run(golden_lm: LM) -> None:
    first, last = FACT.subject.split()
    fact = Fact(first, "{} " + last + " lives in", "Arlen")
    noise = draws(golden_lm)[:, :1]
    start, stop = encode(golden_lm, fact.prompt, fact.subject).span
    assert stop - start == 1  # as `three_runs` restores one site of a kind and layer
    runs = three_runs(golden_lm, fact, noise, [Site("embed", 0, start)])
    assert (runs.probs[1] - runs.probs[0]).abs().max() > 1e-3
    torch.testing.assert_close(runs.probs[2], runs.probs[0])
