"""The graded copy of a submission: a notebook that nbgrader's formgrader opens, made from a result as plain
data.

formgrader shows a notebook's HTML as it is, so the lecturer's browser would run whatever a student's cell
printed. Of a student's outputs, therefore, text stays, HTML and pictures are made harmless as on a
feedback page, and everything else goes. A test cell begins with the score and its card; both are ours.
"""

from __future__ import annotations

import html
import json
from typing import Any

from autograder.build.source import grade_id
from autograder.card import html_card
from autograder.grader import clean
from autograder.grader.feedback import sentences_only
from autograder.grader.names import printable
from autograder.grader.records import Cell, Mark, Result


def test_id(mark: Mark) -> str:
    """The nbgrader id of the test cell that a mark belongs to."""
    return f"{grade_id(mark.id)}-test"


def graded_copy(result: Result, plan: dict[str, Any], checksums: dict[str, str]) -> str:
    """The notebook as JSON text, valid nbformat 4.5 whatever the result's strings are.

    plan: the instructor's notebook, whose metadata and nbgrader ids count; checksums: nbgrader's, by grade
    id.
    """
    known = {
        meta["grade_id"]: meta | {"checksum": checksums.get(meta["grade_id"]), "cell_type": cell["cell_type"]}
        for cell in plan["cells"]
        if (meta := cell["metadata"].get("nbgrader"))
    }
    words = {_joined(cell["source"]) for cell in plan["cells"] if cell["cell_type"] == "markdown"}
    marks = {test_id(mark): mark for mark in result.marks}
    cells = []
    for number, cell in enumerate(result.cells):
        made = _markdown(cell, words) if cell.kind == "markdown" else _code(cell, marks.get(cell.grade_id))
        meta = known.pop(cell.grade_id, None)  # an id counts once
        cells.append(made | {"id": f"cell-{number}", "metadata": {"nbgrader": meta} if meta else {}})
    notebook = {"cells": cells, "metadata": _metadata(plan), "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _metadata(plan: dict[str, Any]) -> dict[str, Any]:
    return {key: plan["metadata"][key] for key in ("kernelspec", "language_info") if key in plan["metadata"]}


def _markdown(cell: Cell, words: set[str]) -> dict[str, Any]:
    """The instructor's own words stay; anything else is shown without the HTML that it may hold."""
    source = printable(cell.source)
    return {
        "cell_type": "markdown",
        "source": source if source in words else html.escape(source, quote=False),
    }


def _code(cell: Cell, mark: Mark | None) -> dict[str, Any]:
    outputs = [made for output in cell.outputs if (made := _output(output))]
    if mark is not None:
        outputs = [_score(mark)] + [
            one for one in outputs if one["output_type"] in ("stream", "display_data")
        ]
    source = printable(cell.source)
    return {"cell_type": "code", "execution_count": None, "outputs": outputs, "source": source}


def _score(mark: Mark) -> dict[str, Any]:
    data = {"text/plain": repr(float(mark.earned))}
    if mark.judgement is not None:
        data["text/html"] = printable(html_card(sentences_only(mark.judgement)))
    return {"output_type": "execute_result", "execution_count": None, "data": data, "metadata": {}}


def _output(output: Any) -> dict[str, Any] | None:
    """One output, rebuilt from what is known to be harmless; None where nothing is left."""
    if not isinstance(output, dict):
        return None
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return {"output_type": "stream", "name": name, "text": _joined(output.get("text"))}
    if kind == "error":
        lines = output.get("traceback")
        traceback = [_joined(line) for line in lines] if isinstance(lines, list | tuple) else []
        words = {key: _joined(output.get(key)) for key in ("ename", "evalue")}
        return {"output_type": "error", "traceback": traceback} | words
    if kind not in ("execute_result", "display_data"):
        return None
    data = _harmless(output.get("data"))
    counted = {"execution_count": None} if kind == "execute_result" else {}
    return {"output_type": kind, "data": data, "metadata": {}} | counted if data else None


def _harmless(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        return {}
    made = {}
    if "text/plain" in data:
        made["text/plain"] = _joined(data["text/plain"])
    if "text/html" in data:
        made["text/html"] = clean.html(data["text/html"])
    for kind in clean.PICTURES:
        if picture := clean.picture_data(kind, data.get(kind)):
            made[kind] = picture
    return made


def _joined(text: Any) -> str:
    return printable(clean.joined(text))
