"""SERAC: a scope gate, a cache of edits, and a counterfactual model. The edited model is left alone.

Mitchell et al. 2022 (arXiv 2206.06520), textbook section 5.2.1. An edit (x_e, y_e) is put into a cache. A
question x in the scope of one goes to the counterfactual model, which reads the edit and the question; every
other question is answered by the model as if nothing had happened:

    beta = max_i g(x, x_i)       i* = arg max
    hard: beta > .5 -> h(y | x_i*, y_i*, x), else f(y | x)        soft: (1 - beta) f + beta h

Adding an edit needs no training. The gate does, once and offline (`train_serac_gate`; released code does the
same for gate and counterfactual model, whatever the textbook's section 5.2.3 says). Released ports evaluate
with the soft mixture but generate with the hard gate, so that their figures are of two different models: here
`mode` holds for both. The counterfactual model is, if no other is given, the edited one reading the edit in
its context, see `edit_cache`. Shapes: B batch, T tokens, n edits, D model width, d width of an embedding.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.edits import Edit, Forward
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.demonstrations import told
from edu_edit.methods.edit_cache import EditCache, Judge, Note, shown_facts
from edu_edit.methods.gate_training import train_serac_gate
from edu_edit.methods.scope_gate import (
    ScopeGate,
    gate_logits,
    gate_loss_bce,
    gate_loss_nce,
    route,
    shipped_gate,
)
from edu_edit.requests import requested
from edu_edit.tokens import last_asked, pad_batch
from edu_edit.tracing import Site, intervene, record

__all__ = ["ScopeGate", "gate_logits", "gate_loss_bce", "gate_loss_nce", "route", "serac", "train_serac_gate"]


@costed
def serac(
    lm: LM,
    facts: Fact | Sequence[Fact],
    gate: ScopeGate | None = None,
    reader: LM | None = None,
    mode: str = "hard",
    threshold: float = 0.5,
) -> Edit:
    """The edit that answers questions in the scope of the facts from a cache; facts are listed oldest first.

    gate: None = the one shipped with a bundled model. reader: the counterfactual model, with the same tokens
    as `lm`; None = `lm` itself, reading in context (the bundled models follow what they are told in English;
    told in Chinese, they keep their old answers). mode: "hard" routes where the gate exceeds `threshold`,
    "soft" mixes by the gate and has no threshold.
    Where facts contradict each other, the newest wins: an older one of the same subject, in the scope of a
    newer one with another answer, is left out (`record["superseded"]`).
    Raises ValueError, in one sentence, where no gate is at hand, and for what can't be used.
    """
    listed = requested(facts)
    if mode not in ("hard", "soft") or not 0 <= threshold <= 1:
        raise ValueError(f"mode={mode!r}, threshold={threshold}: choose 'hard' or 'soft', and 0 to 1.")
    gate = fitting_gate(lm, gate)
    keys = gate.embed(question_states(lm, gate.site, [fact.question for fact in listed]))
    old = _superseded(gate, listed, keys, threshold)
    current = [i for i in range(len(listed)) if i not in old]
    facts = [listed[i] for i in current]
    notes = [Note(told(fact), fact.target_new, shown_facts(lm, fact.question)) for fact in facts]
    cache = EditCache(lm, gate_judge(lm, gate, keys[current]), notes, reader, mode, threshold)
    about = {
        "method": "serac", "mode": mode, "threshold": threshold, "layer": gate.layer,
        "reader": (reader or lm).name, "facts": [told(fact) for fact in facts],
        "superseded": [told(listed[i]) for i in old], "keys": keys[current], "gate": gate,
    }  # fmt: skip
    texts = {note.told for note in notes} | {demo for note in notes for demo in note.demonstrations}
    size = gate.nbytes + keys.numel() * keys.element_size() + sum(len(str(text).encode()) for text in texts)
    if reader is not None:
        size += sum(p.numel() * p.element_size() for p in reader.model.parameters())
    return Edit(lm, wrap=cache.wrap, extra_bytes=size, record=about)


def fitting_gate(lm: LM, gate: ScopeGate | None) -> ScopeGate:
    """The gate given, or the shipped one. Raises ValueError for one of a model of another size."""
    gate = shipped_gate(lm) if gate is None else gate
    if gate.layer >= lm.n_layers or gate.head.shape[1] != lm.D:
        raise ValueError(
            f"The gate reads layer {gate.layer} of width {gate.head.shape[1]}, which {lm.name} lacks: "
            f"train one with train_serac_gate(lm, facts)."
        )
    return gate


def gate_judge(lm: LM, gate: ScopeGate, keys: Float[Tensor, "n d"]) -> Judge:
    """What asks the gate about each text's question, in the same pass that gives the model's own logits."""

    def judge(forward: Forward, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        seen: list[Tensor] = []

        def keep(h: Tensor) -> Tensor:
            seen.append(h)
            return h

        with intervene(lm, {gate.site: keep}):
            plain = forward(ids, mask)
        at = last_asked(mask, lm.asked)  # the first pass is that of these texts, whatever edits are below
        return plain, gate.logits(seen[0].detach()[torch.arange(len(ids)), at.to(seen[0].device)], keys)

    return judge


def question_states(lm: LM, site: Site, questions: Sequence[str]) -> Float[Tensor, "n D"]:
    """The state at the last token of each question."""
    rows = [lm.tok(question, verbose=False)["input_ids"] for question in questions]
    last = Site(site.kind, site.layer, -1)
    batches = [pad_batch(rows[i : i + 64], lm.pad_id) for i in range(0, len(rows), 64)]
    found = [record(lm, (ids.to(lm.device), mask.to(lm.device)), [last])[last] for ids, mask in batches]
    return torch.cat(found).float()


def _superseded(gate: ScopeGate, facts: Sequence[Fact], keys: Tensor, threshold: float) -> list[int]:
    """The facts that a newer one with another answer contradicts."""
    inside = gate_logits(keys, keys, gate.scale, gate.bias).sigmoid() > threshold
    return [
        i
        for i, old in enumerate(facts)
        if any(
            bool(inside[i, j]) and facts[j].subject == old.subject and facts[j].target_new != old.target_new
            for j in range(i + 1, len(facts))
        )
    ]
