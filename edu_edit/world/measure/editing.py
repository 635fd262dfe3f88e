"""ROME and fine-tuning on Atlas facts, one edit at a time: does the new answer hold, and what else moved?"""

import hashlib
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Literal

import torch
from tqdm import tqdm

from edu_edit.edits import Edit
from edu_edit.facts import Fact
from edu_edit.lm import LM
from edu_edit.methods.finetune import finetune
from edu_edit.methods.rome import rome
from edu_edit.world.measure.continuation import continuations
from edu_edit.world.probes import atlas_facts, other_facts, relation_of

SEED = 13
REVERSIBLE = ("architect", "founder", "mayor")  # answers that are people: asked for the rows on reverse


def chosen(lm: LM, n: int, reversible: bool = False) -> list[Fact]:
    """The first facts of a fixed shuffle that the model answers before the edit: see `answered`."""
    return list(islice(answered(lm, reversible), n))


def answered(
    lm: LM, reversible: bool = False, among: Callable[[Fact], bool] = lambda fact: True
) -> Iterator[Fact]:
    """The facts of a fixed shuffle that the model answers before the edit, as they are asked one by one.

    With neighbours and no reverse questions, or those with reverse questions; `among`: which are asked at
    all.
    """
    pool = list(atlas_facts())
    random.Random(SEED).shuffle(pool)
    for fact in pool:
        if (relation_of(fact) in REVERSIBLE) != reversible or not (reversible or fact.neighborhood):
            continue
        if among(fact):
            prompt = fact.prompt.replace("{}", fact.subject)
            (right, _), *_ = continuations(lm, [prompt], [str(fact.target_true)])
            if bool(right.all()):
                yield fact


def scored(lm: LM, fact: Fact) -> dict[str, list[float]]:
    """One edited (or unedited) model on one fact: hits per probe, by property."""
    groups: dict[str, list[tuple[str, str, str]]] = {
        "ES": [(fact.prompt.replace("{}", fact.subject), fact.target_new, str(fact.target_true))],
        "paraphrase": [(prompt, fact.target_new, str(fact.target_true)) for prompt in fact.paraphrases],
        "neighbours": [(prompt, str(fact.target_true), fact.target_new) for prompt in fact.neighborhood],
        "same subject": [(prompt, answer, "") for prompt, answer in other_facts(fact)],
        "portability": [(prompt, answer, "") for prompt, answer in fact.portability],
        "reverse": [(prompt, answer, "") for prompt, answer in fact.reverse],
    }
    out: dict[str, list[float]] = defaultdict(list)
    asked = [(name, *case) for name, cases in groups.items() for case in cases]
    wanted = continuations(lm, [case[1] for case in asked], [case[2] for case in asked])
    rivals = continuations(lm, [case[1] for case in asked], [case[3] or case[2] for case in asked])
    for (name, _, _, rival), (right, logp), (_, against) in zip(asked, wanted, rivals, strict=True):
        if rival:  # CounterFact's comparison of mean log-probabilities, and the exact answer beside it
            out[name].append(float(logp.mean() > against.mean()))
            out[f"{name}, exact"].append(float(right.all()))
        else:
            out[name].append(float(right.all()))
    return out


def measured(lm: LM, facts: list[Fact], method: Callable[[Fact], Edit], name: str) -> dict[str, float]:
    """Means over the facts, each edited alone; `seconds` per edit."""
    hits: dict[str, list[float]] = defaultdict(list)
    seconds = 0.0
    for fact in tqdm(facts, desc=f"{name} on {lm.name}", mininterval=5):
        began = time.perf_counter()
        edit = method(fact)
        seconds += time.perf_counter() - began
        with edit:
            for kind, values in scored(lm, fact).items():
                hits[kind] += values
    return {kind: sum(values) / len(values) for kind, values in hits.items() if values} | {
        "seconds": seconds / len(facts)
    }


def rome_rows(
    lm: LM,
    facts: list[Fact],
    keep: Literal["essence", "questions"] = "essence",
    **options: Any,
) -> dict[str, float]:
    """ROME with the model's defaults, where `options` don't say otherwise.

    Raises RuntimeError if undoing the edits does not restore every bit.
    """
    before = parameters_hash(lm)
    generator = torch.Generator().manual_seed(SEED)
    rows = measured(
        lm,
        facts,
        lambda fact: rome(lm, fact, keep=keep, generator=generator, **options),
        f"ROME ({keep})",
    )
    if parameters_hash(lm) != before:
        raise RuntimeError(f"Undoing {len(facts)} ROME edits changed the weights of {lm.name}.")
    return rows


def finetune_rows(lm: LM, facts: list[Fact]) -> dict[str, float]:
    """Fine-tuning one matrix on one fact, at the model's learning rate, until the new answer has P > .9."""
    return measured(lm, facts, lambda fact: finetune(lm, fact, until=0.9), "fine-tuning")


def unedited(lm: LM, facts: list[Fact]) -> dict[str, float]:
    """The same probes on the unedited model."""
    return measured(lm, facts, lambda fact: Edit(lm, {}), "unedited")


def parameters_hash(lm: LM) -> str:
    """A hash of every bit of every parameter and buffer."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(lm.model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
