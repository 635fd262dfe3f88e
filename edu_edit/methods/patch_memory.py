"""The memory M of a patch: queries of ordinary text, which it must leave alone.

Huang et al. 2023 (T-Patcher) section 3.3, textbook (5.10)-(5.13). A query is what an FFN reads, after its
norm: at tokens that predict an answer, where a patch could do harm, and at others. Queries of a text that
tells the very fact to be edited would forbid the edit; they are left out.
Shapes: m queries, D model width.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.loading import bundled_names
from edu_edit.methods.contexts import sampled_prefixes
from edu_edit.tokens import pad_batch
from edu_edit.tracing import Site, record

SIZE = 2000  # queries, where no memory is given,
READ = 3200  # chosen from so many tokens of the bundled models' world
WRITTEN = 24  # tokens of a text that another model writes itself
BATCH = 16  # texts read at once
SEED = 510


class Memory(NamedTuple):
    """Queries (m, D), and which text each is from: an index into `texts`, or -1 where that is not known."""

    queries: Float[Tensor, "m D"]
    source: Int[Tensor, " m"]
    texts: tuple[str, ...]

    def without(self, fact: Fact) -> Float[Tensor, "n D"]:
        """The queries of the texts that do not tell the fact: that lack its subject or its true answer."""
        telling = [
            i
            for i, text in enumerate(self.texts)
            if fact.subject in text and (fact.target_true is None or fact.target_true in text)
        ]
        kept = ~torch.isin(self.source, torch.tensor(telling, dtype=torch.long))
        return self.queries[kept.to(self.queries.device)]


def remembered(
    lm: LM,
    memory: Sequence[str] | Float[Tensor, "m _"] | Memory | None,
    layer: int,
    generator: torch.Generator | None = None,
) -> Memory:
    """The memory that a user gave as texts or as queries of the layer, or the usual one for None. A `Memory`
    that this function returned for the layer is taken as it is: reading one takes longer than an edit.

    The usual one is from ordinary text of the bundled models' world; another model writes short texts itself,
    drawn with the generator (None = the same texts every time). No question that judges an edit is in it.
    Raises ValueError for a memory that is empty or of another shape, and for a model without a start token.
    """
    if isinstance(memory, Memory):
        return memory
    if isinstance(memory, Tensor):
        if not len(memory) or memory.shape[1] != lm.D or not bool(memory.isfinite().all()):
            raise ValueError(
                f"memory is {tuple(memory.shape)}, expected (m, D) with D = {lm.D}, finite, m above 0: give "
                "queries of the layer, or texts."
            )
        at = lm.ffn(layer).W_out.device
        return Memory(memory.detach().to(at).float(), torch.full((len(memory),), -1), ())
    if isinstance(memory, str):
        raise ValueError("Give the memory as a list of texts, not as one string.")
    if memory is None and lm.name.split("+")[0] in bundled_names():
        return world_queries(lm, layer)
    return text_queries(lm, written_texts(lm, generator) if memory is None else memory, layer)


def text_queries(lm: LM, texts: Sequence[str], layer: int) -> Memory:
    """What the layer's FFN reads at every token of the texts, special tokens left out. Long texts are cut.

    Raises ValueError when there is no token.
    """
    special = set(lm.tok.all_special_ids)
    rows = [list(lm.tok(text, verbose=False)["input_ids"][: lm.context]) for text in texts]
    columns = [[t for t, token in enumerate(row) if token not in special] for row in rows]
    return _read(lm, layer, texts, rows, columns)


def world_queries(lm: LM, layer: int) -> Memory:
    """`SIZE` queries from the corpus of the bundled models: all that predict the name of something, and
    others, evenly spread.
    """
    texts: list[str] = []
    rows: list[list[int]] = []
    columns: list[list[int]] = []
    others: list[tuple[int, int]] = []
    for text, begins in _documents():
        tokens = lm.tok(text, return_offsets_mapping=True, verbose=False)
        offsets = tokens["offset_mapping"][1 : lm.context]
        names = [t for t, (a, b) in enumerate(offsets) if any(a <= begin < b for begin in begins)]
        others += [(len(texts), t) for t in range(len(offsets)) if t not in names]
        texts.append(text)
        rows.append(list(tokens["input_ids"][: lm.context]))
        columns.append(names)
        if sum(map(len, rows)) >= READ:
            break
    spread = torch.linspace(0, len(others) - 1, SIZE - sum(map(len, columns))).long().tolist()
    for text_index, t in (others[i] for i in spread):
        columns[text_index].append(t)
    return _read(lm, layer, texts, rows, columns)


def _documents() -> Iterator[tuple[str, list[int]]]:
    """Documents of the world as plain text, and the characters where a name begins in each."""
    from edu_edit.world import corpus, documents

    for marked in corpus.texts(0, SEED):
        begins, length = [], 0
        for character in marked:
            if character in (documents.OPEN, documents.ANSWER):
                begins.append(length)
            length += character not in (documents.OPEN, documents.ANSWER, documents.CLOSE)
        yield corpus.plain(marked), begins


def written_texts(lm: LM, generator: torch.Generator | None) -> list[str]:
    """Short texts of about `SIZE` tokens together that the model writes itself.

    Raises ValueError where it has no token to start from.
    """
    if lm.tok.bos_token_id is None and lm.tok.eos_token_id is None:
        raise ValueError(f"{lm.name} has no start token to write texts from: give memory as a list of texts.")
    drawn = torch.Generator().manual_seed(SEED) if generator is None else generator
    length = min(WRITTEN, lm.context // 2)
    return [text.strip() for text in sampled_prefixes(lm, -(-SIZE // length), drawn, lengths=(length,))]


def _read(
    lm: LM, layer: int, texts: Sequence[str], rows: Sequence[list[int]], columns: Sequence[list[int]]
) -> Memory:
    """The queries at the given columns of each row, read in batches of texts of about one length."""
    order = sorted((i for i in range(len(rows)) if columns[i]), key=lambda i: len(rows[i]))
    if not order:
        raise ValueError("The texts of the memory hold no token: give longer ones, or memory=None.")
    site = Site("query", layer)
    queries, source = [], []
    for start in range(0, len(order), BATCH):
        some = order[start : start + BATCH]
        ids, mask = pad_batch([rows[i] for i in some], lm.pad_id)
        q = record(lm, (ids.to(lm.device), mask.to(lm.device)), [site])[site]
        queries += [q[row, columns[i]].float() for row, i in enumerate(some)]
        source += [i for i in some for _ in columns[i]]
    return Memory(torch.cat(queries), torch.tensor(source), tuple(texts))
