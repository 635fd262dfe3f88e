"""Reading and changing activations: `record` and `intervene`, the only way to either.

Textbook section 5.4.1 (causal tracing) and the footnote to 5.4.2 (residual stream); words as in
TransformerLens. Block l adds its attention a^l and its FFN m^l to the stream:

    h^l = h^(l-1) + a^l + m^l        h^(-1) = embeddings (with positions in GPT-2)

so the stream is a running sum, and the model's opinion after layer l is read with norm and unembedding: the
logit lens. Shapes: B batch, T tokens, L layers, D model width, F FFN width, V vocabulary.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from edu_edit.lm import LM
from edu_edit.tokens import last_real

KINDS = ("embed", "resid", "attn", "mlp", "query", "key")


@dataclass(frozen=True)
class Site:
    """A place in the model: what is computed there, in which layer, at which tokens.

    kind: `embed` the stream entering block 0 (the layer doesn't matter), `resid` a block's output, `attn` and
    `mlp` the outputs of its two modules, `query` the input of the FFN, after its norm, `key` the input of its
    down projection.
    token: None = all; an int = one column, negative ones counted back from the last real token of each row;
    (start, stop) = a half-open range of columns. Raises ValueError for another kind.
    """

    kind: Literal["embed", "resid", "attn", "mlp", "query", "key"]
    layer: int = 0
    token: int | tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"There is no site of kind {self.kind!r}: choose one of {', '.join(KINDS)}.")


@contextmanager
def intervene(lm: LM, sites: Mapping[Site, Callable[[Tensor], Tensor]]) -> Iterator[None]:
    """While the block runs, fn(h) replaces what each site holds.

    fn gets a copy of its own and returns the same shape: (B, T, D) for all tokens, (B, D) for one, (B, n, D)
    for a range, F instead of D at a key. Raises ValueError for a layer or token that is not there and for
    another shape. Leaving the block, by an exception too, removes every hook.
    """
    with ExitStack() as stack:
        for site, fn in sites.items():
            stack.callback(_hook(lm, site, fn).remove)
        yield


@torch.no_grad()
def record(
    lm: LM, texts: str | Sequence[str] | tuple[Tensor, Tensor], sites: Sequence[Site]
) -> dict[Site, Tensor]:
    """What the sites hold while the model reads the texts, or an (ids, mask) pair: {site: (B, T, D)}.

    A site with one token gives (B, D), one with a range (B, n, D), a key F instead of D. The tensors are
    copies.
    """
    given = isinstance(texts, tuple) and isinstance(texts[0], Tensor)
    ids, mask = texts if given else lm.ids(texts)  # type: ignore[arg-type]
    found: dict[Site, Tensor] = {}
    with intervene(lm, {site: _keeper(found, site) for site in sites}):
        lm.forward(ids, mask)  # type: ignore[arg-type]
    return found


def hooked(lm: LM) -> bool:
    """Whether anything acts on activations now: a hook edit, `intervene`, or a hook of one's own."""
    hooks = [
        hook
        for module in lm.model.modules()
        for hook in (*module._forward_hooks.values(), *module._forward_pre_hooks.values())
    ]
    # output_hidden_states=True leaves hooks of transformers' own behind, asleep.
    idle = ("transformers.", "edu_edit.cost")  # and those that only count passes
    own = [hook for hook in hooks if not str(getattr(hook, "__module__", "")).startswith(idle)]
    return bool(own) or any(edit.wrap is not None for edit in lm.edits)


def _keeper(found: dict[Site, Tensor], site: Site) -> Callable[[Tensor], Tensor]:
    def keep(h: Tensor) -> Tensor:
        found[site] = h
        return h

    return keep


def _hook(lm: LM, site: Site, fn: Callable[[Tensor], Tensor]) -> RemovableHandle:
    # In transformers 5 a block returns a tensor, attention a tuple, and inputs may come by name.
    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if args:
            return (_changed(lm, site, fn, args[0]), *args[1:]), kwargs
        return args, kwargs | {"hidden_states": _changed(lm, site, fn, kwargs["hidden_states"])}

    def after(_: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if isinstance(output, tuple):
            return (_changed(lm, site, fn, output[0]), *output[1:])
        return _changed(lm, site, fn, output)

    if site.kind in ("embed", "query", "key"):
        return lm.module(site).register_forward_pre_hook(before, with_kwargs=True)
    return lm.module(site).register_forward_hook(after)


def _changed(lm: LM, site: Site, fn: Callable[[Tensor], Tensor], h: Tensor) -> Tensor:
    """h with its site's part replaced. Never written in place: the tensor belongs to the model."""
    part = _columns(lm, site, h)
    old = h[part].clone()
    expected = tuple(old.shape)
    new = fn(old)
    if not isinstance(new, Tensor) or new.shape != expected:
        got = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
        raise ValueError(f"The function at {site} returned {got}, expected a tensor of shape {expected}.")
    if site.token is None:
        return new.to(h)
    out = h.clone()
    out[part] = new.to(h)
    return out


def _columns(lm: LM, site: Site, h: Tensor) -> Any:
    """The index of the site's tokens in h."""
    T = h.shape[1]
    if site.token is None:
        return ...
    if isinstance(site.token, tuple):
        start, stop = site.token
        if not 0 <= start < stop <= T:
            raise ValueError(f"{site} names tokens {start} to {stop}, but the text has {T}: count from 0.")
        return slice(None), slice(start, stop)
    rows = torch.arange(len(h), device=h.device)
    column = torch.full_like(rows, site.token)
    if site.token < 0:
        mask = torch.ones_like(h[..., 0], dtype=torch.long) if lm.mask is None else lm.mask
        column = last_real(mask).to(rows) + 1 + site.token
    if bool((column < 0).any() or (column >= T).any()):
        raise ValueError(
            f"{site} names token {site.token}, but the text has {T}: count from 0, or back from -1."
        )
    return rows, column


def residual_stream(
    embed: Float[Tensor, " D"], attn: Float[Tensor, "L D"], mlp: Float[Tensor, "L D"]
) -> Float[Tensor, "L+1 D"]:
    """The stream at one token before block 0 and after each block: running sums h^l = h^(l-1) + a^l + m^l."""
    return torch.cat([embed[None], embed + (attn + mlp).cumsum(0)])


def logit_lens(
    resid: Float[Tensor, "L D"], norm: Callable[[Tensor], Tensor], W_U: Float[Tensor, "V D"]
) -> Float[Tensor, "L V"]:
    """The next token's distribution as if the model ended after each layer: softmax(W_U norm(h^l)).

    norm: the model's last one, `lm.norm`. Source: nostalgebraist 2020, "interpreting GPT: the logit lens".
    """
    return torch.softmax(norm(resid) @ W_U.T, dim=-1)


def replace_at(h: Float[Tensor, "B T D"], t: int, h_new: Float[Tensor, " D"]) -> Float[Tensor, "B T D"]:
    """The activations with those of token t replaced in every row; the argument stays as it is.

    Raises ValueError when there is no token t.
    """
    if not 0 <= t < h.shape[1]:
        raise ValueError(f"There is no token {t} in activations of {h.shape[1]} tokens: count from 0.")
    out = h.clone()
    out[:, t] = h_new
    return out
