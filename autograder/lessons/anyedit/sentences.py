"""Pieces of text for anyedit.chunk_by_sentence. None holds a mark that both ends a sentence and does not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Generator

from autograder.lessons.metrics.common import number

ENGLISH = (
    "The river froze early.", "Who carried the lantern?", "Nobody slept!", "Seven bells rang at noon.",
    "Is the bridge open?", "They sold onions and barley.", "Run to the harbour!", "A comet was seen.",
    "The old road is closed.", "Did the harvest fail?",
)  # fmt: skip
CHINESE = ("河水结冰了。", "谁拿着灯笼？", "没有人睡觉！", "中午敲了七下钟。", "桥开了吗？", "他们卖洋葱和大麦。")  # fmt: skip
DOTTED = (
    "Stir for 2.5 minutes.", "Pi is about 3.14 here.", "Open notes.txt first.", "Version 1.0.2 is out!",
    "Was it 10.30 by then?", "See example.org for more.",
)  # fmt: skip
LINES = (
    "silver under seven bells", "cold river of glass", "an apple for the farmer", "late wind on the road",
    "the star above the field", "a stone and a song",
)  # fmt: skip
CODE = ("x = 3. * y", "print('Ready? Go!')", "t = a.b", "# Stop. Then wait.", "return n", "如果。否则")


def some(g: Generator, pool: Sequence[str], n: int) -> list[str]:
    """n different pieces."""
    return [pool[i] for i in torch.randperm(len(pool), generator=g)[:n].tolist()]


def code(g: Generator) -> str:
    """A block between fences, with marks and line breaks inside."""
    return "```\n" + "\n".join(some(g, CODE, number(g, 2, 4))) + "\n```\n"
