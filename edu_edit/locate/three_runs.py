"""Clean, corrupted and restored run of one prompt side by side: what they say, and how far their states are
apart.

Textbook figures 5.12 to 5.14. Shapes: T tokens, L layers, S noise draws, D model width, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.locate.causal import corrupt, restore
from edu_edit.replay import unembed
from edu_edit.tokens import encode
from edu_edit.tracing import Site, intervene, record

RUNS = ("clean", "corrupted", "restored")


@dataclass(frozen=True)
class ThreeRuns:
    """Three runs of one prompt, the corrupted and the restored one averaged over the noise draws.

    probs (3, V): the next token's probabilities. away (3, T, M), M = L + 1: how far the hidden states are
    from the clean ones, ‖h - h_clean‖ / ‖h_clean‖, before block 0 and after each block. tokens: the T tokens
    as text. span: the subject's tokens.
    """

    probs: Float[Tensor, "3 V"]
    away: Float[Tensor, "3 T M"]
    tokens: list[str]
    span: tuple[int, int]

    def words(self, lm: LM, most: int = 3) -> list[tuple[str, list[float]]]:
        """The likeliest words of each run, clean ones first, each with its probability in the three runs."""
        best = self.probs.topk(most, dim=1).indices
        ids = dict.fromkeys(int(i) for row in best for i in row)
        return [(str(lm.tok.decode([i])).strip() or "␣", self.probs[:, i].tolist()) for i in ids]


@torch.no_grad()
def three_runs(
    lm: LM,
    fact: Fact,
    noise: Float[Tensor, "S n D"],
    sites: Sequence[Site] = (),
    severed: Sequence[Site] = (),
) -> ThreeRuns:
    """Run a fact's prompt clean, with `noise` on its subject, and with the clean states of `sites` put back.

    sites: each with one token. severed: sites that are held at their corrupted values in the restored run.
    Without sites the restored run is the corrupted one.
    """
    text = encode(lm, fact.prompt, fact.subject)
    ids = torch.tensor([text.ids] * (1 + len(noise)), device=lm.device)
    batch = (ids, torch.ones_like(ids))
    stream = [Site("embed"), *(Site("resid", layer) for layer in range(lm.n_layers))]

    def noisy(h: Tensor) -> Tensor:
        return corrupt(h, text.span, noise)

    with intervene(lm, {Site("embed"): noisy}):
        found = record(lm, batch, [*stream, *{Site(s.kind, s.layer) for s in severed}])
    changes: dict[Site, Callable[[Tensor], Tensor]] = {Site("embed"): noisy}
    for site in sites:
        changes[Site(site.kind, site.layer)] = _restoring(site, noisy)
    for site in severed:
        changes[Site(site.kind, site.layer)] = _freezing(site, found[Site(site.kind, site.layer)])
    with intervene(lm, changes):
        again = record(lm, batch, stream)

    clean = torch.stack([found[site][0] for site in stream], 1)  # (T, L+1, D)
    rows = [clean[None], *(torch.stack([run[site][1:] for site in stream], 2) for run in (found, again))]
    away = [((h - clean).norm(dim=-1) / clean.norm(dim=-1)).mean(0) for h in rows]
    last = [found[stream[-1]][:1], found[stream[-1]][1:], again[stream[-1]][1:]]
    probs = [unembed(lm, h[:, -1]).float().softmax(-1).mean(0) for h in last]
    tokens = [str(lm.tok.decode([i])) for i in text.ids]
    return ThreeRuns(torch.stack(probs).cpu(), torch.stack(away).float().cpu(), tokens, text.span)


def _restoring(site: Site, noisy: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    t = site.token
    assert isinstance(t, int), "one token for each site"
    return lambda h: restore(noisy(h) if site.kind == "embed" else h, t)


def _freezing(site: Site, corrupted: Tensor) -> Callable[[Tensor], Tensor]:
    def fn(h: Tensor) -> Tensor:
        h[1:, site.token] = corrupted[1:, site.token]
        return h

    return fn
