"""What the patch dial shows: one patch, the prompts that it meets, and what each bias would make of them.

A patch stands in the last layer, so its queries and the stream are read once. Any other bias is then a sum
and an unembedding: no block runs again. Shapes: N prompts, m remembered queries, D model width.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.patch_losses import MARGIN
from edu_edit.methods.patch_memory import Memory
from edu_edit.methods.side_neurons import SideNeurons
from edu_edit.methods.tpatcher import tpatcher
from edu_edit.replay import unembed
from edu_edit.show.probes import probes
from edu_edit.tokens import last_real
from edu_edit.tracing import Site, record

WANTED = ("edit", "paraphrases")  # kinds of prompts at which the patch should fire
NOT_ITS_OWN = ("same subject", "neighbours")  # and at which it should be silent
Losses = tuple[Callable[..., Tensor], Callable[..., Tensor], Callable[..., Tensor]]


@dataclass(frozen=True)
class Met:
    """A prompt that the patch meets: its pre-activation there, and the first token of the answer."""

    kind: str
    prompt: str
    activation: float
    token: str

    @property
    def fires(self) -> bool:
        return self.activation > 0

    @property
    def stranger(self) -> bool:
        """It fires where it should be silent."""
        return self.fires and self.kind in NOT_ITS_OWN


@dataclass(frozen=True)
class DialPatch:
    """The first patch of a T-Patcher edit: where its prompts are, and what it remembers."""

    lm: LM
    fact: Fact
    side: SideNeurons
    kinds: tuple[str, ...]
    prompts: tuple[str, ...]
    q: Float[Tensor, "N D"]
    h: Float[Tensor, "N D"]
    M: Float[Tensor, "m D"]

    @property
    def trained(self) -> float:
        """The bias that training found."""
        return float(self.side.b[0])

    @torch.no_grad()
    def met(self, b_p: float) -> list[Met]:
        """Every prompt with the pre-activation and the next token that this bias gives."""
        b = self.side.b.clone()
        b[0] = b_p
        h = self.h + self.side._replace(b=b).said(self.q)
        tokens = unembed(self.lm, h.to(self.lm.W_U.dtype)).argmax(-1).tolist()
        activations = (self.q @ self.side.k[0] + b_p).tolist()
        words = [str(self.lm.tok.decode([token])).strip() for token in tokens]
        return [Met(*row) for row in zip(self.kinds, self.prompts, activations, words, strict=True)]

    @torch.no_grad()
    def remembered(self, b_p: float) -> Float[Tensor, " m"]:
        """The patch's pre-activations on the memory."""
        return self.M @ self.side.k[0] + b_p

    @torch.no_grad()
    def losses(self, b_p: float, beta: float, gamma: float, functions: Losses = MARGIN) -> list[float]:
        """l_a, l_m1 and l_m2 of (5.9), (5.12), (5.13) at this bias."""
        q_e, k = self.q[0], self.side.k[0]
        fires, silent, apart = functions
        b = torch.tensor(b_p)
        terms = (fires(q_e, k, b), silent(self.M, k, b, beta), apart(self.M, q_e, k, gamma))
        return [float(term) for term in terms]


@torch.no_grad()
def dial_patch(
    lm: LM, fact: Fact, facts: Sequence[Fact], memory: Memory, form: str = "exp_topk"
) -> DialPatch:
    """Train a patch for a fact (about two seconds on the bundled models), and read the prompts that it meets.

    facts: where the neighbours and the subject's other questions come from, as for `probes`.
    """
    side = tpatcher(lm, fact, memory=memory, form=form).record["patches"]
    asked = [a for a in probes(lm, fact, facts, most=3) if a.kind != "consequences"]
    prompts = tuple(answered.prompt for answered in asked)
    ids, mask = lm.ids(prompts)
    sites = [Site("query", lm.n_layers - 1), Site("resid", lm.n_layers - 1)]
    found = record(lm, (ids, mask), sites)
    rows = torch.arange(len(prompts))
    q, h = (found[site][rows, last_real(mask)].float() for site in sites)
    return DialPatch(lm, fact, side, tuple(a.kind for a in asked), prompts, q, h, memory.without(fact))
