"""MEND: the authors' own figures, autograd, and laws of gradients and statistics."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from edu_edit import LM, Edit, Fact, Mend, load, mend, train_mend
from edu_edit.forcing import forced, mean_logp
from edu_edit.methods.edit_batches import EditData
from edu_edit.methods.editor_training import facts_per_edit
from edu_edit.methods.mend import (
    editor_loss,
    editor_size,
    gradient_factors,
    gradient_from_factors,
    mend_update,
    normalise_factors,
)
from edu_edit.methods.mend_network import EditorNetwork, RunningMoments
from edu_edit.methods.upper_blocks import UpperBlocks, batch_factors

GOLDEN = Path(__file__).parents[2] / "golden"
FACTS = [
    Fact("Edna Ember", "{} works as a", "pilot", "tailor", ["The job of Edna Ember is"]),
    Fact("Felix Ember", "{} lives in", "New Harbor", "Fenwick", neighborhood=["Celia Crane lives in"]),
    Fact("Greta Ember", "{} speaks", "Norish"),
]
KEEP = ["Felix Ember speaks", "Luca Abbot plays the", "Celia Crane works as a"]


def relative(a: Tensor, b: Tensor) -> float:
    return float((a.detach().double() - b.double()).norm() / b.double().norm())


def sgd_gradients(lm: LM, facts: list[Fact], names: list[str]) -> dict[str, Tensor]:
    """Autograd's gradients of the facts' summed losses."""
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new) for fact in facts])
    parameters = dict(lm.model.named_parameters())
    loss = -mean_logp(lm.forward(ids, mask), ids, wanted).sum()
    return dict(zip(names, torch.autograd.grad(loss, [parameters[name] for name in names]), strict=True))


def loss_of(lm: LM, fact: Fact) -> float:
    ids, mask, wanted, _ = forced(lm, [(fact.question, fact.target_new)])
    with torch.no_grad():
        return -float(mean_logp(lm.forward(ids, mask), ids, wanted))


def away_from_identity(mend: Mend, facts: list[Fact] = FACTS) -> Mend:
    """The editor with statistics, and with networks that do something."""
    data = EditData(mend.lm, facts, KEEP)
    batch = data.batch([(fact.question, fact.target_new) for fact in facts])
    blocks = UpperBlocks(mend.lm, batch, mend.layers[0])
    mend.learn_moments(batch_factors(blocks, [m.module for m in mend.matrices], len(facts)))
    generator = torch.Generator().manual_seed(5)
    for parameter in mend.networks.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return mend


# The authors' figures


def golden_network(figures: dict[str, Tensor], prefix: str) -> EditorNetwork:
    """Our network with the recorded parameters."""
    names = {"u": "U", "v": "V", "bias": "b", "mode_scale.weight": "scale", "mode_shift.weight": "shift"}
    state = {}
    for layer in range(2):
        for theirs, ours in names.items():
            value = figures.get(f"{prefix}.layers.{layer}.{theirs}")
            if value is None:  # a network for one matrix has no scale and shift of its own
                value = torch.full((1, len(state[f"layers.{layer}.b"])), float(ours == "scale"))
            state[f"layers.{layer}.{ours}"] = value
    matrices, width = state["layers.0.scale"].shape
    network = EditorNetwork(width, state["layers.0.V"].shape[0], matrices)
    network.load_state_dict(state)
    return network


@pytest.mark.parametrize("case", json.loads((GOLDEN / "mend_transform.json").read_text())["cases"])
def test_network_and_statistics_are_those_of_the_authors_code(case: Any) -> None:
    figures = load_file(GOLDEN / "mend_transform.safetensors")
    moments = RunningMoments(20), RunningMoments(12)
    for i, step in enumerate(case["steps"]):
        at = {name.rpartition(".")[2]: f for name, f in figures.items() if f"{case['id']}.step{i}" in name}
        u, v = at["u"].flatten(0, 1), at["v"].flatten(0, 1)
        used = u.any(-1) & v.any(-1)
        rows = u[used], v[used]
        for side, given_rows, running in zip("uv", rows, moments, strict=True):
            if step["training"]:
                running.update(given_rows)
            assert relative(running.mean, at[f"{side}_mean"]) < 1e-5
            assert relative(running.std, at[f"{side}_std"]) < 1e-5
        x, delta = (
            normalise_factors(r, m.mean.float(), m.std.float()) for r, m in zip(rows, moments, strict=True)
        )
        prefix = f"{case['id']}.param"
        if case["combine"]:
            out = golden_network(figures, f"{prefix}.mlp")(torch.cat([x, delta], -1), step["mode"])
            x_new, delta_new = out[:, :20], out[:, 20:]
        else:
            x_new = golden_network(figures, f"{prefix}.mlp1")(x)
            delta_new = golden_network(figures, f"{prefix}.mlp2")(delta)
        assert relative(x_new, at["out_u"]) < 1e-5 and relative(delta_new, at["out_v"]) < 1e-5


def test_an_edit_is_that_of_the_authors_code_with_its_sign() -> None:
    about = json.loads((GOLDEN / "mend_edit.json").read_text())
    figures = load_file(GOLDEN / "mend_edit.safetensors")
    lm = load(GOLDEN / "models" / about["model"])
    asked = about["request"]
    fact = Fact(asked["subject"], asked["prompt"], asked["target_new"]["str"])
    editor = Mend(lm, [4, 5], about["rank"], sign="released")
    assert [matrix.name for matrix in editor.matrices] == about["inner_params"]
    editor.rates.data = figures["edit_lrs"]
    for i, (d_out, d_in) in enumerate(editor.shapes):
        key = f"({d_in}, {d_out})"  # the released code names shapes as Conv1D stores them
        editor.networks[i] = golden_network(figures, f"param.{key}.mlp")
        for side, moments in zip("uv", editor.moments[d_out, d_in], strict=True):
            statistics = {
                q: figures[f"stats_before_edit.{key}.{q}"] for q in ("k", f"{side}_mean", f"{side}_std")
            }
            moments.count = int(statistics["k"])
            moments.mean = statistics[f"{side}_mean"].double()
            moments.scatter = statistics[f"{side}_std"].double() ** 2 * (moments.count - 1)
    batch = EditData(lm, [fact], [fact.question]).batch([(fact.question, fact.target_new)])
    assert batch.ids.tolist()[0][:-1] == about["input_ids"][0][:-1]
    factors = batch_factors(UpperBlocks(lm, batch, 4), [m.module for m in editor.matrices], 1)
    edit = editor(fact)
    for j, (matrix, (x, delta)) in enumerate(zip(editor.matrices, factors, strict=True)):
        recorded = {q: figures[f"{matrix.name}.{q}"] for q in ("x", "delta", "x_tilde", "delta_tilde")}
        n = x.shape[1]
        assert relative(x[0], recorded["x"][0, :n]) < 1e-5
        assert relative(delta[0], recorded["delta"][0, :n]) < 1e-5
        used = delta[0].any(-1)
        x_new, delta_new = editor.transformed(matrix, x[0, used], delta[0, used])
        assert relative(x_new, recorded["x_tilde"]) < 1e-5
        assert relative(delta_new, recorded["delta_tilde"]) < 1e-5
        theirs = figures["edit_lrs"][j] * recorded["x_tilde"].T @ recorded["delta_tilde"]
        assert relative(edit.changes[matrix.name], theirs) < 1e-5
    with edit, torch.no_grad():
        after = lm.forward(torch.tensor(about["input_ids"]), torch.ones(1, 6, dtype=torch.long))
    torch.testing.assert_close(after, figures["logits_after"], atol=1e-4, rtol=1e-4)


# Gradients and their factors


@pytest.mark.parametrize("layer", [nn.Linear(5, 7), Conv1D(7, 5)], ids=["linear", "conv1d"])
@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5)], ids=["one", "tokens", "batch"])
def test_factors_multiply_to_the_gradient_that_autograd_gives(
    layer: nn.Module, shape: tuple[int, ...]
) -> None:
    """I-MEND-1, L10: for both layouts, with a batch, and with the layer run twice."""
    inputs = torch.randn(shape, generator=torch.Generator().manual_seed(0))

    def loss_fn() -> Tensor:
        return layer(inputs).tanh().pow(2).sum() + layer(2 * inputs)[..., 0].exp().sum()

    expected = torch.autograd.grad(loss_fn(), layer.get_parameter("weight"))[0]
    x, delta = gradient_factors(layer, loss_fn)
    tokens = 2 * (inputs.numel() // 5)
    assert x.shape == (tokens, 5) and delta.shape == (tokens, 7)
    found = gradient_from_factors(x, delta)
    torch.testing.assert_close(found, expected.T if isinstance(layer, Conv1D) else expected)
    assert layer.get_parameter("weight").grad is None


def test_factors_of_a_frozen_layer_and_the_hook_goes() -> None:
    layer = nn.Linear(3, 2).requires_grad_(False)
    inputs = torch.randn(4, 3)
    x, delta = gradient_factors(layer, lambda: layer(inputs).sum())
    torch.testing.assert_close(gradient_from_factors(x, delta), inputs.sum(0).expand(2, 3))
    assert not layer._forward_hooks and not layer.weight.requires_grad
    with pytest.raises(RuntimeError, match="on purpose"):
        gradient_factors(layer, lambda: (_ for _ in ()).throw(RuntimeError("on purpose")))
    assert not layer._forward_hooks


@pytest.mark.parametrize("loss_fn", [lambda: torch.tensor(1.0), lambda: torch.ones(3, requires_grad=True)])
def test_a_loss_without_the_layer_is_refused(loss_fn: Callable[[], Tensor]) -> None:
    with pytest.raises(ValueError, match="must run the layer"):
        gradient_factors(nn.Linear(2, 2), loss_fn)


def test_batch_factors_give_autograds_gradients_of_every_matrix(any_lm: LM) -> None:
    """I-MEND-1 through the model, padding and answers of two tokens included; E22: the rank is at most the
    number of tokens with a gradient."""
    editor = Mend(any_lm, [1, 2])
    batch = EditData(any_lm, FACTS, KEEP).batch([(fact.question, fact.target_new) for fact in FACTS])
    factors = batch_factors(UpperBlocks(any_lm, batch, 1), [m.module for m in editor.matrices], len(FACTS))
    expected = sgd_gradients(any_lm, FACTS, [m.name for m in editor.matrices])
    for matrix, (x, delta) in zip(editor.matrices, factors, strict=True):
        found = gradient_from_factors(x.flatten(0, 1), delta.flatten(0, 1))
        torch.testing.assert_close(matrix.stored(found), expected[matrix.name], atol=1e-5, rtol=1e-4)
        tokens = int(delta.any(-1).sum())
        assert torch.linalg.matrix_rank(found.double(), rtol=1e-6) <= tokens


def test_no_gradient_after_the_last_predicting_token(lm: LM) -> None:
    """I-MEND-3: the answer's last token predicts nothing, and padding is never looked at."""
    editor = Mend(lm, [0, 1, 2])
    batch = EditData(lm, FACTS, KEEP).batch([(fact.question, fact.target_new) for fact in FACTS])
    last = batch.mask.sum(1) - 1
    for _, delta in batch_factors(UpperBlocks(lm, batch, 0), [m.module for m in editor.matrices], len(FACTS)):
        for row, end in zip(delta, last, strict=True):
            assert not row[end:].any()
    top = batch_factors(UpperBlocks(lm, batch, 2), [editor.matrices[-1].module], len(FACTS))[0][1]
    assert top.any(-1).sum(1).tolist() == batch.wanted.sum(1).tolist()  # above: only where answers are read


@pytest.mark.parametrize("d_in, d_out", [(3, 2), (1024, 1024)])
def test_editor_size_counts_a_linear_maps_weights(d_in: int, d_out: int) -> None:
    """S3's count: a map of 1024 x 1024 gradients has 10^12 weights, one of factors 4 million."""
    if d_in < 10:
        whole = nn.Linear(d_in * d_out, d_in * d_out, bias=False).weight.numel()
        parts = nn.Linear(d_in + d_out, d_in + d_out, bias=False).weight.numel()
    else:
        whole, parts = 1_099_511_627_776, 4_194_304
    assert (
        editor_size(d_in, d_out, factored=False) == whole and editor_size(d_in, d_out, factored=True) == parts
    )


def test_update_is_minus_a_sum_of_outer_products() -> None:
    x, delta = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 2, dtype=torch.float64)
    expected = sum(-0.3 * torch.outer(d, k) for d, k in zip(delta, x, strict=True))
    torch.testing.assert_close(mend_update(x, delta, 0.3), expected)


def test_editor_loss_by_hand() -> None:
    logp = torch.tensor([-1.0, -3.0])
    before, after = torch.randn(3, 5), torch.randn(3, 5)
    p, q = before.softmax(-1), after.softmax(-1)
    divergence = sum(p[i, j] * (p[i, j] / q[i, j]).log() for i in range(3) for j in range(5)) / 3
    torch.testing.assert_close(editor_loss(logp, after, before, 0.1), 0.1 * 2.0 + divergence)
    torch.testing.assert_close(editor_loss(logp, before, before, 0.5), torch.tensor(1.0))


# The editor before training


def test_identity_without_norm_is_one_step_of_sgd(any_lm: LM) -> None:
    """I-MEND-2 and section 18.1, for several facts at once: their updates are summed."""
    editor = Mend(any_lm, [1, 2], lr=0.01, norm=False)
    edit = editor(FACTS)
    for name, gradient in sgd_gradients(any_lm, FACTS, [m.name for m in editor.matrices]).items():
        torch.testing.assert_close(edit.changes[name].float(), -0.01 * gradient, atol=1e-7, rtol=1e-4)


def test_the_released_sign_raises_the_loss_at_the_start(lm: LM) -> None:
    """B-2: p + lr g with a positive lr climbs; subtracting descends; a negative rate turns it round."""
    before = loss_of(lm, FACTS[0])
    editors = {sign: Mend(lm, [1, 2], lr=1e-3, norm=False, sign=sign) for sign in ("paper", "released")}
    with editors["paper"](FACTS[0]):
        assert loss_of(lm, FACTS[0]) < before
    with editors["released"](FACTS[0]):
        assert loss_of(lm, FACTS[0]) > before
    editors["released"].rates.data *= -1
    with editors["released"](FACTS[0]):
        assert loss_of(lm, FACTS[0]) < before


@pytest.mark.parametrize("activation, moves", [("clamp", True), ("relu", False)])
def test_only_the_clamp_lets_an_identity_network_move(activation: Any, moves: bool) -> None:
    """T-MEND-2, I-MEND-4: at the start U has a gradient and V none; with relu nothing has one."""
    network = EditorNetwork(6, 3, 1, activation, torch.Generator().manual_seed(0))
    z = torch.randn(5, 6)
    assert torch.equal(network(z), z)
    network(z).pow(2).sum().backward()
    for layer in network.layers:
        assert bool(layer.U.grad.any()) == moves and bool(layer.b.grad.any()) == moves
        assert not layer.V.grad.any() and not layer.scale.grad.any()


def test_one_network_serves_each_shape(lm: LM) -> None:
    """I-MEND-6: two for GPT-2, and two for Llama, whose gate and up share one."""
    assert len(Mend(lm, [0, 1, 2]).networks) == 2


def test_matrices_of_one_shape_differ_by_scale_and_shift() -> None:
    network = EditorNetwork(4, 2, 2, generator=torch.Generator().manual_seed(0))
    z = torch.randn(3, 4)
    for layer in network.layers:
        layer.U.data.normal_()
    assert torch.equal(network(z, 0), network(z, 1))
    network.layers[0].shift.data[1] = 1.0
    assert not torch.equal(network(z, 0), network(z, 1))


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.integers(0, 6), min_size=1, max_size=5).filter(lambda sizes: sum(sizes) > 1),
    st.integers(0, 9),
)
def test_running_moments_equal_those_of_all_rows_at_once(sizes: list[int], seed: int) -> None:
    """I-MEND-7, with a mean far from zero, where sums of squares would lose it."""
    rows = 1e4 + torch.randn(
        sum(sizes), 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)
    )
    running = RunningMoments(3)
    for part in rows.split(sizes):
        running.update(part)
    assert running.count == len(rows)
    torch.testing.assert_close(running.mean, rows.mean(0))
    torch.testing.assert_close(running.std, rows.std(0), rtol=1e-6, atol=1e-9)


def test_only_tokens_with_a_gradient_enter_the_statistics(lm: LM) -> None:
    """Padding, and what comes after the answer's last predicting token, would drown the others."""
    editor = Mend(lm, [1, 2])
    batch = EditData(lm, FACTS, KEEP).batch([(fact.question, fact.target_new) for fact in FACTS])
    factors = batch_factors(UpperBlocks(lm, batch, 1), [m.module for m in editor.matrices], len(FACTS))
    for _ in range(2):
        editor.learn_moments(factors)
    for shape in editor.shapes:
        mine = [pair for m, pair in zip(editor.matrices, factors, strict=True) if m.weight.shape == shape]
        rows = [torch.cat([pair[side][pair[1].any(-1)] for pair in mine]) for side in (0, 1)]
        for moments, seen in zip(editor.moments[shape], rows, strict=True):
            assert moments.count == 2 * len(seen)
            torch.testing.assert_close(moments.mean.float(), seen.mean(0), rtol=1e-4, atol=1e-6)


def test_one_token_is_too_few_for_a_deviation() -> None:
    running = RunningMoments(2)
    running.update(torch.ones(1, 2))
    with pytest.raises(ValueError, match="seen 1 tokens"):
        _ = running.std


# Edits


def test_training_judges_the_very_edits_that_are_made(any_lm: LM) -> None:
    """The batched pass, where each fact has a change of its own, against one edit at a time."""
    editor = away_from_identity(Mend(any_lm, [1, 2], rank=4, lr=0.05))
    data = EditData(any_lm, FACTS, KEEP)
    batch = data.draw(3, torch.Generator().manual_seed(1))
    blocks = UpperBlocks(any_lm, batch, 1)
    modules = [m.module for m in editor.matrices]
    with torch.no_grad():
        factors = batch_factors(blocks, modules, 3)
        logp, after, before = blocks.judged(editor.terms(factors, 1))
        summed = blocks.judged(editor.terms(factors, 3), 3)[1]
    edits = []
    for b, (_, new, question) in enumerate(batch.texts):
        [fact] = [fact for fact in FACTS if fact.question == question]
        edits.append(editor(Fact(fact.subject, fact.prompt, new)))
        rows = slice(b, None, 3)
        ids, mask = batch.ids[rows], batch.mask[rows]
        last = mask.sum(1) - 1
        unedited = any_lm.forward(ids, mask)[torch.arange(5), last][2:]
        torch.testing.assert_close(before[b::3], unedited, atol=1e-4, rtol=1e-4)
        with edits[-1], torch.no_grad():
            logits = any_lm.forward(ids, mask)
        torch.testing.assert_close(after[b::3], logits[torch.arange(5), last][2:], atol=1e-4, rtol=1e-4)
        found = mean_logp(logits[:2], ids[:2], batch.wanted[rows][:2])
        torch.testing.assert_close(logp[b::3], found, atol=1e-4, rtol=1e-4)
    with edits[0], edits[1], edits[2], torch.no_grad():
        logits = any_lm.forward(batch.ids, batch.mask)[torch.arange(15), batch.mask.sum(1) - 1]
    torch.testing.assert_close(summed, logits[6:], atol=1e-4, rtol=1e-4)


def test_several_facts_are_the_sum_of_their_edits(lm: LM) -> None:
    editor = away_from_identity(Mend(lm, [2], rank=4))
    together, alone = editor(FACTS), [editor(fact) for fact in FACTS]
    for name, change in together.changes.items():
        expected = sum(edit.changes[name] for edit in alone)
        torch.testing.assert_close(change, expected, atol=1e-6, rtol=1e-4)


def test_an_edit_leaves_the_model_and_its_flags(
    any_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    before = snapshot(any_lm)
    any_lm.model.lm_head.weight.requires_grad_(False)
    flags = [p.requires_grad for p in any_lm.model.parameters()]
    edit = Mend(any_lm, [0, 2], norm=False)(FACTS)
    with edit:
        pass
    assert all(torch.equal(before[name], tensor) for name, tensor in any_lm.model.state_dict().items())
    assert flags == [p.requires_grad for p in any_lm.model.parameters()]
    assert all(p.grad is None for p in any_lm.model.parameters())
    assert edit.kind == "weights" and edit.seconds > 0 and edit.record["backward_passes"] > 0


def test_an_edit_under_another_edit_is_of_the_edited_model(lm: LM) -> None:
    editor = Mend(lm, [2], lr=0.05, norm=False)
    first = editor(FACTS[0])
    with first:
        second, gradient = editor(FACTS[1]), sgd_gradients(lm, [FACTS[1]], [editor.matrices[0].name])
    for name, expected in gradient.items():
        torch.testing.assert_close(second.changes[name].float(), -0.05 * expected, atol=1e-6, rtol=1e-3)


def test_a_students_update_is_what_is_written(lm: LM) -> None:
    def mine(x_t: Tensor, delta_t: Tensor, lr: float) -> Tensor:
        return torch.ones(delta_t.shape[1], x_t.shape[1])

    edit = Mend(lm, [1], norm=False)(FACTS[0], update=mine)
    assert all(torch.equal(change, torch.ones_like(change)) for change in edit.changes.values())


def test_half_precision_weights_are_edited_and_come_back(
    make_lm: Any, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    lm = make_lm("llama", dtype=torch.bfloat16)
    before = snapshot(lm)
    edit = Mend(lm, [1, 2], lr=0.5, norm=False)(FACTS[1])
    assert all(change.isfinite().all() and change.any() for change in edit.changes.values())
    assert all(torch.equal(before[name], tensor) for name, tensor in lm.model.state_dict().items())


def test_a_chinese_subject_is_edited(lm: LM) -> None:
    edit = Mend(lm, [2], lr=1e-3, norm=False)(Fact("林远", "{}住在", "海港"))
    assert all(change.any() for change in edit.changes.values())


# Training


def test_training_improves_the_editor_and_never_touches_the_model(
    golden_lm: LM, snapshot: Callable[[LM], dict[str, Tensor]], generator: torch.Generator
) -> None:
    """I-MEND-5. The loss on one fixed batch, before and after; and the paper's statistics are filled."""
    before = snapshot(golden_lm)
    held = EditData(golden_lm, FACTS, KEEP).draw(3, torch.Generator().manual_seed(7))
    losses = {}
    for steps in (1, 40):
        editor = train_mend(
            golden_lm,
            FACTS,
            KEEP,
            [4, 5],
            steps,
            torch.Generator().manual_seed(0),
            batch=3,
            together=1,
            rank=8,
        )
        blocks = UpperBlocks(golden_lm, held, 4)
        factors = batch_factors(blocks, [m.module for m in editor.matrices], 3)
        with torch.no_grad():
            losses[steps] = float(editor_loss(*blocks.judged(editor.terms(factors, 1)), 0.3))
    assert losses[40] < 0.7 * losses[1]
    assert all(torch.equal(before[name], tensor) for name, tensor in golden_lm.model.state_dict().items())
    assert all(p.requires_grad and p.grad is None for p in golden_lm.model.parameters())
    assert editor.training["steps"] == 40 and editor.moments[editor.shapes[0]][0].count > 40


def test_the_outer_loss_reaches_the_editor_and_not_the_model(lm: LM) -> None:
    editor = away_from_identity(Mend(lm, [1, 2], rank=4))
    blocks = UpperBlocks(lm, EditData(lm, FACTS, KEEP).draw(3), 1)
    factors = batch_factors(blocks, [m.module for m in editor.matrices], 3)
    assert not any(part.requires_grad for pair in factors for part in pair)  # a constant of the outer loss
    loss = editor_loss(*blocks.judged(editor.terms(factors, 1)), 1.0)
    grads = torch.autograd.grad(loss, [*editor.networks.parameters(), editor.rates])
    assert all(grad.any() for grad in grads)


def test_training_is_repeatable_and_resumes_with_its_statistics(lm: LM, tmp_path: Path) -> None:
    """T-MEND-4: what is saved holds counts and sums, so that further training goes on from there."""
    runs = [
        train_mend(lm, FACTS, KEEP, [2], 2, torch.Generator().manual_seed(3), batch=2, rank=4)
        for _ in range(2)
    ]
    assert all(torch.equal(a, b) for a, b in zip(*(r.networks.parameters() for r in runs), strict=True))
    runs[0].save(tmp_path / "mend.safetensors")
    again = Mend.load(lm, tmp_path / "mend.safetensors")
    counts = [m.count for pair in again.moments.values() for m in pair]
    assert counts == [m.count for pair in runs[0].moments.values() for m in pair] and all(counts)
    more = train_mend(lm, FACTS, KEEP, steps=1, batch=3, resume=again)
    assert more is again and all(
        m.count > n for m, n in zip((m for pair in more.moments.values() for m in pair), counts, strict=True)
    )


def test_a_saved_editor_makes_the_same_edit_to_half_precision(lm: LM, tmp_path: Path) -> None:
    editor = away_from_identity(Mend(lm, [1, 2], rank=4, sign="released"))
    editor.save(tmp_path / "mend.safetensors")
    again = Mend.load(lm, tmp_path / "mend.safetensors")
    assert again.options == editor.options
    for name, change in editor(FACTS).changes.items():
        assert relative(again(FACTS).changes[name], change) < 2e-2


@pytest.mark.parametrize(
    "together, step, drawn, size",
    [(1, 5, 16, 1), ((1, 4), 0, 16, 1), ((1, 4), 3, 16, 4), (4, 0, 3, 1), (4, 0, 6, 2), ([8], 9, 8, 8)],
)
def test_facts_of_a_batch_are_parted_into_whole_edits(
    together: Any, step: int, drawn: int, size: int
) -> None:
    assert facts_per_edit(together, step, drawn) == size and drawn % size == 0


def test_training_takes_no_more_facts_than_there_are(lm: LM) -> None:
    assert train_mend(lm, FACTS, KEEP, [2], 2, batch=16, together=3, rank=2).training["facts"] == len(FACTS)


def test_a_batch_keeps_what_its_facts_do_not_ask(lm: LM, generator: torch.Generator) -> None:
    """Rows 3 to 5 of a fact: its neighbour, a kept prompt about its subject, and one about another."""
    batch = EditData(lm, FACTS, KEEP).draw(1, generator)
    for _ in range(20):
        batch = EditData(lm, [FACTS[1]], KEEP).draw(1, generator)
        near, same, away = (
            lm.tok.decode(row[: int(m.sum())]) for row, m in zip(batch.ids[2:], batch.mask[2:], strict=True)
        )
        assert near.strip() == "Celia Crane lives in" and same.strip() == "Felix Ember speaks"
        assert away.strip() in KEEP[1:]
    assert not batch.wanted[2:].any() and batch.wanted[:2].any(1).all()


# Bad input


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"facts": []}, "no fact to write"),
        ({"keep": []}, "give a list of prompts"),
        ({"keep": [" "]}, "give a list of prompts"),
        ({"layers": [7]}, "has layers 0 to 5"),
        ({"layers": []}, "give the layers to edit"),
        ({"layers": [1, 1]}, "each of them once"),
        ({"steps": 0}, "a step or more"),
        ({"batch": 0}, "a step or more"),
        ({"together": 0}, "1 or more"),
        ({"together": []}, "1 or more"),
        ({"sign": "plus"}, "'paper' or 'released'"),
        ({"activation": "gelu"}, "'clamp' or 'relu'"),
        ({"rank": 0}, "rank of 1 or more"),
        ({"edit_lr": -1.0}, "a rate above 0"),
        ({"keep": ["the " * 70]}, "reads 1 to 64 tokens"),
        ({"lr": float("inf")}, "lower learning rates"),
    ],
)
def test_bad_input_gets_one_sentence_and_leaves_the_model(
    golden_lm: LM, refused: Any, change: dict[str, Any], sentence: str
) -> None:
    options: dict[str, Any] = {
        "facts": FACTS,
        "keep": KEEP,
        "layers": [5],
        "steps": 3,
        "together": 1,
    } | change
    with refused(golden_lm, sentence):
        train_mend(golden_lm, **options)


def test_an_editor_for_other_weights_or_of_another_kind_is_refused(
    golden_lm: LM, make_lm: Any, tmp_path: Path
) -> None:
    away_from_identity(Mend(golden_lm, [5], rank=2)).save(tmp_path / "mend.safetensors")
    golden_lm.model.get_input_embeddings().weight.data[3, 3] += 1.0
    with pytest.raises(ValueError, match="other weights .* train_mend"):
        Mend.load(golden_lm, tmp_path / "mend.safetensors")
    Edit(golden_lm, {}).save(tmp_path / "edit.safetensors")
    with pytest.raises(ValueError, match="no editor of kind 'mend'"):
        Mend.load(golden_lm, tmp_path / "edit.safetensors")


def test_an_edit_that_is_on_does_not_make_an_editor_stale(golden_lm: LM, tmp_path: Path) -> None:
    editor = away_from_identity(Mend(golden_lm, [5], rank=2))
    with editor(FACTS[0]):
        editor.save(tmp_path / "mend.safetensors")
    assert Mend.load(golden_lm, tmp_path / "mend.safetensors").layers == [5]


def test_a_model_without_a_shipped_editor_names_what_trains_one(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match=r"train one with train_mend\(lm, facts, keep\)"):
        mend(golden_lm, FACTS[0])


def test_no_statistics_yet_and_a_question_asked_twice_are_refused(golden_lm: LM) -> None:
    with pytest.raises(ValueError, match="train first"):
        Mend(golden_lm, [5])(FACTS[0])
    with pytest.raises(ValueError, match="twice"):
        Mend(golden_lm, [5], norm=False)([FACTS[0], FACTS[0]])
