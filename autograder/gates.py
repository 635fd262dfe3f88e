"""Gates: the form that an answer must have before any claim is asked.

A gate gives the answer back in plain form, or refuses and says what came beside what was expected. It earns
nothing by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from autograder.judgement import Verdict
from autograder.sentences import say


class Refused(Exception):
    """A gate that an answer did not pass; carries what the card says."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.said)
        self.verdict = verdict


def tensor_gate(
    value: Any, shape: Sequence[int], letters: str, like: str, dtype: torch.dtype | None
) -> Tensor:
    """The answer as a plain tensor, or a refusal that shows what came beside what was expected; dtype
    None = any real.
    """
    wanted = f"tensor of shape {letters} = {tuple(shape)}"
    if not isinstance(value, Tensor):
        raise Refused(Verdict(False, type(value).__name__, wanted, said=say("type")))
    answer = Tensor.detach(value).as_subclass(Tensor).clone()
    if answer.shape != torch.Size(shape):
        raise Refused(
            Verdict(
                False,
                f"shape {tuple(answer.shape)}",
                f"shape {letters} = {tuple(shape)}",
                said=say("shape", letters=letters),
            )
        )
    if answer.dtype != dtype if dtype is not None else not answer.dtype.is_floating_point:
        expected = str(dtype) if dtype is not None else "a floating-point dtype"
        raise Refused(Verdict(False, str(answer.dtype), expected, said=say("dtype", like=like)))
    if not bool(torch.isfinite(answer).all()):
        raise Refused(Verdict(False, shown(answer), "finite numbers", said=say("finite")))
    return answer


def tuple_gate(value: Any, *parts: Callable[[Any], Any]) -> tuple[Any, ...]:
    """The answer as a tuple of as many items as there are parts, each through its own gate."""
    if not isinstance(value, (tuple, list)) or len(value) != len(parts):
        came = f"{len(value)} items" if isinstance(value, (tuple, list)) else type(value).__name__
        raise Refused(Verdict(False, came, f"a tuple of {len(parts)}", said=say("tuple", n=len(parts))))
    return tuple(part(item) for part, item in zip(parts, value, strict=True))


def list_gate(value: Any, item: Callable[[Any], Any], what: str) -> list[Any]:
    """The answer as a list, each item through its gate; what: the items in a word or two."""
    if not isinstance(value, (tuple, list)):
        raise Refused(Verdict(False, type(value).__name__, f"list of {what}", said=say("list", what=what)))
    return [item(one) for one in value]


def number_gate(value: Any) -> float:
    """The answer as a finite float; a tensor of one number will do."""
    single = isinstance(value, Tensor) and value.numel() == 1 and not value.dtype.is_complex
    if single or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        number = float(value)
        if number - number == 0:
            return number
        raise Refused(Verdict(False, f"{number}", "a finite number", said=say("finite number")))
    raise Refused(Verdict(False, type(value).__name__, "float", said=say("number")))


def whole_gate(value: Any) -> int:
    """The answer as an int; a tensor of one whole number will do, a float won't."""
    if isinstance(value, Tensor) and value.numel() == 1 and not value.dtype.is_floating_point:
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    raise Refused(Verdict(False, type(value).__name__, "int", said=say("whole")))


def text_gate(value: Any) -> str:
    """The answer as a plain string."""
    if not isinstance(value, str):
        raise Refused(Verdict(False, type(value).__name__, "str", said=say("text")))
    return "".join(value)


def shown(tensor: Tensor, most: int = 4) -> str:
    """A tensor in a few words: its shape first, then its first entries."""
    if tensor.dim() == 0:
        return f"{float(tensor):.5g}"
    head = ", ".join(f"{float(x):.4g}" for x in tensor.flatten()[:most])
    return f"shape {tuple(tensor.shape)}: {head}{', …' if tensor.numel() > most else ''}"
