"""The length barrier: how much of a long new answer one changed state carries, and one per twelve tokens.

Jiang et al. 2025 (AnyEdit): a single edited token reaches only the first part of a long answer. Measured on
the tokens that the unedited model got wrong, teacher forced, with new passages under the titles of trained
ones. `barrier` puts the changed states in place, at the output of the layer that ROME edits by default: what
can be called up at all. `by_position` writes them into the weights with `anyedit` and its own settings: what
the edited model says. Shapes: Ty tokens of an answer.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from tqdm import tqdm
from transformers import DynamicCache

from edu_edit.caching import CACHE
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.methods.anyedit import anyedit
from edu_edit.methods.chunk_states import chunk_state, chunk_states, put_in_place
from edu_edit.methods.chunking import chunk_by_window
from edu_edit.methods.value import LOW_ENOUGH
from edu_edit.tokens import target_ids
from edu_edit.tracing import intervene
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


def edited(
    lm: LM, prompt: list[int], answer: list[int], chunk: int, steps: int, lr: float
) -> tuple[Tensor, Tensor]:
    """Which answer tokens are right before and after one new state per `chunk` tokens, each fitted after
    the ones before it, without a ball or a decay.
    """
    layer = lm.default_layer
    solve = partial(
        chunk_state, layer=layer, steps=steps, lr=lr, clamp=float("inf"), wd=0.0, enough=LOW_ENOUGH
    )
    states = chunk_states(lm, prompt, answer, chunk_by_window(len(answer), chunk), solve)
    before = forced_hits(lm, prompt, answer)
    with intervene(lm, put_in_place(layer, states)):
        return before, forced_hits(lm, prompt, answer)


@torch.no_grad()
def forced_hits(lm: LM, prompt: list[int], answer: list[int]) -> Bool[Tensor, " Ty"]:
    """Which answer tokens are the likeliest when the right ones before them are shown."""
    ids = torch.tensor([prompt + answer], device=lm.device)
    logits = lm.forward(ids, torch.ones_like(ids))[0, len(prompt) - 1 : -1]
    return (logits.argmax(-1) == ids[0, len(prompt) :].to(logits.device)).cpu()


@torch.no_grad()
def greedy_hits(lm: LM, prompt: list[int], answer: list[int]) -> Bool[Tensor, " Ty"]:
    """Which answer tokens the model says at their places when it goes on by itself."""
    ids, cache, said = torch.tensor([prompt], device=lm.device), DynamicCache(), []
    for _ in answer:
        logits = lm.model(input_ids=ids, use_cache=True, **{CACHE: cache}).logits
        ids = logits[:, -1:].argmax(-1).to(lm.device)
        said.append(int(ids))
    return torch.tensor(said) == torch.tensor(answer)


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


def by_position(
    lm: LM, chunks: Sequence[int | str] = ("whole", CHUNK, 5), most: int | None = None, **options: Any
) -> dict[str, dict[str, Float[Tensor, " Ty"]]]:
    """What the *weights* say after `anyedit`, token by token: {chunks: {reading: rate at each place}}.

    chunks: as for `anyedit`, "whole" = one anchor. The readings are "teacher forced" and "greedy"; with them
    stands "passages", how many of the answers are that long. Under "unedited" is the model as it was. Each
    passage is edited alone. most: only that many, spread over the lengths. options: more of `anyedit`'s.
    """
    listed = list(cases(lm))
    if most is not None:
        listed = listed[:: max(1, len(listed) // most)][:most]
    places = LENGTHS[1] + 8  # an answer read as text may have a few tokens more
    hits = {
        str(name): {reading: torch.zeros(places) for reading in ("teacher forced", "greedy", "passages")}
        for name in ("unedited", *chunks)
    }
    for prompt, answer in tqdm(listed, desc=f"edits of long answers, {lm.name}", mininterval=5):
        asked, target = (
            str(lm.tok.decode(ids, skip_special_tokens=True)).strip() for ids in (prompt, answer)
        )
        ids, wanted = list(lm.tok(asked)["input_ids"]), target_ids(lm, target, asked)
        for name in ("unedited", *chunks):
            edit = Edit(lm, {}) if name == "unedited" else anyedit(lm, asked, target, name, **options)
            with edit:
                found = {
                    "teacher forced": forced_hits(lm, ids, wanted),
                    "greedy": greedy_hits(lm, ids, wanted),
                    "passages": torch.ones(len(wanted)),
                }
            for reading, right in found.items():
                hits[str(name)][reading][: len(wanted)] += right.float()
    longest = int(hits["unedited"]["passages"].count_nonzero())
    return {
        name: {
            reading: counts[:longest] if reading == "passages" else (counts / each["passages"])[:longest]
            for reading, counts in each.items()
        }
        for name, each in hits.items()
    }
