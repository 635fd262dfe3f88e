"""The length barrier: how much of a long new answer one changed state carries, and one per twelve tokens.

Jiang et al. 2025 (AnyEdit): a single edited token reaches only the first part of a long answer. Measured on
the tokens that the unedited model got wrong, teacher forced, with new passages under the titles of trained
ones. The changed states are outputs of the layer that ROME edits by default.
"""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor
from tqdm import tqdm

from edu_edit.lm import LM
from edu_edit.methods.rome import optimise_value
from edu_edit.tracing import Site, intervene, record
from edu_edit.world import passages

CHUNK = 12
LENGTHS = (30, 72)


def cases(lm: LM) -> Iterator[tuple[list[int], list[int]]]:
    """(prompt ids, answer ids): a trained title, and an untrained text of the same kind cut to 30 to 72
    tokens.
    """
    by_kind = {kind: [title for title, _, k in passages.passages() if k == kind] for kind in passages.MAKERS}
    untrained = passages.passages(False)
    for i, (_, text, kind) in enumerate(untrained):
        title = by_kind[kind].pop()
        length = LENGTHS[0] + (LENGTHS[1] - LENGTHS[0]) * i // (len(untrained) - 1)
        prompt = lm.tok(passages.prompt(title, kind))["input_ids"]
        yield prompt, lm.tok(text, add_special_tokens=False)["input_ids"][:length]


States = dict[int, Tensor]


def _site(lm: LM, position: int) -> Site:
    return Site("resid", lm.default_layer, position)


def _changed(lm: LM, states: States) -> dict[Site, Callable[[Tensor], Tensor]]:
    return {_site(lm, position): partial(_instead, state) for position, state in states.items()}


def _instead(state: Tensor, h: Tensor) -> Tensor:
    return state.expand_as(h)


def _hits(lm: LM, ids: Tensor, start: int, states: States) -> Tensor:
    with torch.no_grad(), intervene(lm, _changed(lm, states)):
        logits = lm.forward(ids, torch.ones_like(ids))[0, start - 1 : -1]
    return logits.argmax(-1) == ids[0, start:]


def edited(
    lm: LM, prompt: list[int], answer: list[int], chunk: int, steps: int, lr: float
) -> tuple[Tensor, Tensor]:
    """Which answer tokens are right before and after one new state per `chunk` tokens, each fitted after
    the ones before it.
    """
    ids, start = torch.tensor([prompt + answer]), len(prompt)
    states: States = {}
    for begin in range(start, ids.shape[1], chunk):
        end = min(begin + chunk, ids.shape[1])
        states[begin - 1] = _fitted(lm, ids[:, :end], begin, dict(states), steps, lr)
    return _hits(lm, ids, start, {}), _hits(lm, ids, start, states)


def _fitted(lm: LM, ids: Tensor, begin: int, earlier: States, steps: int, lr: float) -> Tensor:
    """The state before token `begin` that makes the tokens from there on likely, with the earlier states in
    place.
    """
    mask, site = torch.ones_like(ids), _site(lm, begin - 1)
    with intervene(lm, _changed(lm, earlier)):
        old = record(lm, (ids, mask), [site])[site][0]

    def loss_of(state: Tensor) -> Tensor:
        with intervene(lm, _changed(lm, earlier | {begin - 1: state})):
            logits = lm.forward(ids, mask)[0, begin - 1 : -1]
        return torch.nn.functional.cross_entropy(logits, ids[0, begin:])

    return optimise_value(loss_of, old, steps=steps, lr=lr, clamp=float("inf"))


def barrier(lm: LM, steps: int = 120, lr: float = 0.4) -> dict[str, float]:
    """Share of the tokens wrong before that become right: one delta for the whole answer, and one per 12
    tokens.
    """
    reached: dict[str, list[Tensor]] = {"one delta": [], f"one per {CHUNK} tokens": []}
    for prompt, answer in tqdm(list(cases(lm)), desc=f"long answers, {lm.name}", mininterval=5):
        for name, chunk in zip(reached, (len(answer), CHUNK), strict=True):
            before, after = edited(lm, prompt, answer, chunk, steps, lr)
            reached[name].append(after[~before].float())
    return {name: torch.cat(hits).mean().item() for name, hits in reached.items()}
