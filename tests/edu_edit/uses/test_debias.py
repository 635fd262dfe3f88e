"""Debiasing: projectors, the constraint of LSDM, and partial least squares by its definition."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Fact, Site, record
from edu_edit.methods.rome import rank_one_update
from edu_edit.methods.value import Search, find_pair
from edu_edit.tokens import target_ids
from edu_edit.uses.debias import balanced_targets, bias_subspace, dama, lsdm, project_out
from edu_edit.uses.partial_least_squares import pls_weights

SUBJECTS = ["farmer", "pilot", "baker"]
SEARCH = {"steps": 8, "lr": 0.3}
ASKED = {"prompt": "The {} of Felix is", "answers": ("painter", "farmer")}


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> None:
    def known(lm: LM, layer: int) -> Tensor:
        K = random(lm.F, 4 * lm.F, seed=layer)
        return K @ K.T / (4 * lm.F)

    monkeypatch.setattr("edu_edit.uses.debias.moment", known)


def test_the_subspace_holds_more_of_the_differences_than_any_other() -> None:
    diff = random(7, 5) @ torch.diag(torch.tensor([9.0, 4.0, 1.0, 0.5, 0.1], dtype=torch.float64))
    U = bias_subspace(diff, 2)
    torch.testing.assert_close(U.T @ U, torch.eye(2, dtype=torch.float64))
    held = (diff @ U).norm()
    for seed in range(100):
        other = torch.linalg.qr(random(5, 2, seed=seed)).Q
        assert (diff @ other).norm() <= held
    for seed in range(100):  # also than those very near
        other = torch.linalg.qr(U + 0.1 * random(5, 2, seed=seed)).Q
        assert (diff @ other).norm() <= held


def test_differences_are_not_centred() -> None:
    """Equal differences have one direction: their own. Centred, nothing would be left of them."""
    same = torch.tensor([[3.0, 4.0]]).repeat(4, 1)
    torch.testing.assert_close(bias_subspace(same, 1)[:, 0].abs(), torch.tensor([0.6, 0.8]))


def test_projected_weights_write_nothing_in_the_directions_and_all_else_as_before() -> None:
    """L12, methods 16.3: P^2 = P, U^T W' = 0, orthogonal directions unchanged, rank falls by at most r."""
    W, U = random(5, 8), random(5, 2, seed=1)
    new = project_out(W, U)
    torch.testing.assert_close(U.T @ new, torch.zeros(2, 8, dtype=torch.float64))
    torch.testing.assert_close(project_out(new, U), new)
    rest = torch.linalg.qr(torch.cat([U, random(5, 3, seed=2)], 1)).Q[:, 2:]
    torch.testing.assert_close(rest.T @ new, rest.T @ W)
    assert torch.linalg.matrix_rank(new) == 3
    assert torch.equal(project_out(W, U[:, :0]), W)  # r = 0
    assert project_out(W.float(), U.float()).dtype == torch.float32


def test_impossible_subspaces_are_refused() -> None:
    with pytest.raises(ValueError, match="0 to 3"):
        bias_subspace(random(3, 5), 4)
    with pytest.raises(ValueError, match="0 to 3"):
        bias_subspace(random(3, 5), -1)
    U = random(5, 1).repeat(1, 2)
    with pytest.raises(ValueError, match="not independent"):
        project_out(random(5, 8), U)


def test_balanced_values_are_equally_far_from_both() -> None:
    a, b = random(4, 3), random(4, 3, seed=1)
    middle = balanced_targets(a, b)
    torch.testing.assert_close(middle - a, b - middle)
    assert torch.equal(balanced_targets(b, a), middle)


def test_partial_least_squares_finds_the_direction_that_goes_with_y() -> None:
    """Its definition: the first weight maximises |cov(Y, X w)|; all of them give ordinary regression."""
    X, B = random(30, 4), random(4, 3, seed=1)
    Y = X @ B + 0.1 * random(30, 3, seed=2)
    weights = pls_weights(X + 5, Y - 2, 4)  # means do not matter
    torch.testing.assert_close(weights.T @ weights, torch.eye(4, dtype=torch.float64))
    X0, Y0 = X - X.mean(0), Y - Y.mean(0)
    best = (Y0.T @ X0 @ weights[:, 0]).norm()
    for seed in range(200):
        w = random(4, seed=seed)
        assert (Y0.T @ X0 @ w).norm() / w.norm() <= best
    residual = Y0.clone()
    deflated = X0.clone()
    for w in weights.T:  # the scores together span X, so regression on them is least squares
        t = deflated @ w
        residual -= torch.outer(t, t @ residual) / (t @ t)
        deflated -= torch.outer(t, t @ deflated) / (t @ t)
    ordinary = Y0 - X0 @ torch.linalg.lstsq(X0, Y0).solution
    torch.testing.assert_close(residual, ordinary)


def test_one_response_gives_the_krylov_space() -> None:
    """For one y, the weights span X'y, (X'X) X'y, ...: known for partial least squares (Helland 1988)."""
    X, y = random(20, 5), random(20, 1, seed=1)
    X0, y0 = X - X.mean(0), y - y.mean(0)
    krylov = torch.cat([X0.T @ y0, X0.T @ X0 @ X0.T @ y0, (X0.T @ X0) @ (X0.T @ X0) @ X0.T @ y0], 1)
    Q = torch.linalg.qr(krylov).Q
    weights = pls_weights(X, y, 3)
    torch.testing.assert_close(Q @ (Q.T @ weights), weights)


def test_partial_least_squares_says_when_nothing_is_left() -> None:
    X = random(10, 1) @ random(1, 4, seed=1)
    with pytest.raises(ValueError, match="only 1 directions"):
        pls_weights(X, random(10, 3, seed=2), 2)
    with pytest.raises(ValueError, match="0 or more"):
        pls_weights(X, X, -1)


def test_lsdm_gives_every_subject_the_middle_of_its_two_values(any_lm: LM, moments: None) -> None:
    lm, layer, search = any_lm, 1, Search(kl=0.1, wd=0.5, steps=8, lr=0.3, clamp=4.0)
    edit = lsdm(lm, SUBJECTS, layer, **ASKED, kl=0.1, wd=0.5, clamp=4.0, **SEARCH)
    for subject in SUBJECTS:
        pair = [
            find_pair(lm, Fact(subject, str(ASKED["prompt"]), answer), layer, ["{}"], "essence", search)
            for answer in ASKED["answers"]
        ]
        text = str(ASKED["prompt"]).replace("{}", subject)
        site = Site("mlp", layer, 1)  # the subject is the second word
        with edit:
            now = record(lm, text, [site])[site][0]
        torch.testing.assert_close(now, (pair[0].v_star + pair[1].v_star) / 2, atol=1e-4, rtol=1e-4)


def test_lsdm_moves_old_keys_no_more_than_it_must(lm: LM, moments: None) -> None:
    """For one subject it is ROME's rank-one update."""
    seen: list[tuple[Tensor, ...]] = []

    def update(C: Tensor, K: Tensor, R: Tensor, lam: float) -> Tensor:
        seen.append((C, K, R))
        return torch.zeros(lm.D, lm.F, dtype=torch.float64)

    lsdm(lm, SUBJECTS[:1], 1, **ASKED, update=update, **SEARCH)
    ((C, K, R),) = seen
    W = lm.ffn(1).W_out.detach().double()
    expected = rank_one_update(W, C, K[:, 0], W @ K[:, 0] + R[:, 0])
    edit = lsdm(lm, SUBJECTS[:1], 1, **ASKED, **SEARCH)
    torch.testing.assert_close(edit.delta[1].double(), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("directions", ["svd", "pls"])
def test_dama_projects_the_output_of_each_layer(any_lm: LM, directions: str) -> None:
    """rank(W') >= rank(W) - r, P W' = W', and a second projection finds nothing to do."""
    edit = dama(any_lm, SUBJECTS, r=1, layers=[1, 2], **ASKED, directions=directions, **SEARCH)
    assert sorted(edit.delta) == [1, 2] and edit.seconds > 0
    for layer, change in edit.delta.items():
        W = any_lm.ffn(layer).W_out.detach().double()
        U, s, _ = torch.linalg.svd(change.double())
        assert s[1] < 1e-5 * s[0]  # the change is - u u^T W, of rank one
        u = U[:, :1]
        torch.testing.assert_close(change.double(), -u @ (u.T @ W), atol=1e-5, rtol=1e-4)


def test_damas_two_ways_find_different_directions(lm: LM) -> None:
    """The authors' partial least squares centres, and so misses the mean difference."""
    ours, theirs = (
        dama(lm, SUBJECTS, r=1, layers=[1], **ASKED, directions=directions, **SEARCH).delta[1]
        for directions in ("svd", "pls")
    )
    assert (ours - theirs).norm() > 0.1 * ours.norm()


def test_damas_direction_is_that_between_the_two_answers(lm: LM) -> None:
    """With one subject: v_a - v_b itself, searched at the prompt's last token."""
    edit = dama(lm, SUBJECTS[:1], r=1, layers=[2], **ASKED, **SEARCH, wd=0.5, clamp=4.0)
    before, _, after = str(ASKED["prompt"]).partition("{}")
    facts = [Fact(SUBJECTS[0] + after, before + "{}", answer) for answer in ASKED["answers"]]
    search = Search(kl=0.0, wd=0.5, steps=8, lr=0.3, clamp=4.0)
    v_a, v_b = (find_pair(lm, fact, 2, ["{}"], "essence", search).v_star for fact in facts)
    u = ((v_a - v_b) / (v_a - v_b).norm()).double()
    W = lm.ffn(2).W_out.detach().double()
    torch.testing.assert_close(edit.delta[2].double(), -torch.outer(u, u @ W), atol=1e-5, rtol=1e-4)


def test_taking_the_direction_out_at_the_top_evens_the_answers(golden_lm: LM) -> None:
    """All upper layers: the log-odds between the two answers shrink for the subjects together."""
    answers = ("painter", "farmer")
    prompt = "{} works as a"
    people = ["Karin Frost", "Felix Ember", "Greta Frost"]
    first, second = (target_ids(golden_lm, answer, "x")[0] for answer in answers)

    def odds() -> float:
        p = golden_lm.next_probs([prompt.replace("{}", who) for who in people]).log()
        return float((p[:, first] - p[:, second]).abs().mean())

    before = odds()
    with dama(golden_lm, people, r=1, layers=[3, 4, 5], prompt=prompt, answers=answers, **SEARCH):
        assert odds() < 0.9 * before


@pytest.mark.parametrize(
    "ask, sentence",
    [
        (lambda lm: dama(lm, []), "list of different words"),
        (lambda lm: dama(lm, ["pilot", "pilot"]), "list of different words"),
        (lambda lm: lsdm(lm, "pilot"), "list of different words"),
        (lambda lm: dama(lm, SUBJECTS, layers=[3], **ASKED), "layers 0 to 2"),
        (lambda lm: dama(lm, SUBJECTS, r=4, layers=[1], **ASKED, steps=1), "0 to 3"),
        (lambda lm: dama(lm, SUBJECTS, prompt="He said that"), "exactly once"),
        (lambda lm: dama(lm, SUBJECTS, answers=("", "she")), "target_new must be some text"),
        (lambda lm: lsdm(lm, SUBJECTS, layer=9), "layers 0 to 2"),
    ],
)
def test_what_can_not_be_evened_is_refused_and_leaves_no_trace(
    lm: LM, ask: Callable[[LM], object], sentence: str, moments: None, refused: Any
) -> None:
    with refused(lm, sentence):
        ask(lm)
