"""Detoxification by promotion: keep a few good values switched on, whatever the text.

Geva et al. 2022 (arXiv 2203.14680) section 5.2, textbook section 5.5.3. A value that speaks for wanted words
(`value_distribution`) is promoted by giving its neuron a fixed coefficient at every token:

    a_i <- coef          so that the stream moves by (coef - a_i) v_i

Ten values, picked by hand, and coef = 3 were enough for gpt2-medium. The released code writes 3 to the input
of the activation function (`site="pre"`), which gives gelu(3) = 2.996. The textbook's caution: words are
avoided, not ideas, and a model that can't say the word can't refuse it either (`over_refusal`).
Shapes: D model width, F FFN width, V vocabulary.
"""

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.locate.attribution import At
from edu_edit.locate.ffn import value_distribution
from edu_edit.locate.neuron_scaling import Neuron, by_layer
from edu_edit.tokens import target_ids
from edu_edit.tracing import Site


def promote(a: Float[Tensor, "*B F"], neurons: Sequence[int], coef: float) -> Float[Tensor, "*B F"]:
    """Activations of one layer with those of the listed neurons set to `coef`; `a` stays as it is."""
    out = a.clone()
    out[..., list(neurons)] = coef
    return out


def over_refusal(answers: Sequence[str], must_answer: Sequence[str]) -> float:
    """The share of harmless questions that are no longer answered: 0 is best.

    answers: what the model says; must_answer: what each answer has to contain, for example the rude word in
    a question that asks to quote it. Upper and lower case are the same. Raises ValueError for lists of
    different length, an empty one, and an empty expectation.
    """
    if len(answers) != len(must_answer) or not answers or not all(text.strip() for text in must_answer):
        raise ValueError(
            f"{len(answers)} answers and {len(must_answer)} expectations: give as many of both, none empty."
        )
    pairs = zip(answers, must_answer, strict=True)
    return sum(wanted.strip().casefold() not in said.casefold() for said, wanted in pairs) / len(answers)


def first_tokens(lm: LM, words: Sequence[str]) -> list[int]:
    """The token that each word begins with inside a text, each once."""
    if isinstance(words, str):
        raise ValueError(f"Give the words as a list, not as one string {words!r:.40}.")
    return list(dict.fromkeys(target_ids(lm, word, "x")[0] for word in words))


@torch.no_grad()
def promoting_values(
    lm: LM,
    wanted: Sequence[str],
    unwanted: Sequence[str] = (),
    n: int = 10,
    layers: Sequence[int] | None = None,
    normed: bool = True,
) -> list[Neuron]:
    """The n values that speak most for the wanted words and least for the unwanted ones, the best first.

    By the probability of the wanted words' first tokens minus that of the unwanted ones' in the value's
    distribution, with the model's last norm as in Geva et al. 2022 unless normed=False. layers: None = the
    upper half, where the paper's ten values lie too.
    Raises ValueError when no word is wanted, or for n below 1.
    """
    if not wanted or n < 1:
        raise ValueError(f"{len(wanted)} wanted words and n={n}: give at least one word and one value.")
    good, bad = first_tokens(lm, wanted), first_tokens(lm, unwanted)
    upper = range(lm.n_layers // 2, lm.n_layers)
    chosen = [lm.checked(layer) for layer in (upper if layers is None else layers)]
    if not chosen:
        raise ValueError("There is no layer to choose values from: give at least one, or None.")
    scores = []
    for layer in chosen:
        said = value_distribution(lm.ffn(layer).W_out.T, lm.W_U, lm.norm if normed else None)  # (F, V)
        scores.append(said[:, good].sum(1) - said[:, bad].sum(1))
    best = torch.cat(scores).sort(descending=True, stable=True).indices[:n].tolist()
    return [(chosen[i // lm.F], i % lm.F) for i in best]


@costed
def detox(
    lm: LM,
    wanted: Sequence[str] = (),
    unwanted: Sequence[str] = (),
    n: int = 10,
    coef: float | None = None,
    layers: Sequence[int] | None = None,
    neurons: Sequence[Neuron] | None = None,
    site: At = "key",
) -> Edit:
    """The edit that promotes n values for the wanted words, or the `neurons` given, at every token.

    A hook edit: the coefficient is written, whatever it was, which no weight can do. coef: None = the model's
    own, from the table in `defaults`; 3 in the paper. site="pre" writes it before the activation function
    (of the gate's, in Llama), as the released code does. The model stays as it is.
    Raises ValueError where `promoting_values` does, for a neuron that is not there, or a coef not finite.
    """
    coef = defaults(lm.name, lm.n_layers).detox_coef if coef is None else coef
    if not math.isfinite(coef) or site not in ("key", "pre"):
        raise ValueError(f"coef={coef}, site={site!r}: give a finite number, and 'key' or 'pre'.")
    if neurons is None:
        neurons = promoting_values(lm, wanted, unwanted, n, layers)
    hooks: dict[Site, Callable[[Tensor], Tensor]] = {}
    for layer, i in by_layer(lm, neurons).items():
        hooks |= _promoting(lm, layer, i, coef, site)
    about = {"method": "detox", "neurons": list(neurons), "coef": coef, "site": site}
    return Edit(lm, hooks=hooks, record=about)


def _promoting(
    lm: LM, layer: int, i: list[int], coef: float, site: At
) -> dict[Site, Callable[[Tensor], Tensor]]:
    if site == "key":
        return {Site("key", layer): lambda k: promote(k, i, coef)}
    read: list[Tensor] = []  # the query of the pass under way: a gated neuron needs its other half

    def remember(q: Tensor) -> Tensor:
        read[:] = [q]
        return q

    def written(k: Tensor) -> Tensor:
        ffn, q = lm.ffn(layer), read.pop()
        activated = ffn.act(torch.full_like(k, coef))
        new = activated if ffn.gate is None else activated * ffn.up(q)
        out = k.clone()
        out[..., i] = new[..., i]
        return out

    return {Site("query", layer): remember, Site("key", layer): written}
