"""Misconceptions about sentences: blanks, Chinese, numbers, lines, and code."""

from __future__ import annotations

import re
from collections.abc import Callable

from autograder.mutants import Mutant

END = r"(?<=[。！？\n])|(?<=[.!?])(?=\s)"
CODE = r"(```.*?```\n?)"


def cutter(
    end: str = END, code: str = CODE, blanks: bool = False, refuses: bool = True
) -> Callable[[str], list[str]]:
    """A way to cut: where pieces end, which blocks are kept, and whether blanks are stripped."""

    def chunk_by_sentence(text: str) -> list[str]:
        if refuses and not text.strip():
            raise ValueError("no text")
        pieces: list[str] = []
        for part in re.split(code, text, flags=re.DOTALL):
            pieces += [part] if part.startswith("```") else re.split(end, part)
        return [piece.strip() if blanks else piece for piece in pieces if piece.strip() or not text.strip()]

    return chunk_by_sentence


MUTANTS = [
    Mutant(
        "stripped",
        "You stripped the pieces, so the blanks between them are gone, and with them the tokens: \" A\" and "
        "\"A\" are different tokens. Joined, the pieces must be the text.",
        lambda: cutter(blanks=True),
    ),
    Mutant(
        "blank_with_the_earlier",
        "The blank between two sentences stands at the end of the earlier one here. It begins the later one: "
        "that is how tokens carry it.",
        lambda: cutter(r"(?<=[。！？\n])|(?<=[.!?]\s)(?=\S)"),
    ),
    Mutant(
        "english_only",
        "You look for . ! ? with a blank behind them. Chinese ends its sentences by 。！？, without a blank.",
        lambda: cutter(r"(?<=\n)|(?<=[.!?])(?=\s)"),
    ),
    Mutant(
        "any_dot",
        "Every dot ends a sentence for you, the one in 3.14 too. Cut only where a blank or a line break comes "
        "next.",
        lambda: cutter(r"(?<=[。！？\n.!?])"),
    ),
    Mutant(
        "code_cut",
        "You cut inside blocks of code. Between two fences nothing is a sentence: keep the block whole.",
        lambda: cutter(code=r"(\Znever)"),
    ),
    Mutant(
        "no_lines",
        "Line breaks don't end anything for you. In verse they are the only ends there are.",
        lambda: cutter(r"(?<=[。！？])|(?<=[.!?])(?=\s)"),
    ),
    Mutant(
        "dots_only",
        "You cut behind full stops only. Questions and exclamations are sentences too.",
        lambda: cutter(r"(?<=[。\n])|(?<=\.)(?=\s)"),
    ),
    Mutant(
        "refuses_nothing",
        "A text of blanks holds no sentence, so there is nothing to edit: raise ValueError.",
        lambda: cutter(refuses=False),
    ),
]
