"""Causal tracing: the authors' own figures, the laws, and a brute-force run of every cell."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, load, load_facts
from edu_edit.locate import causal
from edu_edit.locate.restoring import restored_states
from edu_edit.replay import keep_run, unembed
from edu_edit.tokens import encode
from edu_edit.tracing import Site, intervene, record

GOLDEN = Path(__file__).parents[2] / "golden"
CASES = json.loads((GOLDEN / "causal_trace.json").read_text())["cases"]
FIGURES = load_file(GOLDEN / "causal_trace.safetensors")
FACT = Fact("Felix Ember", "The language of {} is", "Elvan")


def noise_for(lm: LM, fact: Fact, samples: int = 4, size: float = 0.5) -> Tensor:
    start, stop = encode(lm, fact.prompt, fact.subject).span
    return size * torch.randn(samples, stop - start, lm.D, generator=torch.Generator().manual_seed(1))


def brute_force(
    lm: LM, fact: Fact, noise: Tensor, kind: str, width: int, sever: str | None = None, below: bool = False
) -> Tensor:
    """Every cell by a whole forward pass with hooks, one layer after the other: slow and plain.

    below: sever the layers up to the restored one, too.
    """
    text = encode(lm, fact.prompt, fact.subject)
    ids = torch.tensor([text.ids] * (1 + len(noise)))
    mask = torch.ones_like(ids)
    begin, end = text.span

    def corrupted(h: Tensor) -> Tensor:
        h[1:, begin:end] += noise
        return h

    kept: dict[Site, Tensor] = {}

    def run(changes: dict[Site, Callable[[Tensor], Tensor]]) -> Tensor:
        with torch.no_grad(), intervene(lm, {Site("embed"): corrupted} | changes):
            return lm.forward(ids, mask)[:, -1].softmax(-1)

    everywhere = [Site(each, layer) for each in ("resid", "mlp", "attn") for layer in range(lm.n_layers)]
    probs = run({site: lambda h, site=site: kept.setdefault(site, h.clone()) for site in everywhere})
    answer = int(probs[0].argmax())
    T, L = len(text.ids), lm.n_layers
    out = torch.zeros(T, L)
    for t in range(T):
        for layer in range(L):
            changes: dict[Site, Callable[[Tensor], Tensor]] = {}
            low, high = max(0, layer - width // 2), min(L, layer - (-width // 2))
            for inside in range(low, high):
                clean = kept[Site(kind, inside)][0, t]  # type: ignore[arg-type]
                changes[Site(kind, inside, t)] = lambda h, clean=clean: torch.cat(
                    [h[:1], clean.expand_as(h[1:])]
                )  # type: ignore[arg-type]
            for each in range(0 if below else layer + 1, L) if sever else ():
                frozen = kept[Site(sever, each)][1:, t]  # type: ignore[arg-type]
                changes[Site(sever, each, t)] = lambda h, frozen=frozen: torch.cat([h[:1], frozen])  # type: ignore[arg-type]
            out[t, layer] = (run(changes)[1:, answer] - probs[1:, answer]).mean()
    return out


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
@pytest.mark.parametrize("kind", ["single", "mlp", "attn"])
def test_maps_are_those_of_the_authors_code(case: dict[str, Any], kind: str) -> None:
    lm = load(GOLDEN / "models" / case["model"])
    fact = Fact(case["subject"], case["prompt"].replace(case["subject"], "{}"), "x")
    noise = (case["noise_level"] * FIGURES[f"{case['id']}.unit_noise_f64"].double()).float()
    width = 1 if kind == "single" else case["window"]
    trace = causal.causal_trace(lm, fact, "resid" if kind == "single" else kind, width=width, noise=noise)  # type: ignore[arg-type]
    scores = FIGURES[f"{case['id']}.scores.{kind}"]
    low = case["kinds"][kind]["low_score"]
    torch.testing.assert_close(trace.map + low, scores, atol=2e-6, rtol=0)
    assert trace.p_corrupt == pytest.approx(low, abs=2e-6)
    assert trace.p_clean == pytest.approx(case["kinds"][kind]["high_score"], abs=2e-6)
    assert trace.span == tuple(case["subject_range"])


@pytest.mark.parametrize("kind", ["resid", "mlp", "attn"])
@pytest.mark.parametrize("width", [1, 2, 3])
@pytest.mark.parametrize("sever", [None, "mlp", "attn"])
def test_maps_equal_brute_force(golden_lm: LM, kind: Any, width: int, sever: Any) -> None:
    noise = noise_for(golden_lm, FACT)
    trace = causal.causal_trace(golden_lm, FACT, kind, width=width, sever=sever, noise=noise)
    torch.testing.assert_close(
        trace.map, brute_force(golden_lm, FACT, noise, kind, width, sever), atol=3e-6, rtol=0
    )


def test_maps_equal_brute_force_on_every_shape_of_model(any_lm: LM) -> None:
    noise = noise_for(any_lm, FACT)
    trace = causal.causal_trace(any_lm, FACT, "mlp", width=2, noise=noise)
    torch.testing.assert_close(trace.map, brute_force(any_lm, FACT, noise, "mlp", 2), atol=3e-6, rtol=0)


def test_the_laws_of_the_map(golden_lm: LM) -> None:
    """I-CT-2, I-CT-3, I-CT-4."""
    trace = causal.causal_trace(golden_lm, FACT, noise=noise_for(golden_lm, FACT))
    assert not trace.map[: trace.span[0]].any()  # before the subject nothing is corrupted
    assert not trace.map[:-1, -1].any()  # at the last layer only the last token is read
    assert trace.map[-1, -1].item() == pytest.approx(trace.p_clean - trace.p_corrupt, abs=1e-6)


def with_noise(lm: LM, noise: Tensor) -> tuple[str, tuple[int, int], dict[Site, Callable[[Tensor], Tensor]]]:
    """A text, its subject's tokens, and the change that corrupts them by one draw."""
    begin, end = encode(lm, FACT.prompt, FACT.subject).span
    corrupted = {Site("embed", 0, (begin, end)): lambda h: h + noise[0]}
    return FACT.question, (begin, end), corrupted


@pytest.mark.parametrize("kind", ["embed", "resid"])
def test_all_states_from_the_subject_on_restored_are_the_clean_run(golden_lm: LM, kind: Any) -> None:
    """I-CT-1 for the embeddings, I-CT-5 for any layer."""
    text, (begin, _), corrupted = with_noise(golden_lm, noise_for(golden_lm, FACT))
    clean = golden_lm.next_probs(text)
    with intervene(golden_lm, corrupted):
        assert (golden_lm.next_probs(text) - clean).abs().max() > 1e-3
    for layer in range(golden_lm.n_layers if kind == "resid" else 1):
        site = Site(kind, layer, (begin, int(golden_lm.ids(text)[1].sum())))
        kept = record(golden_lm, text, [site])[site]
        with intervene(golden_lm, corrupted | {site: lambda h, kept=kept: kept}):
            torch.testing.assert_close(golden_lm.next_probs(text), clean)


def test_both_modules_restored_add_up_in_the_stream(golden_lm: LM) -> None:
    """I-CT-8: h_t moves by what attention and FFN each get back."""
    text, (_, end), corrupted = with_noise(golden_lm, noise_for(golden_lm, FACT))
    t, layer = end - 1, 2
    attn, mlp, resid = (Site(kind, layer, t) for kind in ("attn", "mlp", "resid"))
    clean = record(golden_lm, text, [attn, mlp])
    with intervene(golden_lm, corrupted):
        noisy = record(golden_lm, text, [attn, mlp, resid])
        with intervene(golden_lm, {site: lambda h, site=site: clean[site] for site in (attn, mlp)}):
            moved = record(golden_lm, text, [resid])[resid] - noisy[resid]
    given = sum(clean[site] - noisy[site] for site in (attn, mlp))
    torch.testing.assert_close(moved, given, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("sever", ["mlp", "attn"])
def test_severing_below_a_restored_block_changes_nothing(golden_lm: LM, sever: str) -> None:
    """I-CT-6: what comes from below is overwritten, so severing all layers is severing those above."""
    noise = noise_for(golden_lm, FACT)
    above = brute_force(golden_lm, FACT, noise, "resid", 1, sever)
    assert torch.equal(brute_force(golden_lm, FACT, noise, "resid", 1, sever, below=True), above)


def test_severing_leaves_the_last_layer_as_it_is(golden_lm: LM) -> None:
    """I-CT-6."""
    noise = noise_for(golden_lm, FACT)
    plain = causal.causal_trace(golden_lm, FACT, noise=noise)
    for sever in ("mlp", "attn"):
        severed = causal.causal_trace(golden_lm, FACT, sever=sever, noise=noise)
        torch.testing.assert_close(severed.map[:, -1], plain.map[:, -1], atol=1e-7, rtol=0)
        assert severed.p_corrupt == plain.p_corrupt


def test_no_noise_means_no_effect(golden_lm: LM) -> None:
    """I-CT-7."""
    noise = torch.zeros_like(noise_for(golden_lm, FACT))
    assert causal.causal_trace(golden_lm, FACT, noise=noise).map.abs().max() < 1e-6


def test_one_seed_gives_one_map_and_the_model_stays(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    """I-CT-9."""
    before = snapshot(golden_lm)
    noise = noise_for(golden_lm, FACT)
    maps = [causal.causal_trace(golden_lm, FACT, "attn", width=3, noise=noise).map for _ in range(2)]
    assert torch.equal(*maps)
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())


def test_noise_of_another_shape_is_refused_in_a_sentence(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match="this subject needs"):
        causal.causal_trace(golden_lm, FACT, noise=torch.zeros(3, 7, golden_lm.D))


def test_corrupt_and_restore_leave_row_0_and_their_arguments_alone() -> None:
    h, noise = torch.randn(4, 6, 3), torch.randn(3, 2, 3)
    kept = h.clone()
    out = causal.corrupt(h, (1, 3), noise)
    assert torch.equal(h, kept) and torch.equal(out[0], h[0])
    torch.testing.assert_close(out[1:, 1:3] - h[1:, 1:3], noise)
    back = causal.restore(out, 2)
    assert torch.equal(back[1:, 2], h[:1, 2].expand(3, -1)) and torch.equal(back[:, 1], out[:, 1])


def test_noise_is_three_standard_deviations_of_all_entries() -> None:
    embeddings = 0.1 * torch.randn(500, 40, generator=torch.Generator().manual_seed(0))
    assert causal.noise_std(embeddings) == pytest.approx(3 * embeddings.flatten().std().item())


def test_windows_are_clipped_at_the_ends() -> None:
    asked: list[list[int]] = []

    def run(sites: list[Site]) -> float:
        asked.append([site.layer for site in sites])
        return float(len(sites))

    sizes = causal.trace_map(run, T=1, L=12, width=10, kind="mlp")
    assert asked[0] == [0, 1, 2, 3, 4] and asked[6] == list(range(1, 11))
    assert sizes.tolist() == [[5, 6, 7, 8, 9, 10, 10, 10, 9, 8, 7, 6]]


def test_severed_sites_lie_above_the_layer_at_the_same_token() -> None:
    assert causal.severed_sites(3, 1, 4, "mlp") == [Site("mlp", 2, 3), Site("mlp", 3, 3)]
    assert causal.severed_sites(3, 3, 4, "attn") == []


def test_roles_average_over_tokens_first_then_over_maps() -> None:
    first, second = torch.tensor([[9.0], [1.0], [3.0], [5.0], [7.0]]), torch.tensor([[2.0], [4.0]])
    roles = [torch.tensor([-1, 0, 2, 4, 4]), torch.tensor([0, 5])]
    average = causal.average_by_role([first, second], roles)[:, 0]
    assert average[[0, 2, 4, 5]].tolist() == [1.5, 3.0, 6.0, 4.0]
    assert average[[1, 3]].isnan().all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
@pytest.mark.parametrize("sever", ["mlp", "attn"])
def test_severing_is_that_of_the_authors_code(case: dict[str, Any], sever: Any) -> None:
    """Their frozen values come from another draw of the noise than the run they are put into, ours do not.

    So the frozen values are taken here from a run of their first draw, all else from a run of their second.
    """
    lm = load(GOLDEN / "models" / case["model"])
    text = encode(lm, case["prompt"].replace(case["subject"], "{}"), case["subject"])
    sites = [Site("embed"), *(Site(k, layer) for k in ("resid", sever) for layer in range(lm.n_layers))]
    ids = torch.tensor([text.ids] * (1 + case["samples"]))
    runs = []
    for draw in (1, 2):
        noise = (case["noise_level"] * FIGURES[f"{case['id']}.severed_noise_pass{draw}_f64"]).float()
        with intervene(lm, {Site("embed"): lambda h, noise=noise: causal.corrupt(h, text.span, noise)}):
            runs.append(keep_run(lm, ids, torch.ones_like(ids), sites))
    windows = [range(layer, layer + 1) for layer in range(lm.n_layers - 1)]
    states = restored_states(lm, runs[1], text.span[1] - 1, windows, "resid", sever, frozen=runs[0].sites)
    p = unembed(lm, states).softmax(-1)[..., case["answer_id"]].mean(1)
    above_only = FIGURES[f"{case['id']}.severed.{sever}"][:-1, 1]
    torch.testing.assert_close(p.detach(), above_only, atol=2e-6, rtol=0)


def test_the_traced_answer_is_the_top_token_or_the_target(golden_lm: LM) -> None:
    noise = noise_for(golden_lm, FACT)
    probs = golden_lm.next_probs(FACT.question)[0]
    trace = causal.causal_trace(golden_lm, FACT, noise=noise)
    assert trace.p_clean == pytest.approx(probs.max().item(), abs=1e-6)
    chosen = causal.causal_trace(golden_lm, FACT, noise=noise, target="New Harbor")
    assert chosen.answer == "New" and chosen.p_clean < trace.p_clean


def test_no_noise_given_draws_that_of_the_atlas_subjects_with_the_generator(golden_lm: LM) -> None:
    traces = [
        causal.causal_trace(golden_lm, FACT, samples=3, generator=torch.Generator().manual_seed(s))
        for s in (0, 0, 1)
    ]
    assert torch.equal(traces[0].map, traces[1].map) and not torch.equal(traces[0].map, traces[2].map)
    ids = golden_lm.tok([fact.subject for fact in load_facts()[:50]], add_special_tokens=False)["input_ids"]
    assert causal.subject_noise_std(golden_lm) > 0 and ids


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["subjects_for_std"]], ids=lambda case: case["id"]
)
def test_noise_level_is_that_of_the_authors_code(case: dict[str, Any]) -> None:
    lm = load(GOLDEN / "models" / case["model"])
    ids = [i for subject in case["subjects_for_std"] for i in lm.tok(subject)["input_ids"]]
    assert causal.noise_std(lm.W_embed[ids].detach()) == pytest.approx(case["noise_level"], rel=1e-6)


@pytest.mark.parametrize("change", [{"width": 0}, {"samples": 0}, {"target": " "}])
def test_settings_out_of_range_are_refused(golden_lm: LM, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError) as caught:
        causal.causal_trace(golden_lm, FACT, **change)
    assert "\n" not in str(caught.value)


def test_a_hook_edit_must_be_off_while_tracing(golden_lm: LM) -> None:
    with (
        Edit(golden_lm, hooks={Site("mlp", 1): lambda h: h}),
        pytest.raises(ValueError, match="switch it off"),
    ):
        causal.causal_trace(golden_lm, FACT, noise=noise_for(golden_lm, FACT))


@pytest.mark.parametrize(
    "T, span, roles",
    [
        (8, (1, 4), [-1, 0, 1, 2, 3, 4, 4, 5]),
        (4, (1, 2), [-1, 2, 3, 5]),
        (3, (0, 2), [0, 2, 5]),
        (3, (1, 3), [-1, 0, 2]),
    ],
)
def test_each_token_has_one_role(T: int, span: tuple[int, int], roles: list[int]) -> None:
    assert causal.token_roles(T, span).tolist() == roles
