"""Neurons scaled: suppressed, amplified, erased.

Dai et al. 2022 (arXiv 2104.08696), textbook section 5.2.2. A neuron is an activation of an FFN; its output is
that activation times a value, a column of W_out, so to scale the one is to scale the other. Published ports
of the paper to GPT-2 and Llama scale the input of the activation function instead (`site="pre"`).
Shapes: D model width, F FFN width.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.locate.attribution import At
from edu_edit.tokens import last_asked
from edu_edit.tracing import Site

Neuron = tuple[int, int]  # (layer, index)


def scale_neurons(
    lm: LM, neurons: Sequence[Neuron], factor: float, site: At = "key", everywhere: bool = True
) -> Edit:
    """The edit that multiplies activations by `factor`: 0 suppresses, 2 amplifies.

    At the key, at every token, this is the same as scaling the values, so it is made as a weights edit:
    exact, free at run time, and it can be merged and saved. everywhere=False scales at the question's last
    token only, as in the paper's experiment, and site="pre" scales the input of the activation function, as
    published ports do; these are hook edits.
    Raises ValueError for a neuron that is not there, or a factor that is not finite.
    """
    if not math.isfinite(factor) or site not in ("key", "pre"):
        raise ValueError(f"factor={factor}, site={site!r}: give a finite number, and 'key' or 'pre'.")
    layers = by_layer(lm, neurons)
    about = {"method": "scale_neurons", "neurons": list(neurons), "factor": factor, "site": site}
    if site == "key" and everywhere:
        return Edit(
            lm, {layer: _columns(lm, layer, i, factor - 1) for layer, i in layers.items()}, 0.0, about
        )
    hooks: dict[Site, Callable[[Tensor], Tensor]] = {}
    for layer, i in layers.items():
        hooks |= _scaling(lm, layer, i, factor, site, everywhere)
    return Edit(lm, hooks=hooks, record=about | {"everywhere": everywhere})


def by_layer(lm: LM, neurons: Sequence[Neuron]) -> dict[int, list[int]]:
    """{layer: indices}, each neuron once. Raises ValueError for a neuron that the model does not have."""
    found: dict[int, list[int]] = defaultdict(list)
    for layer, i in dict.fromkeys(neurons):
        if not 0 <= i < lm.F:
            raise ValueError(f"Neuron {(layer, i)}: a layer of {lm.name} has neurons 0 to {lm.F - 1}.")
        found[lm.checked(layer)].append(i)
    return found


def _columns(lm: LM, layer: int, i: list[int], times: float) -> Float[Tensor, "D F"]:
    """A change of W_out that adds `times` the value to each value v_i: in float64, so that -1 is exact."""
    W = lm.ffn(layer).W_out.detach()
    delta = torch.zeros(W.shape, dtype=torch.float64, device=W.device)
    delta[:, i] = times * W[:, i].double()
    return delta


def _scaling(
    lm: LM, layer: int, i: list[int], factor: float, site: At, everywhere: bool
) -> dict[Site, Callable[[Tensor], Tensor]]:
    read: list[Tensor] = []  # the query of the pass under way, for site="pre"

    def remember(q: Tensor) -> Tensor:
        read[:] = [q]
        return q

    def scaled(k: Tensor) -> Tensor:
        new = k.clone()
        new[..., i] = factor * k[..., i]
        if site == "pre":
            ffn, q = lm.ffn(layer), read.pop()
            pre = (ffn.up if ffn.gate is None else ffn.gate)(q)
            changed = ffn.act(factor * pre) if ffn.gate is None else ffn.act(factor * pre) * ffn.up(q)
            new[..., i] = changed[..., i]
        if everywhere or lm.mask is None:
            return new
        rows, out = torch.arange(len(k), device=k.device), k.clone()
        last = last_asked(lm.mask, lm.asked).to(k.device)
        out[rows, last] = new[rows, last]
        return out

    key = Site("key", layer)
    return {key: scaled} if site == "key" else {Site("query", layer): remember, key: scaled}
