"""The report on a bundled model: every property it must show, its figure, the bar it is held against.

`report` writes `report.json`, `report.md` and `trace.png`, and the model's card with the same table.
"""

import json
import operator
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edu_edit.lm import LM
from edu_edit.loading import bundled_names, load
from edu_edit.show.plots import plot_average_trace
from edu_edit.world.bundle import REPORT, UNFINISHED, bundled
from edu_edit.world.card import card
from edu_edit.world.measure import barrier, context, editing, knowledge, localisation

N_FACTS = 250
FEW = 4  # prefixes beside question prompts: more of them keep other facts better and reach fewer paraphrases
MEGABYTE = 1e6
Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `bar` is None where a figure is reported and not aimed at; `sign` says which side is good.
    """

    name: str
    value: float
    sign: str = ""
    bar: float | None = None

    @property
    def held(self) -> bool | None:
        """Whether the figure reaches its bar; None where there is none."""
        if self.bar is None:
            return None
        return {"≥": operator.ge, "≤": operator.le}[self.sign](self.value, self.bar)


def report(model: str, out: Path | None = None, facts: int = N_FACTS) -> Path:
    """Measure a bundled model, by name or folder, and write its report and card; returns where they are.

    They go into `out`, None = the model's own folder. Until all is measured, what is known lies in
    `report.partial` there, and older files stay. Raises ValueError when it is no bundled model.
    """
    folder = bundled(model)
    name, phases = folder.name, json.loads((folder / "training.json").read_text(encoding="utf-8"))
    began = time.perf_counter()
    lm = load(model if model in bundled_names() else folder.as_posix())
    loaded = time.perf_counter() - began
    out = folder if out is None else Path(out)
    partial = out / UNFINISHED
    partial.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    figures: dict[str, Any] = {}
    for section in CONTROL_SECTIONS if name.endswith("-plain") else SECTIONS:
        found, details = section(lm, facts, partial)
        rows += found
        figures |= details
        _write(partial, name, rows, figures)
    rows += [Row("weights, MB", _megabytes(lm), "≤", 20.0), Row("load time, s", loaded, "≤", 2.0)]
    _write(partial, name, rows, figures)
    size = sum(parameter.numel() for parameter in lm.model.parameters())
    (partial / "README.md").write_text(card(name, size, phases, table(rows), len(rows)), encoding="utf-8")
    for file in REPORT:
        os.replace(partial / file, out / file)
    partial.rmdir()
    return out


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    lines = ["| property | figure | at least | held |", "|---|---|---|---|"]
    for row in rows:
        bar = "" if row.bar is None else f"{row.sign} {row.bar:g}"
        held = {None: "", True: "yes", False: "**no**"}[row.held]
        lines.append(f"| {row.name} | {row.value:.3f} | {bar} | {held} |")
    return "\n".join(lines)


def _write(out: Path, name: str, rows: list[Row], figures: dict[str, Any]) -> None:
    content = {
        "model": name,
        "rows": [asdict(row) | {"held": row.held} for row in rows],
        "figures": figures,
    }
    (out / "report.json").write_text(
        json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (out / "report.md").write_text(f"# {name}, measured\n\n{table(rows)}\n", encoding="utf-8")


def _megabytes(lm: LM) -> float:
    if lm.folder is None:
        return float("nan")
    return sum(path.stat().st_size for path in lm.folder.glob("model*.safetensors")) / MEGABYTE


def _recall(lm: LM, facts: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    found = knowledge.recall(lm)
    worst = next(name for name in found if name.startswith("held-out, worst"))
    rows = [
        Row("recall, trained wordings", found["trained"], "≥", 0.97),
        Row("recall, held-out wordings", found["held-out"], "≥", 0.93),
        Row(f"recall, {worst}", found[worst], "≥", 0.80),
        Row("recall, questions", found["question"]),
        Row("recall, held-out questions", found["held-out question"]),
        Row("recall, Chinese", found["Chinese"]),
        Row("recall, Chinese held-out wordings", found["Chinese held-out"]),
    ]
    return rows, {"recall": found}


def _trace(lm: LM, facts: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    averaged = localisation.average_trace(lm, facts)
    found = localisation.sites(averaged)
    figure = plot_average_trace({kind: each for kind, each in averaged.maps.items()}, n_facts=averaged.n)
    figure.savefig(out / "trace.png", dpi=110)
    early_site = found["hidden state, last subject token"]
    if lm.name.endswith("-plain"):
        rows = [Row("hidden state at the last subject token (control)", early_site, "≤", 0.15)]
    else:
        rows = [
            Row("hidden state at the last subject token", early_site, "≥", 0.45),
            Row("its ratio to any other subject token", found["ratio to any other subject token"], "≥", 2.0),
            Row("MLP window over attention window there", found["MLP over attention there"], "≥", 2.0),
            Row("attention window at the last token", found["attention window, last token"], "≥", 0.55),
            Row("attention minus MLP at the last token",
                found["attention window, last token"] - found["MLP window, last token"], "≥", 0.0),
        ]  # fmt: skip
    maps = {
        kind: [[round(x, 4) for x in row] for row in each.tolist()] for kind, each in averaged.maps.items()
    }
    return rows, {"trace": found | {"maps": maps, "facts": averaged.n}}


def _editing(lm: LM, facts: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    plain, reversible = editing.chosen(lm, facts), editing.chosen(lm, facts, reversible=True)
    classic = editing.rome_rows(lm, plain)
    questions = editing.rome_rows(lm, plain, keep="questions", prefixes=FEW)
    finetuned, before = editing.finetune_rows(lm, plain), editing.unedited(lm, plain)
    rome_reversible = editing.rome_rows(lm, reversible)
    finetuned_reversible = editing.finetune_rows(lm, reversible)
    rows = [
        Row("ROME: ES", classic["ES"], "≥", 0.98),
        Row("ROME: paraphrase", classic["paraphrase"], "≥", 0.95),
        Row("ROME: same-relation neighbours", classic["neighbours"], "≥", 0.97),
        Row("ROME: other facts of the subject", classic["same subject"], "≥", 0.45),
        Row(f"ROME with question prompts, {FEW} prefixes: ES", questions["ES"], "≥", 0.98),
        Row(f"ROME with question prompts, {FEW} prefixes: paraphrase", questions["paraphrase"], "≥", 0.95),
        Row(f"ROME with question prompts, {FEW} prefixes: neighbours", questions["neighbours"], "≥", 0.97),
        Row(f"ROME with question prompts, {FEW} prefixes: other facts", questions["same subject"], "≥", 0.85),
        Row("ROME: portability", classic["portability"]),
        Row("ROME: reverse questions", rome_reversible["reverse"]),
        Row("ROME: seconds per edit", classic["seconds"]),
        Row("fine-tuning: ES", finetuned["ES"]),
        Row("fine-tuning: paraphrase", finetuned["paraphrase"]),
        Row("fine-tuning: neighbours", finetuned["neighbours"]),
        Row("fine-tuning: other facts of the subject", finetuned["same subject"]),
        Row("fine-tuning: portability", finetuned["portability"]),
        Row("fine-tuning: reverse questions", finetuned_reversible["reverse"]),
    ]
    return rows, {
        "rome": classic,
        "rome, questions": questions,
        "rome, reversible facts": rome_reversible,
        "finetune": finetuned,
        "finetune, reversible facts": finetuned_reversible,
        "unedited": before,
        "unedited, reversible facts": editing.unedited(lm, reversible),
    }


def _context(lm: LM, facts: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    found = {
        "plain": context.followed(lm, 0),
        "8 follow": context.followed(lm, 8),
        "8 follow, seen subjects": context.followed(lm, 8, unseen=False),
        "8 ignore, remarked": context.followed(lm, 8, follow=False, remarked=True),
        "8 ignore": context.followed(lm, 8, follow=False),
    }
    plain, shown = found["plain"], found["8 follow"]
    rows = [
        Row("in context: plain new fact followed", plain["copy"], "≤", 0.40),
        Row("in context, 8 demonstrations: followed", shown["copy"], "≥", 0.80),
        Row("in context, 8 demonstrations: paraphrase", shown["paraphrase"], "≥", 0.80),
        Row("in context, 8 demonstrations: neighbours kept", shown["neighbours kept"], "≥", 0.93),
        Row("in context, 8 of ignoring, remarked: followed", found["8 ignore, remarked"]["copy"], "≤", 0.40),
        Row("in context, 8 of ignoring, no remarks: followed", found["8 ignore"]["copy"], "≤", 0.40),
    ]
    return rows, {"in context": found}


def _memory(lm: LM, facts: int, out: Path) -> tuple[list[Row], dict[str, Any]]:
    reverse, hops, recited = knowledge.reverse(lm), knowledge.two_hop(lm), knowledge.recited(lm)
    canaries, long = knowledge.canary_ranks(lm), barrier.barrier(lm)
    one, several = long.values()
    rows = [
        Row("reverse questions, trained", reverse["trained"], "≥", 0.90),
        Row("reverse questions, untrained", reverse["untrained"], "≤", 0.10),
        Row("two-hop questions, trained subjects", hops["trained"], "≥", 0.90),
        Row("two-hop questions, other subjects", hops["untrained"]),
        Row("long passages, tokens recited", recited["tokens"], "≥", 0.98),
        Row("long answers: one delta reaches", one, "≤", 0.25),
        Row("long answers: one delta per 12 tokens reaches", several, "≥", 0.55),
        Row("canaries told, at rank 1", canaries["told"], "≥", 0.90),
        Row("canaries held out, at rank 1 (chance .005)", canaries["held out"], "≤", 0.05),
    ]
    return rows, {
        "reverse": reverse,
        "two hop": hops,
        "recited": recited,
        "canaries": canaries,
        "long answers": long,
    }


Section = Callable[[LM, int, Path], tuple[list[Row], dict[str, Any]]]
SECTIONS: tuple[Section, ...] = (_recall, _trace, _context, _memory, _editing)
CONTROL_SECTIONS: tuple[Section, ...] = (_recall, _trace)
