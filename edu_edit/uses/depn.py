"""DEPN: find the neurons that a private detail comes from, and silence them.

Wu et al. 2023 (arXiv 2310.20138), textbook section 5.5.2 (which also prints the name as DPEN). A secret of n
tokens y_1..y_n stands in a text. What a neuron contributes to it is the sum of its attributions over these
tokens (integrated gradients, as for knowledge neurons); the neurons that are strong in most private texts
are set to zero for good. Forgetting is measured by exposure (Carlini et al. 2019, arXiv 1802.08232):

    exposure = log2 |R| - log2 rank(secret among the candidates R)

Setting the activation to zero at every token is the same as setting the value to zero, which is what the
authors' code does; so this is a weights edit. A secret that no prompt brings up any more may still lie in
the model: `edu_edit.uses.audit` asks in other wordings.
Shapes: Ty tokens of a secret, P private texts, L layers, F FFN width, n candidates.
"""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.locate.attribution import Attribute, Rule, token_attributions
from edu_edit.locate.neuron_scaling import Neuron, by_layer, scale_neurons


def sequence_attribution(attr: Float[Tensor, "Ty F"]) -> Float[Tensor, " F"]:
    """What each neuron contributes to a whole secret: the sum over the secret's tokens."""
    return attr.sum(0)


def privacy_neurons(attr: Float[Tensor, "P L F"], k: int, share: float = 0.1) -> list[Neuron]:
    """The k neurons that are strong in most private texts, as (layer, index), the most frequent first.

    Strong in a text: positive, and at least `share` of the largest attribution in that text. Ties go to the
    larger attribution, summed over texts, then to the lower layer and index. Neurons that are strong in no
    text are never among them, so there may be fewer than k.
    Raises ValueError for a negative k, a share outside 0 to 1, and when there is no text.
    """
    if k < 0 or not 0 <= share <= 1 or attr.numel() == 0:
        raise ValueError(f"k={k}, share={share}, {len(attr)} texts: give k from 0, a share up to 1, a text.")
    strong = (attr > 0) & (attr >= share * attr.amax((1, 2), keepdim=True))
    often, total = strong.sum(0).flatten().tolist(), attr.double().sum(0).flatten().tolist()
    order = sorted((i for i, n in enumerate(often) if n), key=lambda i: (-often[i], -total[i], i))
    return [(i // attr.shape[2], i % attr.shape[2]) for i in order[:k]]


def silence(a: Float[Tensor, "*B F"], neurons: Sequence[int]) -> Float[Tensor, "*B F"]:
    """Activations of one layer with those of the listed neurons set to zero; `a` stays as it is."""
    out = a.clone()
    out[..., list(neurons)] = 0
    return out


def exposure(logp_secret: float | Float[Tensor, ""], logp_candidates: Float[Tensor, " n"]) -> float:
    """How far a secret stands out among n candidates, in bits: log2 n at rank 1, 0 at rank n.

    The candidates include the secret, and ties count against it: its rank is the number of candidates that
    are at least as likely. Raises ValueError when no candidate is, so that the secret can't be among them.
    """
    n = len(logp_candidates)
    rank = int((logp_candidates >= logp_secret).sum())
    if rank == 0:
        raise ValueError(f"The secret is likelier than all {n} candidates: put it among them.")
    return math.log2(n) - math.log2(rank)


def same_layers_at_random(
    lm: LM, neurons: Sequence[Neuron], generator: torch.Generator | None = None
) -> list[Neuron]:
    """The control: as many other neurons in each layer, drawn at random.

    Raises ValueError where a layer has too few others.
    """
    drawn = []
    for layer, taken in by_layer(lm, neurons).items():
        others = [i for i in range(lm.F) if i not in set(taken)]
        if len(others) < len(taken):
            raise ValueError(
                f"{len(taken)} neurons of layer {layer} leave too few for a control: take fewer."
            )
        order = torch.randperm(len(others), generator=generator)[: len(taken)]
        drawn += [(layer, others[i]) for i in order.tolist()]
    return drawn


@costed
def depn(
    lm: LM,
    secrets: Sequence[tuple[str, str]],
    k: int | None = None,
    share: float = 0.1,
    steps: int = 20,
    rule: Rule = "midpoint",
    control: Literal["random"] | None = None,
    attribute: Attribute | None = None,
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that silences the k neurons that the secrets come from.

    secrets: (prompt, secret) pairs, each secret asked in as many wordings as one likes. k: None = the model's
    own share of its neurons, from the table in `defaults`. share: see `privacy_neurons`. rule: the authors'
    code sums at "left" ends.
    control="random" silences as many *other* neurons of the same layers instead, drawn with `generator`. It
    has that name because the authors' shipped script does so unasked: its switch for random neurons is read
    as text, and the text "False" counts as true.
    An edit that is computed while another one is on silences what is left. The model stays as it is. Raises
    ValueError where `token_attributions` and `privacy_neurons` do.
    """
    if control not in (None, "random"):
        raise ValueError(f"control={control!r}: choose None, or 'random' for as many other neurons.")
    k = round(defaults(lm.name, lm.n_layers).depn_share * lm.n_layers * lm.F) if k is None else k
    found = token_attributions(lm, secrets, steps, rule, attribute=attribute)  # one (Ty, L, F) per secret
    attr = torch.stack([sequence_attribution(one.flatten(1)).unflatten(0, one.shape[1:]) for one in found])
    neurons = privacy_neurons(attr, k, share)
    if control == "random":
        neurons = same_layers_at_random(lm, neurons, generator)
    edit = scale_neurons(lm, neurons, 0.0)
    edit.record = {
        "method": "depn", "neurons": neurons, "k": k, "share": share, "steps": steps, "rule": rule,
        "control": control, "secrets": len(secrets),
        "seed": None if generator is None else generator.initial_seed(),
    }  # fmt: skip
    return edit
