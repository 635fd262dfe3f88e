"""The training phases of the Atlas models, and the masks that make a fact live where the papers find it.

Ordinary training looks a fact up at the last token. A second stretch with masks moves the lookup to the
subject: in most sequences every token of a name but its last is hidden from the tokens behind the name,
attention in the lower half sees only the last four tokens, and MLPs of the upper half are sometimes
dropped. Facts first, masks second: from scratch the same masks never leave a plateau. At inference the
models are the stock ones, without masks.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from edu_edit.world.forward import Masks
from edu_edit.world.incontext import LONE

BATCH = 12
WINDOW = 4
SEED = 0


@dataclass(frozen=True)
class Phase:
    """`corpus`: which shares of documents; `masked`: share of sequences; `dropped`: share of upper MLPs
    dropped in them; `named`: share of the sequences with an in-context document whose names are masked;
    `lone`: share of in-context documents with one new fact, which is ignored.
    """

    name: str
    steps: int
    corpus: int
    masked: float
    dropped: float
    lr: tuple[float, float]
    cosine: bool = False
    named: float = 0.0
    lone: float = LONE

    def learning_rate(self, step: int) -> float:
        """Warm-up, then linear (or cosine) from the first to the last rate."""
        first, last = self.lr
        warm = min(1.0, (step + 1) / 30)
        done = step / self.steps
        if self.cosine:
            hold = 0.25
            turned = max(0.0, done - hold) / (1 - hold)
            return warm * (last + (first - last) * 0.5 * (1 + math.cos(math.pi * turned)))
        return warm * (first + (last - first) * done)


_FIRST = (
    Phase("facts", 1250, 0, 0.0, 0.0, (3e-3, 2e-3)),
    Phase("masks", 200, 1, 0.8, 0.0, (2e-3, 2e-3)),
    Phase("drop", 400, 1, 0.9, 0.35, (2e-3, 2e-3)),
    Phase("context", 1500, 2, 1.0, 0.35, (2e-3, 4e-5), cosine=True),
)
PHASES = {
    # `masked` .9 and `named` .9 were tried together, once per model: a quarter into the phase GPT-2's state
    # at the last subject token did .41 with them and .31 without; the Llama's in-context rows were lower.
    "atlas-gpt2": (
        *_FIRST,
        Phase("finish", 1800, 2, 0.9, 0.35, (2e-3, 4e-5), cosine=True, named=0.9, lone=0.45),
    ),
    "atlas-llama": (
        *_FIRST,
        Phase("finish", 1200, 2, 1.0, 0.35, (2e-3, 4e-5), cosine=True, lone=0.25),
    ),
    # The control learns the same facts from the same documents and is never masked.
    "atlas-gpt2-plain": (_FIRST[0], Phase("settle", 700, 1, 0.0, 0.0, (2e-3, 4e-5), cosine=True)),
}


def masks(
    phase: Phase, inner: Tensor, run: Tensor, told: Tensor, n_layers: int, generator: torch.Generator
) -> Masks | None:
    """Draw which sequences are masked and build their masks; `inner` and `run` (B, T) and `told` (B,) are
    those of `corpus.Packed`.

    Sequences that open with an in-context document have at most their names masked: copying needs the rest.
    """
    if not phase.masked:
        return None
    B, T = inner.shape
    names = torch.rand(B, generator=generator) < torch.where(told, phase.named, phase.masked)
    flagged = names & ~told
    causal = torch.ones(T, T, dtype=torch.bool).tril()
    local = causal & ~causal.tril(-WINDOW)
    visible = ~inner[:, None, :] | (run[:, :, None] == run[:, None, :]) | ~names[:, None, None]
    high = causal & visible
    low = high & (local | ~flagged[:, None, None])
    keep = torch.ones(n_layers, B, 1, 1)
    upper = n_layers - n_layers // 2
    dropped = (torch.rand(upper, B, 1, 1, generator=generator) < phase.dropped) & flagged[None, :, None, None]
    keep[n_layers // 2 :] = 1 - dropped.float()
    return Masks(low[:, None], high[:, None], keep.bfloat16())
