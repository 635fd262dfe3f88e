"""What a model would say of its facts if the subjects were other than they are: the loss of many deltas.

The search for v_* (Meng et al. 2022, section 3.1; textbook (5.16)-(5.18)) adds a delta to a block at the
subject's last token and asks how likely the new answer gets. Nothing before that token changes, so all texts
are read once, and every evaluation replays only the tokens from there on, in the blocks above. Rows are
aligned at the subject's last token; texts of many facts share one batch, each fact with a delta of its own.
Shapes: n facts, N prefixes, R rows of all facts, t tokens from the subject's last on, D model width, F FFN
width, V vocabulary.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.contexts import aligned, kept_prompts
from edu_edit.replay import Run, keep_run, replay, unembed
from edu_edit.tokens import Encoded, encode, target_ids
from edu_edit.tracing import Site


class Texts(NamedTuple):
    """One fact's texts: N rows that end in the new answer, then those of the kept prompts."""

    rows: list[list[int]]
    last: list[int]  # the subject's last token in each row
    contexts: int  # N
    plain: Encoded
    target: list[int]
    kept: list[tuple[Encoded, int]]

    @property
    def read(self) -> list[tuple[int, int]]:
        """(row, tokens after the subject's last) of every distribution that counts: answers, then kept."""
        N, n = self.contexts, len(self.target)
        ends = [len(row) - 1 - last for row, last in zip(self.rows, self.last, strict=True)]
        answers = [(i, ends[i] - j) for i in range(N) for j in reversed(range(n))]
        return answers + [(i, ends[i]) for i in range(N, len(self.rows))]


def texts_of(lm: LM, fact: Fact, templates: Sequence[str], keep: str | Sequence[str]) -> Texts:
    """The fact's texts. templates: texts with `{}` for the prompt. keep: see `contexts.kept_prompts`."""
    contexts = [encode(lm, template.replace("{}", fact.prompt), fact.subject) for template in templates]
    kept = kept_prompts(lm, fact, keep)
    plain = encode(lm, fact.prompt, fact.subject)
    target = target_ids(lm, fact.target_new, plain.text)
    rows = [text.ids + target[:-1] for text in contexts] + [text.ids[: read + 1] for text, read in kept]
    last = [text.span[1] - 1 for text in (*contexts, *(text for text, _ in kept))]
    return Texts(rows, last, len(contexts), plain, target, kept)


@dataclass(frozen=True)
class Trials:
    """The texts of n facts, read once, ready for any deltas.

    o_0 (n, D): what the site holds in the plain prompts. old: the logits of each fact's kept prompts. keys:
    at the subject's last token of each fact's N contexts, and in the plain prompt.
    """

    lm: LM
    layer: int
    start: int
    run: Run
    texts: Sequence[Texts]
    o_0: Float[Tensor, "n D"]
    old: Sequence[Float[Tensor, "_ V"]]
    keys: Sequence[tuple[Float[Tensor, "N F"], Float[Tensor, " F"]]]

    def only(self, which: Sequence[int]) -> "Trials":
        """The trials of some of the facts: what is settled need not be replayed."""
        if list(which) == list(range(len(self.texts))):
            return self
        rows = torch.arange(len(self.run.bias)).split([len(texts.rows) for texts in self.texts])
        return replace(
            self,
            run=self.run.rows(torch.cat([rows[i] for i in which])),
            texts=[self.texts[i] for i in which],
            o_0=self.o_0[list(which)],
            old=[self.old[i] for i in which],
            keys=[self.keys[i] for i in which],
        )

    def losses(
        self,
        v: Float[Tensor, "n D"],
        loss: Callable[[Tensor, Tensor, Tensor], Float[Tensor, ""]],
    ) -> Float[Tensor, " n"]:
        """loss(the answer's mean log-probability per context (N,), kept logits, old ones) of each fact, when
        the site holds o_0 + delta = v. The same delta is added in all texts of a fact.
        """
        sizes = torch.tensor([len(texts.rows) for texts in self.texts], device=v.device)
        delta = (v - self.o_0).repeat_interleave(sizes, 0)[:, None]
        stream = self.run.sites[Site("resid", self.layer)][:, self.start :]
        h = torch.cat([stream[:, :1] + delta.to(stream.dtype), stream[:, 1:]], dim=1)
        for above in range(self.layer + 1, self.lm.n_layers):
            h = replay(self.lm, self.run, above, h, self.start)
        at, column = self._read(self.texts)
        logits = unembed(self.lm, h[at, column]).float().split([len(texts.read) for texts in self.texts])
        out = []
        for found, texts, old in zip(logits, self.texts, self.old, strict=True):
            N, n = texts.contexts, len(texts.target)
            answer = torch.tensor(texts.target * N, device=found.device)[:, None]
            logp = found[: N * n].log_softmax(-1).gather(1, answer).view(N, n).mean(1)
            out.append(loss(logp, found[N * n :], old).to(v.device))
        return torch.stack(out)

    @staticmethod
    def _read(listed: Sequence[Texts]) -> tuple[Tensor, Tensor]:
        """Row and column of every distribution that counts, for all facts one after the other."""
        found, first = [], 0
        for texts in listed:
            found += [(first + row, after) for row, after in texts.read]
            first += len(texts.rows)
        at, column = torch.tensor(found).T
        return at, column


def trials(
    lm: LM,
    facts: Sequence[Fact],
    layer: int,
    templates: Sequence[str],
    keep: str | Sequence[str],
    site: Literal["mlp", "resid"],
) -> Trials:
    """The facts' texts, read by the model as it is now. site: whose output o_0 is, FFN's or block's."""
    listed = [texts_of(lm, fact, templates, keep) for fact in facts]
    rows = [row for texts in listed for row in texts.rows] + [texts.plain.ids for texts in listed]
    last = [place for texts in listed for place in texts.last] + [texts.plain.span[1] - 1 for texts in listed]
    ids, mask, start = aligned(rows, last, lm.pad_id)
    sites = [Site("key", layer), Site("mlp", layer), Site("resid", layer)]
    run = keep_run(lm, ids.to(lm.device), mask.to(lm.device), sites)
    R = len(rows) - len(facts)  # the plain prompts come last
    sizes = [len(texts.rows) for texts in listed]
    keys = run.sites[Site("key", layer)][:, start]
    mine = [
        (of_rows[: texts.contexts], plain)
        for texts, of_rows, plain in zip(listed, keys[:R].split(sizes), keys[R:], strict=True)
    ]
    at, column = Trials._read(listed)
    logits = run.logits[at, start + column].float().split([len(texts.read) for texts in listed])
    old = [found[texts.contexts * len(texts.target) :] for found, texts in zip(logits, listed, strict=True)]
    o_0 = run.sites[Site(site, layer)][R:, start].float()
    return Trials(lm, layer, start, run.rows(slice(R)), listed, o_0, old, mine)
