"""What `record` reads is what the model computes, and what `intervene` writes is what it goes on with."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Site, intervene, record
from edu_edit.tracing import hooked, logit_lens, replace_at, residual_stream

PROMPTS = ["Felix Ember lives in New Harbor", "The music of Edna", "Kelling"]


def hooks_left(lm: LM) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in lm.model.modules())


def test_the_recorded_stream_is_the_one_that_transformers_reports(any_lm: LM) -> None:
    ids, mask = any_lm.ids(PROMPTS)
    sites = [Site("embed"), *(Site("resid", layer) for layer in range(any_lm.n_layers))]
    held = record(any_lm, (ids, mask), sites)
    held[sites[-1]] = any_lm.norm(held[sites[-1]])  # transformers reports the last one after the norm
    reported = any_lm.model(ids, attention_mask=mask, output_hidden_states=True).hidden_states
    for site, expected in zip(sites, reported, strict=True):
        torch.testing.assert_close(held[site][mask.bool()], expected[mask.bool()])
    assert not hooked(any_lm)


def test_the_stream_is_the_running_sum_of_what_the_modules_add(any_lm: LM) -> None:
    layers = range(any_lm.n_layers)
    kinds = {kind: [Site(kind, layer, -1) for layer in layers] for kind in ("resid", "attn", "mlp")}
    embed = Site("embed", token=-1)
    held = record(any_lm, PROMPTS, [embed, *kinds["resid"], *kinds["attn"], *kinds["mlp"]])
    for row in range(len(PROMPTS)):
        resid, attn, mlp = (torch.stack([held[site][row] for site in kinds[kind]]) for kind in kinds)
        stream = residual_stream(held[embed][row], attn, mlp)
        torch.testing.assert_close(stream, torch.cat([held[embed][row][None], resid]))


def test_the_key_is_what_the_down_projection_reads(any_lm: LM) -> None:
    q: list[Tensor] = []
    handle = any_lm.ffn(1).up.register_forward_pre_hook(lambda _, args: q.append(args[0]))
    key = record(any_lm, PROMPTS, [Site("key", 1)])[Site("key", 1)]
    handle.remove()
    assert key.shape[-1] == any_lm.F
    torch.testing.assert_close(key, any_lm.ffn(1).activations(q[0]))


def test_one_token_and_a_range_are_parts_of_the_whole(any_lm: LM) -> None:
    for kind in ("embed", "resid", "attn", "mlp", "key"):
        whole, one, some = Site(kind, 1), Site(kind, 1, 0), Site(kind, 1, (1, 3))
        held = record(any_lm, PROMPTS[:2], [whole, one, some])
        assert torch.equal(held[one], held[whole][:, 0])
        assert torch.equal(held[some], held[whole][:, 1:3])


@pytest.mark.parametrize("side", ["left", "right"])
def test_negative_tokens_count_back_from_the_last_real_one(lm: LM, side: str) -> None:
    ids, mask = lm.ids(PROMPTS[:2])
    if side == "left":
        shift = int(mask.shape[1] - mask[1].sum())
        ids[1], mask[1] = ids[1].roll(shift), mask[1].roll(shift)
    last, second = Site("resid", 1, -1), Site("resid", 1, -2)
    held = record(lm, (ids, mask), [last, second])
    for row, prompt in enumerate(PROMPTS[:2]):
        alone = record(lm, prompt, [Site("resid", 1)])[Site("resid", 1)][0]
        torch.testing.assert_close(held[last][row], alone[-1])
        torch.testing.assert_close(held[second][row], alone[-2])


def test_records_are_copies(lm: LM) -> None:
    site = Site("resid", 0)
    held = record(lm, PROMPTS, [site])[site]
    assert not held.requires_grad
    held.zero_()
    assert record(lm, PROMPTS, [site])[site].abs().sum() > 0


def test_an_identity_changes_nothing_anywhere(any_lm: LM) -> None:
    clean = any_lm.logits(PROMPTS)
    kinds = ("embed", "resid", "attn", "mlp", "key")
    sites = [
        Site(kind, layer, token) for kind in kinds for layer in (0, 2) for token in (None, 0, -1, (0, 1))
    ]
    with intervene(any_lm, {site: lambda h: h for site in sites}):
        assert torch.equal(any_lm.logits(PROMPTS), clean)


def test_silencing_an_ffn_is_setting_its_output_weights_to_zero(any_lm: LM) -> None:
    with intervene(any_lm, {Site("mlp", 1): torch.zeros_like}):
        silenced = any_lm.logits(PROMPTS)
    with intervene(any_lm, {Site("key", 1): torch.zeros_like}):
        keyless = any_lm.logits(PROMPTS)
    ffn = any_lm.ffn(1)
    with torch.no_grad():
        ffn.W_out.zero_()
        torch.testing.assert_close(any_lm.logits(PROMPTS), keyless)
        if ffn.b_out is not None:
            ffn.b_out.zero_()
    torch.testing.assert_close(any_lm.logits(PROMPTS), silenced)


def test_silencing_attention_is_setting_its_output_weights_to_zero(any_lm: LM) -> None:
    with intervene(any_lm, {Site("attn", 1): torch.zeros_like}):
        silenced = any_lm.logits(PROMPTS)
    attention = any_lm.module(Site("attn", 1))
    output = attention.c_proj if hasattr(attention, "c_proj") else attention.o_proj
    with torch.no_grad():
        for parameter in output.parameters():
            parameter.zero_()
    torch.testing.assert_close(any_lm.logits(PROMPTS), silenced)


def test_restoring_a_state_brings_the_clean_run_back(any_lm: LM) -> None:
    site = Site("resid", 1)
    clean, state = any_lm.logits(PROMPTS), record(any_lm, PROMPTS, [site])[site]
    with intervene(any_lm, {Site("embed"): lambda h: h + 1, site: lambda h: state}):
        assert torch.equal(any_lm.logits(PROMPTS), clean)


def test_a_change_at_a_token_leaves_earlier_tokens_bit_identical(any_lm: LM) -> None:
    """I-COM-5."""
    clean = any_lm.logits(PROMPTS[0])
    with intervene(any_lm, {Site("mlp", 0, 2): lambda h: h + 1}):
        changed = any_lm.logits(PROMPTS[0])
    assert torch.equal(changed[:, :2], clean[:, :2])
    assert bool((changed[:, 2:] != clean[:, 2:]).any(-1).all())


def test_a_function_that_writes_in_place_harms_no_one_else(lm: LM) -> None:
    site = Site("resid", 0, 1)
    clean = record(lm, PROMPTS[:2], [Site("resid", 0), Site("mlp", 0)])
    with intervene(lm, {Site("mlp", 0, 0): lambda h: h.zero_(), site: lambda h: h.fill_(7.0)}):
        held = record(lm, PROMPTS[:2], [Site("resid", 0)])[Site("resid", 0)]
    assert bool((held[:, 1] == 7).all()) and torch.equal(held[:, 2:], clean[Site("resid", 0)][:, 2:])
    for token in (None, 1, (0, 2)):
        seen: list[Tensor] = []
        handle = lm.blocks[0].register_forward_hook(lambda _, args, output, seen=seen: seen.append(output))
        with intervene(lm, {Site("resid", 0, token): lambda h: h.zero_()}):
            lm.logits(PROMPTS[:2])
        handle.remove()
        assert torch.equal(seen[0], clean[Site("resid", 0)])  # what the block itself returned is untouched


def test_interventions_nest_in_the_order_they_were_entered(lm: LM) -> None:
    site = Site("resid", 1)
    with intervene(lm, {site: torch.zeros_like}), intervene(lm, {site: lambda h: h + 1}):
        assert bool((record(lm, PROMPTS, [site])[site] == 1).all())
    assert hooks_left(lm) == 0


def test_gradients_flow_through_an_intervention(any_lm: LM) -> None:
    delta = torch.zeros(any_lm.D, requires_grad=True)
    ids, mask = any_lm.ids(PROMPTS[0])
    with intervene(any_lm, {Site("mlp", 1, 2): lambda h: h + delta}):
        loss = any_lm.forward(ids, mask)[0, -1].logsumexp(0)
    (gradient,) = torch.autograd.grad(loss, delta)
    step = 1e-2 * gradient / gradient.norm()
    values = []
    for sign in (1, -1):
        with intervene(any_lm, {Site("mlp", 1, 2): lambda h, sign=sign: h + sign * step}):
            values.append(any_lm.logits(PROMPTS[0])[0, -1].logsumexp(0))
    torch.testing.assert_close((values[0] - values[1]) / 2e-2, gradient.norm(), rtol=2e-2, atol=1e-4)


@pytest.mark.parametrize(
    ("site", "fn", "sentence"),
    [
        (Site("resid", 3), torch.zeros_like, "layers 0 to 2, not 3"),
        (Site("resid", 0, 50), torch.zeros_like, "names token 50, but the text has 6"),
        (Site("resid", 0, -7), torch.zeros_like, "names token -7"),
        (Site("resid", 0, (4, 9)), torch.zeros_like, "names tokens 4 to 9"),
        (Site("resid", 0, (2, 2)), torch.zeros_like, "names tokens 2 to 2"),
        (Site("resid", 0), lambda h: h[:, :1], "returned .*, expected a tensor of shape"),
        (Site("resid", 0), lambda h: None, "returned NoneType"),
    ],
)
def test_mistakes_are_sentences_and_leave_no_hook(
    lm: LM, site: Site, fn: Callable[[Tensor], Tensor], sentence: str
) -> None:
    clean = lm.logits(PROMPTS[0])
    with (
        pytest.raises(ValueError, match=sentence),
        intervene(lm, {Site("mlp", 0): lambda h: h + 1, site: fn}),
    ):
        lm.logits(PROMPTS[0])
    assert hooks_left(lm) == 0 and lm.mask is None
    assert torch.equal(lm.logits(PROMPTS[0]), clean)


def test_an_unknown_kind_of_site_is_refused() -> None:
    with pytest.raises(Exception, match="ffn"):
        Site("ffn", 0)  # type: ignore[arg-type]


def test_the_last_row_of_the_logit_lens_is_the_model_s_own_answer(any_lm: LM) -> None:
    sites = [Site("resid", layer, -1) for layer in range(any_lm.n_layers)]
    held = record(any_lm, PROMPTS[0], sites)
    lens = logit_lens(torch.stack([held[site][0] for site in sites]), any_lm.norm, any_lm.W_U)
    assert lens.shape == (any_lm.n_layers, any_lm.V)
    torch.testing.assert_close(lens[-1], any_lm.next_probs(PROMPTS[0])[0])
    torch.testing.assert_close(lens.sum(1), torch.ones(any_lm.n_layers))


def test_the_norm_comes_before_the_unembedding(generator: torch.Generator) -> None:
    resid, W_U = torch.randn(2, 4, generator=generator), torch.randn(5, 4, generator=generator)
    lens = logit_lens(resid, lambda h: h / h.norm(dim=-1, keepdim=True), W_U)
    torch.testing.assert_close(logit_lens(100 * resid, lambda h: h / h.norm(dim=-1, keepdim=True), W_U), lens)


def test_replace_at_changes_one_token_and_not_its_argument(generator: torch.Generator) -> None:
    h = torch.randn(2, 3, 4, generator=generator, requires_grad=True)
    before, new = h.detach().clone(), torch.ones(4, requires_grad=True)
    out = replace_at(h, 1, new)
    expected = torch.stack([torch.stack([row[0], torch.ones(4), row[2]]) for row in before])
    assert torch.equal(out, expected) and torch.equal(h, before)
    out.sum().backward()
    assert h.grad is not None and new.grad is not None
    assert torch.equal(h.grad[:, 1], torch.zeros(2, 4)) and torch.equal(h.grad[:, 0], torch.ones(2, 4))
    assert torch.equal(new.grad, torch.full((4,), 2.0))


@pytest.mark.parametrize("t", [-1, 3])
def test_replace_at_refuses_a_token_that_is_not_there(t: int) -> None:
    with pytest.raises(ValueError, match="no token"):
        replace_at(torch.zeros(1, 3, 2), t, torch.zeros(2))
