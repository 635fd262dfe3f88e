"""The state that calls a chunk of a long answer up: AnyEdit's search for z at the token before the chunk.

Jiang et al. 2025 (AnyEdit, arXiv 2502.05628), lesson 11. With the states of the earlier chunks in place, the
stream h after block l at the anchor becomes z = h + delta, and delta minimises

    - 1/|Y_n| log P(Y_n | X, Y_<n; delta_1 ... delta_n) + wd |delta| / |h|^2

by Adam in the ball |delta| <= clamp |h|. No prefixes are put before the text, and no other prompt is kept.
Shapes: T tokens before the chunk, n tokens of the chunk, D model width.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.defaults import long_defaults
from edu_edit.lm import LM
from edu_edit.methods.chunking import Chunks, edit_positions
from edu_edit.methods.value import searched
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.tracing import Site, intervene

States = Mapping[int, Float[Tensor, " D"]]
Solve = Callable[[LM, Tensor, int, Tensor, States], Tensor]


def chunk_state(
    lm: LM,
    ids: Int[Tensor, " T"],
    position: int,
    target_ids: Int[Tensor, " n"],
    earlier: States,
    layer: int | None = None,
    steps: int | None = None,
    lr: float | None = None,
    clamp: float | None = None,
    wd: float | None = None,
    enough: float = 1e-2,
) -> Float[Tensor, " D"]:
    """z: the output of block `layer` at `position` that makes the chunk likely behind the text so far.

    ids: the text before the chunk, of which `position` is usually the last token. target_ids: the chunk.
    earlier: {position: z} of the chunks before, which stay in place. None = the model's own value; the search
    stops below a loss of `enough`. Only the blocks above the layer are run again, and only from the position
    on.
    """
    own = long_defaults(lm.name, lm.n_layers)
    layer = lm.checked(own.layers[-1] if layer is None else layer)
    tokens = torch.cat([ids, target_ids])[None].to(lm.device)
    site, begin = Site("resid", layer), len(ids) - 1
    with intervene(lm, put_in_place(layer, earlier)):
        run = keep_run(lm, tokens, torch.ones_like(tokens), [site])
    start = min(position, begin)
    at, stream = position - start, run.sites[site][:, start:]
    h = stream[0, at].float()
    answer, decay = tokens[0, len(ids) :, None], own.wd if wd is None else wd

    def loss_of(z: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        moved = torch.cat([stream[:, :at], z[None, None].to(stream), stream[:, at + 1 :]], dim=1)
        for above in range(layer + 1, lm.n_layers):
            moved = replay(lm, run, above, moved, start)
        logits = unembed(lm, moved[0, begin - start : begin - start + len(answer)]).float()
        nll = -logits.log_softmax(-1).gather(1, answer.to(logits.device)).mean()
        return nll.to(z.device) + decay * (z - h).norm() / h.norm() ** 2

    return searched(
        loss_of,
        h,
        own.steps if steps is None else steps,
        own.lr if lr is None else lr,
        own.clamp if clamp is None else clamp,
        enough,
    )


def put_in_place(layer: int, states: States) -> dict[Site, Callable[[Tensor], Tensor]]:
    """What `intervene` needs to hold the states at the output of block `layer`, {position: z}."""

    def instead(z: Tensor, h: Tensor) -> Tensor:
        return z.to(h).expand_as(h)

    return {Site("resid", layer, position): partial(instead, z) for position, z in states.items()}


def chunk_states(
    lm: LM,
    prompt: Sequence[int],
    answer: Sequence[int],
    chunks: Chunks,
    solve: Solve,
    anchor: str = "before",
) -> dict[int, Float[Tensor, " D"]]:
    """{anchor: z} of all chunks of the answer, solved in order, each with those before it in place.

    prompt, answer: token ids. anchor: "before" = the token before the chunk, "last" = the chunk's own last
    token. A chunk inside its predecessor is read one token late, as released code does it.
    """
    text = torch.tensor([*prompt, *answer])
    states: dict[int, Tensor] = {}
    reached = 0
    for (start, stop), before in zip(chunks, edit_positions(len(prompt), chunks), strict=True):
        late = int(stop <= reached)
        position = before + late if anchor == "before" else len(prompt) + stop - 1
        ids, chunk = text[: len(prompt) + start + late], text[len(prompt) + start : len(prompt) + stop]
        states[position] = solve(lm, ids, position, chunk, dict(states)).detach()
        reached = stop
    return states
