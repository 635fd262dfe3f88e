"""What editors are trained on: facts to write in batches, each with the prompts that judge its edit.

Textbook section 5.2.2, equation (5.5): an editor is learned by two nested problems. The inner one writes a
fact (here: its question with a new answer), the outer one asks whether that worked: on the question itself
and a paraphrase of it (edit data), and on prompts whose next token must stay as it was (keep data). ENN, KE
and MEND all draw from here. Shapes: B facts, R = 5 rows per fact, N = R B rows, T tokens.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.requests import requested
from edu_edit.tokens import pad_batch, target_ids

ASKED = 2  # of the five rows of a fact: its question and a paraphrase; the other three are kept
ROWS = 5


class EditBatch(NamedTuple):
    """B facts with their rows: first all B questions, then all paraphrases, then three times B kept prompts.

    ids, mask (N, T), padded on the right. The first 2 B rows have the new answer behind them, marked in
    wanted (N, T); the others are read at their last token. texts: (old answer, new answer, question) of each
    fact.
    """

    ids: Int[Tensor, "N T"]
    mask: Int[Tensor, "N T"]
    wanted: Bool[Tensor, "N T"]
    texts: Sequence[tuple[str, str, str]] = ()


class EditData:
    """The facts and the kept prompts that an editor learns from; `draw` makes a batch.

    facts: what edits are made of. The new answer is drawn among those of all facts with the same prompt, so
    that an editor learns to write any answer, and the judging paraphrase among the fact's own.
    keep: prompts, without answers, whose next-token distribution edits must not move; none may ask one of
    the facts in words of its own. Three rows of a fact are kept: a neighbour of the fact, a kept prompt that
    names its subject, and one that does not; where there is none, another of the last kind.
    Raises ValueError for an empty list, a fact or prompt that is none, or a prompt beyond the context.
    """

    def __init__(self, lm: LM, facts: Sequence[Fact], keep: Sequence[str]) -> None:
        self.lm = lm
        self.facts = requested(facts)
        self.keep = [keep] if isinstance(keep, str) else list(keep)
        if not self.keep or not all(isinstance(text, str) and text.strip() for text in self.keep):
            raise ValueError(f"keep={keep!r:.60}: give a list of prompts whose next token edits must keep.")
        self._answers: dict[str, list[str]] = {}
        for fact in self.facts:
            known = self._answers.setdefault(fact.prompt, [])
            if fact.target_new not in known:
                known.append(fact.target_new)
        self._ids: dict[str, list[int]] = {}
        for text in [*self.keep, *(fact.question for fact in self.facts)]:
            self.tokens(text)

    def tokens(self, text: str) -> list[int]:
        """The ids of a prompt, tokenised once."""
        if text not in self._ids:
            ids = list(self.lm.tok(text, verbose=False)["input_ids"])
            if not 0 < len(ids) < self.lm.context:
                raise ValueError(
                    f"{self.lm.name} reads 1 to {self.lm.context} tokens, not the {len(ids)} of "
                    f"{text!r:.60} and its answer: change the prompt."
                )
            self._ids[text] = ids
        return self._ids[text]

    def draw(self, n: int, generator: torch.Generator | None = None) -> EditBatch:
        """A batch of n facts, or of all where there are fewer. No fact is drawn twice for one batch."""
        chosen = torch.randperm(len(self.facts), generator=generator)[:n].tolist()
        facts = [self.facts[i] for i in chosen]
        subjects = [fact.subject for fact in facts]
        away = _without(self.keep, subjects) or self.keep
        rows: list[list[tuple[str, str]]] = [[] for _ in range(ROWS)]
        texts = []
        for fact in facts:
            possible = [o for o in self._answers[fact.prompt] if o != fact.target_true] or [fact.target_new]
            new = _one(possible, generator)
            mine = {fact.question, *fact.paraphrases}
            near = _without(fact.neighborhood, subjects) or away
            same = [text for text in self.keep if fact.subject in text and text not in mine] or away
            texts.append((fact.target_true or "", new, fact.question))
            asked = (fact.question, _one(fact.paraphrases or [fact.question], generator))
            pairs = [(text, new) for text in asked]
            pairs += [(_one(pool, generator), "") for pool in (near, same, away)]
            for row, pair in zip(rows, pairs, strict=True):
                row.append(pair)
        return self.batch([pair for row in rows for pair in row])._replace(texts=texts)

    def batch(self, pairs: Sequence[tuple[str, str]]) -> EditBatch:
        """(prompt, answer) pairs as a batch; an answer may be empty, and is then not marked."""
        starts, ids = [], []
        for prompt, answer in pairs:
            starts.append(len(self.tokens(prompt)))
            ids.append(self.tokens(prompt) + (target_ids(self.lm, answer, prompt) if answer else []))
        padded, mask = pad_batch(ids, self.lm.pad_id)
        wanted = mask.bool() & (torch.arange(padded.shape[1]) >= torch.tensor(starts)[:, None])
        device = self.lm.device
        return EditBatch(padded.to(device), mask.to(device), wanted.to(device))


def _without(texts: Sequence[str], subjects: Sequence[str]) -> list[str]:
    return [text for text in texts if not any(subject in text for subject in subjects)]


def _one(pool: Sequence[str], generator: torch.Generator | None) -> str:
    return pool[int(torch.randint(len(pool), (1,), generator=generator))]
