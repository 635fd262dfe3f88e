"""Knowledge neurons: which few neurons an answer comes from, and what happens when they change.

Dai et al. 2022 (arXiv 2104.08696), textbook section 5.2.2. Every activation of an FFN is a neuron; its
attribution for a fact is found by integrated gradients (`edu_edit.locate.attribution`). Strong neurons of
one prompt may belong to its wording, so only those count that are strong in most prompts of the fact. To
suppress or amplify a neuron is to scale its activation (`edu_edit.locate.neuron_scaling`); to edit the fact,
its value is rewritten:

    v_i <- v_i - l1 e_old + l2 e_new        e: output embeddings, made as long as v_i, l1 = 1, l2 = 8
    v_i <- 0                                 erased

The textbook says that KN edits key vectors; the authors' code edits values, the columns of W_out, and so do
we.
Shapes: P prompts, M neurons, L layers, D model width, F FFN width.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.locate.attribution import At, Attribute, Rule, integrated_gradients, token_attributions
from edu_edit.locate.neuron_scaling import Neuron, by_layer, scale_neurons
from edu_edit.methods.contexts import prompt_templates
from edu_edit.requests import requested
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site, record

__all__ = [
    "edit_neurons", "integrated_gradients", "knowledge_neurons", "refine_neurons", "scale_neurons",
    "update_neurons",
]  # fmt: skip


def refine_neurons(attr: Float[Tensor, "P M"], t: float = 0.2, p: float = 0.7) -> list[int]:
    """The neurons that are strong in a share of at least p of the prompts, in ascending order.

    Strong: positive, and at least t times the largest attribution of the same prompt. p = 1 is the
    intersection of the prompts' strong neurons, p = 0 their union. Raises ValueError for shares outside 0
    to 1 and when there is no prompt.
    """
    if not (0 <= t <= 1 and 0 <= p <= 1) or attr.numel() == 0:
        raise ValueError(f"t={t}, p={p}, {attr.shape[0]} prompts: give shares from 0 to 1 and a prompt.")
    strong = (attr > 0) & (attr >= t * attr.amax(1, keepdim=True))
    needed = max(1, math.ceil(p * len(attr) - 1e-9))  # .7 of 10 prompts are 7, whatever the floats say
    return torch.nonzero(strong.sum(0) >= needed)[:, 0].tolist()


def knowledge_neurons(
    lm: LM,
    prompts: str | Sequence[str],
    answer: str,
    steps: int = 20,
    rule: Rule = "midpoint",
    site: At = "key",
    t: float = 0.2,
    p: float = 0.7,
    attribute: Attribute | None = None,
    refine: Callable[[Tensor, float, float], list[int]] = refine_neurons,
) -> list[Neuron]:
    """The (layer, index) of the neurons that `answer` comes from, the strongest first.

    prompts: several wordings of one question; one prompt alone gives the coarse set. The answer may have
    several tokens: its attribution is their mean. rule, site: see `integrated_gradients` and
    `token_attributions`; published ports are rule="ends", site="pre". t is relative to the strongest neuron
    of all layers. attribute, refine: this module's functions, or your own.
    Raises ValueError where `token_attributions` and `refine_neurons` do.
    """
    asked = [prompts] if isinstance(prompts, str) else list(prompts)
    found = token_attributions(lm, [(prompt, answer) for prompt in asked], steps, rule, site, attribute)
    attr = torch.stack([one.mean(0).flatten() for one in found])  # (P, L F)
    total = attr.mean(0)
    neurons = sorted(refine(attr, t, p), key=lambda i: -float(total[i]))
    return [(i // lm.F, i % lm.F) for i in neurons]


def update_neurons(
    lm: LM,
    neurons: Sequence[Neuron],
    new: str,
    old: str | None = None,
    add: float = 8.0,
    subtract: float = 1.0,
    negative: Sequence[Neuron] = (),
) -> Edit:
    """The edit v_i <- v_i - subtract e_old + add e_new, with each e made as long as v_i.

    e: the mean output embedding of the answer's tokens; old=None subtracts nothing. negative: those neurons
    whose coefficient is negative where the fact is asked, as gated ones can be; their values get -e instead.
    `scale_neurons` with factor 0 erases. Raises ValueError for an empty answer or a neuron not there.
    """
    delta = {}
    for layer, i in by_layer(lm, neurons).items():
        sign = torch.tensor([-1.0 if (layer, each) in set(negative) else 1.0 for each in i])
        W = lm.ffn(layer).W_out.detach().double()
        towards = add * _embedding(lm, new) - (0 if old is None else subtract * _embedding(lm, old))
        delta[layer] = torch.zeros_like(W)
        delta[layer][:, i] = torch.outer(towards.to(W), W[:, i].norm(dim=0) * sign.to(W))
    about = {"method": "update_neurons", "neurons": list(neurons), "new": new, "old": old}
    return Edit(lm, delta, record=about | {"add": add, "subtract": subtract, "negative": list(negative)})


def _embedding(lm: LM, answer: str) -> Float[Tensor, " D"]:
    """The mean output embedding of the answer's tokens, of length 1, in float64."""
    e = lm.W_U[target_ids(lm, answer, "x")].detach().double().mean(0)
    return e / e.norm()


@costed
def edit_neurons(
    lm: LM,
    facts: Fact | Sequence[Fact],
    prefixes: int | Sequence[str] = 5,
    most: int | None = 5,
    steps: int = 20,
    t: float = 0.2,
    p: float = 0.7,
    add: float | None = None,
    subtract: float = 1.0,
    generator: torch.Generator | None = None,
) -> Edit:
    """KN as an editing method: find the old answer's knowledge neurons and rewrite their values.

    The old answer is `fact.target_true`, or what the model says where nobody knows it. Its prompts are the
    fact's prompt behind `prefixes`, as for ROME. most: the strongest few only (the paper tunes p until a
    fact has two to five), None = all. Facts are written one after the other. add: None = the model's own,
    from the table in `defaults`; 8 in the paper. A fact of which no neuron is strong in enough prompts stays
    as it is; the record lists each fact's neurons. The model stays as it is.
    Raises ValueError where `knowledge_neurons` and `update_neurons` do.
    """
    listed = requested(facts)
    templates = prompt_templates(lm, prefixes, generator)
    add = defaults(lm.name, lm.n_layers).neuron_add if add is None else add
    total: dict[int, Tensor] = {}
    records = []
    for fact in listed:
        with Edit(lm, total):  # what the facts before have changed
            old = fact.target_true or lm.answer(fact.question)
            prompts = [template.replace("{}", fact.question) for template in templates]
            neurons = knowledge_neurons(lm, prompts, old, steps, t=t, p=p)[:most]
            found = record(lm, prompts, [Site("key", layer, -1) for layer in {at for at, _ in neurons}])
            negative = [(at, i) for at, i in neurons if found[Site("key", at, -1)][:, i].mean() < 0]
            change = update_neurons(lm, neurons, fact.target_new, old, add, subtract, negative)
        for layer, delta in change.delta.items():
            total[layer] = total.get(layer, torch.zeros_like(delta)) + delta
        records.append({"subject": fact.subject, "prompt": fact.prompt, "neurons": neurons})
    about = {"method": "edit_neurons", "prefixes": templates, "most": most, "t": t, "p": p, "facts": records}
    return Edit(lm, total, record=about)
