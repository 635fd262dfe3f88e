"""The classes that may cross the wire besides plain data and tensors: problems on the way in, answers on the
way out.

A class is named here or it does not travel. `PLAIN` are records of plain fields; the rest of the codec is in
`values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from transformers.activations import NewGELUActivation, SiLUActivation

from autograder.calls import Stream
from edu_edit.compare.levels import Measured, Row
from edu_edit.facts import Fact
from edu_edit.methods.codebook import Codebook
from edu_edit.tracing import Site

PLAIN: dict[str, type[Any]] = {one.__name__: one for one in (Stream, Fact, Site, Codebook, Measured, Row)}

# Functions that problems hand over by name, so that the sandbox runs its own copy of them.
NAMED: dict[str, Callable[..., Any]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "prod": torch.prod,
}
ACTIVATIONS: dict[str, type[torch.nn.Module]] = {
    one.__name__: one for one in (NewGELUActivation, SiLUActivation)
}
