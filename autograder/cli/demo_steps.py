"""The steps of `edu-edit demo`, from the first question to the undo. Each prints what it found."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from autograder.files import write_whole

if TYPE_CHECKING:
    from edu_edit import LM, Edit, Fact, Rate

SEED = 0
MEANINGS = {
    "accuracy": "is the new answer given?",
    "generality": "also to paraphrases?",
    "portability": "do its consequences hold?",
    "locality": "do neighbours stay?",
}


def ask(console: Console, lm: "LM", fact: "Fact") -> None:
    """What the model believes now."""
    questions = [fact.question, *fact.paraphrases[:1], *fact.neighborhood[:2]]
    for question in questions:
        console.print(f"  {escape(question)} [bold]{escape(lm.answer(question))}[/]", soft_wrap=True)


def trace_fact(console: Console, lm: "LM", fact: "Fact", out: Path) -> None:
    """Corrupt the subject, restore one hidden state at a time, draw what comes back."""
    import torch

    from edu_edit import causal_trace
    from edu_edit.show.plots import plot_trace

    trace = causal_trace(lm, fact, generator=torch.Generator().manual_seed(SEED))
    start, stop = trace.span
    early = trace.map[start:stop]
    token, layer = divmod(int(early.argmax()), trace.map.shape[1])
    word = escape(repr(trace.tokens[start + token].strip()))
    answer = escape(trace.answer.strip())
    console.print(f"  P({answer}) is {trace.p_clean:.2f}, with the subject corrupted {trace.p_corrupt:.2f}")
    console.print(f"  restoring layer {layer} at subject token {word} brings back {float(early.max()):+.2f}")
    save(console, plot_trace(trace), out / "trace.png")


def edit_fact(console: Console, lm: "LM", fact: "Fact") -> "Edit":
    """Compute the rank-one edit; the model is not touched yet."""
    edit = rome_edit(lm, fact)
    (layer, delta), *_ = edit.delta.items()
    place = f"layer {layer}'s down projection {tuple(delta.shape)}"
    console.print(f"  a rank-one change of {place} in {edit.seconds:.1f} s")
    return edit


def rome_edit(lm: "LM", fact: "Fact") -> "Edit":
    """ROME with the model's defaults and the demo's seed."""
    import torch

    from edu_edit import rome

    return rome(lm, fact, generator=torch.Generator().manual_seed(SEED))


def measure(
    console: Console,
    lm: "LM",
    edit: "Edit",
    fact: "Fact",
    others: "list[Fact]",
    out: Path,
    tell: Callable[[str], None],
) -> None:
    """Definition 5.1's properties before and after this edit, then after others, each judged alone."""
    from edu_edit import evaluate
    from edu_edit.show.plots import plot_rates

    scores = evaluate(lm, edit, [fact])
    sides: dict[str, Mapping[str, Rate]] = {"before": scores.before, "after": scores.after}
    if others:
        console.print(f"  editing {len(others)} other facts, each alone, since one fact proves little")
        edits = []
        for number, other in enumerate(others, start=1):
            tell(f"editing {other.subject} ({number} of {len(others)} other facts)")
            edits.append(rome_edit(lm, other))
        sides[f"{len(others)} others"] = evaluate(lm, edits, others).after
    table = Table("property", *sides, "what it asks")
    for name, meaning in MEANINGS.items():
        table.add_row(
            name, *(f"{side[name].value:.2f}" if name in side else "-" for side in sides.values()), meaning
        )
    extra = f"{edit.extra_bytes} extra bytes" if edit.extra_bytes else "no extra bytes"
    blanks = [""] * (len(sides) - 2)
    table.add_row("efficiency", "", f"{edit.seconds:.1f} s", *blanks, f"what did it cost? ({extra})")
    console.print(table)
    if missing := [name for name in MEANINGS if name not in scores.after]:
        console.print(f"  not measured: {', '.join(missing)} (a fact of your own names no such prompts)")
    shown = {title: {name: side[name] for name in MEANINGS if name in side} for title, side in sides.items()}
    save(
        console,
        plot_rates(shown, title=f"ROME: {fact.subject} -> {fact.target_new}"),
        out / "five_properties.png",
    )


def undo(console: Console, lm: "LM", edit: "Edit", fact: "Fact") -> None:
    """On, ask, off; every bit of every parameter must be as it was."""
    question = fact.question
    before = fingerprint(lm)
    with edit:
        console.print(
            f"  with the edit:     {escape(question)} [bold]{escape(lm.answer(question))}[/]", soft_wrap=True
        )
    console.print(
        f"  after taking it off: {escape(question)} [bold]{escape(lm.answer(question))}[/]", soft_wrap=True
    )
    if fingerprint(lm) != before:
        raise RuntimeError("the weights after undo differ from those before the edit; please report this")
    console.print(f"  every bit of every parameter is as before (SHA-256 {before[:12]}...)")


def fingerprint(lm: "LM") -> str:
    """SHA-256 over the bytes of all parameters."""
    import torch

    digest = hashlib.sha256()
    for name, value in lm.model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save(console: Console, figure: Any, path: Path) -> None:
    """Save a figure whole, with its description beside it for readers who can't see it."""
    write_whole(path, lambda temporary: figure.savefig(temporary, format="png", dpi=150))
    if alt := getattr(figure, "alt", ""):
        write_whole(
            path.with_suffix(".txt"), lambda temporary: temporary.write_text(alt + "\n", encoding="utf-8")
        )
    console.print(f"  figure: {path}", soft_wrap=True)
