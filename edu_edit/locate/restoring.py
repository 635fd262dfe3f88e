"""All restored runs of one token in a single pass up the layers: what makes causal tracing fast.

A restored run is the corrupted run up to the layer that it restores, so it need not be computed up to there.
Going up the blocks, the runs that restore layer 0, 1, 2, ... join one growing batch (c runs of S noise
draws), and each holds only the tokens from t on: those before t are the corrupted run's own (`replay`).
Shapes: S noise draws, T tokens, D model width; the run that is kept has 1 + S rows, row 0 clean.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.replay import Run, replay
from edu_edit.tracing import Site, intervene

Kind = Literal["resid", "mlp", "attn"]


def restored_states(
    lm: LM,
    run: Run,
    t: int,
    windows: Sequence[range],
    kind: Kind,
    sever: Kind | None,
    frozen: Mapping[Site, Tensor],
) -> Float[Tensor, "c S D"]:
    """The last token's final states after restoring, at token t, the outputs of `kind` in the layers of each
    window.

    run: the clean row and the corrupted rows, with its sites. windows: by ascending start; the i-th run is
    severed above layer i, where the outputs of `sever` become those that `frozen` holds, {Site: (1 + S, T,
    D)}, row 0 unused. A block's output is first felt in the layer above, so windows of `resid` that start at
    the top are left out.
    """
    corrupted = run.rows(slice(1, None))
    S = len(corrupted.logits)
    entering = [run.sites[Site("embed")], *(run.sites[Site("resid", layer)] for layer in range(lm.n_layers))]
    h = entering[0].new_empty(0, entering[0].shape[1] - t, lm.D)
    for layer in range(lm.n_layers):
        felt = layer - 1 if kind == "resid" else layer
        joining = entering[layer][1:, t:].repeat(sum(w.start == felt for w in windows), 1, 1)
        if kind == "resid":
            joining[:, 0] = entering[layer][0, t]
        h = torch.cat([h, joining])
        if not len(h):
            continue
        fixed: dict[Site, list[tuple[slice, Tensor]]] = defaultdict(list)
        done = S * sum(
            w.stop <= layer for w in windows
        )  # the rows that have left their window: the first ones
        if done < len(h):
            fixed[Site(kind, layer)].append((slice(done, None), run.sites[Site(kind, layer)][0, t]))
        if sever is not None and layer > 0:
            above = min(layer, len(windows))
            values = frozen[Site(sever, layer)][1:, t].repeat(above, 1)
            fixed[Site(sever, layer)].append((slice(above * S), values))
        with intervene(lm, {site: _fixing(parts) for site, parts in fixed.items()}):
            h = replay(lm, corrupted, layer, h, t)
    return h[:, -1].reshape(len(h) // S, S, lm.D)


def _fixing(parts: Sequence[tuple[slice, Tensor]]) -> Callable[[Tensor], Tensor]:
    """Put the values into rows of the first token, later parts over earlier ones: severing wins over
    restoring.
    """

    def fn(h: Tensor) -> Tensor:
        for rows, value in parts:
            h[rows, 0] = value
        return h

    return fn
