"""Files of facts that were published for model editing, each row as a `Fact`.

CounterFact (Meng et al. 2022), zsRE as MEND's authors prepared it (Mitchell et al. 2021), KnowEdit (Zhang et
al. 2024), and the structured form of AKEW (Wu et al. 2024), which is MQuAKE's too (Zhong et al. 2023). Every
loader reads JSON and JSONL. A row that can't be a fact is left out and counted, or with `strict` refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edu_edit.datasets.loaded import Loaded, Row, load_rows, probes, required, template, text_in, texts_in
from edu_edit.facts import Fact


def counterfact(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[Fact]:
    """CounterFact's rows, {"requested_rewrite": {...}, "paraphrase_prompts", "neighborhood_prompts"}.

    Neighbours have the true object of the fact. Raises ValueError as `load_rows` does.
    """

    def convert(row: Row) -> list[Fact]:
        required(row, "requested_rewrite")
        return [Fact.from_json(row)]

    return load_rows(path, "CounterFact", convert, strict, limit)


def zsre(
    path: str | Path,
    target: str = "alt",
    strict: bool = False,
    limit: int | None = None,
) -> Loaded[Fact]:
    """zsRE's rows in MEND's files, {"subject", "src", "rephrase", "alt", "answers", "loc", "loc_ans"}.

    target: "alt" writes the other answer, and the true one is target_true; "answers" writes the true answer,
    as released code of ROME and MEMIT does, and nothing is known to be there before. The unrelated question
    `loc` ends in a question mark, as it does in that code. Raises ValueError as `load_rows` does.
    """
    if target not in ("alt", "answers"):
        raise ValueError(f"target={target!r}: choose 'alt' or 'answers'.")

    def convert(row: Row) -> list[Fact]:
        subject, true = text_in(required(row, "subject")), text_in(required(row, "answers"))
        question, answer = text_in(row.get("loc")), text_in(row.get("loc_ans"))
        return [
            Fact(
                subject,
                template(text_in(required(row, "src")), subject),
                text_in(required(row, "alt")) if target == "alt" else true,
                true if target == "alt" else None,
                paraphrases=texts_in(row.get("rephrase")),
                unrelated=[(question.rstrip("?") + "?", answer)] if question and answer else [],
            )
        ]

    return load_rows(path, "zsRE", convert, strict, limit)


def knowedit(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[Fact]:
    """KnowEdit's rows: wiki_recent, wiki_counterfact and ZsRE, and WikiBio with its own field names.

    All portability groups become `portability`, all locality groups `unrelated`. WikiBio's answers are whole
    sentences: `LongAnswer.from_fact` takes them over. Raises ValueError as `load_rows` does.
    """

    def convert(row: Row) -> list[Fact]:
        subject = text_in(required(row, "subject", "concept"))
        new, true = text_in(required(row, "target_new", "labels")), text_in(row.get("ground_truth"))
        return [
            Fact(
                subject,
                template(text_in(required(row, "prompt", "text")), subject),
                new,
                true or None,
                paraphrases=texts_in(row.get("rephrase_prompt") or row.get("rephrase")),
                portability=probes(row.get("portability")),
                unrelated=probes(row.get("locality")),
            )
        ]

    return load_rows(path, "KnowEdit", convert, strict, limit)


def akew(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[Fact]:
    """The structured form of AKEW's three files (CounterFact, MQuAKE-CF, WikiUpdate), and MQuAKE's own files.

    A row of MQuAKE that changes several facts at once gives a fact for each; its questions of several hops
    become `portability` only where it changes one, since they hold only after all of them. Raises ValueError
    as `load_rows` does.
    """

    def convert(row: Row) -> list[Fact]:
        rewrites = required(row, "requested_rewrite")
        listed = rewrites if isinstance(rewrites, list) else [rewrites]
        hops = texts_in(row.get("questions")) if len(listed) == 1 else []
        answer = text_in(row.get("new_answer"))
        return [_rewritten(row, _mapping(one), [(q, answer) for q in hops if answer]) for one in listed]

    return load_rows(path, "AKEW", convert, strict, limit)


def _rewritten(row: Row, rewrite: Row, portability: list[tuple[str, str]]) -> Fact:
    """The fact of a field `requested_rewrite` as AKEW and MQuAKE made it from CounterFact's."""
    answer = text_in(row.get("loc_ans"))
    prompts = [*texts_in(row.get("paraphrase_prompts", [])), *texts_in(rewrite.get("question", []))]
    return Fact(
        text_in(required(rewrite, "subject")),
        text_in(required(rewrite, "prompt")),
        text_in(required(rewrite, "target_new", "answer_new")),
        text_in(rewrite.get("target_true") or rewrite.get("answer_true")) or None,
        paraphrases=prompts,
        neighborhood=texts_in(row.get("neighborhood_prompts", [])),
        portability=portability,
        unrelated=[(question, answer) for question in texts_in(row.get("loc", [])) if answer],
    )


def _mapping(value: Any) -> Row:
    if not isinstance(value, Mapping):
        raise ValueError(f"requested_rewrite is {value!r:.40}, but should be an object with named fields")
    return value
