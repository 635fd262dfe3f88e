"""GRACE: answers kept in a codebook beside one layer, which speaks up only near the edited questions.

Hartvigsen et al. 2023 (arXiv 2211.11031), textbook section 5.2.1. One layer is wrapped. Its input at the last
token of the question is the query; in the ball of a key, the key's value takes the place of the layer's
output. Only that value is trained, by Adam on -log P(answer | question); no weight of the model changes. What
is right away from the keys stays so, and how far an edit carries over to other wordings is decided by the
radius and by how near this layer brings them, not by training.

The query is the question's last token, also while the answer is being written or fed in: the choice is made
once per prompt. Released code looks at the newest token (`query="newest"`): trained on the text with its
answer, it caches the answer's last token, and does not find it again at the end of the bare question.
Shapes: T tokens, K width of a key, D width of a value.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.cost import costed
from edu_edit.defaults import defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.codebook import Codebook, empty_book, grace_lookup, grace_update, nearest_key
from edu_edit.methods.value import optimise_value
from edu_edit.methods.wrapped_layer import WrappedLayer, replaced_columns, usual_radius
from edu_edit.replay import keep_run, replay, unembed
from edu_edit.requests import requested
from edu_edit.tokens import target_ids

__all__ = ["Codebook", "Lesson", "empty_book", "grace", "grace_lookup", "grace_update"]


@costed
def grace(
    lm: LM,
    facts: Fact | Sequence[Fact],
    layer: int | None = None,
    eps0: float | None = None,
    book: Edit | None = None,
    replace: str = "replace_last",
    wrap: str = "ffn",
    steps: int = 100,
    lr: float | None = None,
    query: str = "question",
    rule: str = "overwrite",
    expand: str = "coverage",
) -> Edit:
    """The edit that answers the facts, added in turn, from a codebook: `edit.record["codebook"]`.

    layer: None = the model's default. eps0: the first radius of a ball, in the units of the layer; None = a
    share of how near the same questions about others come there, see `usual_radius`.
    book: an earlier GRACE edit. The new one starts from its codebook, with its layer, eps0, replace, wrap and
    query, and takes its place; the earlier edit stays as it was.
    replace: which tokens get the value, see `replaced_columns`. wrap: what is wrapped, "ffn" = the whole FFN,
    "up" = GPT-2's c_fc, "down" = the down projection. query: the token that is looked up, the "question"'s
    last, or the "newest" of the text, as in released code.
    steps, lr: at most so many updates of Adam on a value, until the answer's loss is below .05. lr None = the
    model's share of the value's own size. rule, expand: see `grace_update`.
    The model stays as it is. Raises ValueError, in one sentence, for what can't be used.
    """
    listed = requested(facts)
    own = defaults(lm.name, lm.n_layers)
    usual = int(own.cache_depth * lm.n_layers)
    about: dict[str, Any] = {"layer": usual if layer is None else layer, "eps0": eps0, "facts": ()}
    about |= {"wrap": wrap, "replace": replace, "query": query}
    about |= _earlier(lm, book, layer, eps0)
    _check(steps, lr)
    wrapped = WrappedLayer(lm, about["layer"], about["wrap"], about["replace"], about["query"])
    lessons = [Lesson(wrapped, fact) for fact in listed]
    if about["eps0"] is None:
        about["eps0"] = own.grace_radius * usual_radius(wrapped, listed)
    codes: Codebook = about.get("codebook") or empty_book(*wrapped.widths)
    for lesson in lessons:
        # Released code labels the prompt's tokens, too: -100 each, so that a label hangs on their number.
        label = [-100] * lesson.asked * (rule == "released") + lesson.label
        codes = grace_update(codes, lesson.key, lesson.value, label, about["eps0"], rule, expand)
        distance, i = nearest_key(lesson.key[None], codes.keys)
        value = codes.values[i][0]
        rate = own.grace_lr * float(value.square().mean().sqrt()) if lr is None else lr
        value = optimise_value(lesson.loss, value, steps, rate, math.inf)
        codes = codes._replace(values=codes.values.index_copy(0, i, value[None]))
        entry = {"entry": int(i), "distance": float(distance), "losses": lesson.losses}
        about["facts"] = (*about["facts"], lesson.about | entry)
    about |= {"method": "grace", "steps": steps, "lr": lr, "rule": rule, "expand": expand, "codebook": codes}
    return Edit(lm, hooks=wrapped.hooks(codes), extra_bytes=codes.nbytes, record=about)


class Lesson:
    """What a value is to learn: one answer to one question, at the price of the blocks above the layer.

    key (K,): the query. value (D,): what the layer says there now. label: the answer's ids. `loss(value)` is
    the answer's mean negative log-probability with the value in place.
    """

    def __init__(self, wrapped: WrappedLayer, fact: Fact) -> None:
        lm = wrapped.lm
        question = list(lm.tok(fact.question, verbose=False)["input_ids"])
        self.label = target_ids(lm, fact.target_new, fact.question)
        # Nothing has to follow the answer's last token; only as the newest of the text is it read.
        answer = self.label if wrapped.looks_at == "newest" else self.label[:-1]
        ids = torch.tensor([question + answer], device=lm.device)
        mask, asked = torch.ones_like(ids), torch.tensor([len(question)])
        at = wrapped.looked_up(mask, asked)
        self.wrapped, self.asked = wrapped, len(question)
        self.start = int(at) if wrapped.replace == "replace_last" else 0  # before it nothing changes
        self.start = min(self.start, self.asked - 1)
        self.columns = replaced_columns(mask, at, wrapped.replace)[:, self.start :]
        self.run = keep_run(lm, ids, mask, [wrapped.query, wrapped.output, wrapped.stream])
        query = self.run.sites[wrapped.query][0, at[0]]
        with torch.no_grad():
            self.key, self.value = query.float(), wrapped.answer(query).float()
        self.losses: list[float] = []
        self.about = {"subject": fact.subject, "prompt": fact.prompt, "target": fact.target_new}

    def loss(self, value: Float[Tensor, " D"]) -> Float[Tensor, ""]:
        """-1/n sum_i log P(o_i | question, o_<i) with the value at the replaced tokens. Gradients flow."""
        lm, layer, start = self.wrapped.lm, self.wrapped.layer, self.start
        output = self.run.sites[self.wrapped.output][:, start:]
        stream = self.run.sites[self.wrapped.stream][:, start:] - output  # what the FFN's output is added to
        columns = self.columns[..., None].to(output.device)
        h = stream + torch.where(columns, self.wrapped.effect(value), output)
        for above in range(layer + 1, lm.n_layers):
            h = replay(lm, self.run, above, h, start)
        read = slice(self.asked - 1 - start, self.asked - 1 - start + len(self.label))
        logp = unembed(lm, h[0, read]).float().log_softmax(-1)
        answer = torch.tensor(self.label, device=logp.device)[:, None]
        loss: Tensor = -logp.gather(1, answer).mean().to(value.device)
        self.losses.append(loss.item())
        return loss


def _earlier(lm: LM, book: Edit | None, layer: int | None, eps0: float | None) -> dict[str, Any]:
    """What an earlier edit settles for the next one. Raises ValueError where the two don't go together."""
    if book is None:
        return {}
    if book.lm is not lm or book.record.get("method") != "grace":
        raise ValueError(f"book must be an edit that grace made for this {lm.name}, not {book!r:.60}.")
    if layer not in (None, book.record["layer"]):
        raise ValueError(f"The book belongs to layer {book.record['layer']}, not {layer}: leave layer out.")
    names = ("layer", "wrap", "replace", "query", "codebook", "facts", "eps0")
    return {name: book.record[name] for name in names if name != "eps0" or eps0 is None}


def _check(steps: int, lr: float | None) -> None:
    if steps < 0 or (lr is not None and not lr > 0):
        raise ValueError(f"steps={steps}, lr={lr}: give 0 or more steps, and a rate above 0.")
