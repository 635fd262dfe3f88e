"""Facts to edit, with the questions that judge an edit of them (lesson 02).

Textbook definition 5.1 and section 5.1.3: an edit is asked by one prompt and judged by its paraphrases
(generality), by what follows from it (portability), by the fact turned round (reverse) and by other subjects
that must stay as they are (locality). The field names are CounterFact's (Meng et al. 2022, section 3.4).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any

from edu_edit.rows import read_rows

Prompts = Sequence[str]
Pairs = Sequence[tuple[str, str]]
PAIRED = ("portability", "reverse", "unrelated")  # the fields that hold (prompt, answer) pairs


@dataclass(frozen=True)
class Fact:
    """A fact (subject, relation, object) to be changed from `target_true` to `target_new`, with probes.

    prompt: holds `{}` once, for the subject; other braces are plain text. The object comes right after it.
    target_new, target_true: the object after the edit, and in truth (None where nobody knows it).
    paraphrases, neighborhood: filled prompts of the same fact, and of other subjects with its true object.
    portability, reverse: (prompt, answer) pairs that hold if `target_new` were true.
    unrelated: (prompt, answer) pairs of other facts, with their own true answers, that an edit leaves alone.
    Sequences become tuples. No string begins or ends with a blank: the library puts one where prompt and
    tokenizer need it. Raises ValueError, in one sentence, for anything else.
    """

    subject: str
    prompt: str
    target_new: str
    target_true: str | None = None
    paraphrases: Prompts = ()
    neighborhood: Prompts = ()
    portability: Pairs = ()
    reverse: Pairs = ()
    unrelated: Pairs = ()

    def __post_init__(self) -> None:
        for name in ("subject", "prompt", "target_new", "target_true"):
            if not (name == "target_true" and self.target_true is None):
                _checked_text(getattr(self, name), name)
        if (found := self.prompt.count("{}")) != 1:
            raise ValueError(
                f"The prompt must hold {{}} exactly once, where the subject goes, but {self.prompt!r} holds "
                f"it {found} times: write for example 'The {{}} is located in the city of'."
            )
        if self.target_new == self.target_true:
            raise ValueError(
                f"target_new and target_true are both {self.target_new!r}: an edit changes the answer."
            )
        for name in ("paraphrases", "neighborhood"):
            prompts = tuple(_filled(p, name, self.subject) for p in _sequence(getattr(self, name), name))
            object.__setattr__(self, name, prompts)
        for name in PAIRED:
            pairs = tuple(_pair(p, name, self.subject) for p in _sequence(getattr(self, name), name))
            object.__setattr__(self, name, pairs)

    @property
    def question(self) -> str:
        """The prompt with the subject in it."""
        return self.prompt.replace("{}", self.subject)

    @classmethod
    def from_json(cls, row: Any) -> "Fact":
        """The fact that a JSON object describes: this class' field names, or a row of CounterFact's own file.

        Raises ValueError for an unknown or a missing field, and where `Fact` does.
        """
        if not isinstance(row, Mapping):
            raise ValueError(f"a fact is an object with the fields {_names()}, not {row!r:.60}.")
        row = _from_counterfact(row) if "requested_rewrite" in row else row
        if unknown := set(row) - {f.name for f in fields(cls)}:
            raise ValueError(
                f"there is no field {sorted(unknown)[0]!r}: the fields of a fact are {_names()}."
            )
        if missing := [name for name in ("subject", "prompt", "target_new") if name not in row]:
            raise ValueError(
                f"the field {missing[0]!r} is missing: a fact needs subject, prompt and target_new."
            )
        pairs = {name: _tuples(row[name]) for name in PAIRED if name in row}
        return cls(**{**row, **pairs})

    def to_json(self) -> dict[str, Any]:
        """The fact as plain data, which `from_json` reads back."""
        return asdict(self)


def facts_from_json(path: str | Path) -> tuple[Fact, ...]:
    """The facts of a JSON file: a list of objects as `Fact.from_json` reads them. JSONL: one to a line.

    Raises ValueError when the file can't be read as JSON, and, naming the row (counted from 1), where `Fact`
    does.
    """
    rows = read_rows(path, f"facts with the fields {_names()}")
    facts = []
    for number, row in enumerate(rows, start=1):
        try:
            facts.append(Fact.from_json(row))
        except ValueError as error:
            raise ValueError(f"{path}, row {number}: {error}") from error
    return tuple(facts)


def load_facts(split: str = "atlas", lang: str = "en") -> tuple[Fact, ...]:
    """The facts that come with the library.

    split: "atlas", the invented world that the bundled models know; "world", facts of the real world for
    pretrained models.
    lang: "en" or, for the Atlas, "zh". Raises ValueError for another split or language.
    """
    if split == "atlas":
        from edu_edit.world import atlas_facts

        return tuple(atlas_facts(lang))
    if split != "world":
        raise ValueError(
            f"There are no facts called {split!r}: choose 'atlas' or 'world', or use facts_from_json."
        )
    if lang != "en":
        raise ValueError(
            f"The 'world' facts are in English only, not in {lang!r}: use lang='en', or the 'atlas' facts."
        )
    rows = json.loads(files("edu_edit").joinpath("data", "world_facts.json").read_text(encoding="utf-8"))
    return tuple(Fact.from_json(row) for row in rows)


def _names() -> str:
    return ", ".join(f.name for f in fields(Fact))


def _checked_text(text: object, name: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{name} must be some text, but it is {text!r}: write for example 'Space Needle'.")
    if text != text.strip(" "):
        raise ValueError(
            f"{name} begins or ends with a blank: {text!r}. Write {text.strip(' ')!r}; "
            f"the library puts a blank where the tokenizer needs it."
        )
    return text


def _sequence(value: object, name: str) -> Sequence[object]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ValueError(f"{name} must be a list, but it is {value!r:.60}: put the entries into [ ].")
    return value


def _filled(text: object, name: str, subject: str) -> str:
    checked = _checked_text(text, f"A prompt in {name}")
    if "{}" in checked and subject not in checked:
        raise ValueError(
            f"{name} holds filled prompts, but {checked!r} still has {{}}: write the subject there."
        )
    return checked


def _pair(pair: object, name: str, subject: str) -> tuple[str, str]:
    if isinstance(pair, str) or not isinstance(pair, Sequence) or len(pair) != 2:
        raise ValueError(
            f"{name} holds pairs (prompt, answer), but one entry is {pair!r:.60}: give both parts."
        )
    return _filled(pair[0], name, subject), _checked_text(pair[1], f"An answer in {name}")


def _tuples(pairs: object) -> object:
    """JSON's lists of two as tuples; whatever else there is, `Fact` refuses by name."""
    return [tuple(p) if isinstance(p, list) else p for p in pairs] if isinstance(pairs, list) else pairs


def _from_counterfact(row: Mapping[str, Any]) -> dict[str, Any]:
    """CounterFact keeps the fact under `requested_rewrite` and wraps each target as {"str": ...}."""
    try:
        rewrite = row["requested_rewrite"]
        return {
            "subject": rewrite["subject"],
            "prompt": rewrite["prompt"],
            "target_new": rewrite["target_new"]["str"].strip(),
            "target_true": rewrite["target_true"]["str"].strip(),
            "paraphrases": [p.strip() for p in row.get("paraphrase_prompts", ())],
            "neighborhood": [p.strip() for p in row.get("neighborhood_prompts", ())],
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"the CounterFact row lacks {error}: it needs requested_rewrite with subject, prompt and targets."
        ) from error
