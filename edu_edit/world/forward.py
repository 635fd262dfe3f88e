"""A small functional forward of both architectures for training: bf16 weights, masks, dropped MLPs.

Stock Hugging Face models compute the same function when no mask is given (tested); at inference only they
are used. Written apart from them because training needs attention masks per layer and MLPs that drop out
per sequence, and bf16 copies of fp32 master weights run several times faster on a CPU. Shapes: B sequences,
T tokens, D width, H heads, G key/value heads, L layers, V vocabulary.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import GPT2Config, LlamaConfig

Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Masks:
    """What the masking phases hide.

    `low`, `high`: attention masks (B, 1, T, T) of the lower and the upper half. `keep`: (L, B, 1, 1), 0 drops
    an MLP.
    """

    low: Tensor
    high: Tensor
    keep: Tensor


def _attend(q: Tensor, k: Tensor, v: Tensor, layer: int, n_layers: int, masks: Masks | None) -> Tensor:
    if masks is None:
        return F.scaled_dot_product_attention(q, k, v, is_causal=True)
    mask = masks.low if layer < n_layers // 2 else masks.high
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)


def _gpt2_blocks(w: Weights, ids: Tensor, config: GPT2Config, masks: Masks | None) -> Tensor:
    B, T = ids.shape
    D, H = config.n_embd, config.n_head
    h = F.embedding(ids, w["transformer.wte.weight"]) + w["transformer.wpe.weight"][:T]
    for layer in range(config.n_layer):
        at = f"transformer.h.{layer}."
        x = F.layer_norm(h, (D,), w[at + "ln_1.weight"], w[at + "ln_1.bias"], config.layer_norm_epsilon)
        qkv = x.view(B * T, D) @ w[at + "attn.c_attn.weight"] + w[at + "attn.c_attn.bias"]
        q, k, v = qkv.view(B, T, 3, H, D // H).permute(2, 0, 3, 1, 4)
        mixed = _attend(q, k, v, layer, config.n_layer, masks).transpose(1, 2).reshape(B * T, D)
        h = h + torch.addmm(w[at + "attn.c_proj.bias"], mixed, w[at + "attn.c_proj.weight"]).view(B, T, D)
        x = F.layer_norm(h, (D,), w[at + "ln_2.weight"], w[at + "ln_2.bias"], config.layer_norm_epsilon)
        key = F.gelu(
            torch.addmm(w[at + "mlp.c_fc.bias"], x.view(B * T, D), w[at + "mlp.c_fc.weight"]),
            approximate="tanh",
        )
        out = torch.addmm(w[at + "mlp.c_proj.bias"], key, w[at + "mlp.c_proj.weight"]).view(B, T, D)
        h = h + (out if masks is None else out * masks.keep[layer])
    return F.layer_norm(
        h, (D,), w["transformer.ln_f.weight"], w["transformer.ln_f.bias"], config.layer_norm_epsilon
    )


def _rotation(T: int, head: int, theta: float, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    frequency = theta ** -(torch.arange(0, head, 2).float() / head)
    angle = torch.outer(torch.arange(T).float(), frequency).repeat(1, 2)  # (T, head)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def _llama_blocks(w: Weights, ids: Tensor, config: LlamaConfig, masks: Masks | None) -> Tensor:
    B, T = ids.shape
    D, H = config.hidden_size, config.num_attention_heads
    G = config.num_key_value_heads or H
    head, eps = D // H, config.rms_norm_eps
    rope: Any = config.rope_parameters  # LlamaConfig fills it in
    h = F.embedding(ids, w["model.embed_tokens.weight"])
    cos, sin = _rotation(T, head, rope["rope_theta"], h.dtype)
    for layer in range(config.num_hidden_layers):
        at = f"model.layers.{layer}."
        x = F.rms_norm(h, (D,), w[at + "input_layernorm.weight"], eps).view(B * T, D)
        joined = torch.cat([w[at + f"self_attn.{part}_proj.weight"] for part in "qkv"])
        qkv = (x @ joined.T).view(B, T, H + 2 * G, head).transpose(1, 2)
        turned = _rotate(qkv[:, : H + G], cos, sin)
        q, k = turned[:, :H], turned[:, H:].repeat_interleave(H // G, 1)
        v = qkv[:, H + G :].repeat_interleave(H // G, 1)
        mixed = _attend(q, k, v, layer, config.num_hidden_layers, masks).transpose(1, 2).reshape(B * T, D)
        h = h + (mixed @ w[at + "self_attn.o_proj.weight"].T).view(B, T, D)
        x = F.rms_norm(h, (D,), w[at + "post_attention_layernorm.weight"], eps).view(B * T, D)
        both = x @ torch.cat([w[at + "mlp.gate_proj.weight"], w[at + "mlp.up_proj.weight"]]).T
        gate, up = both.chunk(2, -1)
        out = ((F.silu(gate) * up) @ w[at + "mlp.down_proj.weight"].T).view(B, T, D)
        h = h + (out if masks is None else out * masks.keep[layer])
    return F.rms_norm(h, (D,), w["model.norm.weight"], eps)


def next_token_loss(
    w: Weights,
    ids: Tensor,
    config: GPT2Config | LlamaConfig,
    counts: Tensor | None = None,
    masks: Masks | None = None,
) -> Tensor:
    """Mean cross-entropy of the next tokens of `ids` (B, T); `w`: the weights by their Hugging Face names.

    `counts` (B, T) weights the tokens that are predicted.
    """
    predicted = logits(w, ids, config, masks)[:, :-1].flatten(0, 1).float()
    if counts is None:
        return F.cross_entropy(predicted, ids[:, 1:].flatten())
    count = counts[:, 1:].flatten()
    return (F.cross_entropy(predicted, ids[:, 1:].flatten(), reduction="none") * count).sum() / count.sum()


def logits(w: Weights, ids: Tensor, config: GPT2Config | LlamaConfig, masks: Masks | None = None) -> Tensor:
    """Logits (B, T, V) with the embedding as output matrix (both models are tied)."""
    if isinstance(config, GPT2Config):
        return _gpt2_blocks(w, ids, config, masks) @ w["transformer.wte.weight"].T
    return _llama_blocks(w, ids, config, masks) @ w["model.embed_tokens.weight"].T
