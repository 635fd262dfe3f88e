"""The scope gate: is this question about one of the edits? Distances in a small trained space.

Mitchell et al. 2022 (SERAC, arXiv 2206.06520), textbook section 5.2.1. A question and an edit are embedded,
and the nearer they are, the surer the gate:

    g(x, z_i) = sigmoid(bias - scale |e(x) - e(z_i)|^2)

The paper's encoder is a language model of its own (DistilBERT). Ours is the edited model: the state at the
question's last token, after one block, and a linear head, which alone is trained. It is a classifier, so it
needs training once, before the first edit; adding an edit to the cache then needs none.
Shapes: B questions, n edits, k others per question, D model width, d width of the embedding.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from edu_edit.lm import LM
from edu_edit.moments import moment_hash
from edu_edit.storage import read_header, read_tensors, write_tensors
from edu_edit.tracing import Site

SHIPPED = "serac.safetensors"


def gate_logits(
    e: Float[Tensor, "B d"], cache: Float[Tensor, "n d"], scale: float | Tensor, bias: float | Tensor
) -> Float[Tensor, "B n"]:
    """How surely each question is about each edit: bias - scale |e - c|^2, before the sigmoid."""
    # Not by the expansion |e|^2 - 2 e c + |c|^2: it does not give 0 between equal embeddings.
    return bias - scale * (e[:, None] - cache[None]).square().sum(-1)


def gate_loss_bce(logits: Float[Tensor, "B n"], inside: Bool[Tensor, "B n"]) -> Float[Tensor, ""]:
    """Training as classification: the mean of -log g inside the scope and -log(1 - g) outside."""
    sign = torch.where(inside, 1.0, -1.0).to(logits)
    return -torch.nn.functional.logsigmoid(sign * logits).mean()


def gate_loss_nce(pos: Float[Tensor, " B"], neg: Float[Tensor, "B k"]) -> Float[Tensor, ""]:
    """Noise-contrastive training: the mean of -log( exp(pos) / (exp(pos) + sum_j exp(neg_j)) ).

    Only differences count, so a bias that all logits share is not trained by it.
    """
    return (torch.cat([pos[:, None], neg], dim=1).logsumexp(1) - pos).mean()


def route(logits: Float[Tensor, "B n"], threshold: float) -> Int[Tensor, " B"]:
    """The edit that each question goes to: the arg max where its sigmoid exceeds the threshold, else -1.

    Edits are listed oldest first; a tie goes to the newest. With no edit every question goes to the model.
    """
    if not logits.shape[1]:
        return torch.full((len(logits),), -1, dtype=torch.long, device=logits.device)
    best = logits.amax(1)
    newest = logits.shape[1] - 1 - (logits == best[:, None]).flip(1).byte().argmax(1)
    return torch.where(best.sigmoid() > threshold, newest, -1)


@dataclass(frozen=True)
class ScopeGate:
    """A trained scope gate: e(x) = head (h - mean), where h is the state at the question's last token.

    layer: the block behind which h is read. weights: the hash of the model's weights that it was trained on.
    """

    head: Float[Tensor, "d D"]
    mean: Float[Tensor, " D"]
    scale: float
    bias: float
    layer: int
    weights: str

    @property
    def site(self) -> Site:
        """Where the states are read."""
        return Site("resid", self.layer)

    @property
    def nbytes(self) -> int:
        """What the model has to carry along."""
        return sum(x.numel() * x.element_size() for x in (self.head, self.mean))

    def embed(self, h: Float[Tensor, "B D"]) -> Float[Tensor, "B d"]:
        """The embeddings of states."""
        return (h.float() - self.mean.to(h.device)) @ self.head.to(h.device).T

    def logits(self, h: Float[Tensor, "B D"], cache: Float[Tensor, "n d"]) -> Float[Tensor, "B n"]:
        """`gate_logits` of states."""
        return gate_logits(self.embed(h), cache.to(h.device), self.scale, self.bias)

    def save(self, path: str | Path) -> None:
        """Write the gate as one safetensors file, in float16. Raises OSError where that can't be done."""
        about = {"scale": self.scale, "bias": self.bias, "layer": self.layer, "weights": self.weights}
        write_tensors(
            Path(path), {"head": self.head.half(), "mean": self.mean.half()}, {"serac": json.dumps(about)}
        )

    @classmethod
    def load(cls, lm: LM, path: str | Path) -> "ScopeGate":
        """Read for `lm` what `save` wrote.

        Raises ValueError when the file is no gate, or was trained on other weights or another precision.
        """
        header = read_header(Path(path))
        if "serac" not in header:
            raise ValueError(f"{path} holds no scope gate: give a file that ScopeGate.save wrote.")
        tensors, about = read_tensors(Path(path)), json.loads(header["serac"])
        gate = cls(tensors["head"].float(), tensors["mean"].float(), **about)
        if not gate.layer < lm.n_layers or gate.weights != moment_hash(lm, gate.layer):
            raise ValueError(
                f"The gate in {path} belongs to other weights, or another precision, than {lm.name} has: "
                f"train one with train_serac_gate(lm, facts)."
            )
        return gate


def shipped_gate(lm: LM) -> ScopeGate:
    """The gate that comes with a bundled model; else ValueError, which names the training function."""
    path = None if lm.folder is None else lm.folder / SHIPPED
    if path is None or not path.is_file():
        raise ValueError(
            f"{lm.name} has no scope gate: train one with train_serac_gate(lm, facts) and give it as gate=."
        )
    return ScopeGate.load(lm, path)
