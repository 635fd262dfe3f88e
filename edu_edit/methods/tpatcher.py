"""T-Patcher: one more neuron for each token that the model gets wrong.

Huang et al. 2023, "Transformer-Patcher: One Mistake worth One Neuron" (arXiv 2301.09785), textbook section
5.3. The last FFN is widened by patches (k_p, b_p, v_p), and nothing else changes:

    FFN_p(q) = FFN(q) + a_p v_p        a_p = act(q k_p + b_p)        (5.7)

A fact gets one patch for each answer token that is predicted wrongly while the answer is fed in, at most 5.
An answer's token at position t is predicted at t - 1: the query q_e there is what its patch should fire at.
The patches of a fact are trained together, on the answer (l_e) and on the losses of
`edu_edit.methods.patch_losses`, which keep them from firing elsewhere.
Key and value are T-Patcher's, not ROME's: k_p is a parameter that a query is compared with, in the space of
the FFN's input; ROME's k_* is an activation, in the space of its neurons.
Shapes: n queries, R patches, m remembered queries, Ty tokens of an answer, D model width.
"""

from collections.abc import Sequence
from dataclasses import asdict

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.feedforward import FFN
from edu_edit.lm import LM
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.patch_losses import Form, activation_loss, contrast_loss, memory_loss, patch_loss
from edu_edit.methods.patch_losses import checked as checked_form
from edu_edit.methods.patch_memory import Memory, remembered
from edu_edit.methods.patch_training import Training, ask, tokens_to_patch, train_patches
from edu_edit.methods.side_neurons import SideNeurons, none, side_hooks, together
from edu_edit.requests import requested

__all__ = [
    "activation_loss", "contrast_loss", "memory_loss", "patch_loss", "patched_ffn", "tokens_to_patch",
    "tpatcher",
]  # fmt: skip


def patched_ffn(
    q: Float[Tensor, "n D"],
    ffn: FFN,
    k_p: Float[Tensor, "R D"],
    b_p: Float[Tensor, " R"],
    v_p: Float[Tensor, "R D"],
) -> Float[Tensor, "n D"]:
    """FFN(q) + sum_p act(q k_p + b_p) v_p: an FFN with R more neurons. Equation (5.7).

    act is the FFN's own activation function; in a gated FFN the patches are not gated.
    """
    return ffn.forward(q) + SideNeurons(k_p, b_p, v_p, ffn.act).said(q)


@costed
def tpatcher(
    lm: LM,
    facts: Fact | Sequence[Fact],
    memory: Sequence[str] | Float[Tensor, "m _"] | Memory | None = None,
    form: Form = "exp_topk",
    prefixes: int | Sequence[str] = 0,
    steps: int = 100,
    lr: float = 0.3,
    a: float = 1.0,
    m: float = 3.0,
    beta: float = -3.0,
    gamma: float = -3.0,
    activation: str | None = None,
    value: str = "zero",
    generator: torch.Generator | None = None,
) -> Edit:
    """The edit that makes the model answer `fact.target_new`; several facts are patched one after the other.

    memory: texts, or queries of the last FFN (m, D), that patches should be silent on; None = ordinary text,
    see `patch_memory.remembered`, which reads it once for many calls. The queries of the facts before join
    it, and so do those of T-Patcher edits that are on, unless they ask the same question: then the later
    answer counts.
    form: "exp_topk" = the released losses, "margin" = the hinges of `memory_loss` and `contrast_loss`,
    "seed_literal" = as printed, which has no lower bound; or your own (activation_loss, memory_loss,
    contrast_loss).
    prefixes: texts before the question that patches should fire behind, too, as for `rome`; the paper: none.
    steps, lr: of Adam. An update moves a pre-activation by about lr, a value by lr times the stream's length.
    a, m, beta, gamma: the weights of (5.14), and the margins of (5.12) and (5.13).
    activation: "model" = the FFN's own function; "relu" = exactly silent below 0. None = "relu" in a gated
    FFN: its SiLU is nowhere silent, and the whispers of many patches add up.
    value: "zero" = a patch begins as no change; "random" = as released, a normal vector times a trainable
    amplifier of 10, which upsets every answer until it is trained.
    The model stays as it is. Raises ValueError, in one sentence, for settings, facts or a memory that can't
    be used, and while an edit is on that goes round the forward pass.
    """
    facts = requested(facts)
    layer = lm.n_layers - 1
    if activation is None:
        activation = "model" if lm.ffn(layer).gate is None else "relu"
    how = Training(checked_form(form), steps, lr, a, m, beta, gamma, value)
    if activation not in ("model", "relu") or value not in ("zero", "random"):
        raise ValueError(
            f"activation={activation!r}, value={value!r}: choose 'model' or 'relu', and 'zero' or 'random'."
        )
    if steps < 0 or not lr > 0 or min(a, m) < 0:
        raise ValueError(f"steps={steps}, lr={lr}, a={a}, m={m}: lr is above 0, the others 0 or more.")
    if any(edit.wrap is not None for edit in lm.edits):
        raise ValueError("An edit that goes round the forward pass is on: switch it off before patching.")
    templates = prompt_templates(lm, prefixes, generator)
    answers = ask(lm, facts, templates)
    kept = remembered(lm, memory, layer, generator)
    patches = none(lm.D, torch.relu if activation == "relu" else lm.ffn(layer).act, kept.queries)
    told: dict[str, Tensor] = {}
    for edit in lm.edits:
        told |= edit.record.get("queries", {}) if edit.record.get("method") == "tpatcher" else {}
    records = []
    for fact, asked in zip(facts, answers, strict=True):
        others = [q for question, q in told.items() if question != fact.question]
        own = torch.cat([asked.q[:, -1], *others])
        fresh, about = train_patches(lm, asked, kept.without(fact), own, patches, how, generator)
        patches = together([patches, fresh])
        told[fact.question] = asked.q[:, :-1].flatten(0, 1)
        records.append({"question": fact.question, "target": fact.target_new, **about})
    settings = {key: setting for key, setting in asdict(how).items() if key != "form"}
    return Edit(
        lm,
        hooks=side_hooks(layer, patches),
        extra_bytes=patches.extra_bytes,
        record={
            "method": "tpatcher", "layer": layer, "form": form, **settings, "activation": activation,
            "prefixes": templates, "memory": len(kept.queries), "patches": patches, "queries": told,
            "facts": records,
        },
    )  # fmt: skip
