"""Going round the model: a gate asks whether a text is about a cached edit, and a reader answers it then.

Textbook section 5.2.1, figure 5.5: gate, cache, inference module. SERAC (Mitchell et al. 2022) routes or
mixes; language patches (Murty et al. 2022) mix:

    hard   logits = reader's where the gate exceeds its threshold, else the model's own, bit for bit
    soft   p = g p_reader + (1 - g) p_model

The reader is a language model that reads the edit in its context, behind demonstrations of how to treat new
facts. The edited model, as its own reader, resists what it knows better, so what the context changes is
weighed more than what it says (context-aware decoding, Shi et al. 2023, arXiv 2305.14739, whose alpha is .5):

    log p_reader(y | x) = (1 + alpha) log p(y | edit, x) - alpha log p(y | x) + const

as long as the answer so far could be the model's old one; once it has left that, nothing resists any more.
Shapes: B batch, T tokens, n edits, R rows that are read again, V vocabulary.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.edits import Forward
from edu_edit.facts import load_facts
from edu_edit.lm import LM
from edu_edit.loading import bundled_names
from edu_edit.methods.demonstrations import demonstration, ike_prompt, kinds
from edu_edit.methods.scope_gate import route
from edu_edit.tokens import Mask, last_asked, pad_batch, spaced

DEMONSTRATIONS = 4
ALPHA = 0.5
NOTHING = 1e-7  # a gate that is no larger changes no probability in float32: the model's own answer stands

Judge = Callable[[Forward, Tensor, Tensor], tuple[Tensor, Tensor]]


def mix_patch(
    gate: Float[Tensor, " B"], p_patch: Float[Tensor, "B V"], p_orig: Float[Tensor, "B V"]
) -> Float[Tensor, "B V"]:
    """The mixture of two distributions, gate p_patch + (1 - gate) p_orig: of probabilities, not of logits."""
    return gate[:, None] * p_patch + (1 - gate[:, None]) * p_orig


@dataclass(frozen=True)
class Note:
    """What the reader is told of one edit: a new fact as a sentence, or None where every question in its
    scope has one `answer`; and demonstrations, each with its blank line.
    """

    told: str | None
    answer: str
    demonstrations: tuple[str, ...]

    def prompts(self, question: str) -> list[str]:
        """The question behind the new fact and all demonstrations, then behind fewer and fewer of them."""
        told = question + spaced(question, self.answer) if self.told is None else self.told
        shown = self.demonstrations
        return [ike_prompt(shown[i:], told, question) for i in range(len(shown) + 1)]


@dataclass(frozen=True)
class EditCache:
    """The edits' notes, and who decides and reads; `wrap` is what an `Edit` puts round a forward pass.

    judge(forward, ids, mask) -> the model's own logits (B, T, V), and the gate's for every edit (B, n).
    reader: another model with the same tokens, or None = the model itself. Only the question is judged, so
    the choice stays while its answer is written; what comes before the question's last token stays as it is.
    Raises ValueError for a reader with other tokens.
    """

    lm: LM
    judge: Judge
    notes: Sequence[Note]
    reader: LM | None
    mode: str
    threshold: float

    def __post_init__(self) -> None:
        if self.reader is not None and self.reader.tok.get_vocab() != self.lm.tok.get_vocab():
            raise ValueError(
                f"The tokens of the reader {self.reader.name} are not those of {self.lm.name}: take another."
            )

    def wrap(self, forward: Forward, ids: Int[Tensor, "B T"], mask: Mask) -> Float[Tensor, "B T V"]:
        """The logits with the edits: the model's own, and the reader's or the mixture where they apply."""
        plain, logits = self.judge(forward, ids, mask)
        chosen = route(logits, self.threshold if self.mode == "hard" else NOTHING)
        rows = (chosen >= 0).nonzero()[:, 0].tolist()
        if not rows:
            return plain
        starts = last_asked(mask, self.lm.asked).tolist()
        out = plain.clone()
        told = self.read(forward, ids, mask, [(row, starts[row], int(chosen[row])) for row in rows])
        for row, new in zip(rows, told, strict=True):
            here = slice(starts[row], starts[row] + len(new))
            old = plain[row, here].double().log_softmax(-1)
            new = new.to(old)
            if self.reader is None:
                new = contrasted(new, old, ids[row, starts[row] + 1 : starts[row] + len(new)].to(old.device))
            if self.mode == "soft":
                gate = logits[row, chosen[row]].sigmoid().to(old).expand(len(old))
                new = mix_patch(gate, new.exp(), old.exp()).log()
            out[row, here] = new.to(out.dtype)
        return out

    @torch.no_grad()
    def read(
        self, forward: Forward, ids: Tensor, mask: Mask, found: Sequence[tuple[int, int, int]]
    ) -> list[Float[Tensor, "_ V"]]:
        """The reader's log-probabilities from the question's last token on, for (row, that token, edit)."""
        model = self.reader or self.lm
        questions = question_ids(self.lm, ids, mask)
        prompts, answers = [], []
        for row, start, edit in found:
            answers.append(ids[row, start + 1 :][mask[row, start + 1 :].bool()].tolist())
            texts = self.notes[edit].prompts(
                str(self.lm.tok.decode(questions[row], skip_special_tokens=True))
            )
            prompts.append(fitting(model, texts, len(answers[-1])))
        told, told_mask = pad_batch([p + a for p, a in zip(prompts, answers, strict=True)], model.pad_id)
        told, told_mask = told.to(model.device), told_mask.to(model.device)
        asked = torch.tensor([len(prompt) for prompt in prompts], device=model.device)
        if self.reader is not None:
            logits = self.reader.forward(told, told_mask, asked)
        else:
            with asking(self.lm, asked):
                logits = forward(told, told_mask)
        ends = [(len(p) - 1, len(p) + len(a)) for p, a in zip(prompts, answers, strict=True)]
        return [logits[i, start:stop].double().log_softmax(-1) for i, (start, stop) in enumerate(ends)]


def question_ids(lm: LM, ids: Int[Tensor, "B T"], mask: Mask) -> list[list[int]]:
    """The tokens of each row's question, without padding and without the answer behind it."""
    ends = (last_asked(mask, lm.asked) + 1).tolist()
    return [row[:end][real[:end].bool()].tolist() for row, real, end in zip(ids, mask, ends, strict=True)]


@contextmanager
def asking(lm: LM, asked: Int[Tensor, " B"] | None) -> Iterator[None]:
    """Within the block the edits below see texts with questions of these lengths."""
    outer, lm.asked = lm.asked, asked
    try:
        yield
    finally:
        lm.asked = outer


def contrasted(
    told: Float[Tensor, "m V"], plain: Float[Tensor, "m V"], answer: Int[Tensor, " m-1"]
) -> Float[Tensor, "m V"]:
    """Context-aware decoding of log-probabilities, at each token of an answer and the one behind it.

    Only up to the first token of `answer` that is not what `plain` would say there.
    """
    same = (plain[:-1].argmax(-1) == answer).to(plain).cumprod(0)
    weight = ALPHA * torch.cat([same.new_ones(1), same])[:, None]
    return ((1 + weight) * told - weight * plain).log_softmax(-1)


def fitting(lm: LM, texts: Sequence[str], room: int) -> list[int]:
    """The tokens of the first text that leaves so much room in the context.

    Raises ValueError where none does.
    """
    for text in texts:
        ids = list(lm.tok(text, verbose=False)["input_ids"])
        if len(ids) + room <= lm.context:
            return ids
    raise ValueError(
        f"{lm.name} reads 1 to {lm.context} tokens, but the question with its new fact has "
        f"{len(ids) + room}: ask less."
    )


def shown_facts(lm: LM, text: str) -> tuple[str, ...]:
    """Demonstrations in which the new fact is followed, copies and updates, about no subject named in `text`.

    From the Atlas for models that know it, in Chinese if `text` is; else from the real-world facts.
    """
    known = lm.name.split("+")[0] in bundled_names()
    chinese = any("\u4e00" <= character <= "\u9fff" for character in text)
    pool = load_facts("atlas", "zh" if chinese else "en") if known else load_facts("world")
    able = [fact for fact in pool if fact.paraphrases and fact.subject not in text]
    wanted = kinds(min(DEMONSTRATIONS, len(able)), (1, 3, 0))
    spread = able[:: max(1, len(able) // max(1, len(wanted)))]
    return tuple(demonstration(kind, fact) for kind, fact in zip(wanted, spread, strict=False))
