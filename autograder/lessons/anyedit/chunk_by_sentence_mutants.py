"""Misconceptions about sentences: blanks, Chinese, numbers, lines, and code."""

from __future__ import annotations

import re
from collections.abc import Callable

from autograder.mutants import Mutant

END = r"(?<=[。！？\n])|(?<=[.!?])(?=\s)"
CODE = r"(```.*?(?:```\n?|\Z))"


def cutter(
    end: str = END, code: str = CODE, strips: bool = False, refuses: bool = True, alone: str = "joined"
) -> Callable[[str], list[str]]:
    """A way to cut: where pieces end, which blocks are kept, whether pieces are stripped, and whether white
    space that stands alone is "joined" to the piece before it, "kept" as a piece or "dropped".
    """

    def chunk_by_sentence(text: str) -> list[str]:
        if refuses and not text.strip():
            raise ValueError("no text")
        pieces: list[str] = []
        lead = ""
        for part in re.split(code, text, flags=re.DOTALL):
            for piece in [part] if part.startswith("```") else re.split(end, part):
                if piece.strip() or (piece and alone == "kept"):
                    pieces.append(lead + piece)
                    lead = ""
                elif pieces and alone == "joined":
                    pieces[-1] += piece
                elif alone == "joined":
                    lead += piece
        return [piece.strip() if strips else piece for piece in pieces or [lead]]

    return chunk_by_sentence


MUTANTS = [
    Mutant(
        "stripped",
        "You stripped the pieces, so the blanks between them are gone, and with them the tokens: \" A\" and "
        "\"A\" are different tokens. Joined, the pieces must be the text.",
        lambda: cutter(strips=True),
    ),
    Mutant(
        "blank_with_the_earlier",
        "The blank between two sentences stands at the end of the earlier one here. It begins the later one: "
        "that is how tokens carry it.",
        lambda: cutter(r"(?<=[。！？\n])|(?<=[.!?]\s)(?=\S)"),
    ),
    Mutant(
        "english_only",
        "You look for . ! ? with a blank after them. Chinese ends its sentences by 。！？, without a blank.",
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
        "You cut after full stops only. Questions and exclamations are sentences too.",
        lambda: cutter(r"(?<=[。\n])|(?<=\.)(?=\s)"),
    ),
    Mutant(
        "refuses_nothing",
        "A text of blanks holds no sentence, so there is nothing to edit: raise ValueError.",
        lambda: cutter(refuses=False),
    ),
    Mutant(
        "white_space_alone",
        "One of your pieces holds no word: the line break after a full stop, or the blanks at an end. A state "
        "would be searched for nothing: join it to the piece before it.",
        lambda: cutter(alone="kept"),
    ),
    Mutant(
        "white_space_dropped",
        "You left out pieces of white space, such as the line break after a full stop. Joined, your pieces are "
        "no longer the text: add them to the piece before.",
        lambda: cutter(alone="dropped"),
    ),
    Mutant(
        "fence_needs_its_pair",
        "You cut inside a block whose second fence is missing. It holds all the rest of the text: keep that "
        "whole.",
        lambda: cutter(code=r"(```.*?```\n?)"),
    ),
]
