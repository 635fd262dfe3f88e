"""Batches of growing size, and the plane of editors: against `memit`, `alphaedit` and brute force."""

import json
from pathlib import Path

import pytest
import torch

from edu_edit import LM, Edit, Fact, alphaedit, load, load_facts, memit
from edu_edit.compare.measured import measured_courses, measured_fits
from edu_edit.compare.plane import Problem, front, place, plane_points, plane_problem, rome_in_a_loop
from edu_edit.compare.sizes import ALONE, TOL, Batches, Fit, how_many_fit, inserts, judged, prices, sizes
from edu_edit.defaults import spread_defaults
from edu_edit.loading import BUNDLED
from edu_edit.methods.memit import memit_update

GOLDEN = Path(__file__).parents[2] / "golden"
needs_model = pytest.mark.skipif(
    not (BUNDLED / "atlas-gpt2" / "moments.safetensors").is_file(),
    reason="atlas-gpt2 is not bundled with its moments",
)


@pytest.fixture(scope="module")
def lm() -> LM:
    return load("atlas-gpt2")


@pytest.fixture(scope="module")
def some() -> list[Fact]:
    return list({fact.subject: fact for fact in load_facts()[:60]}.values())[:4]


def drawn() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@needs_model
def test_a_batch_is_the_edit_of_the_method_itself(lm: LM, some: list[Fact]) -> None:
    batches, lam = Batches(lm, some), spread_defaults(lm.name, lm.n_layers).lam
    ours = [batches.edit(3, inserts(lm, *one)) for one in (("MEMIT", lam), ("AlphaEdit", TOL))]
    theirs = [method(lm, some[:3], generator=drawn()) for method in (memit, alphaedit)]
    for mine, other in zip(ours, theirs, strict=True):
        assert set(mine.delta) == set(other.delta)
        for layer, change in mine.delta.items():
            torch.testing.assert_close(change, other.delta[layer])


@needs_model
def test_judging_nothing_keeps_everything(lm: LM, some: list[Fact]) -> None:
    probes = [fact.question for fact in some]
    before = lm.next_probs(probes).argmax(-1)
    answered, reworded, kept, drift = judged(lm, Edit(lm, {}), some, probes, before)
    assert (kept, drift) == (1.0, 0.0) and answered < 1 and reworded < 1


def test_sizes_end_with_all_facts() -> None:
    assert sizes(167) == [1, 3, 10, 30, 100, 167]
    assert sizes(30) == [1, 3, 10, 30]


@needs_model
def test_a_measurement_goes_on_where_it_stopped(lm: LM, some: list[Fact], tmp_path: Path) -> None:
    from dataclasses import asdict

    from edu_edit.compare.log import Log, about
    from edu_edit.compare.sizes import BATCHES, TOLS

    probes = [fact.question for fact in load_facts()[-3:]]
    own = spread_defaults(lm.name, lm.n_layers).lam
    known = [Fit("MEMIT", lam, "", [[1.0] * 5]) for lam in prices(lm)]
    known += [Fit("AlphaEdit", tol, "", [[1.0] * 5]) for tol in TOLS]
    known += [Fit("AlphaEdit", TOL, ALONE, [[1.0] * 5])]
    Log(tmp_path, BATCHES, about(lm, some[:2]) | {"probes": 3}).add(asdict(fit) for fit in known)
    done = how_many_fit(lm, some[:2], probes, tmp_path)
    assert done[:-1] == known
    assert (done[-1].method, done[-1].setting, done[-1].which) == ("MEMIT", own, ALONE)
    assert [row[0] for row in done[-1].counts] == [1.0, 2.0]


@pytest.mark.parametrize("name", ["atlas-gpt2", "atlas-llama"])
def test_what_was_measured_is_about_the_weights_that_are_shipped(name: str) -> None:
    files = [BUNDLED / name / file for file in ("courses.jsonl", "batches.jsonl")]
    assert len({json.loads(path.read_text().split("\n")[0])["hash"] for path in files}) == 1
    courses, fits = measured_courses(name), measured_fits(name)
    assert {"ROME", "MEMIT", "AlphaEdit"} <= set(courses)
    assert {fit.which for fit in fits} == {"", ALONE}
    assert all(0 <= share <= 1 for fit in fits for row in fit.counts for share in row[1:4])


def test_a_model_without_measurements_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="not measured on 'gpt2': choose atlas-gpt2 or atlas-llama"):
        measured_fits("gpt2")


def problem(n: int = 5, D: int = 4, F: int = 9) -> Problem:
    g = torch.Generator().manual_seed(1)
    old = torch.randn(F, 60, generator=g, dtype=torch.float64)
    K, R, W = (torch.randn(*size, generator=g, dtype=torch.float64) for size in ((F, n), (D, n), (D, F)))
    return Problem(old @ old.T / 60, K, R, W)


def test_memit_lies_on_the_front_and_nothing_passes_it() -> None:
    asked = problem()
    curve = front(asked)
    for point in curve[::10]:
        mine = place(asked, memit_update(asked.C, asked.K, asked.R, point.setting * len(asked.C)))
        assert (mine.moved, mine.gained) == pytest.approx((point.moved, point.gained), abs=1e-8)
    g = torch.Generator().manual_seed(2)
    best = memit_update(asked.C, asked.K, asked.R, 0.1)
    for _ in range(200):
        noise = torch.randn(best.shape, generator=g, dtype=torch.float64)
        one = place(asked, best * torch.rand(1, generator=g).double() + 0.05 * noise)
        cheaper = [p.gained for p in curve if p.moved >= one.moved] or [1.0]
        assert one.gained <= min(cheaper) + 1e-9


def test_no_change_is_the_corner_and_an_exact_one_gains_all() -> None:
    asked = problem()
    assert place(asked, torch.zeros_like(asked.W))[1:] == (0.0, 0.0)
    assert place(asked, asked.R @ torch.linalg.pinv(asked.K)).gained == pytest.approx(1)
    assert place(asked, asked.W).moved == pytest.approx(1)


def test_rome_in_a_loop_inserts_the_last_fact_and_not_the_first() -> None:
    asked = problem()
    lacks = rome_in_a_loop(asked) @ asked.K - asked.R
    assert lacks[:, -1].norm() < 1e-9 < 0.1 < lacks[:, 0].norm()


@needs_model
def test_the_plane_takes_real_keys_and_your_functions(lm: LM, some: list[Fact]) -> None:
    asked = plane_problem(lm, some)
    assert asked.K.shape == (lm.F, len(some)) and asked.R.shape == (lm.D, len(some))
    torch.testing.assert_close(asked.R.norm(dim=0), (asked.W @ asked.K).norm(dim=0))
    points = plane_points(
        asked, (0.0, 1.0), (0.02,), memit_update=lambda C, K, R, lam: torch.zeros(len(R), len(C)).double()
    )
    assert points["MEMIT"][0][1:] == pytest.approx((0.0, 0.0), abs=1e-9)
    assert len(points["AlphaEdit"]) == len(points["ROME in a loop"]) == 1
    with pytest.raises(ValueError, match="target_true"):
        plane_problem(lm, [Fact("Ada", "{} likes", "tea")])
