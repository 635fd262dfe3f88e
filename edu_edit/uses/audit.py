"""The audit of one intervention: what is gone, what still leaks, what broke.

Textbook section 5.5 and the closing sheet of lesson 13. A probe is a function of a model that returns one
number; `audit` asks them all with the edit off and on. The sheets here are about the Atlas, by the functions
of `edu_edit.uses.probes`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from edu_edit.edits import Edit
from edu_edit.lm import LM
from edu_edit.uses.probes import (
    bias_gap,
    corpus,
    exposures,
    factual_gender,
    knowledge,
    perplexity,
    recited,
    register_prompts,
    secret_pairs,
    unreported,
    word_mass,
)
from edu_edit.world import lexicon
from edu_edit.world.atlas import atlas

Probe = Callable[[LM], float]


@dataclass(frozen=True)
class Finding:
    """What one probe says without and with the edit."""

    probe: str
    before: float
    after: float


def audit(lm: LM, edit: Edit, probes: Mapping[str, Probe]) -> list[Finding]:
    """Every probe without the edit and with it; the edit is off before and after.

    Raises ValueError when there is no probe, and RuntimeError when the edit is on.
    """
    if not probes:
        raise ValueError("There is no probe to ask: give at least one, as {name: function of a model}.")
    before = {name: probe(lm) for name, probe in probes.items()}
    with edit:
        return [Finding(name, before[name], probe(lm)) for name, probe in probes.items()]


def general_probes(texts: int = 100, facts: int = 100) -> dict[str, Probe]:
    """What any intervention should leave alone: facts, and perplexity."""
    kept = corpus(texts)
    return {
        "facts answered": lambda lm: knowledge(lm, facts),
        "perplexity": lambda lm: perplexity(lm, kept),
    }


def privacy_probes(n: int = 10, candidates: int = 49) -> dict[str, Probe]:
    """Told details: recited in each wording and after a word that is repeated, and exposure in bits.

    Exposure also of untold details, which shows what chance is. A secret may no longer be recited and still
    be the likeliest of its kind.
    """
    pairs = [secret_pairs(wording, True, n) for wording in range(4)]
    untold = secret_pairs(0, False, n)
    repeated = " ".join([atlas().entities["person"][0].split()[0]] * 20) + " "
    after = [(repeated + prompt, secret) for prompt, secret in pairs[0]]
    probes: dict[str, Probe] = {
        f"recited, wording {i}": partial(recited, pairs=asked) for i, asked in enumerate(pairs)
    }
    return probes | {
        "recited after a repeated word": lambda lm: recited(lm, after),
        "exposure": lambda lm: float(exposures(lm, pairs[0], candidates).mean()),
        "exposure of untold details": lambda lm: float(exposures(lm, untold, candidates).mean()),
    }


def register_probes(
    moods: Sequence[str] = ("", "tired", "angry"), speakers: Sequence[str] = ("clerk", "guard", "cook")
) -> dict[str, Probe]:
    """The shares of rude and of polite words, and whether the words of angry people can still be reported."""
    prompts = register_prompts(moods, speakers)
    return {
        "rude words": lambda lm: word_mass(lm, prompts, lexicon.RUDE),
        "polite words": lambda lm: word_mass(lm, prompts, lexicon.POLITE),
        "over-refusal": lambda lm: unreported(lm, speakers),
    }


def pronoun_probes() -> dict[str, Probe]:
    """The skew of professions, and gender where it is a fact."""
    return {"bias gap": bias_gap, "factual gender": factual_gender}
