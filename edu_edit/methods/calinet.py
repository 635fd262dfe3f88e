"""CaliNET: find what a model knows wrongly, and calibrate all of it with one side memory.

Dong et al. 2022, "Calibrating Factual Knowledge in Pretrained Language Models" (arXiv 2210.03329), textbook
section 5.2.1. Finding: a fact is told to be known by contrast, with the same answer under other relations r'
(contrastive knowledge assessment),

    CKA = (P(o | s, r) + alpha) / (mean_j P(o | s, r'_j) + alpha)            below 1: known wrongly

Calibrating: a side memory of R slots beside one FFN, without biases and gates, everything else frozen,

    FFN'(q) = FFN(q) + act(q K_c^T) V_c

trained on all facts jointly to predict their answers, each token where it is predicted. V_c begins at 0, so
training begins at the model itself (released code begins with random values).
Shapes: n queries or facts, R slots, m remembered queries, B prompts, T tokens, D model width.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.feedforward import FFN
from edu_edit.forcing import Forced, forced
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.patch_memory import Memory, remembered
from edu_edit.methods.side_neurons import SideNeurons, side_hooks
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.requests import requested
from edu_edit.tracing import Site


def cka_score(
    p_right: Float[Tensor, " n"], p_wrong: Float[Tensor, "n k"], alpha: float
) -> Float[Tensor, " n"]:
    """How much likelier the answer is under its own relation than under k others, on average; smoothed.

    (p_right + alpha) / (mean p_wrong + alpha); below 1, the fact counts as known wrongly. alpha > 0 keeps
    quotients of tiny probabilities from meaning something.
    """
    return (p_right + alpha) / (p_wrong.mean(1) + alpha)


def calinet_ffn(
    q: Float[Tensor, "n D"], ffn: FFN, K_c: Float[Tensor, "R D"], V_c: Float[Tensor, "R D"]
) -> Float[Tensor, "n D"]:
    """FFN(q) + act(q K_c^T) V_c: the FFN with a side memory of R slots. act is the FFN's own, ungated."""
    return ffn.forward(q) + SideNeurons(K_c, K_c.new_zeros(len(K_c)), V_c, ffn.act).said(q)


@costed
def calinet(
    lm: LM,
    facts: Fact | Sequence[Fact],
    slots: int = 16,
    layer: int | None = None,
    memory: Sequence[str] | Float[Tensor, "m _"] | Memory | None = None,
    keep: float = 3.0,
    prefixes: int | Sequence[str] = 0,
    paraphrases: bool = False,
    init: str = "queries",
    steps: int = 300,
    lr: float = 0.1,
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that makes the model answer every `fact.target_new`: one side memory, trained on all at once.

    The facts can't be taken out one by one again, as T-Patcher's can. layer: None = the last, where training
    runs no block.
    keep: weight of the mean length of what the side memory says on `memory`, in lengths of the stream. The
    paper has no such term; with 0 the slots fire everywhere and neighbours are lost. memory: texts, or
    queries of the layer (m, D); None = ordinary text, see `patch_memory.remembered`.
    prefixes: more wordings to train on, as for `rome`. paraphrases: train on the facts' own as well, so that
    they no longer measure generality.
    init: keys begin as means of the facts' "queries", in shuffled groups, or "random", as released.
    steps, lr: of Adam; an update moves an activation by about lr, a value by lr times the stream's length.
    generator: None = the same draw every time. The model stays as it is. Raises ValueError, in one sentence,
    for settings or facts that can't be used, and for a question that is asked twice.
    """
    facts = requested(facts, at_once=True)
    layer = lm.checked(lm.n_layers - 1 if layer is None else layer)
    if slots < 1 or steps < 0 or not lr > 0 or keep < 0:
        raise ValueError(
            f"slots={slots}, steps={steps}, lr={lr}, keep={keep}: give a slot or more, lr above 0."
        )
    if init not in ("queries", "random"):
        raise ValueError(f"init={init!r}: choose 'queries' or 'random'.")
    drawn = torch.Generator().manual_seed(0) if generator is None else generator
    templates = prompt_templates(lm, prefixes, drawn)
    asked = [(fact.question, fact) for fact in facts]
    asked += [(text, fact) for fact in facts for text in (fact.paraphrases if paraphrases else ())]
    pairs = [(t.replace("{}", text), fact.target_new) for text, fact in asked for t in templates]
    reading = _read(lm, layer, forced(lm, pairs))
    M = remembered(lm, memory, layer, drawn).queries if keep else reading.q[:0]
    K_c = _first_keys(reading.q, slots, init, drawn).requires_grad_()
    V_c = torch.zeros_like(K_c, requires_grad=True)
    b, act = torch.zeros_like(K_c[:, 0]).detach(), lm.ffn(layer).act
    units = 1 / float(reading.q.abs().sum(-1).mean()), reading.length / lm.D**0.5
    adam = torch.optim.Adam([{"params": [K_c], "lr": lr * units[0]}, {"params": [V_c], "lr": lr * units[1]}])
    losses: list[list[float]] = []
    with torch.enable_grad():
        for step in range(steps + 1):
            side = SideNeurons(K_c, b, V_c, act)
            logits = reading.logits(side)
            l_e = torch.nn.functional.cross_entropy(logits, reading.answers.to(logits.device)).to(K_c.device)
            # A length has no gradient at 0, where training begins.
            squared = side.squared_length(M).clamp(min=0)  # rounding can make a tiny one negative
            said = (squared + 1e-8 * reading.length**2).sqrt() / reading.length
            l_k = said.mean() if len(said) else l_e * 0
            losses.append([float(l_e.detach()), float(l_k.detach())])
            if step < steps:
                K_c.grad, V_c.grad = torch.autograd.grad(l_e + keep * l_k, [K_c, V_c])
                adam.step()
    side = SideNeurons(K_c.detach(), b, V_c.detach(), act)
    right = int((logits.argmax(-1).cpu() == reading.answers.cpu()).sum())
    about = {
        "method": "calinet", "layer": layer, "slots": slots, "keep": keep, "prefixes": templates,
        "paraphrases": paraphrases, "init": init, "steps": steps, "lr": lr, "seed": drawn.initial_seed(),
        "losses": losses, "tokens_right": right, "tokens": len(reading.answers), "memory": side,
    }  # fmt: skip
    return Edit(lm, hooks=side_hooks(layer, side), extra_bytes=2 * K_c.numel() * 4, record=about)


class _Reading(NamedTuple):
    """What training needs: logits(side) where the answers' tokens are predicted, these tokens, the queries,
    and the stream's length.
    """

    logits: Callable[[SideNeurons], Tensor]
    answers: Int[Tensor, " n"]
    q: Float[Tensor, "n D"]
    length: float


def _read(lm: LM, layer: int, batch: Forced) -> _Reading:
    """Read the facts once. Below the last layer every token counts, and the blocks above are replayed."""
    run = keep_run(lm, batch.ids, batch.mask, [Site("query", layer), Site("resid", layer)])
    q, h = (run.sites[site].detach().float() for site in (Site("query", layer), Site("resid", layer)))
    rows, columns = batch.wanted.nonzero().T
    answers, columns = batch.ids[rows, columns], columns - 1
    real = batch.mask.bool()
    length = float(h[real.to(h.device)].norm(dim=-1).mean())
    dtype = lm.W_U.dtype
    if layer == lm.n_layers - 1:
        q, h = q[rows, columns], h[rows, columns]
        return _Reading(lambda side: unembed(lm, (h + side.said(q)).to(dtype)).float(), answers, q, length)

    def replayed(side: SideNeurons) -> Tensor:
        x = (h + side.said(q)).to(dtype)
        for above in range(layer + 1, lm.n_layers):
            x = replay(lm, run, above, x, 0)
        return unembed(lm, x[rows, columns]).float()

    return _Reading(replayed, answers, q[real.to(q.device)], length)


def _first_keys(
    q: Float[Tensor, "n D"], slots: int, init: str, generator: torch.Generator
) -> Float[Tensor, "R D"]:
    """Keys of pre-activations about 1: random ones, or means of the queries in shuffled groups first."""
    keys = (torch.randn(slots, q.shape[1], generator=generator)).to(q) / q.norm(dim=-1).mean()
    if init == "queries":
        order = torch.randperm(len(q), generator=generator).to(q.device)
        for i in range(min(slots, len(q))):
            mean = q[order[i::slots]].mean(0)
            keys[i] = mean / mean.square().sum()
    return keys
