"""What an answer owes to each neuron: integrated gradients along a layer's activations.

Sundararajan et al. 2017 (arXiv 1703.01365); as used by Dai et al. 2022 (knowledge neurons, 2104.08696) and
Wu et al. 2023 (DEPN, 2310.20138). All neurons of one layer, at one token, are turned up together from 0 to
their value a, and the gradient of the answer's probability P is summed on the way:

    attr_i = a_i  integral_0^1  dP(alpha a) / da_i  d alpha        sum_i attr_i = P(a) - P(0)

Published code sums at other points than the middles of m equal steps, with an error of order 1/m instead of
1/m^2. Attention to earlier tokens is left as it is, because only the last token of a text is turned down.
Shapes: R rows (a prompt with the answer's tokens so far), L layers, D model width, F FFN width, n tokens.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.methods.contexts import aligned
from edu_edit.replay import Run, keep_run, replay, unembed
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site

Rule = Literal["midpoint", "left", "right", "ends"]
At = Literal["key", "pre"]
Attribute = Callable[[Callable[[Tensor], Tensor], Tensor, int], Tensor]
ROWS = 16  # read at once, times the steps
RULES: dict[str, Callable[[int], Tensor]] = {
    "midpoint": lambda m: (torch.arange(m) + 0.5) / m,
    "left": lambda m: torch.arange(m) / m,  # Dai et al.'s code, DEPN's code
    "right": lambda m: (torch.arange(m) + 1) / m,  # Dai et al.'s paper
    "ends": lambda m: torch.linspace(0, 1, m),  # the GPT-2 and Llama ports: both ends, still divided by m
}


def integrated_gradients(
    prob: Callable[[Tensor], Tensor],
    a: Float[Tensor, "*B F"],
    steps: int,
    rule: Rule = "midpoint",
    at_once: bool = False,
) -> Float[Tensor, "*B F"]:
    """What each activation contributes to P(a) - P(0): a_i times the mean gradient on the way from 0 to a.

    prob: activations -> probability, differentiable. Several rows of `a` are done at once when prob gives
    the sum of their probabilities. rule: where the m steps are read, "midpoint" = (k + 1/2)/m; the others
    are those of published code, see `RULES`. at_once: prob takes all steps in one tensor (steps, *B, F) and
    gives the sum over them as well, which is faster. a stays as it is. Raises ValueError for no step or
    another rule.
    """
    if steps < 1 or rule not in RULES:
        raise ValueError(f"steps={steps}, rule={rule!r}: give a step or more, and one of {', '.join(RULES)}.")
    a = a.detach()
    points = torch.stack([alpha * a for alpha in RULES[rule](steps).tolist()])
    total = torch.zeros_like(a)
    for x in [points] if at_once else points:
        x = x.detach().requires_grad_()
        with torch.enable_grad():
            gradient = torch.autograd.grad(prob(x), x)[0]
        total += gradient.sum(0) if at_once else gradient
    return a * total / steps


def token_attributions(
    lm: LM,
    pairs: Sequence[tuple[str, str]],
    steps: int = 20,
    rule: Rule = "midpoint",
    site: At = "key",
    attribute: Attribute | None = None,
) -> list[Float[Tensor, "n L F"]]:
    """For each (prompt, answer): the attributions of every neuron for each of the answer's n tokens.

    Token j is asked after the prompt and the answer's tokens before j, and read at the last of these.
    site: "key" = the coefficients that weigh the values; "pre" = the input of the activation function (of the
    gate's, in Llama), which published ports read. attribute: `integrated_gradients`, or your own (prob, a,
    steps). One forward pass serves all layers: only the last token is run again, from the layer above on.
    Raises ValueError for no pair, an empty answer, a text that is too long, or a site that is neither.
    """
    if site not in ("key", "pre"):
        raise ValueError(f"site={site!r}: choose 'key', the coefficients, or 'pre', before the activation.")
    if not pairs:
        raise ValueError("There is no prompt with an answer: give at least one pair.")
    attribute = attribute or partial(integrated_gradients, rule=rule, at_once=True)
    rows: list[list[int]] = []
    answers: list[int] = []
    lengths = []
    for prompt, answer in pairs:
        start, wanted = list(lm.tok(prompt, verbose=False)["input_ids"]), target_ids(lm, answer, prompt)
        rows += [start + wanted[:j] for j in range(len(wanted))]
        answers += wanted
        lengths.append(len(wanted))
    found = [
        _attributed(lm, rows[i : i + ROWS], torch.tensor(answers[i : i + ROWS]), steps, site, attribute)
        for i in range(0, len(rows), ROWS)
    ]
    return list(torch.cat(found).split(lengths))


def _attributed(
    lm: LM, rows: list[list[int]], answers: Int[Tensor, " R"], steps: int, site: At, attribute: Attribute
) -> Float[Tensor, "R L F"]:
    ids, mask, last = aligned(rows, [len(row) - 1 for row in rows], lm.pad_id)
    kinds: tuple[Any, ...] = ("key", "mlp", "resid", "query")
    sites = [Site(kind, layer, last) for kind in kinds for layer in range(lm.n_layers)]
    run = keep_run(lm, ids.to(lm.device), mask.to(lm.device), sites)
    out = []
    for layer in range(lm.n_layers):
        a = run.sites[Site("key", layer, last)]
        to_key: Callable[[Tensor], Tensor] = lambda x: x  # noqa: E731
        if site == "pre":
            ffn, q = lm.ffn(layer), run.sites[Site("query", layer, last)]
            with torch.no_grad():
                a = (ffn.up if ffn.gate is None else ffn.gate)(q)
                other = 1.0 if ffn.gate is None else ffn.up(q)
            to_key = partial(_activated, ffn.act, other)
        prob = partial(_probability, lm, run, layer, last, answers, to_key)
        out.append(attribute(prob, a.float(), steps).detach().cpu())
    return torch.stack(out, dim=1)


def _activated(act: Callable[[Tensor], Tensor], other: Tensor | float, x: Tensor) -> Tensor:
    return act(x) * other


def _probability(
    lm: LM,
    run: Run,
    layer: int,
    last: int,
    answers: Int[Tensor, " R"],
    to_key: Callable[[Tensor], Tensor],
    x: Float[Tensor, "*m R F"],
) -> Float[Tensor, ""]:
    """The sum over rows of P(answer) when the layer's activations at the last token are x, m times over."""
    was = run.sites[Site("key", layer, last)].float()
    moved = (to_key(x) - was) @ lm.ffn(layer).W_out.float().T
    stream = run.sites[Site("resid", layer, last)]
    h = (stream + moved.to(stream)).reshape(-1, 1, lm.D)
    for above in range(layer + 1, lm.n_layers):
        h = replay(lm, run, above, h, last)
    probs = unembed(lm, h[:, 0]).float().softmax(-1).unflatten(0, (-1, len(answers)))
    return probs[:, torch.arange(len(answers)), answers.to(probs.device)].sum()
