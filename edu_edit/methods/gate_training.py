"""Training SERAC's scope gate: the part of "no training needed" that does need training.

Mitchell et al. 2022 (SERAC, arXiv 2206.06520), textbook section 5.2.1 (5.2.3 says that no training is needed,
which is true of adding an edit, not of the gate). Inside an edit's scope are its paraphrases; outside are
prompts about its neighbours, other facts of the same subject, and everything else. Two losses: classification
(BCE, inside and outside with equal weight) and noise-contrastive (NCE: the right edit among all edits of the
batch).
The loss shapes the distances. What counts as near is settled afterwards, on subjects that were kept from
training (NCE leaves the bias as it is, and BCE's scale mirrors how long one trained): a gate of one half lies
between the farthest paraphrases and the nearest others, and an edit's own question has sigmoid(8) = .9997.
Shapes: B questions, n edits of a batch, D model width, d width of the embedding.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.defaults import defaults
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.scope_gate import ScopeGate, gate_logits, gate_loss_bce, gate_loss_nce
from edu_edit.moments import moment_hash
from edu_edit.requests import requested
from edu_edit.tracing import Site, record

READ_AT_ONCE = 256
SUBJECTS_AT_ONCE = 16
KEPT = 5  # every fifth subject sets scale and bias
SURE = 8.0  # the gate's logit on an edit's own question


def train_serac_gate(
    lm: LM,
    facts: Sequence[Fact],
    loss: str = "bce",
    layer: int | None = None,
    width: int = 64,
    steps: int = 300,
    lr: float = 3e-3,
    generator: torch.Generator | None = None,
) -> ScopeGate:
    """The gate that Adam makes of a random linear head on the facts' prompts; the model is only read.

    facts: need paraphrases, and should have neighborhoods and several facts per subject: what is outside is
    learned from them. layer: None = the model's default. generator: of the head and the batches.
    Raises ValueError for facts without paraphrases, fewer than two subjects, or settings out of range.
    """
    listed = [fact for fact in requested(facts) if fact.paraphrases]
    subjects = sorted({fact.subject for fact in listed})
    if len(subjects) < 2 or loss not in ("bce", "nce") or min(steps, width) < 1:
        raise ValueError(
            f"{len(subjects)} subjects with paraphrases, loss={loss!r}, steps={steps}, width={width}: "
            f"give two subjects or more, 'bce' or 'nce', and at least one step."
        )
    depth = defaults(lm.name, lm.n_layers).cache_depth
    layer = lm.checked(int(depth * lm.n_layers) if layer is None else layer)
    states = _States(lm, layer, listed)
    mean, spread = states.h.mean(0), states.h.std(0).clamp(min=1e-6)
    head = torch.randn(width, lm.D, generator=generator) / (lm.D * width) ** 0.5  # distances about 1
    log_scale, bias = torch.tensor(1.0), torch.tensor(2.0)
    trained = [x.requires_grad_() for x in (head, log_scale, bias)]
    adam = torch.optim.Adam(trained, lr=lr)
    kept = subjects[::KEPT] if len(subjects) > KEPT else subjects
    learned = [name for name in subjects if name not in kept] or subjects
    for _ in range(steps):
        order = torch.randperm(len(learned), generator=generator)[:SUBJECTS_AT_ONCE]
        batch = [fact for i in order.tolist() for fact in states.facts[learned[i]]]
        with torch.enable_grad():
            both = states.drawn(batch, generator), states.of([fact.question for fact in batch])
            e, c = (((h - mean) / spread) @ head.T for h in both)
            logits = gate_logits(e, c, log_scale.exp(), bias)
            error = _error(logits, len(batch), loss)
            grads = torch.autograd.grad(error, trained, allow_unused=True)
        for parameter, grad in zip(trained, grads, strict=True):
            parameter.grad = grad
        adam.step()
    found = head.detach() / spread
    near, far = _distances(states, [f for name in kept for f in states.facts[name]], found)
    cut = float(near.quantile(0.99) + far.quantile(0.01)) / 2
    return ScopeGate(found, mean, SURE / max(cut, 1e-6), SURE, layer, moment_hash(lm, layer))


def train_gate(lm: LM) -> ScopeGate:
    """The gate that is shipped with a bundled model: BCE on the facts whose subjects are not held out.

    `train_gate(lm).save(folder / scope_gate.SHIPPED)` writes it. It fits only the weights that it was
    trained on.
    """
    from edu_edit.world.splits import training_facts

    return train_serac_gate(lm, training_facts(), generator=torch.Generator().manual_seed(0))


class _States:
    """The state at the last token of every prompt of the facts, each read once."""

    def __init__(self, lm: LM, layer: int, facts: Sequence[Fact]) -> None:
        prompts = [p for fact in facts for p in (fact.question, *fact.paraphrases, *fact.neighborhood)]
        texts = sorted(dict.fromkeys(prompts), key=len)
        site = Site("resid", layer, -1)
        batches = [texts[i : i + READ_AT_ONCE] for i in range(0, len(texts), READ_AT_ONCE)]
        self.h = torch.cat([record(lm, batch, [site])[site].float().cpu() for batch in batches])
        self.place = {text: i for i, text in enumerate(texts)}
        self.facts: dict[str, list[Fact]] = {}
        for fact in facts:
            self.facts.setdefault(fact.subject, []).append(fact)

    def of(self, texts: Sequence[str]) -> Float[Tensor, "B D"]:
        return self.h[[self.place[text] for text in texts]]

    def drawn(self, batch: Sequence[Fact], generator: torch.Generator | None) -> Float[Tensor, "B D"]:
        """One paraphrase of each fact, and behind them one neighbour of each that has any."""

        def one(prompts: Sequence[str]) -> str:
            return prompts[int(torch.randint(len(prompts), (1,), generator=generator))]

        neighbours = [one(fact.neighborhood) for fact in batch if fact.neighborhood]
        return self.of([*(one(fact.paraphrases) for fact in batch), *neighbours])


def _error(logits: Float[Tensor, "B n"], n: int, loss: str) -> Float[Tensor, ""]:
    """The loss of a batch: row i < n is a paraphrase of edit i, the rows behind are outside of all."""
    inside = torch.zeros_like(logits, dtype=torch.bool)
    inside[:n] = torch.eye(n, dtype=torch.bool)
    if loss == "nce":
        others = logits[:n].masked_fill(inside[:n], -torch.inf)
        return gate_loss_nce(logits[:n].diagonal(), others)
    # One paraphrase stands against hundreds of others: each side has half the weight.
    sides = [(logits[which][None], inside[which][None]) for which in (inside, ~inside)]
    return torch.stack([gate_loss_bce(*side) for side in sides]).mean()


def _distances(states: _States, facts: Sequence[Fact], head: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances from each fact's question: to its paraphrases; to its neighbours and the nearest
    question of another fact.
    """
    near: list[Tensor] = []
    far: list[Tensor] = []
    questions = states.of([fact.question for fact in facts]) @ head.T
    for fact, e in zip(facts, questions, strict=True):
        for found, texts in ((near, fact.paraphrases), (far, fact.neighborhood)):
            if texts:
                found.append((states.of(texts) @ head.T - e).square().sum(1))
        others = [i for i, other in enumerate(facts) if other.question != fact.question]
        far.append((questions[others] - e).square().sum(1).amin(0, keepdim=True))
    return torch.cat(near), torch.cat(far)
