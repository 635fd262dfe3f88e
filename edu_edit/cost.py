"""What computing an edit costs: seconds, and passes through the model.

Textbook section 5.1.3, property (5), efficiency. A pass is every block once, for however many texts at a
time; a pass that starts at a higher block, or stops below the top, counts by its share of the blocks. So a
method that replays only what changes is seen to do less.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar, cast

from torch import Tensor, nn

from edu_edit.edits import Edit
from edu_edit.lm import LM

Method = TypeVar("Method", bound=Callable[..., Edit])


class Cost:
    """Seconds since it began, and the passes so far."""

    def __init__(self) -> None:
        self.began = time.perf_counter()
        self.forward_passes = 0.0
        self.backward_passes = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of wall time since the count began."""
        return time.perf_counter() - self.began

    @property
    def passes(self) -> dict[str, float]:
        """The two counts by their names in an edit's record."""
        return {
            "forward_passes": round(self.forward_passes, 2),
            "backward_passes": round(self.backward_passes, 2),
        }


@contextmanager
def counted(lm: LM) -> Iterator[Cost]:
    """Count what runs through the blocks of `lm` within the block."""
    cost = Cost()
    share = 1 / lm.n_layers

    def backward(gradient: Tensor) -> None:
        cost.backward_passes += share

    def forward(_: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        cost.forward_passes += share
        h = output[0] if isinstance(output, tuple) else output
        if h.requires_grad:
            h.register_hook(backward)

    handles = [block.register_forward_hook(forward) for block in lm.blocks]
    try:
        yield cost
    finally:
        for handle in handles:
            handle.remove()


def costed(method: Method) -> Method:
    """The method, with what each call cost noted in its edit: `seconds`, and the passes in its record."""

    @wraps(method)
    def run(lm: LM, *args: Any, **kwargs: Any) -> Edit:
        with counted(lm) as cost:
            edit: Edit = method(lm, *args, **kwargs)
        edit.seconds = cost.seconds
        edit.record |= cost.passes
        return edit

    return cast(Method, run)
