"""LM and FFN show every family alike, padding changes nothing, answers stop where they should."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import silu
from transformers import AutoModelForCausalLM, OPTConfig, OPTForCausalLM

from edu_edit import LM, Edit, Site, record
from edu_edit.answering import SENTENCE_END, first_sentence
from edu_edit.defaults import TABLE, defaults
from edu_edit.tracing import hooked

GOLDEN = Path(__file__).parents[1] / "golden"
PROMPTS = ["Felix Ember lives in", "The music of Edna Abbot is for the", "Kelling"]


def test_W_out_times_key_plus_bias_is_the_module_s_output(any_lm: LM) -> None:
    """I-COM-3."""
    for layer in range(any_lm.n_layers):
        ffn = any_lm.ffn(layer)
        k = torch.randn(5, any_lm.F)
        expected = ffn.down(k)
        bias = 0 if ffn.b_out is None else ffn.b_out
        torch.testing.assert_close(k @ ffn.W_out.T + bias, expected)
        assert ffn.W_out.shape == (any_lm.D, any_lm.F) and ffn.W_in.shape == (any_lm.F, any_lm.D)


def test_activations_are_the_printed_formula(any_lm: LM) -> None:
    ffn = any_lm.ffn(1)
    q = torch.randn(2, 5, any_lm.D)
    pre = q @ ffn.W_in.T
    if ffn.W_gate is None:
        assert ffn.b_in is not None
        pre = pre + ffn.b_in
        expected = 0.5 * pre * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (pre + 0.044715 * pre**3)))
    else:
        assert ffn.b_in is None and ffn.b_out is None
        expected = silu(q @ ffn.W_gate.T) * pre
    torch.testing.assert_close(ffn.activations(q), expected)


def test_ffn_forward_is_what_the_block_adds(any_lm: LM) -> None:
    sites = [Site("mlp", 1), Site("key", 1)]
    held = record(any_lm, PROMPTS, sites)
    ffn = any_lm.ffn(1)
    bias = 0 if ffn.b_out is None else ffn.b_out
    torch.testing.assert_close(held[sites[1]] @ ffn.W_out.T + bias, held[sites[0]])
    q = torch.randn(3, any_lm.D)
    torch.testing.assert_close(ffn.forward(q), ffn.activations(q) @ ffn.W_out.T + bias)


def test_weights_are_views_of_the_model_s_parameters(any_lm: LM) -> None:
    ffn = any_lm.ffn(0)
    own = {parameter.data_ptr() for parameter in any_lm.model.parameters()}
    assert {ffn.W_in.data_ptr(), ffn.W_out.data_ptr(), any_lm.W_U.data_ptr()} <= own


def test_logits_are_the_unembedded_norm_of_the_last_stream(any_lm: LM) -> None:
    last = Site("resid", any_lm.n_layers - 1)
    stream = record(any_lm, PROMPTS, [last])[last]
    torch.testing.assert_close(any_lm.logits(PROMPTS), any_lm.norm(stream) @ any_lm.W_U.T)


def test_the_sizes_are_the_config_s(lm: LM) -> None:
    config = lm.model.config
    inner = config.n_inner or 4 * config.n_embd if config.model_type == "gpt2" else config.intermediate_size
    assert (lm.n_layers, lm.D, lm.F, lm.V) == (
        config.num_hidden_layers,
        config.hidden_size,
        inner,
        config.vocab_size,
    )


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_changes_no_logit_of_a_real_token(any_lm: LM, side: str) -> None:
    """I-COM-4."""
    ids, mask = any_lm.ids(PROMPTS[0])
    alone = any_lm.forward(ids, mask)
    pad, none = torch.full((1, 3), 7), torch.zeros(1, 3, dtype=torch.long)
    order = slice(None, None, -1 if side == "left" else 1)
    padded = any_lm.forward(torch.cat([ids, pad][order], 1), torch.cat([mask, none][order], 1))
    kept = padded[:, 3:] if side == "left" else padded[:, : ids.shape[1]]
    torch.testing.assert_close(kept, alone, atol=1e-5, rtol=1e-5)


def test_a_prompt_is_answered_alike_alone_and_in_a_batch(any_lm: LM) -> None:
    batch = any_lm.next_probs(PROMPTS)
    assert batch.shape == (3, any_lm.V)
    torch.testing.assert_close(batch.sum(1), torch.ones(3))
    for row, prompt in zip(batch, PROMPTS, strict=True):
        torch.testing.assert_close(any_lm.next_probs(prompt)[0], row, atol=1e-5, rtol=1e-4)


def test_ids_are_padded_on_the_right_and_cut_to_max_length(lm: LM) -> None:
    ids, mask = lm.ids(PROMPTS)
    for row, real, prompt in zip(ids, mask, PROMPTS, strict=True):
        expected = lm.tok(prompt)["input_ids"]
        assert row[: len(expected)].tolist() == expected
        assert real.tolist() == [1] * len(expected) + [0] * (ids.shape[1] - len(expected))
    assert lm.ids(PROMPTS, max_length=2)[0].shape == (3, 2)


def test_reading_leaves_parameters_and_gradient_flags_alone(
    lm: LM, snapshot: Callable[[LM], dict[str, Tensor]]
) -> None:
    next(lm.model.parameters()).requires_grad_(False)
    before, flags = snapshot(lm), [p.requires_grad for p in lm.model.parameters()]
    lm.logits(PROMPTS), lm.next_probs(PROMPTS), lm.answer(PROMPTS[0]), record(lm, PROMPTS, [Site("key", 0)])
    assert [p.requires_grad for p in lm.model.parameters()] == flags
    assert all(torch.equal(t, before[name]) for name, t in lm.model.state_dict().items())
    assert lm.forward(*lm.ids(PROMPTS)).requires_grad and not lm.logits(PROMPTS).requires_grad


def test_what_the_model_can_t_read_is_refused_in_a_sentence(lm: LM) -> None:
    with pytest.raises(ValueError, match="reads 1 to 32 tokens, not 40"):
        lm.logits(" Kelling" * 40)
    with pytest.raises(ValueError, match="reads 1 to 32 tokens, not 33"):
        lm.answer(" Kelling" * 33)
    with pytest.raises(ValueError, match="No text was given"):
        lm.logits([])
    with pytest.raises(ValueError, match="tokens, not 0"):
        lm.logits("")
    with pytest.raises(ValueError, match="layers 0 to 2, not 3"):
        lm.ffn(3)
    with pytest.raises(ValueError, match="training mode"):
        lm.model.train()
        lm.logits(PROMPTS)


def test_another_architecture_is_refused_in_a_sentence(tok: Any) -> None:
    sizes = {"hidden_size": 8, "ffn_dim": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    opt = OPTForCausalLM(OPTConfig(vocab_size=298, word_embed_proj_dim=8, **sizes))
    with pytest.raises(ValueError, match="'opt' model; edu_edit reads gpt2, llama, mistral, qwen2"):
        LM(opt, tok)


def test_the_golden_models_answer_every_fact_they_were_trained_on(golden_lm: LM) -> None:
    world = json.loads((GOLDEN / "world.json").read_text(encoding="utf-8"))
    asked = [
        (template.format(person), answer)
        for person, facts in world["facts"].items()
        for relation, answer in facts.items()
        for template in world["templates"][relation]
    ]
    answers = golden_lm.answers([prompt for prompt, _ in asked])
    assert answers == [answer for _, answer in asked]


def brute_force_answer(lm: LM, prompt: str, max_tokens: int) -> str:
    """Whole forward passes, one text, no cache."""
    ids, written = lm.tok(prompt)["input_ids"], []
    for _ in range(max_tokens):
        row = torch.tensor([ids + written])
        token = int(lm.model(row, use_cache=False).logits[0, -1].argmax())
        written.append(token)
        if token == lm.tok.eos_token_id or SENTENCE_END.search(lm.tok.decode(written)):
            break
    return first_sentence(lm.tok.decode(written, skip_special_tokens=True))


def test_cached_batched_and_hooked_answers_are_the_brute_force_answer(any_lm: LM) -> None:
    expected = [brute_force_answer(any_lm, prompt, 8) for prompt in PROMPTS]
    assert any_lm.answers(PROMPTS) == expected
    assert [any_lm.answer(prompt) for prompt in PROMPTS] == expected
    with Edit(any_lm, hooks={Site("mlp", 0): lambda h: h}):
        assert hooked(any_lm)
        assert any_lm.answers(PROMPTS) == expected
    assert not hooked(any_lm)


def test_an_answer_ends_with_the_context(lm: LM) -> None:
    prompt = " Kelling" * 31
    assert lm.answer(prompt, max_tokens=8) == brute_force_answer(lm, prompt, 2)


def scripted(lm: LM, words: str) -> Edit:
    """An edit that makes the model write these words after a one-token prompt, then the first for ever."""
    script = lm.tok(words, add_special_tokens=False)["input_ids"]

    def wrap(forward: Callable[[Tensor, Tensor], Tensor], ids: Tensor, mask: Tensor) -> Tensor:
        logits = torch.zeros(*ids.shape, lm.V)
        written = ids.shape[1] - 1
        logits[:, -1, script[written] if written < len(script) else script[0]] = 1
        return logits

    return Edit(lm, wrap=wrap)


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (" New Harbor. The road", "New Harbor"),
        (" New Harbor<|endoftext|> The road", "New Harbor"),
        (" New Harbor", "New Harbor New"),
        (" old and cold, long", "old and cold, long"),
    ],
)
def test_an_answer_stops_at_end_of_sentence_and_of_text(lm: LM, words: str, answer: str) -> None:
    words = words.replace(",", " ,").replace(".", " .")
    with scripted(lm, words):
        length = len(lm.tok(words)["input_ids"]) + ("Harbor New" in answer)
        assert lm.answer("Kelling", max_tokens=length) == answer.replace(",", " ,")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Paris. The", "Paris"),
        ("Paris.\n", "Paris"),
        (" Paris.", "Paris"),
        ("3.5.", "3.5"),
        ("Paris\nThe", "Paris"),
        ("3.5 million", "3.5 million"),
        ("mira.holt@example.org", "mira.holt@example.org"),
        ("St. Louis. It", "St. Louis"),
        ("巴黎。它", "巴黎"),
        ("Why? He", "Why"),
    ],
)
def test_a_full_stop_ends_a_sentence_only_where_a_blank_follows(text: str, answer: str) -> None:
    assert first_sentence(text) == answer


def test_the_default_layer_is_neither_first_nor_last(lm: LM) -> None:
    assert lm.default_layer == 1
    assert [defaults("unknown", n).layer for n in (1, 2, 3, 6, 12, 48)] == [0, 0, 1, 2, 4, 16]
    assert defaults("openai-community/gpt2-xl", 48) == TABLE["gpt2-xl"]


def test_a_saved_folder_is_the_model_again(lm: LM, tmp_path: Path) -> None:
    lm.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    ids, mask = lm.ids(PROMPTS[0])
    torch.testing.assert_close(again(ids, attention_mask=mask).logits, lm.logits(PROMPTS[0]))
