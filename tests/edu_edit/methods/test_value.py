"""The search for v_* at the block's output, as released MEMIT does it, against a brute-force search."""

from typing import Any

import pytest
import torch
from torch import Tensor

from edu_edit import LM, Fact, Site, intervene, record
from edu_edit.methods.value import Search, find_pair, optimise_value
from edu_edit.tokens import encode, target_ids

FACT = Fact("Boris Dunlin", "By trade , {} is a", "nurse and baker")
PREFIXES = ["{}", "It rained . {}", "Old books are in the market . {}"]


@pytest.mark.parametrize("site", ["mlp", "resid"])
@pytest.mark.parametrize("layer", [0, 1])
def test_the_search_at_either_site_equals_brute_force(any_lm: LM, site: Any, layer: int) -> None:
    """Adam on delta with a hook there, every text on its own, no padding and no replay.

    Not in the top layer: nothing reads the subject there any more, and Adam would follow rounding errors.
    """
    search = Search(kl=0.3, wd=0.1, steps=3, lr=0.3, clamp=2.0, site=site)
    pair = find_pair(any_lm, FACT, layer, PREFIXES, "essence", search)
    texts = [encode(any_lm, text.replace("{}", FACT.prompt), FACT.subject) for text in PREFIXES]
    answer = target_ids(any_lm, FACT.target_new, texts[0].text)
    essence, plain = encode(any_lm, "{} is a", FACT.subject), texts[0]
    place = Site(site, layer, plain.span[1] - 1)
    ids = torch.tensor([plain.ids])
    old = record(any_lm, (ids, torch.ones_like(ids)), [place])[place][0]

    def predicted(ids: list[int], at: int, delta: Tensor) -> Tensor:
        row = torch.tensor([ids])
        with intervene(any_lm, {Site(site, layer, at): lambda h: h + delta}):
            return any_lm.forward(row, torch.ones_like(row))[0].log_softmax(-1)

    read = essence.span[1] - 1
    with torch.no_grad():
        kept = predicted(essence.ids, read, torch.zeros(any_lm.D))[read]

    def loss_of(v: Tensor) -> Tensor:
        delta, nll = v - old, torch.tensor(0.0)
        for text in texts:
            logp = predicted(text.ids + answer, text.span[1] - 1, delta)[len(text.ids) - 1 : -1]
            nll = nll - logp.gather(1, torch.tensor(answer)[:, None]).mean() / len(texts)
        new = predicted(essence.ids, read, delta)[read]
        return nll + search.kl * (new.exp() * (new - kept)).sum() + search.wd * delta.norm() / old.norm() ** 2

    expected = optimise_value(loss_of, old, search.steps, search.lr, search.clamp)
    torch.testing.assert_close(pair.v_star, expected, atol=2e-4, rtol=2e-4)
    assert not torch.allclose(pair.v_star, old, atol=1e-2)


def test_the_two_sites_start_from_different_values(lm: LM) -> None:
    """o_0 is the FFN's output at one, and the whole stream at the other; the key is the same."""
    pairs = [
        find_pair(lm, FACT, 1, PREFIXES, "essence", Search(0.1, 0.1, 2, 0.1, 1.0, site))  # type: ignore[arg-type]
        for site in ("mlp", "resid")
    ]
    torch.testing.assert_close(pairs[0].k_mean, pairs[1].k_mean)
    assert not torch.allclose(pairs[0].v_star, pairs[1].v_star, atol=1e-2)
