"""CounterFact's texts for judging what an edited model writes: its second file, attribute_snippets.json."""

from collections import defaultdict
from pathlib import Path

from edu_edit.datasets.loaded import Loaded, Row, load_rows, required, text_in, texts_in
from edu_edit.generation import References


def counterfact_references(
    path: str | Path, snippets: str | Path, strict: bool = False, limit: int | None = None
) -> Loaded[References]:
    """For each row of CounterFact its generation prompts, and texts about subjects that have the new object.

    path: counterfact.json. snippets: attribute_snippets.json, rows of {"relation_id", "target_id", "samples":
    [{"name", "text"}]}. Of these texts those about the fact's own subject are `about_subject`, as in released
    code, so most facts have none. Raises ValueError as `load_rows` does.
    """
    found: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)

    def collect(row: Row) -> list[None]:
        samples = required(row, "samples")
        about = [(text_in(one.get("name")), text_in(one.get("text"))) for one in samples]
        found[required(row, "relation_id"), required(row, "target_id")] += [one for one in about if one[1]]
        return [None]

    load_rows(snippets, "attribute snippets", collect, strict)

    def convert(row: Row) -> list[References]:
        rewrite = required(row, "requested_rewrite")
        about = found[required(rewrite, "relation_id"), required(required(rewrite, "target_new"), "id")]
        subject = text_in(required(rewrite, "subject"))
        return [
            References(
                texts_in(required(row, "generation_prompts")),
                [text for _, text in about],
                [text for name, text in about if name == subject],
            )
        ]

    return load_rows(path, "CounterFact", convert, strict, limit)
