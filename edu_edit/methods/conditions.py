"""When a language patch applies: reading "If ..., then ...", and judging a question by it.

Murty et al. 2022 (arXiv 2211.03318), textbook section 5.2.1. Theirs trains a T5 with two decoder heads, gate
and interpreter, on patches made by templates. Here a condition is of one of two forms: a name that must be
mentioned, which is looked up as text in any model, or a question, which the scope gate compares. (A model
of this size, asked for its own judgement by how much the condition lowers the question's surprise, did no
better than chance.) Override patches ("then
the answer is ...") and feature patches ("then" and a sentence) are theirs.
Shapes: B batch, T tokens, n patches, V vocabulary.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

from edu_edit.edits import Forward
from edu_edit.lm import LM
from edu_edit.methods.edit_cache import Judge, question_ids
from edu_edit.methods.scope_gate import ScopeGate
from edu_edit.methods.serac import fitting_gate, gate_judge, question_states

FLAGS = re.IGNORECASE | re.DOTALL
IF_THEN = re.compile(r"\s*(?:if\s+(.+?)\s*,?\s+then\s+(.+)|如果(.+?)[,\uff0c]?那么(.+))", FLAGS)
MENTIONED = re.compile(
    r"(?:(?:the )?(?:question|prompt|text) (?:is about|mentions)|提到了?)\s*(.+)|(.+) is mentioned", FLAGS
)
ASKED = re.compile(r"(?:(?:the )?(?:question|prompt|text) is|asked|问题是)[\s:\uff1a]*", FLAGS)
ANSWER = re.compile(r"(?:(?:the )?answer is|答案是)[\s:\uff1a]*(.+)", FLAGS)
QUOTES = "\"'“”‘’「」 "


class Clause(NamedTuple):
    """A patch taken apart: its condition as a question, or None where `mention` must be in the question; and
    `told`, a sentence to take for true, or None where the `answer` is given.
    """

    condition: str | None
    mention: str
    told: str | None
    answer: str


def clause(patch: str) -> Clause:
    """The parts of "If ..., then ...". Raises ValueError for a text of another form."""
    found = IF_THEN.fullmatch(patch)
    if found is None:
        raise ValueError(f"{patch!r} is no patch: write 'If ..., then ...', or '如果……，那么……'.")
    condition, consequence = (part.strip() for part in found.groups() if part is not None)
    consequence = consequence.rstrip(".。")
    mentioned, answer = MENTIONED.fullmatch(condition), ANSWER.fullmatch(consequence)
    name = next((part.strip(QUOTES) for part in mentioned.groups() if part), "") if mentioned else ""
    question = None if name else ASKED.sub("", condition, count=1).strip(QUOTES)
    given = answer[1].strip(QUOTES) if answer else ""
    if not (name or question) or not (given or consequence):
        raise ValueError(f"{patch!r} lacks its condition or its consequence: write 'If ..., then ...'.")
    return Clause(question, name, None if given else consequence, given)


def mentions(text: str, name: str) -> bool:
    """Whether the text has the name in it as whole words; in scripts without blanks, at all."""
    if re.search(r"[\u2e80-\u9fff]", name):
        return name in text
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) is not None


def patch_judge(lm: LM, clauses: Sequence[Clause], gate: ScopeGate | None) -> tuple[Judge, int]:
    """What says how surely each patch applies, and the bytes that it needs.

    A mention counts as certain, or as impossible: then the model's own answer stays bit for bit. Raises
    ValueError where a condition is a question and no gate is at hand.
    """
    asked = [one.condition for one in clauses if one.condition is not None]
    inner: Judge = _without_a_gate
    size = 0
    if asked:
        gate = fitting_gate(lm, gate)
        keys = gate.embed(question_states(lm, gate.site, asked))
        inner, size = gate_judge(lm, gate, keys), gate.nbytes + keys.numel() * keys.element_size()

    def judge(forward: Forward, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        plain, compared = inner(forward, ids, mask)
        columns = iter(compared.unbind(1))
        rows = question_ids(lm, ids, mask)
        texts = [str(lm.tok.decode(row, skip_special_tokens=True)) for row in rows]
        logits = []
        for one in clauses:
            if one.condition is None:
                said: Bool[Tensor, " B"] = torch.tensor([mentions(text, one.mention) for text in texts])
                logits.append(torch.where(said, torch.inf, -torch.inf).to(plain.device))
            else:
                logits.append(next(columns).to(plain.device))
        return plain, torch.stack(logits, dim=1)

    return judge, size


def _without_a_gate(forward: Forward, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    plain = forward(ids, mask)
    return plain, plain.new_zeros(len(ids), 0)
