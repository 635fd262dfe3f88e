"""How far edits of one long answer reach, token by token, in chunks of several sizes (lesson 11).

    python -m edu_edit.world.measure.reach atlas-gpt2 [OUT]

measures the bundled model's five answers, one of each kind of passage and some sixty tokens long, and writes
OUT/atlas-gpt2/reach.jsonl (left out: among the bundled models). `by_position` of `barrier` is the mean over
many answers; this is what each of a few looks like. It takes some minutes per model on two cores, and a
stopped run goes on where it was. Shapes: Ty tokens of an answer.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import torch
from tqdm import tqdm

from edu_edit.compare.log import Log, about, measured_rows
from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.loading import BUNDLED, load
from edu_edit.longform import answer_tokens
from edu_edit.methods.anyedit import anyedit
from edu_edit.world import passages
from edu_edit.world.measure.barrier import cases, greedy_hits
from edu_edit.world.measure.continuation import continuations

FILE = "reach.jsonl"
SIZES: tuple[int | str, ...] = ("whole", 20, 12, 8, 5, 3)
FIRST, OTHERS = 15, 8  # of the untrained passages; trained ones that are read beside them


@dataclass(frozen=True)
class Reach:
    """What a model says to one long answer, after an edit in chunks of one size or before any.

    chunks: "unedited", "whole" = one anchor, or the window. tokens, probs: the answer's, and P(y_t) of each
    given those before it. own: which of them the model says at their place when it goes on by itself. others:
    the share of the tokens of other, trained passages that it still says. size: |change| / |W|, all layers.
    """

    kind: str
    prompt: str
    target: str
    chunks: int | str
    tokens: Sequence[str]
    probs: Sequence[float]
    own: Sequence[bool]
    others: float
    size: float
    seconds: float


def long_answers(lm: LM) -> dict[str, tuple[str, str]]:
    """{kind: (prompt, new text)}: an untrained text of each kind under a trained title, 57 to 64 tokens."""
    kinds = [kind for _, _, kind in passages.passages(False)]
    texts = list(zip(kinds, cases(lm), strict=True))[FIRST : FIRST + len(passages.MAKERS)]
    decoded = {
        kind: [str(lm.tok.decode(ids, skip_special_tokens=True)) for ids in each] for kind, each in texts
    }
    return {kind: (prompt.strip(), target.strip()) for kind, (prompt, target) in decoded.items()}


def reach(lm: LM, kind: str, prompt: str, target: str, edit: Edit | None, chunks: int | str) -> Reach:
    """Read the model with the edit on; None = as it is."""
    start = perf_counter()
    edit = edit or Edit(lm, {})
    asked = list(lm.tok(prompt)["input_ids"])
    titles = [(title, text, k) for title, text, k in passages.passages() if title not in prompt][:OTHERS]
    with edit:
        _, wanted, logp = answer_tokens(lm, prompt, target)
        own = greedy_hits(lm, asked, wanted.tolist())
        others = continuations(lm, [passages.prompt(t, k) for t, _, k in titles], [x for _, x, _ in titles])
    size = sum(
        float(change.norm() / lm.ffn(layer).W_out.detach().norm()) for layer, change in edit.delta.items()
    )
    return Reach(
        kind, prompt, target, chunks, [str(lm.tok.decode([token])) for token in wanted.tolist()],
        [round(p, 4) for p in logp.exp().tolist()], own.tolist(),
        round(float(torch.cat([right for right, _ in others]).double().mean()), 4), round(float(size), 3),
        round(edit.seconds or perf_counter() - start, 2),
    )  # fmt: skip


def measure(lm: LM, folder: Path | None = None, sizes: Sequence[int | str] = SIZES) -> list[Reach]:
    """All answers in all sizes, kept in folder/reach.jsonl as they come (None: in memory alone)."""
    log = Log(folder, FILE, about(lm, []))
    done = {(row["kind"], row["chunks"]) for row in log.rows}
    wanted = [(kind, chunks) for kind in long_answers(lm) for chunks in ("unedited", *sizes)]
    for kind, chunks in tqdm([each for each in wanted if each not in done], desc=f"long answers, {lm.name}"):
        prompt, target = long_answers(lm)[kind]
        edit = None if chunks == "unedited" else anyedit(lm, prompt, target, chunks)
        log.add([asdict(reach(lm, kind, prompt, target, edit, chunks))])
    return [Reach(**row) for row in log.rows]


def measured_reach(name: str) -> dict[str, dict[int | str, Reach]]:
    """What `measure` found on a bundled model, {kind: {chunks: reach}}. ValueError where nothing was."""
    found: dict[str, dict[int | str, Reach]] = {}
    for one in (Reach(**row) for row in measured_rows(name, FILE, "Long answers were")):
        found.setdefault(one.kind, {})[one.chunks] = one
    return found


if __name__ == "__main__":
    where = Path(sys.argv[2]) if len(sys.argv) > 2 else BUNDLED
    measure(load(sys.argv[1]), where / sys.argv[1])
