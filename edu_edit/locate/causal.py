"""Causal tracing: which states carry a fact?

Meng et al. 2022 (arXiv 2202.05262) section 2, textbook section 5.4.1. Three runs of one prompt (figures 5.12
to 5.14):

    clean       the prompt as it is: the probability P of the answer
    corrupted   noise on the embeddings of the subject's tokens: P_* < P
    restored    corrupted, but some states are put back to their clean values: P_{*,clean S}

The indirect effect of the states S is P_{*,clean S} - P_*. Severing (figure 5.15) restores a state and
freezes the outputs of the FFN or attention above it at their *corrupted* values, so the effect cannot pass
through them. A window of width w restores, at one token, the layers l - floor(w/2) up to, not including, l +
ceil(w/2).
Shapes: B batch (row 0 clean, B - 1 noise draws), T tokens, L layers, D model width, S subject tokens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact, load_facts
from edu_edit.lm import LM
from edu_edit.locate.restoring import Kind, restored_states
from edu_edit.replay import keep_run, unembed
from edu_edit.tokens import encode, target_ids
from edu_edit.tracing import Site, intervene


def noise_std(embeddings: Float[Tensor, "N D"], times: float = 3.0) -> float:
    """Size of the noise: `times` the standard deviation of all entries of the subjects' token embeddings.

    Token embeddings only, before positions. Source: Meng et al. 2022, section 2.
    """
    return times * embeddings.std().item()


def corrupt(
    h: Float[Tensor, "B T D"], span: tuple[int, int], noise: Float[Tensor, "B-1 S D"]
) -> Float[Tensor, "B T D"]:
    """The corrupted run's embeddings: noise at the subject's tokens [start, stop); row 0 stays clean."""
    out = h.clone()
    out[1:, span[0] : span[1]] += noise.to(h)
    return out


def restore(h: Float[Tensor, "B T D"], t: int) -> Float[Tensor, "B T D"]:
    """The restored run's states: at token t, the corrupted rows 1, 2, ... take the clean state of row 0."""
    out = h.clone()
    out[1:, t] = h[0, t]
    return out


def indirect_effect(p_restored: Float[Tensor, " n"], p_corrupt: Float[Tensor, " n"]) -> float:
    """Mean over the noise draws of P_{*,clean S} - P_*: what putting S back gives back."""
    return (p_restored - p_corrupt).mean().item()


def window(layer: int, L: int, width: int) -> range:
    """The `width` layers round `layer`, clipped to the L layers of the model: fewer at its ends."""
    return range(max(0, layer - width // 2), min(L, layer + (width + 1) // 2))


def trace_map(
    run: Callable[[list[Site]], float], T: int, L: int, width: int = 1, kind: Kind = "resid"
) -> Float[Tensor, "T L"]:
    """The token by layer map: run(sites) for the window of sites round each layer, clipped at the ends."""
    windows = [window(layer, L, width) for layer in range(L)]
    return torch.tensor([[run([Site(kind, j, t) for j in w]) for w in windows] for t in range(T)])


def severed_sites(t: int, layer: int, L: int, kind: Literal["mlp", "attn"]) -> list[Site]:
    """What severing freezes at its corrupted value when `layer` is restored at t: the modules above, at t."""
    return [Site(kind, above, t) for above in range(layer + 1, L)]


def token_roles(T: int, span: tuple[int, int]) -> Int[Tensor, " T"]:
    """The role of each token, as `average_by_role` counts them.

    0 first, 1 middle, 2 last subject token, 3 first after it, 4 further, 5 last; -1 = before. A token with
    two roles has the one that tells more: a one-token subject is 2, and so is a subject that ends the prompt;
    a prompt's last token right after the subject is 5.
    """
    start, stop = span
    roles = torch.full((T,), 4)
    roles[:start], roles[stop : stop + 1], roles[-1] = -1, 3, 5
    roles[start:stop], roles[start], roles[stop - 1] = 1, 0, 2
    return roles


def subject_noise_std(lm: LM) -> float:
    """`noise_std` of the subjects of `load_facts()`: the size of the noise that `causal_trace` draws."""
    subjects = sorted({fact.subject for fact in load_facts()})
    ids = [i for row in lm.tok(subjects, add_special_tokens=False)["input_ids"] for i in row]
    return noise_std(lm.W_embed[ids].float())


def average_by_role(
    maps: Sequence[Float[Tensor, "_ L"]], roles: Sequence[Int[Tensor, " _"]]
) -> Float[Tensor, "6 L"]:
    """The maps (T_i, L) of prompts of different lengths, averaged by the roles of their tokens: figure 5.14.

    Mean over the tokens of a role in each map, then over the maps that have it; NaN where none has.
    """
    means = [
        torch.stack([m[r == role].mean(0) for role in range(6)]) for m, r in zip(maps, roles, strict=True)
    ]
    return torch.stack(means).nanmean(0)


@dataclass(frozen=True)
class Trace:
    """A causal trace.

    map (T, L): restored minus corrupted probability of the answer, mean over the draws. tokens: the T tokens
    as text. p_clean, p_corrupt: the answer's probability in the two runs. span: the subject's tokens. answer:
    what was traced.
    """

    map: Float[Tensor, "T L"]
    tokens: list[str]
    p_clean: float
    p_corrupt: float
    span: tuple[int, int]
    answer: str


@torch.no_grad()
def causal_trace(
    lm: LM,
    fact: Fact,
    kind: Kind = "resid",
    width: int = 1,
    sever: Literal["mlp", "attn"] | None = None,
    samples: int = 10,
    noise: Float[Tensor, "n S D"] | None = None,
    generator: torch.Generator | None = None,
    target: str | None = None,
) -> Trace:
    """The indirect effect of every state on the answer to the fact's prompt, all tokens by all layers.

    kind: what is restored, block outputs (`resid`) or the outputs of FFN (`mlp`) or attention (`attn`).
    width: layers restored together. sever: outputs frozen at their corrupted value above the restored layer.
    noise: the draws to add to the subject's embeddings, all used; None draws `samples` of them with
    `generator`, of the `noise_std` of the subjects of `load_facts()`. The same draws serve every cell and
    both runs of severing. The answer is the clean run's top token, or the first token of `target`.
    Raises ValueError for an unknown kind, a width or number of samples below 1, or noise of another shape.
    """
    if kind not in ("resid", "mlp", "attn") or sever not in (None, "mlp", "attn"):
        raise ValueError(
            f"kind={kind!r}, sever={sever!r}: kind is resid, mlp or attn, and sever is None, mlp or attn."
        )
    if width < 1 or samples < 1:
        raise ValueError(f"width={width}, samples={samples}: both count from 1.")
    text = encode(lm, fact.prompt, fact.subject)
    shape = (text.span[1] - text.span[0], lm.D)
    if noise is None:
        noise = subject_noise_std(lm) * torch.randn(samples, *shape, generator=generator)
    if noise.shape[1:] != shape or not len(noise):
        raise ValueError(
            f"The noise is {tuple(noise.shape)}, but this subject needs (samples, {shape[0]}, {shape[1]})."
        )
    ids = torch.tensor([text.ids] * (1 + len(noise)), device=lm.device)
    sites = [Site(k, layer) for k in {"resid", kind, sever or kind} for layer in range(lm.n_layers)]
    with intervene(lm, {Site("embed"): lambda h: corrupt(h, text.span, noise)}):
        run = keep_run(lm, ids, torch.ones_like(ids), [Site("embed"), *sites])
    probs = run.logits[:, -1].float().softmax(-1)
    answer = int(probs[0].argmax()) if target is None else target_ids(lm, target, text.text)[0]
    p_clean, p_corrupt = probs[0, answer], probs[1:, answer]
    T, L = len(text.ids), lm.n_layers
    windows = [window(layer, L, width) for layer in range(L)]
    effects = torch.zeros(T, L)  # 0 by law before the subject, and at the top before the last token
    for t in range(text.span[0], T):
        below = [w for w in windows if w.start < L - 1 or (t == T - 1 and kind != "resid")]
        states = restored_states(lm, run, t, below, kind, sever, frozen=run.sites)
        restored = unembed(lm, states).float().softmax(-1)[..., answer]
        effects[t, : len(below)] = torch.tensor([indirect_effect(p, p_corrupt) for p in restored])
    if kind == "resid":  # a last layer restored at the last token is the clean run itself
        top = [L - 1 in w for w in windows]
        effects[-1, top] = indirect_effect(p_clean.expand(len(noise)), p_corrupt)
    *tokens, name = (str(lm.tok.decode([i])) for i in (*text.ids, answer))
    return Trace(effects, tokens, p_clean.item(), p_corrupt.mean().item(), text.span, name.strip())
