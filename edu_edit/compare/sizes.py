"""How many facts fit at once: MEMIT and AlphaEdit in one batch, for batches of growing size (lesson 06).

The same questions as in `edu_edit.compare.sequences`, asked of one batch instead of one edit after the other:
how many of the facts are answered, how many of a paraphrase of each, and how many prompts about other things
keep their next token. Each is asked for several prices lam (MEMIT) and tolerances tol (AlphaEdit). The search
for values does not depend on either, so it is done once: `python -m edu_edit.compare.sizes atlas-gpt2`.
Shapes: n facts, D model width, F FFN width.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache, lru_cache
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from edu_edit.compare.log import Log, about
from edu_edit.compare.sequences import COUNTS, answered, drift, mean
from edu_edit.defaults import spread_defaults
from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.loading import BUNDLED
from edu_edit.methods.alphaedit import alphaedit_update
from edu_edit.methods.contexts import prompt_templates
from edu_edit.methods.many_values import find_pairs
from edu_edit.methods.memit import memit_update
from edu_edit.methods.null_space import null_projector
from edu_edit.methods.spreading import (
    Insert,
    Reading,
    layers_and_search,
    read_keys,
    reading,
    spread_residual,
    usable_moments,
)

BATCHES = "batches.jsonl"
TOLS = (0.001, 0.003, 0.01, 0.02, 0.05, 0.2, 1.0)
TOL, RIDGE = 0.02, 0.1  # alphaedit's own
NONE = {"kl": None, "wd": None, "steps": None, "lr": None, "clamp": None}
ALONE = "one fact per subject"


@dataclass
class Fit:
    """Batches of growing size by one method with one setting (lam or tol).

    counts: (facts, share answered, the same for a paraphrase of each, share of other prompts whose next token
    is as before, |Delta| / |W|), one entry per size. which: "" = the facts of the courses, or `ALONE`.
    """

    method: str
    setting: float
    which: str = ""
    counts: list[list[float]] = field(default_factory=list)


def prices(lm: LM) -> tuple[float, ...]:
    """The values of lam that are tried, in multiples of F: the model's own and steps of ten around it."""
    return tuple(sorted({0.0, 0.01, 0.1, spread_defaults(lm.name, lm.n_layers).lam, 1.0, 3.0, 10.0}))


def inserts(lm: LM, method: str, setting: float) -> Insert:
    """How a layer is changed by a method with that setting."""
    own = spread_defaults(lm.name, lm.n_layers)
    moments = usable_moments(lm, own.layers, None)
    if method == "MEMIT":
        return lambda layer, K, R: memit_update(moments[layer], K, R, setting * lm.F)
    P = {layer: null_projector(C, setting) for layer, C in moments.items()}

    def insert(layer: int, K: Float[Tensor, "F n"], R: Float[Tensor, "D n"]) -> Float[Tensor, "D F"]:
        ridge = RIDGE * float((K * (P[layer] @ K)).sum(0).median())
        if not ridge > 0:  # nothing of these keys is in the null space
            return torch.zeros(lm.D, lm.F, dtype=torch.float64)
        return alphaedit_update(P[layer], K, R, torch.zeros_like(P[layer]), ridge)

    return insert


class Batches:
    """Facts with the values that they are to get, found once; `edit` writes the first n of them."""

    def __init__(self, lm: LM, facts: Sequence[Fact]) -> None:
        own = spread_defaults(lm.name, lm.n_layers)
        self.lm, self.facts, self.layers = lm, list(facts), own.layers
        self.templates = prompt_templates(lm, own.prefixes, torch.Generator().manual_seed(0))
        search = layers_and_search(lm, None, NONE)[1]
        parts = [self.facts[i : i + 20] for i in range(0, len(facts), 20)]
        pairs = [
            pair
            for part in tqdm(parts, desc=f"values of {len(facts)} facts on {lm.name}")
            for pair in find_pairs(lm, part, own.layers[-1], self.templates, "essence", search)
        ]
        self.delta = torch.stack([pair.v_star.double() - pair.o_0.double() for pair in pairs], 1)
        self.read = lru_cache(len(COUNTS))(self._read)

    def _read(self, n: int) -> tuple[Tensor, Tensor]:
        keys, h = read_keys(self.lm, self._texts(n), self.layers[:1], self.layers[-1])
        return keys[self.layers[0]], h

    def _texts(self, n: int) -> Reading:
        return reading(self.lm, self.facts[:n], self.templates, "averaged")

    def edit(self, n: int, insert: Insert) -> Edit:
        """What `memit` or `alphaedit` would give for the first n facts."""
        K, h = self.read(n)
        z = h + self.delta[:, :n]
        changes: dict[int, Tensor] = {}
        for j, layer in enumerate(self.layers):
            if j:
                with Edit(self.lm, changes):
                    keys, h = read_keys(self.lm, self._texts(n), [layer], self.layers[-1])
                K = keys[layer]
            changes[layer] = insert(layer, K, spread_residual(z, h, len(self.layers) - j))
        return Edit(self.lm, changes)


def how_many_fit(
    lm: LM, facts: Sequence[Fact], probes: Sequence[str], folder: str | Path | None = None
) -> list[Fit]:
    """Every method, setting and size. probes: prompts that no fact is about.

    folder: where results are written as they come; the same call goes on with what is missing. One fact per
    subject is tried with the methods' own settings, all facts with every setting.
    """
    log = Log(folder, BATCHES, about(lm, facts) | {"probes": len(probes)})
    done = {(row["method"], row["setting"], row["which"]) for row in log.rows}
    alone = list({fact.subject: fact for fact in reversed(facts)}.values())[::-1]
    own = {"MEMIT": spread_defaults(lm.name, lm.n_layers).lam, "AlphaEdit": TOL}
    tasks = [("MEMIT", lam, "") for lam in prices(lm)] + [("AlphaEdit", tol, "") for tol in TOLS]
    tasks += [(method, setting, ALONE) for method, setting in own.items()]
    before = lm.next_probs(probes).argmax(-1)
    prepared = cache(lambda which: Batches(lm, alone if which else facts))
    for method, setting, which in tqdm(tasks, desc=f"batches on {lm.name}"):
        if (method, setting, which) not in done:
            batches = prepared(which)
            fit = Fit(method, setting, which)
            for n in sizes(len(batches.facts)):
                edit = batches.edit(n, inserts(lm, method, setting))
                fit.counts.append([float(n), *judged(lm, edit, batches.facts[:n], probes, before)])
            log.add([asdict(fit)])
    return [Fit(**row) for row in log.rows]


def sizes(most: int) -> list[int]:
    """The sizes of the batches: those of `COUNTS`, and all facts there are."""
    return sorted({n for n in COUNTS if n <= most} | {most})


def judged(lm: LM, edit: Edit, facts: Sequence[Fact], probes: Sequence[str], before: Tensor) -> list[float]:
    """Shares of facts and paraphrases answered, share of probes that keep their next token, and drift."""
    asked = [(fact.question, fact.target_new) for fact in facts]
    reworded = [(fact.paraphrases[0], fact.target_new) for fact in facts if fact.paraphrases]
    with edit:
        shares = [mean(answered(lm, pairs)) for pairs in (asked, reworded)]
        same = float((lm.next_probs(probes).argmax(-1) == before).double().mean())
    return [*shares, same, drift(lm, edit)]


if __name__ == "__main__":
    from edu_edit import load
    from edu_edit.world.splits import facts_in_sequence

    for model in sys.argv[1:]:
        loaded = load(model)
        how_many_fit(loaded, *facts_in_sequence(loaded, 300), folder=BUNDLED / model)
