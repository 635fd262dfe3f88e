"""causal.severed_sites: the module outputs above the restored layer, at its token, figure 5.15.

Shape letters: L layers, D width of the residual stream.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Generator, Tensor, randint, randn

from autograder.claims import Claim, Student, close, equal, every
from autograder.gates import Refused, list_gate
from autograder.judgement import Verdict
from autograder.mutants import Mutant
from edu_edit.tracing import Site

ARGUMENTS = ("t", "layer", "L", "kind")
Ask = tuple[int, int, int, str]


def site(item: Any) -> Site:
    if not isinstance(item, Site):
        told = f"{type(item).__name__} in the list"
        said = "Every item of the list should be a Site: Site(kind, layer, token)."
        raise Refused(Verdict(False, told, "Site(kind, layer, token)", said=said))
    return item


def gate(value: Any, t: int, layer: int, L: int, kind: str) -> list[Site]:
    """The sites, by layer: their order means nothing."""
    sites = list_gate(value, site, "Sites")
    return sorted(sites, key=lambda one: (one.layer, one.kind, str(one.token)))


def ask(g: Generator) -> Ask:
    """A token, a layer with at least two above it, the number of layers, a kind."""
    L = int(randint(6, 30, (), generator=g))
    kind = ("mlp", "attn")[int(randint(2, (), generator=g))]
    return int(randint(40, (), generator=g)), int(randint(1, L - 2, (), generator=g)), L, kind


def place(one: Site) -> str:
    return f"{one.kind} {one.layer} at {one.token}"


def layers_above(student: Student, g: Generator) -> Verdict:
    found = []
    for t, layer, L, kind in (ask(g) for _ in range(3)):
        layers = [one.layer for one in student(t, layer, L, kind)]
        wanted = sorted(set(range(L)) - set(range(layer)) - {layer})
        found.append(equal(layers, wanted, f"layers frozen when layer {layer} of {L} is restored"))
    return every(*found)


def kind_and_token(student: Student, g: Generator) -> Verdict:
    """Both kinds at the same place, and every site at token t; asked with how many there are."""
    t, layer, L, _ = ask(g)
    found = []
    for kind in ("attn", "mlp"):
        sites = [place(one) for one in student(t, layer, L, kind)]
        wanted = [f"{kind} {layer + i} at {t}" for i in range(1, L - layer)]
        found.append(equal(sites, wanted, f"kind={kind!r}, t={t}"))
    return every(*found)


def last_layer(student: Student, g: Generator) -> Verdict:
    """Nothing is above the last layer, one module above the one below: its column of the map can't change."""
    t, _, L, kind = ask(g)
    below, top = (
        [place(one) for one in student(t, layer, L, kind)] for layer in (L - 2, L - 1)
    )
    return every(
        equal(below, [f"{kind} {L - 1} at {t}"], "frozen above the last layer but one"),
        equal(top, [], "frozen above the last layer"),
    )


def how_often(student: Student, g: Generator) -> Verdict:
    """Layer j stands above j layers, so it is frozen in j of the L runs of a column."""
    t, _, L, kind = ask(g)
    times = [0] * (L + 1)
    for layer in range(L):
        for one in student(t, layer, L, kind):
            times[min(one.layer, L)] += one.token == t and one.kind == kind
    return equal(times[:L], list(range(L)), "in how many runs each layer is frozen")


def embedding(student: Student, g: Generator) -> Verdict:
    """The embedding lies below layer 0: with it restored, every layer can be frozen."""
    t, _, L, kind = ask(g)
    layers = [one.layer for one in student(t, -1, L, kind)]
    return equal(layers, list(range(L)), "layers frozen when the embedding, layer -1, is restored")


def stream(student: Student, g: Generator) -> Verdict:
    """With FFN and attention severed, the top state is the restored one plus the corrupted outputs above it."""
    t, layer, L, _ = ask(g)
    sites = {(one.kind, one.layer) for kind in ("mlp", "attn") for one in student(t, layer, L, kind)
             if one.token == t}  # fmt: skip
    D = 6
    clean = randn(D, generator=g)  # the restored h^layer
    frozen = {kind: randn(L, D, generator=g) for kind in ("mlp", "attn")}
    live = {kind: randn(L, D, generator=g) for kind in ("mlp", "attn")}  # what would be computed anew
    top = clean.clone()
    for above in range(layer + 1, L):
        for kind in ("mlp", "attn"):
            top += (frozen if (kind, above) in sites else live)[kind][above]
    expected: Tensor = clean + sum(frozen[kind][layer + 1 :].sum(0) for kind in ("mlp", "attn"))
    return close(torch.as_tensor(top), expected, 1e-5, "state at the top")


CLAIMS = (
    Claim(
        "layers above",
        "All layers above the restored one are frozen, and no other",
        "If layer 3 of 8 is restored, layers 4, 5, 6 and 7 are frozen.",
        layers_above,
        open=True,
    ),
    Claim(
        "kind and token",
        "Each site is of the kind that is severed, at the token that is restored",
        "Every site is Site(kind, layer above, t).",
        kind_and_token,
        open=True,
    ),
    Claim(
        "last layer",
        "Nothing is frozen above the last layer: severing leaves its column of the map as it is",
        "The last layer is L - 1. Restored there, the list is empty; one below, it has one site.",
        last_layer,
    ),
    Claim(
        "how often",
        "Over the L runs of one token, layer j is frozen j times",
        "Each layer must be frozen exactly when a layer below it is restored.",
        how_often,
    ),
    Claim(
        "embedding",
        "With the embedding restored, layer -1, all layers are frozen",
        "Layer 0 is above the embedding, too: `layer` = -1 needs no case of its own.",
        embedding,
    ),
    Claim(
        "stream",
        "With both kinds severed, nothing above the restored layer is computed anew",
        "Some module above the restored layer still computes at this token: the effect can pass through it.",
        stream,
    ),
)

MUTANTS = [
    Mutant(
        "itself_too",
        "You froze the restored layer itself, too. Its output is what you have just put back: severing begins "
        "one layer above.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(layer, L)],
    ),
    Mutant(
        "below",
        "You froze the layers below. What happens there no longer matters, once the layer's output is restored.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(layer)],
    ),
    Mutant(
        "every_layer",
        "You froze all layers. Up to the restored layer it changes nothing, because the restored state covers "
        "it; give back the layers above only.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(L)],
    ),
    Mutant(
        "next_only",
        "You froze the next layer only. The effect passes through the modules of all layers above.",
        lambda: lambda t, layer, L, kind: [Site(kind, layer + 1, t)] if layer + 1 < L else [],
    ),
    Mutant(
        "never_layer_0",
        "You left out layer 0 when the embedding is restored (`layer` is -1). Layer 0 is above the embedding.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(max(layer, 0) + 1, L)],
    ),
    Mutant(
        "one_too_many",
        "Your list goes up to layer L. Layers count from 0, so the last one is L - 1.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(layer + 1, L + 1)],
    ),
    Mutant(
        "one_too_few",
        "Your list ends one layer early. `range` leaves out its end: the last layer, L - 1, is frozen, too.",
        lambda: lambda t, layer, L, kind: [Site(kind, j, t) for j in range(layer + 1, L - 1)],
    ),
    Mutant(
        "all_tokens",
        "You left out the token, which means all tokens. Only the modules at token t are frozen: the late site at "
        "the last token must go on working.",
        lambda: lambda t, layer, L, kind: [Site(kind, j) for j in range(layer + 1, L)],
    ),
    Mutant(
        "always_mlp",
        'You froze the FFN ("mlp") whatever `kind` says.',
        lambda: lambda t, layer, L, kind: [Site("mlp", j, t) for j in range(layer + 1, L)],
    ),
    Mutant(
        "whole_blocks",
        'You froze the outputs of whole blocks ("resid"). That throws away the restored state itself; freeze '
        "one kind of module and let the stream flow.",
        lambda: lambda t, layer, L, kind: [Site("resid", j, t) for j in range(layer + 1, L)],
    ),
]

HINTS = (
    "The effect of the restored state travels upwards. Through which layers must it pass to reach the top?",
    "A list with one `Site(kind, j, t)` for every layer j above `layer`. The lowest is layer + 1, the highest "
    "L - 1.",
    "return [Site(..., j, ...) for j in range(..., ...)]",
)

EXPLANATION = (
    "Below and at the restored layer there is nothing to sever: the restored state covers whatever is computed "
    "there.",
    "Only the modules at token t are frozen. Other tokens, the last one above all, go on computing; so what is "
    "lost is what FFN or attention would have made of the restored state at its own place.",
)

STUB = '''def severed_sites(t: int, layer: int, L: int, kind: str) -> list[Site]:
    """What severing freezes at its corrupted value when `layer` is restored at t: the modules above, at t.

    t: the token; layer: the restored layer, 0 to L-1, or -1 for the embedding; L: number of layers; kind: "mlp" (the FFN) or "attn".
    Returns a list of Site(kind, some layer, t). Source: Meng et al. 2022, section 2; figure 5.15.
    """
    raise NotImplementedError("Your code here")
'''
