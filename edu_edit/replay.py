"""Run part of a forward pass again: from any block upwards, for the tokens that can change.

In a causal decoder a change at token t of layer l reaches only the tokens from t on, in the layers above l
(textbook figures 5.12 to 5.14). Everything else is known from the run before: the stream that enters a block,
and the attention keys and values of the tokens before t. So causal tracing and ROME's search for v_* keep one
`Run` and replay the model's own blocks on a slice of it, with those keys and values as their cache; the
numbers are the same.
Shapes: B batch, T tokens, D model width, V vocabulary, H heads of width h.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import DynamicCache

from edu_edit.caching import CACHE
from edu_edit.lm import LM
from edu_edit.tracing import Site, intervene


@dataclass(frozen=True)
class Run:
    """One forward pass, kept.

    sites: what they held, {Site: (B, T, D)}. cache: keys and values (B, H, T, h) of each layer. bias (B, 1,
    T, T): 0 where a token may look, the most negative number elsewhere. rotary: cosine and sine (B, T, h) of
    Llama's positions. logits (B, T, V).
    """

    sites: Mapping[Site, Tensor]
    cache: Sequence[tuple[Tensor, Tensor]]
    bias: Tensor
    rotary: Sequence[Tensor]
    logits: Tensor

    def rows(self, which: slice | Tensor) -> "Run":
        """The same run with some of its rows only."""
        return Run(
            {site: h[which] for site, h in self.sites.items()},
            [(keys[which], values[which]) for keys, values in self.cache],
            self.bias[which],
            [x[which] for x in self.rotary],
            self.logits[which],
        )


@torch.no_grad()
def keep_run(lm: LM, ids: Int[Tensor, "B T"], mask: Int[Tensor, "B T"], sites: Sequence[Site]) -> Run:
    """The forward pass of `ids` with all that `replay` needs, and what the sites hold.

    Raises ValueError while an edit that acts on activations is on: it would take slices for whole texts.
    """
    if any(edit.kind == "hooks" for edit in lm.edits):
        raise ValueError(
            "An edit that acts on activations is on: switch it off before tracing or computing an edit."
        )
    found: dict[Site, Tensor] = {}

    def keep(site: Site) -> Any:
        return lambda h: found.setdefault(site, h)

    with intervene(lm, {site: keep(site) for site in sites}), _caching(lm) as (cache, rotary):
        logits = lm.forward(ids, mask)
    T = ids.shape[1]
    seen = torch.ones(T, T, dtype=torch.bool, device=mask.device).tril() & mask[:, None, None, :].bool()
    bias = torch.zeros(seen.shape, dtype=logits.dtype, device=mask.device)
    bias = bias.masked_fill(~seen, torch.finfo(logits.dtype).min)
    layers: list[Any] = cache.layers
    return Run(found, [(layer.keys, layer.values) for layer in layers], bias, rotary[0], logits)


@contextmanager
def _caching(lm: LM) -> Iterator[tuple[DynamicCache, list[Sequence[Tensor]]]]:
    """Within the block every attention module leaves its keys and values in the cache."""
    cache = DynamicCache()
    rotary: list[Sequence[Tensor]] = []

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        rotary.append(kwargs.get("position_embeddings") or ())
        return args, kwargs | {CACHE: cache}

    attention = [lm.module(Site("attn", layer)) for layer in range(lm.n_layers)]
    handles = [module.register_forward_pre_hook(before, with_kwargs=True) for module in attention]
    try:
        yield cache, rotary
    finally:
        for handle in handles:
            handle.remove()


def replay(lm: LM, run: Run, layer: int, h: Float[Tensor, "n t D"], start: int) -> Float[Tensor, "n t D"]:
    """Block `layer` on a stream h that holds the tokens from `start` on; the tokens before are as in the run.

    h may hold the rows of the run several times over (n = c B), one copy after the other.
    """
    copies = len(h) // len(run.bias)
    past = DynamicCache()
    keys, values = (x[:, :, :start].repeat(copies, 1, 1, 1) for x in run.cache[layer])
    past.update(keys, values, layer)
    out: Tensor = lm.blocks[layer](
        h,
        attention_mask=run.bias[:, :, start:].to(h.device).repeat(copies, 1, 1, 1),
        position_embeddings=[x[:, start:].to(h.device).repeat(copies, 1, 1) for x in run.rotary] or None,
        **{CACHE: past},
    )
    return out


def unembed(lm: LM, h: Float[Tensor, "*B D"]) -> Float[Tensor, "*B V"]:
    """Logits of states of the last layer's output: norm and unembedding, of the model itself."""
    head: nn.Module = lm.model.get_output_embeddings()
    logits: Tensor = head(lm.norm(h))
    return logits
