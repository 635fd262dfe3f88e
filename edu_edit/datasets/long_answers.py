"""Files of long texts that were published for model editing, each row as a `LongAnswer`.

UnKEBench (Deng et al. 2024), the unstructured form of AKEW (Wu et al. 2024) and EditEverything (Jiang et al.
2025). Prompts are read as they stand: the chat templates of instruction-tuned models, which released code
puts round them, belong to the model and not to the data.
"""

from collections.abc import Mapping
from pathlib import Path

from edu_edit.datasets.loaded import Loaded, Row, load_rows, required, text_in, texts_in
from edu_edit.longform import LongAnswer


def unkebench(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[LongAnswer]:
    """UnKEBench's rows, {"question", "para_question", "answer", "sub_question", "sub_answer"}.

    Raises ValueError as `load_rows` does.
    """

    def convert(row: Row) -> list[LongAnswer]:
        questions, answers = row.get("sub_question") or [], row.get("sub_answer") or []
        if len(questions) != len(answers):
            raise ValueError(f"sub_question has {len(questions)} entries, but sub_answer {len(answers)}")
        return [
            LongAnswer(
                text_in(required(row, "question")),
                text_in(required(row, "answer")),
                texts_in(row.get("para_question")),
                [
                    (q, a)
                    for q, a in zip(map(text_in, questions), map(text_in, answers), strict=True)
                    if q and a
                ],
            )
        ]

    return load_rows(path, "UnKEBench", convert, strict, limit)


def editeverything(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[LongAnswer]:
    """EditEverything's rows, {"question", "answer", "category"}: mathematics, code, poems and more.

    Raises ValueError as `load_rows` does.
    """

    def convert(row: Row) -> list[LongAnswer]:
        question, answer = text_in(required(row, "question")), text_in(required(row, "answer"))
        return [LongAnswer(question, answer, category=text_in(row.get("category")))]

    return load_rows(path, "EditEverything", convert, strict, limit)


def akew_texts(path: str | Path, strict: bool = False, limit: int | None = None) -> Loaded[LongAnswer]:
    """The unstructured form of AKEW's three files: a text (`fact_new_uns`) in which the new fact is told.

    The questions are the triples that were extracted from the text (`unsfact_triplets_GPT`). Of a row that
    changes several facts each has a text of its own. Raises ValueError as `load_rows` does.
    """

    def convert(row: Row) -> list[LongAnswer]:
        rewrites = required(row, "requested_rewrite")
        answers = []
        for rewrite in rewrites if isinstance(rewrites, list) else [rewrites]:
            if not isinstance(rewrite, Mapping):
                raise ValueError(f"requested_rewrite is {rewrite!r:.40}, but should be an object")
            triples = [one for one in rewrite.get("unsfact_triplets_GPT") or [] if isinstance(one, Mapping)]
            pairs = [(_filled(one), text_in(one.get("target"))) for one in triples]
            prompts = [*texts_in(row.get("paraphrase_prompts", [])), *texts_in(rewrite.get("question", []))]
            answers.append(
                LongAnswer(
                    text_in(rewrite.get("prompt_full")) or _filled(rewrite),
                    text_in(required(rewrite, "fact_new_uns")),
                    prompts,
                    [(question, answer) for question, answer in pairs if question and answer],
                )
            )
        return answers

    return load_rows(path, "AKEW texts", convert, strict, limit)


def _filled(row: Row) -> str:
    return text_in(row.get("prompt")).replace("{}", text_in(row.get("subject")))
