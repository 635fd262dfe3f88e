"""AlphaEdit: the authors' own figures, the laws of projector and update, and what a sequence protects."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from edu_edit import LM, Edit, Fact, load
from edu_edit.methods.alphaedit import alphaedit, alphaedit_update, null_projector
from edu_edit.methods.memit import memit_update
from edu_edit.methods.spreading import read_keys, reading
from edu_edit.moments import from_triangle, keys_at, second_moment
from edu_edit.tracing import Site, record

GOLDEN = Path(__file__).parents[2] / "golden"
FACTS = [
    Fact("Felix Ember", "{} lives in", "New Harbor"),
    Fact("Irma Crane", "{} speaks", "New Harbor"),
    Fact("Celia Crane", "By trade , {} plays the", "flute"),
]


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())


@pytest.fixture
def gpt2() -> LM:
    return load(GOLDEN / "models" / "gpt2-tiny")


CONTENT = json.loads((GOLDEN / "alphaedit_gpt2.json").read_text())
LAYERS = (1, 2, 3)


def authors_moments(lm: LM, sequence: str) -> dict[int, Tensor]:
    """`small`: from a few documents, so that there is a true null space; `full`: the shipped ones."""
    if CONTENT["nullspace"][sequence]["moment"] == "full":
        shipped = load_file(GOLDEN / "second_moment_gpt2.safetensors")
        return {layer: from_triangle(shipped[f"mom2.layer{layer}"]) for layer in LAYERS}
    [batch] = CONTENT["small_moment"]["batches"]
    ids, mask = torch.tensor(batch["input_ids"]), torch.tensor(batch["attention_mask"])
    return {layer: second_moment([keys_at(lm, layer, ids, mask)]) for layer in LAYERS}


def authors_sequence(lm: LM, sequence: dict[str, Any], **given: Any) -> list[Any]:
    """The batches of a recorded sequence, each protecting those before, with their absolute settings."""
    settings, edits = sequence["hparams"], []
    with ExitStack() as stack:
        for batch in sequence["batches"]:
            asked = [(one["subject"], one["prompt"], one["target_new"]["str"]) for one in batch["requests"]]
            edit = alphaedit(
                lm, [Fact(*one) for one in asked], layers=LAYERS, relative=False, previous=edits,
                tol=settings["nullspace_threshold"], ridge=settings["L2"], key="halved",
                prefixes=[text for kind in CONTENT["context_templates"] for text in kind],
                kl=settings["kl_factor"], wd=settings["v_weight_decay"],
                steps=settings["v_num_grad_steps"] - 1, lr=settings["v_lr"],
                clamp=settings["clamp_norm_factor"], **given,
            )  # fmt: skip
            edits.append(stack.enter_context(edit))
    return edits


@pytest.mark.parametrize("given", [True, False], ids=["their projectors", "ours"])
def test_a_sequence_of_two_batches_is_that_of_the_authors_code(gpt2: LM, given: bool) -> None:
    """Their P comes from an SVD in float32, good to 1e-2; with it the rest agrees to their digits."""
    figures, sequence = load_file(GOLDEN / "alphaedit_gpt2.safetensors"), CONTENT["sequences"][0]
    if given:
        P = {layer: from_triangle(figures[f"seq0.P.layer{layer}"]) for layer in LAYERS}
        edits = authors_sequence(gpt2, sequence, P=P)
    else:
        edits = authors_sequence(gpt2, sequence, C=authors_moments(gpt2, "seq0"))
    for edit, batch in zip(edits, ("seq0.P1", "seq0.P2"), strict=True):
        for layer in LAYERS:
            left, right = (figures[f"{batch}.upd_{side}.layer{layer}"] for side in ("left", "right"))
            assert relative(edit.delta[layer], (left @ right).T) < (5e-5 if given else 3e-2)
            assert relative(edit.keys[layer].T, figures[f"{batch}.ks_after.layer{layer}"]) < (
                1e-5 if given else 1e-3
            )


def test_a_full_moment_and_a_small_ridge_are_as_in_the_authors_code(gpt2: LM) -> None:
    figures, sequence = load_file(GOLDEN / "alphaedit_gpt2.safetensors"), CONTENT["sequences"][1]
    [edit] = authors_sequence(gpt2, sequence, C=authors_moments(gpt2, "seq1"))
    known = [CONTENT["nullspace"]["seq1"]["layers"][str(layer)]["null_dim"] for layer in LAYERS]
    assert edit.record["rank"] == known
    for layer in LAYERS:
        left, right = (figures[f"seq1.P1.upd_{side}.layer{layer}"] for side in ("left", "right"))
        assert relative(edit.delta[layer], (left @ right).T) < 1e-2


def test_the_update_alone_is_that_of_the_authors_code() -> None:
    """Given their P, keys, residuals and the keys of the first batch, read after it."""
    figures = load_file(GOLDEN / "alphaedit_gpt2.safetensors")
    for layer in LAYERS:
        P = from_triangle(figures[f"seq0.P.layer{layer}"])
        before = torch.zeros_like(P)
        for batch in ("seq0.P1", "seq0.P2"):
            K, R = figures[f"{batch}.ks.layer{layer}"].T, figures[f"{batch}.resid.layer{layer}"]
            ours = alphaedit_update(P, K.double(), R.double(), before, 1.0)
            theirs = figures[f"{batch}.upd_left.layer{layer}"] @ figures[f"{batch}.upd_right.layer{layer}"]
            assert relative(ours, theirs.T) < 1e-5
            after = figures[f"{batch}.ks_after.layer{layer}"].double()
            before = before + after.T @ after


def problem(n: int = 3, D: int = 4, F: int = 9, old: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Old keys K0 fewer than F, new keys K, residuals R, and keys of earlier edits."""
    g = torch.Generator().manual_seed(0)
    shapes = ((F, old), (F, n), (D, n), (F, 2))
    K0, K, R, K_p = (torch.randn(shape, generator=g, dtype=torch.float64) for shape in shapes)
    return K0, K, R, K_p


def test_the_projector_is_one_and_its_rank_is_what_the_old_keys_leave() -> None:
    """I-AE-1 and L6"""
    K0, *_ = problem()
    P = null_projector(K0 @ K0.T / 5, 1e-10)
    torch.testing.assert_close(P @ P, P)
    torch.testing.assert_close(P, P.T)
    assert P.trace().item() == pytest.approx(4)
    torch.testing.assert_close(P @ K0, torch.zeros_like(K0))
    assert null_projector(K0.float() @ K0.float().T, 1e-5).dtype == torch.float32


def test_a_relative_tolerance_does_not_see_the_scale_of_C_and_an_absolute_one_does() -> None:
    """T-AE-1: the released rule can leave everything free (P = I) or nothing (P = 0)."""
    energies = torch.tensor([8.0, 4.0, 1.0, 0.1], dtype=torch.float64)
    Q, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)).double())
    C = Q @ torch.diag(energies) @ Q.T
    for scale in (1e-3, 1.0, 1e3):
        assert null_projector(scale * C, 0.2).trace().item() == pytest.approx(2)
    torch.testing.assert_close(null_projector(1e-3 * C, 0.2, relative=False), torch.eye(4).double())
    assert null_projector(1e3 * C, 0.2, relative=False).abs().max() == 0
    torch.testing.assert_close(null_projector(C, 1.0), torch.eye(4).double())
    assert null_projector(C, 0.0).abs().max() == 0  # a C of full rank has no exact null space
    torch.testing.assert_close(null_projector(0 * C, 0.0), torch.eye(4).double())


def test_the_change_gives_old_keys_nothing() -> None:
    """I-AE-2 and I-AE-3; MEMIT's change at the same keys does move them."""
    K0, K, R, K_p = problem()
    P = null_projector(K0 @ K0.T, 1e-10)
    delta = alphaedit_update(P, K, R, K_p @ K_p.T, 0.1)
    torch.testing.assert_close(delta @ P, delta, atol=1e-12, rtol=1e-12)
    assert (delta @ K0).abs().max() < 1e-12
    C = K0 @ K0.T + 1e-3 * torch.eye(9, dtype=torch.float64)
    assert (memit_update(C, K, R, 1.0) @ K0).abs().max() > 1e-3


def test_up_to_a_tolerance_the_change_moves_old_values_by_no_more_than_that() -> None:
    """tr(Delta C Delta^T) <= tol lambda_max |Delta|^2, for a C of full rank."""
    g = torch.Generator().manual_seed(4)
    old = torch.randn(9, 60, generator=g, dtype=torch.float64) * torch.logspace(0, -2, 9)[:, None].double()
    C, (_, K, R, K_p) = old @ old.T / 60, problem()
    P = null_projector(C, 0.05)
    assert 0 < P.trace() < 9
    delta = alphaedit_update(P, K, R, K_p @ K_p.T, 0.1)
    assert (delta @ C @ delta.T).trace() <= 0.05 * torch.linalg.eigvalsh(C)[-1] * delta.square().sum()


def test_one_fact_gets_the_share_q_of_q_plus_ridge() -> None:
    """I-AE-4: q = k^T P k."""
    K0, K, R, _ = problem(1)
    P = null_projector(K0 @ K0.T, 1e-10)
    q = (K.T @ P @ K).item()
    delta = alphaedit_update(P, K, R, torch.zeros(9, 9).double(), 0.3)
    torch.testing.assert_close(delta @ K, R * q / (q + 0.3))


def test_update_is_the_least_of_the_objective() -> None:
    """I-AE-5: autograd finds no slope in |D P K - R|^2 + |D P K_p|^2 + ridge |D P|^2."""
    K0, K, R, K_p = problem()
    P = null_projector(K0 @ K0.T, 1e-10)
    delta = alphaedit_update(P, K, R, K_p @ K_p.T, 0.2).requires_grad_()
    free = delta @ P
    loss = (free @ K - R).square().sum() + (free @ K_p).square().sum() + 0.2 * free.square().sum()
    (slope,) = torch.autograd.grad(loss, delta)
    assert slope.abs().max() < 1e-10


def test_with_nothing_to_protect_it_is_ridge_regression_and_memit_with_the_identity() -> None:
    """I-AE-6, section 18.1 of the laws."""
    _, K, R, _ = problem()
    identity, nothing = torch.eye(9, dtype=torch.float64), torch.zeros(9, 9, dtype=torch.float64)
    ours = alphaedit_update(identity, K, R, nothing, 0.7)
    torch.testing.assert_close(ours, R @ K.T @ torch.linalg.inv(K @ K.T + 0.7 * identity))
    torch.testing.assert_close(ours, memit_update(identity, K, R, 0.7))


def test_where_nothing_is_free_nothing_is_written() -> None:
    """I-AE-7"""
    _, K, R, K_p = problem()
    assert not alphaedit_update(torch.zeros(9, 9).double(), K, R, K_p @ K_p.T, 0.1).any()


def test_reduced_and_published_forms_agree() -> None:
    """I-AE-8: in a basis B of the null space, and as the paper writes it, with a matrix not symmetric."""
    K0, K, R, K_p = problem()
    P, S = null_projector(K0 @ K0.T, 1e-10), K @ K.T + K_p @ K_p.T
    energies, U = torch.linalg.eigh(K0 @ K0.T)
    B = U[:, energies < 1e-9]
    ours = alphaedit_update(P, K, R, K_p @ K_p.T, 0.2)
    reduced = B @ torch.linalg.solve(B.T @ S @ B + 0.2 * torch.eye(4).double(), B.T @ K @ R.T)
    published = torch.linalg.solve(P @ S + 0.2 * torch.eye(9).double(), P @ K @ R.T)
    torch.testing.assert_close(ours, reduced.T)
    torch.testing.assert_close(ours, published.T)


def test_keys_of_earlier_edits_hold_still() -> None:
    K0, K, R, K_p = problem()
    P = null_projector(K0 @ K0.T, 1e-10)
    moved = [
        (alphaedit_update(P, K[:, :1], R[:, :1], weight * K_p @ K_p.T, 1e-3) @ K_p).norm()
        for weight in (0.0, 1.0, 1e6)
    ]
    assert moved[2] < 1e-3 * moved[0] and moved[1] < moved[0]


@pytest.mark.parametrize("ridge", [0.0, -1.0, float("nan")])
def test_a_ridge_or_tolerance_that_cannot_be_is_refused(ridge: float) -> None:
    K0, K, R, K_p = problem()
    with pytest.raises(ValueError, match="more than 0"):
        alphaedit_update(torch.eye(9).double(), K, R, K_p @ K_p.T, ridge)
    with pytest.raises(ValueError, match="0 or more"):
        null_projector(K0 @ K0.T, -0.1)


def moments_of(lm: LM) -> dict[int, Tensor]:
    """Of keys that use half of the directions, so that there is a null space."""
    g = torch.Generator().manual_seed(2)
    out = {}
    for layer in range(lm.n_layers):
        K = torch.randn(lm.F, lm.F // 2, generator=g, dtype=torch.float64)
        out[layer] = K @ K.T / len(K)
    return out


def options(lm: LM, **change: Any) -> dict[str, Any]:
    usual = {"layers": [0, 1], "C": moments_of(lm), "prefixes": ["{}", "On stage Greta Frost. {}"]}
    return usual | {"tol": 1e-8, "steps": 4, "lr": 0.3, "clamp": 2.0, "wd": 0.1, "kl": 0.1} | change


def test_the_edited_ffn_says_the_same_of_old_keys(any_lm: LM) -> None:
    """I-AE-3 in the model: a text's own keys made the null space, so its FFN output stays."""
    text = "Irma Crane plays the harp and speaks"
    keys, outputs = Site("key", 1), Site("mlp", 1)
    before = record(any_lm, text, [keys, outputs])
    K = before[keys][0].double().T
    edit = alphaedit(any_lm, FACTS[0], **options(any_lm, layers=[1], C={1: K @ K.T / K.shape[1]}))
    with edit:
        after = record(any_lm, text, [outputs])[outputs]
    assert edit.delta[1].norm() > 1e-3
    torch.testing.assert_close(after, before[outputs], atol=1e-5, rtol=1e-5)


def test_the_record_says_how_much_is_free(golden_lm: LM) -> None:
    edit = alphaedit(golden_lm, FACTS, **options(golden_lm, ridge=0.25))
    assert edit.record["rank"] == [golden_lm.F - golden_lm.F // 2] * 2
    assert edit.record["energy"] == pytest.approx([0, 0], abs=1e-9) and edit.extra_bytes == 0
    [batch] = edit.record["batches"]
    K, _ = read_keys(golden_lm, reading(golden_lm, FACTS, options(golden_lm)["prefixes"], "averaged"), [0], 1)
    P = null_projector(moments_of(golden_lm)[0], 1e-8)
    middle = (K[0] * (P @ K[0])).sum(0).median()
    assert batch["ridges"][0] == pytest.approx(0.25 * middle.item()) and len(batch["inserted"]) == 2


def test_later_edits_protect_earlier_ones(golden_lm: LM) -> None:
    """With its keys protected, what the first edit wrote is moved less by the second."""
    set_up = options(golden_lm, layers=[1], prefixes=["{}"], ridge=0.01)
    first = alphaedit(golden_lm, FACTS[0], **set_up)
    with first:
        heedless = alphaedit(golden_lm, FACTS[1], **set_up)
        careful = alphaedit(golden_lm, FACTS[1], previous=first, **set_up)
        told = alphaedit(golden_lm, FACTS[1], previous=[FACTS[0]], **set_up)
    key = first.keys[1]
    assert (careful.delta[1] @ key).norm() < 0.5 * (heedless.delta[1] @ key).norm()
    torch.testing.assert_close(told.delta[1], careful.delta[1], atol=1e-5, rtol=1e-4)
    assert careful.record["protected"] == {1: 1} and careful.projectors[1] is first.projectors[1]


def test_a_change_of_tolerance_makes_new_projectors(golden_lm: LM) -> None:
    set_up = options(golden_lm, layers=[1], steps=1)
    first = alphaedit(golden_lm, FACTS[0], **set_up)
    second = alphaedit(golden_lm, FACTS[1], previous=[first], **(set_up | {"tol": 1.0}))
    assert second.record["rank"] == [golden_lm.F] and first.record["rank"] != [golden_lm.F]


def test_a_sequence_in_one_call_equals_one_by_hand(golden_lm: LM) -> None:
    set_up = options(golden_lm)
    whole = alphaedit(golden_lm, FACTS, batch=1, **set_up)
    edits: list[Any] = []
    with ExitStack() as stack:
        for fact in FACTS:
            edits.append(stack.enter_context(alphaedit(golden_lm, fact, previous=edits, **set_up)))
    for layer in (0, 1):
        by_hand = torch.stack([edit.delta[layer] for edit in edits]).sum(0)
        torch.testing.assert_close(whole.delta[layer], by_hand, atol=1e-4, rtol=1e-3)
        keys = torch.cat([edit.keys[layer] for edit in edits], 1)
        torch.testing.assert_close(whole.keys[layer], keys, atol=1e-4, rtol=1e-3)


def test_a_student_update_is_what_is_inserted(golden_lm: LM) -> None:
    seen: list[Any] = []

    def mine(P: Tensor, K: Tensor, R: Tensor, C_prev: Tensor, ridge: float) -> Tensor:
        seen.append(tuple(tuple(x.shape) for x in (P, K, R, C_prev)))
        return torch.zeros(golden_lm.D, golden_lm.F)

    edit = alphaedit(golden_lm, FACTS, update=mine, **options(golden_lm, steps=1))
    D, F = golden_lm.D, golden_lm.F
    assert seen == 2 * [((F, F), (F, 3), (D, 3), (F, F))] and not edit.delta[0].any()


def test_nothing_is_written_where_the_keys_are_not_free(golden_lm: LM) -> None:
    nothing = {layer: torch.zeros(golden_lm.F, golden_lm.F) for layer in (0, 1)}
    edit = alphaedit(golden_lm, FACTS, **options(golden_lm, P=nothing, steps=1))
    assert not edit.delta[0].any() and edit.record["rank"] == [0, 0]


def test_the_edit_is_saved_whole_and_its_facts_can_be_protected_later(golden_lm: LM, tmp_path: Path) -> None:
    edit = alphaedit(golden_lm, FACTS[0], **options(golden_lm, steps=1))
    edit.save(tmp_path / "edit.safetensors")
    again = Edit.load(golden_lm, tmp_path / "edit.safetensors")
    assert torch.equal(again.delta[1], edit.delta[1]) and again.record["rank"] == edit.record["rank"]
    with pytest.raises(ValueError, match="or the Facts themselves"):
        alphaedit(golden_lm, FACTS[1], previous=again, **options(golden_lm, steps=1))


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"layers": [-1]}, "has layers 0 to 5"),
        ({"layers": []}, "one layer or more"),
        ({"tol": -1.0}, "0 or more"),
        ({"ridge": -0.1}, "more than 0"),
        ({"P": {0: torch.eye(4)}}, r"no projector for layers \[1\]"),
        ({"P": {0: torch.eye(4), 1: torch.eye(4)}}, r"expected \(F, F\)"),
        ({"C": None}, "edu-edit moments"),
        ({"batch": -2}, "the number of facts"),
        ({"facts": []}, "no fact to write"),
        ({"facts": [FACTS[0], FACTS[0]]}, "twice: keep one"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    given = options(golden_lm, steps=1) | change
    with refused(golden_lm, sentence):
        alphaedit(golden_lm, given.pop("facts", FACTS), **given)
    assert not golden_lm.edits
