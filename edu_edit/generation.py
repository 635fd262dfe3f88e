"""Texts that a model writes, before and after an edit: CounterFact's fluency, consistency and essence.

Meng et al. 2022 (arXiv 2202.05262), section 3.4. The model continues each prompt, drawing among its k most
probable tokens; the texts are judged by `generation_metrics`. Each prompt has random numbers of its own, the
same before and after, so that a text doesn't depend on which others are written beside it.
Shapes: B prompts, V vocabulary.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.answering import Choose, continued, text_of
from edu_edit.before_after import Values, compared
from edu_edit.edits import Edit
from edu_edit.generation_metrics import (
    generation_entropy,
    inverse_document_frequency,
    perplexity,
    tfidf_cosine,
    words,
)
from edu_edit.lm import LM
from edu_edit.reading import batches
from edu_edit.scores import Scores


@dataclass(frozen=True)
class References:
    """What the texts that a model writes about one edited fact are compared with.

    prompts: beginnings to continue, with the subject in them: CounterFact's generation prompts, or the fact's
    question and paraphrases. about_new: texts about other subjects that do have target_new. about_subject:
    texts about the subject itself. Sequences become tuples. Raises ValueError where there is no prompt.
    """

    prompts: Sequence[str]
    about_new: Sequence[str] = ()
    about_subject: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("prompts", "about_new", "about_subject"):
            texts = getattr(self, name)
            if isinstance(texts, str) or not all(isinstance(text, str) and text.strip() for text in texts):
                raise ValueError(f"{name} must be a list of texts, none of them empty, not {texts!r:.60}.")
            object.__setattr__(self, name, tuple(texts))
        if not self.prompts:
            raise ValueError("References need a prompt to continue: give for example [fact.question].")


@dataclass
class Written:
    """What one state of a model writes behind prompts, and its perplexity of given texts."""

    texts: dict[str, str] = field(default_factory=dict)
    perplexities: dict[tuple[str, ...], float] = field(default_factory=dict)


def evaluate_generation(
    lm: LM,
    edit: Edit | Sequence[Edit] | None,
    references: References | Sequence[References],
    corpus: Sequence[str] | None = None,
    max_length: int = 100,
    top_k: int = 5,
    per: str = "predicted",
    seed: int = 0,
) -> Scores:
    """GE, RS and essence before and after an edit. edit and the intervals are as for `evaluate`.

    references: one for each edited fact. corpus: texts from which RS takes the weights of its terms; None =
    all `about_new` texts. max_length: tokens of a text, its prompt included. per: how a perplexity divides,
    see `generation_metrics.perplexity`. seed: of the drawing and the bootstrap.
    Raises ValueError for what is no References, and for settings out of range.
    """
    if per not in ("predicted", "text"):
        raise ValueError(f"per={per!r}: choose 'predicted' or 'text'.")
    if max_length < 2 or top_k < 1:
        raise ValueError(
            f"max_length={max_length}, top_k={top_k}: give 2 tokens or more, and 1 choice or more."
        )
    listed = [references] if isinstance(references, References) else list(references)
    known = [text for one in listed if isinstance(one, References) for text in one.about_new]
    idf = inverse_document_frequency(corpus or known) if corpus or known else {}

    def read(cases: Sequence[References]) -> Written:
        written = Written()
        asked = list(dict.fromkeys(prompt for case in cases for prompt in case.prompts))
        for batch in batches(lm, asked):
            written.texts |= zip(batch, sampled_texts(lm, batch, max_length, top_k, seed), strict=True)
        for texts in {tuple(case.about_subject) for case in cases if case.about_subject}:
            logp = text_logp(lm, " ".join(texts), max_length)
            written.perplexities[texts] = perplexity(logp, per)
        return written

    def judged(case: References, _: Written, now: Written) -> Values:
        texts = [now.texts[prompt] for prompt in case.prompts]
        values = {"GE": [generation_entropy(words(text)) for text in texts]}
        if case.about_new:
            values["RS"] = [tfidf_cosine(" ".join(texts), " ".join(case.about_new), idf)]
        if case.about_subject:
            values["essence"] = [now.perplexities[tuple(case.about_subject)]]
        return values

    protocol = (
        f"evaluate_generation: texts of up to {max_length} tokens with their prompts, "
        f"drawn among the {top_k} most probable (seed {seed}); GE (2/3 H_2 + 4/3 H_3) / 2; perplexity per "
        f"{'predicted token' if per == 'predicted' else 'token'}"
    )
    fields = ("about_new", "about_subject")
    return compared(lm, edit, listed, References, read, judged, fields, protocol, seed)


@torch.no_grad()
def text_logp(lm: LM, text: str, max_length: int | None = None) -> Float[Tensor, " n"]:
    """The log-probability of each token of a text after its first, in nats; max_length cuts the text off."""
    ids, mask = lm.ids(text, max_length)
    wide = lm.forward(ids, mask)[0, :-1].double().log_softmax(-1)
    return wide.gather(1, ids[0, 1:, None])[:, 0]


def sampled_texts(
    lm: LM, prompts: Sequence[str], max_length: int = 100, top_k: int = 5, seed: int = 0
) -> list[str]:
    """Each prompt with what the model writes behind it, up to the end of text or max_length tokens in all."""
    # Demonstrations that a prompt edit puts in front don't count: the texts are as long as without them.
    room = [max(max_length - len(lm.tok(prompt, verbose=False)["input_ids"]), 0) for prompt in prompts]
    rows = continued(lm, prompts, max(room), top_k_choice(prompts, top_k, seed))
    return [p + text_of(lm, row[:n]) for p, row, n in zip(prompts, rows, room, strict=True)]


def top_k_choice(prompts: Iterable[str], k: int, seed: int) -> Choose:
    """Draws the next token among the k most probable, in proportion to their probabilities."""
    generators = [torch.Generator().manual_seed(_number(f"{seed} {prompt}")) for prompt in prompts]

    def choose(logits: Float[Tensor, "B V"], rows: list[int]) -> Int[Tensor, " B"]:
        best = logits.float().cpu().topk(min(k, logits.shape[1]))
        shares = best.values.softmax(-1).cumsum(-1)
        drawn = torch.stack([torch.rand(1, generator=generators[row]) for row in rows])
        place = (drawn > shares).sum(-1, keepdim=True).clamp(max=shares.shape[1] - 1)
        return best.indices.gather(1, place)[:, 0]

    return choose


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "big")
